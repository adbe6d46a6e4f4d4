//! What a URI, or the option `insecure`, has libvirt not verify, and what that needs.

use std::path::Path;

use gatherer_plugin_api::{GatherError, Policy};

use super::scheme::Way;
use super::{Parameter, Uri, refused};

impl Uri {
    /// The same URI with what the option `insecure` switches off, and a sentence that says
    /// what that is. Without a sentence nothing is verified with this URI, and it is as before.
    #[must_use]
    pub fn without_verification(mut self) -> (Self, Option<&'static str>) {
        if let Way::Libssh | Way::Libssh2 = self.way {
            let text = "without effect: the URI's parameter known_hosts_verify says how host \
                        keys are verified";
            return (self, Some(text));
        }
        let text = self.risk();
        if text.is_some() {
            self.parameters.set(Parameter::NoVerify, "1".to_owned());
        }
        (self, text)
    }

    /// What the URI itself has libvirt not verify: the sentence of the option `insecure`, where a
    /// parameter does the same.
    pub fn unverified(&self) -> Option<&'static str> {
        match self.way {
            Way::Libssh | Way::Libssh2 => {
                matches!(self.value(Parameter::KnownHostsVerify), Some("ignore" | "auto"))
                    .then_some("ssh accepts host keys that are unknown")
            }
            _ if self.value(Parameter::NoVerify) == Some("1") => self.risk(),
            _ => None,
        }
    }

    /// What `no_verify` means with this URI; nothing where it has no effect.
    fn risk(&self) -> Option<&'static str> {
        match self.way {
            Way::Tls | Way::Hypervisor => Some("the server's certificate is not verified"),
            Way::Ssh => Some("ssh accepts host keys that are unknown or have changed"),
            Way::Unix | Way::Tcp | Way::Libssh | Way::Libssh2 | Way::Test => None,
        }
    }

    /// Refuses what would write unknown host keys into a file of the user who runs the program,
    /// unless the operator allows it. `home` is the folder in which ssh looks for `.ssh`; to be called
    /// before [`without_verification`](Self::without_verification), with what the option says.
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
        let error = match self.way {
            Way::Ssh if self.value(Parameter::NoVerify) == Some("1") => refused(&format!(
                "with its parameter no_verify ssh accepts unknown host keys and writes them to \
                 {known_hosts}"
            )),
            Way::Ssh if insecure => GatherError::configuration(format!(
                "the option insecure cannot be used with the transport ssh: ssh accepts unknown \
                 host keys and writes them to {known_hosts}"
            )),
            // Unlike libssh2, it prefers what ssh's own configuration says to the file it is given.
            Way::Libssh if self.value(Parameter::KnownHostsVerify) == Some("auto") => {
                refused(&format!(
                    "with known_hosts_verify=auto libssh accepts unknown host keys and writes them \
                     to the file that UserKnownHostsFile in {ssh}/config names"
                ))
            }
            _ => return Ok(()),
        };
        Err(error.with_hint(format!(
            "add the host's key to {known_hosts} (ssh-keyscan prints it, compare it with the \
             host's own), or name the endpoint in allow_unverified_ssh in {}",
            policy.config_file
        )))
    }
}
