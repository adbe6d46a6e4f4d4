//! Translates libvirt's failures into errors for the operator: kind, message, hint.

use gatherer_plugin_api::{ErrorKind, GatherError};

use crate::ffi::{ErrorCode, Failure, LIBRARY, LoadError};
use crate::hypervisor_errors;

// virErrorNumber
const NO_MEMORY: ErrorCode = 2;
const NO_SUPPORT: ErrorCode = 3;
const UNKNOWN_HOST: ErrorCode = 4;
const NO_CONNECT: ErrorCode = 5;
const INVALID_CONN: ErrorCode = 6;
const INVALID_ARG: ErrorCode = 8;
const CALL_FAILED: ErrorCode = 26;
const XML_ERROR: ErrorCode = 27;
const OPERATION_DENIED: ErrorCode = 29;
const XML_DETAIL: ErrorCode = 35;
const SYSTEM_ERROR: ErrorCode = 38;
const RPC: ErrorCode = 39;
const GNUTLS_ERROR: ErrorCode = 40;
const NO_DOMAIN: ErrorCode = 42;
const AUTH_FAILED: ErrorCode = 45;
const CONFIG_UNSUPPORTED: ErrorCode = 67;
const OPERATION_TIMEOUT: ErrorCode = 68;
const ARGUMENT_UNSUPPORTED: ErrorCode = 74;
const AUTH_CANCELLED: ErrorCode = 79;
const OPERATION_UNSUPPORTED: ErrorCode = 84;
const SSH: ErrorCode = 85;
const ACCESS_DENIED: ErrorCode = 88;
const AUTH_UNAVAILABLE: ErrorCode = 94;
const LIBSSH: ErrorCode = 98;
// virErrorDomain
const FROM_XML: i32 = 5;

/// The longest part of libvirt's text that a message quotes, in characters.
const MESSAGE_MAX: usize = 600;

/// What to do if the host's name is not found.
pub const UNKNOWN_NAME_HINT: &str =
    "check the host name in the URI, and that this machine can resolve it";

/// What to do if user and password are wrong.
pub const LOGIN_HINT: &str = "check sasl_username and sasl_password";

/// What to do if a host does not answer at all.
pub const DROPPED_HINT: &str = "check that the host runs, and that no firewall on it or on the way drops the packets: \
                                open the port for this machine";

/// Whether the driver does not support the call, so that another attempt is useless.
pub fn is_unsupported(failure: &Failure) -> bool {
    let codes = [NO_SUPPORT, CALL_FAILED, OPERATION_UNSUPPORTED];
    codes.contains(&failure.code)
}

/// Whether the driver does not know a flag or argument of the call.
pub fn is_unknown_flag(failure: &Failure) -> bool {
    [INVALID_ARG, ARGUMENT_UNSUPPORTED].contains(&failure.code)
}

/// Whether the guest of the call no longer exists.
pub fn is_gone(failure: &Failure) -> bool {
    failure.code == NO_DOMAIN
}

/// Whether the answer was larger than a daemon may send at once. (A broken connection is not an
/// `RPC` error but a `SYSTEM_ERROR`.)
pub fn is_answer_too_large(failure: &Failure) -> bool {
    failure.code == RPC
}

/// Whether the failure is about the user name or password of SASL.
pub fn is_sasl(failure: &Failure) -> bool {
    let text = failure.message.to_ascii_lowercase();
    text.contains("sasl") || text.contains("credential")
}

/// The error of a failed call. `subject` is the URI without its secrets, and the object of the call.
pub fn gather_error(subject: &str, failure: &Failure) -> GatherError {
    let (kind, hint) = hypervisor_errors::classify(&failure.message).unwrap_or_else(|| {
        let kind = kind(failure);
        (kind, hint(kind, failure))
    });
    // A retry does not create a missing socket or key.
    let permanent = ["No such file or directory", "too long for unix socket"];
    let is_permanent = permanent.iter().any(|text| failure.message.contains(text));
    let error = GatherError::new(kind, format!("{subject}: {}", message(failure)));
    let error = if is_permanent { error.with_retryable(false) } else { error };
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// The error of a library that cannot be loaded.
pub fn load_error(library: &str, error: LoadError) -> GatherError {
    let install = format!(
        "install libvirt's client library ({LIBRARY}): libvirt0 on Debian, libvirt-libs on SUSE \
         and Fedora"
    );
    let (message, hint) = match error {
        LoadError::NotInstalled => (format!("{library} is not installed"), install),
        LoadError::Unloadable(text) => (format!("{library} cannot be loaded: {text}"), install),
        LoadError::MissingFunction(function) => (
            format!("{library} does not have the function {function}"),
            "install libvirt 1.2.8 or newer".to_owned(),
        ),
    };
    GatherError::new(ErrorKind::Unsupported, message).with_hint(hint)
}

/// libvirt's text in one line. Of an XML error only the first line is used: the lines after it are
/// an excerpt of the file that libvirt read, which may be any file and must not be shown.
fn message(failure: &Failure) -> String {
    let of_xml = failure.domain == FROM_XML || [XML_ERROR, XML_DETAIL].contains(&failure.code);
    let mut lines = failure.message.lines().map(str::trim).filter(|line| !line.is_empty());
    let text = if of_xml {
        lines.next().unwrap_or_default().to_owned()
    } else {
        lines.collect::<Vec<_>>().join("; ")
    };
    if text.is_empty() {
        return format!("libvirt error {}", failure.code);
    }
    text.chars().take(MESSAGE_MAX).collect()
}

/// Whether the host's name was not found. Each driver has its own words for that, and none a code.
fn is_unknown_name(text: &str) -> bool {
    let texts = ["IP address lookup for host", "Unable to resolve address", "not resolve host"];
    texts.iter().any(|part| text.contains(part))
}

/// Whether libvirt lacks a program that it runs for the connection, such as ssh. It has no code for that.
fn is_missing_program(text: &str) -> bool {
    text.contains("Cannot find '") && text.contains("' in path")
}

fn kind(failure: &Failure) -> ErrorKind {
    let text = failure.message.to_ascii_lowercase();
    let contains = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    match failure.code {
        // libvirt also uses this code for a server's certificate.
        AUTH_FAILED if contains(&["certificate", "tls handshake"]) => ErrorKind::Tls,
        AUTH_FAILED | AUTH_CANCELLED | AUTH_UNAVAILABLE => ErrorKind::Authentication,
        OPERATION_DENIED | ACCESS_DENIED => ErrorKind::Permission,
        GNUTLS_ERROR => ErrorKind::Tls,
        UNKNOWN_HOST => ErrorKind::Connection,
        _ if is_unknown_name(&failure.message) => ErrorKind::Connection,
        _ if is_missing_program(&failure.message) => ErrorKind::Unsupported,
        OPERATION_TIMEOUT => ErrorKind::Timeout,
        // NO_CONNECT means that the driver is missing; but libssh's transport uses it too, if the
        // peer is not an ssh server.
        NO_CONNECT if contains(&["handshake failed"]) => ErrorKind::Connection,
        NO_CONNECT
        | NO_SUPPORT
        | CALL_FAILED
        | CONFIG_UNSUPPORTED
        | ARGUMENT_UNSUPPORTED
        | OPERATION_UNSUPPORTED => ErrorKind::Unsupported,
        INVALID_ARG => ErrorKind::Configuration,
        XML_ERROR | XML_DETAIL => ErrorKind::Protocol,
        NO_MEMORY => ErrorKind::Internal,
        // The other codes cover many causes that differ only in their text. ssh's texts come first,
        // because its "Permission denied (publickey)" is an authentication failure.
        _ if contains(&["(publickey", "host key", "authentication fail", "access denied"]) => {
            ErrorKind::Authentication
        }
        _ if contains(&["certificate", "tls ", "gnutls", "private key"]) => ErrorKind::Tls,
        _ if contains(&["permission denied"]) => ErrorKind::Permission,
        _ if contains(&["timed out", "timeout"]) => ErrorKind::Timeout,
        SYSTEM_ERROR | INVALID_CONN | SSH | LIBSSH => ErrorKind::Connection,
        _ if contains(&["end of file", "connect", "hangup", "socket is closed", "broken pipe"]) => {
            ErrorKind::Connection
        }
        RPC => ErrorKind::Protocol,
        _ => ErrorKind::Unavailable,
    }
}

fn hint(kind: ErrorKind, failure: &Failure) -> Option<&'static str> {
    let contains = |part: &str| failure.message.contains(part);
    let is_host_key = contains("Host key") || contains("host key");
    Some(match kind {
        ErrorKind::Authentication if is_host_key && [SSH, LIBSSH].contains(&failure.code) => {
            "add the host's key to the file in the URI's parameter known_hosts, or without that \
             parameter to ~/.config/libvirt/known_hosts of the user that runs the gatherer"
        }
        ErrorKind::Authentication if is_host_key => {
            "add the host's key to known_hosts of the user that runs the gatherer"
        }
        ErrorKind::Authentication if contains("publickey") || contains("private key") => {
            "give the user that runs the gatherer an ssh key that the host accepts"
        }
        ErrorKind::Authentication if contains("No worthy mechs") => {
            "install the daemon's SASL mechanism on this machine (libsasl2-modules on Debian, \
             cyrus-sasl-digestmd5, -scram and -plain elsewhere), or use an encrypted connection"
        }
        ErrorKind::Authentication => LOGIN_HINT,
        ErrorKind::Connection if is_unknown_name(&failure.message) => UNKNOWN_NAME_HINT,
        ErrorKind::Timeout if contains("onnection timed out") => DROPPED_HINT,
        ErrorKind::Connection if contains("ssh: ") => {
            "try the same login with ssh on the command line"
        }
        ErrorKind::Connection if contains("socket") && contains("No such file or directory") => {
            "start the libvirt daemon: its socket does not exist"
        }
        ErrorKind::Connection if contains("refused") => {
            "check that the libvirt daemon listens there: see listen_tcp, listen_tls and its sockets"
        }
        ErrorKind::Connection if contains("End of file") => {
            "the daemon stopped, restarted or closed the connection: see its log"
        }
        ErrorKind::Permission if contains("socket") => {
            "give the user that runs the gatherer access to the daemon's socket"
        }
        ErrorKind::Tls if contains("verify peer's certificate") => {
            "the URI's host must be a name in the server's certificate, and cacert.pem, in \
             /etc/pki/CA or the URI's pkipath, must be the authority that signed it"
        }
        ErrorKind::Tls if contains("TLS confirmation") || contains("server verification") => {
            "the daemon closed the connection: it may require a client certificate that it trusts, \
             clientcert.pem with clientkey.pem, in /etc/pki/libvirt or the URI's pkipath"
        }
        ErrorKind::Tls if contains("handshake") => {
            "check that this is the daemon's port for TLS: see tls_port"
        }
        ErrorKind::Tls => "libvirt looks for cacert.pem in /etc/pki/CA or the URI's pkipath",
        ErrorKind::Unsupported if contains("Cannot find 'ssh' in path") => {
            "install the ssh client on this machine: openssh-client on Debian, openssh-clients elsewhere"
        }
        ErrorKind::Unsupported if is_missing_program(&failure.message) => {
            "install this program on this machine, in a folder of PATH"
        }
        ErrorKind::Unsupported if contains("was built without the") => {
            "install a libvirt that was built with this driver"
        }
        ErrorKind::Unsupported if failure.code == NO_CONNECT => {
            "install the driver on this machine: it may be a separate libvirt package"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::ErrorKind;

    use super::{gather_error, load_error};
    use crate::ffi::{Failure, LoadError};

    fn failure(code: i32, domain: i32, message: &str) -> Failure {
        Failure { code, domain, message: message.to_owned() }
    }

    #[test]
    fn each_failure_has_its_kind_and_quotes_libvirt() {
        for (code, domain, message, kind) in [
            (38, 7, "unable to connect to server at 'h:16509': Connection refused", "connection"),
            (
                38,
                7,
                "Failed to connect socket to '/run/s': No such file or directory",
                "connection",
            ),
            (38, 7, "Failed to connect socket to '/run/s': Permission denied", "permission"),
            (38, 7, "unable to connect to server at 'h:1': Connection timed out", "timeout"),
            (38, 7, "End of file while reading data: Input/output error", "connection"),
            (38, 7, "Cannot recv data: u@h: Permission denied (publickey).", "authentication"),
            (38, 7, "Cannot recv data: Host key verification failed.", "authentication"),
            (38, 7, "Cannot read CA certificate '/etc/pki/CA/cacert.pem': No such file", "tls"),
            (1, 0, "internal error: client socket is closed", "connection"),
            (1, 12, "internal error: something", "unavailable"),
            (38, 7, "Cannot find 'ssh' in path: No such file or directory", "unsupported"),
            (45, 7, "authentication failed: authentication failed", "authentication"),
            (94, 60, "authentication unavailable: no polkit agent", "authentication"),
            (88, 46, "access denied: 'QEMU' denied access", "permission"),
            (40, 7, "Failed to verify peer's certificate", "tls"),
            (45, 7, "authentication failed: Failed to verify peer's certificate", "tls"),
            (5, 0, "no connection driver available for xen:///", "unsupported"),
            (
                5,
                99,
                "no connection driver available for SSH session handshake failed",
                "connection",
            ),
            (3, 0, "this function is not supported", "unsupported"),
            (39, 7, "too many remote domains: 20000 > 16384", "protocol"),
            (
                38,
                7,
                "Unable to resolve address 'h' service '22': Name or service not known",
                "connection",
            ),
            (
                38,
                7,
                "Cannot recv data: ssh: Could not resolve hostname h: Name or service not known",
                "connection",
            ),
            (
                67,
                0,
                "unsupported configuration: libvirt was built without the 'hyperv' driver",
                "unsupported",
            ),
        ] {
            let error = gather_error("uri", &failure(code, domain, message));
            assert_eq!(error.kind.as_str(), kind, "{message}");
            assert!(error.message.ends_with(message), "{error}");
        }
    }

    #[test]
    fn failures_with_a_known_cause_have_a_hint() {
        let hints = [
            (85, "host key verification failed"),
            (38, "Host key verification failed."),
            (38, "Permission denied (publickey)."),
            (45, "No worthy mechs found"),
            (45, "authentication failed"),
            (38, "ssh: connect to host h port 22: No route to host"),
            (38, "Failed to connect socket to '/run/s': No such file or directory"),
            (38, "unable to connect to server at 'h:16509': Connection refused"),
            (38, "End of file while reading data"),
            (38, "Failed to connect socket to '/run/s': Permission denied"),
            (40, "Failed to verify peer's certificate"),
            (40, "Unable to read TLS confirmation"),
            (40, "TLS handshake failed"),
            (38, "Cannot read CA certificate"),
            (5, "no connection driver available for xen:///"),
            (38, "Unable to resolve address 'h' service '22': Name or service not known"),
            (38, "Cannot recv data: ssh: Could not resolve hostname h: Name or service not known"),
            (67, "libvirt was built without the 'hyperv' driver"),
            (38, "Cannot find 'ssh' in path: No such file or directory"),
            (38, "Cannot find 'nc' in path: No such file or directory"),
        ];
        let line =
            |(code, message)| format!("{}\n", gather_error("uri", &failure(code, 7, message)));
        insta::assert_snapshot!(hints.map(line).concat());
    }

    #[test]
    fn a_refused_connection_is_retryable_and_a_missing_socket_is_not() {
        let retryable = |text| gather_error("uri", &failure(38, 7, text)).retryable;
        assert!(retryable("unable to connect to server at 'h:16509': Connection refused"));
        assert!(!retryable("Failed to connect socket to '/run/s': No such file or directory"));
        assert!(!retryable("Path /run/s too long for unix socket: Cannot allocate memory"));
        assert!(!gather_error("uri", &failure(45, 7, "authentication failed")).retryable);
    }

    #[test]
    fn an_xml_error_hides_the_excerpt_of_the_file() {
        let text = "/etc/shadow:1: Start tag expected, '<' not found\nroot:hunter2:\n^";
        let error = gather_error("test:///etc/shadow", &failure(27, 5, text)).to_string();
        assert!(error.contains("Start tag expected"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_message_is_one_line_of_limited_length() {
        let text = format!("banner\n\n{}", "x".repeat(5_000));
        let error = gather_error("uri", &failure(38, 7, &text));
        assert!(error.message.starts_with("uri: banner; xxx"), "{error}");
        assert!(error.message.len() < 700);
    }

    #[test]
    fn a_library_that_cannot_be_loaded_is_unsupported_with_a_hint() {
        let causes = [
            LoadError::NotInstalled,
            LoadError::Unloadable("file too short".to_owned()),
            LoadError::MissingFunction("virGetLastError"),
        ];
        let errors = causes.map(|cause| load_error("libvirt.so.0", cause));
        assert!(errors.iter().all(|error| error.kind == ErrorKind::Unsupported), "{errors:?}");
        insta::assert_snapshot!(errors.map(|error| format!("{error}\n")).concat());
    }
}
