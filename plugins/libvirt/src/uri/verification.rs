//! Handles verification that a URI or the option `insecure` disables: warnings, and rejecting URIs that
//! the operator does not allow.

use std::path::Path;

use gatherer_plugin_api::{GatherError, Policy};

use super::scheme::Channel;
use super::{Parameter, Uri, uri_error};

impl Uri {
    /// The URI with the verification disabled, as the option `insecure` requires, and a warning. If
    /// libvirt verifies nothing with this URI, the URI does not change and the warning is `None`.
    #[must_use]
    pub fn without_verification(mut self) -> (Self, Option<&'static str>) {
        if let Channel::Libssh | Channel::Libssh2 = self.channel {
            let warning = "no effect with this transport: the URI's parameter known_hosts_verify \
                           controls how host keys are verified";
            return (self, Some(warning));
        }
        let warning = self.no_verify_warning();
        if warning.is_some() {
            self.parameters.set(Parameter::NoVerify, "1".to_owned());
        }
        (self, warning)
    }

    /// The warning if a parameter of the URI disables the verification; the same as that of the
    /// option `insecure`.
    pub fn verification_warning(&self) -> Option<&'static str> {
        match self.channel {
            Channel::Libssh | Channel::Libssh2 => {
                matches!(self.value(Parameter::KnownHostsVerify), Some("ignore" | "auto"))
                    .then_some("ssh accepts host keys that are unknown")
            }
            _ if self.value(Parameter::NoVerify) == Some("1") => self.no_verify_warning(),
            _ => None,
        }
    }

    /// The warning about `no_verify`; `None` if that parameter has no effect with this channel.
    fn no_verify_warning(&self) -> Option<&'static str> {
        match self.channel {
            Channel::Tls | Channel::Hypervisor => Some("the server's certificate is not verified"),
            Channel::Ssh => Some("ssh accepts host keys that are unknown or have changed"),
            Channel::Unix | Channel::Tcp | Channel::Libssh | Channel::Libssh2 | Channel::Test => {
                None
            }
        }
    }

    /// Rejects a URI with which ssh or libssh would write unknown host keys to a file of the user
    /// that runs the program, unless the operator allows it.
    ///
    /// `insecure` is the endpoint's option, `home` the folder in which ssh looks for `.ssh`. Must be
    /// called before [`without_verification`](Self::without_verification), which changes the URI.
    pub fn check_unverified_ssh(
        &self,
        insecure: bool,
        policy: &Policy,
        home: Option<&Path>,
    ) -> Result<(), GatherError> {
        if policy.allow_unverified_ssh {
            return Ok(());
        }
        let ssh =
            home.map_or_else(|| "~/.ssh".to_owned(), |home| format!("{}/.ssh", home.display()));
        let known_hosts = format!("{ssh}/known_hosts");
        let error = match self.channel {
            Channel::Ssh if self.value(Parameter::NoVerify) == Some("1") => uri_error(&format!(
                "with its parameter no_verify ssh accepts unknown host keys and writes them to \
                 {known_hosts}"
            )),
            Channel::Ssh if insecure => GatherError::configuration(format!(
                "the option insecure cannot be used with the transport ssh: ssh accepts unknown \
                 host keys and writes them to {known_hosts}"
            )),
            // Unlike libssh2, libssh prefers the file in ssh's configuration to the one in the URI.
            Channel::Libssh if self.value(Parameter::KnownHostsVerify) == Some("auto") => {
                uri_error(&format!(
                    "with known_hosts_verify=auto libssh accepts unknown host keys and writes them \
                     to the file that UserKnownHostsFile in {ssh}/config names"
                ))
            }
            _ => return Ok(()),
        };
        Err(error.with_hint(format!(
            "add the host's key to {known_hosts} (ssh-keyscan prints it; compare it with the key \
             on the host), or name the endpoint in allow_unverified_ssh in {}",
            policy.config_file
        )))
    }
}
