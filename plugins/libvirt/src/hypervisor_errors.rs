//! Failures of the drivers that use the hypervisor's own protocol (esx, vpx, gsx). libvirt has no codes for them, but
//! its texts have the number of curl's error or the HTTP status.

use gatherer_plugin_api::ErrorKind;

use crate::errors::UNKNOWN_NAME_HINT;

/// The kind of such a failure, and a hint; `None` if the text is not one of theirs.
pub fn classify(message: &str) -> Option<(ErrorKind, Option<&'static str>)> {
    if let Some(number) = curl_error(message) {
        return Some(of_curl(number, message));
    }
    http_status(message).map(|status| of_http(status, message))
}

/// The number in `curl_easy_perform() returned an error: Couldn't connect to server (7) : Failed to connect to ...`.
fn curl_error(message: &str) -> Option<u32> {
    let (_, text) = message.split_once("curl_easy_perform() returned an error: ")?;
    let (text, _) = text.split_once(") : ")?;
    let (_, number) = text.rsplit_once('(')?;
    number.parse().ok()
}

/// By the numbers of curl (<https://curl.se/libcurl/c/libcurl-errors.html>).
fn of_curl(number: u32, message: &str) -> (ErrorKind, Option<&'static str>) {
    match number {
        6 => (ErrorKind::Connection, Some(UNKNOWN_NAME_HINT)),
        28 => (ErrorKind::Timeout, None),
        7 if message.contains("timed out") => (ErrorKind::Timeout, None),
        35 => (
            ErrorKind::Tls,
            Some(
                "check that this is the port on which the hypervisor's management service has https",
            ),
        ),
        51 | 60 => (
            ErrorKind::Tls,
            Some(
                "the URI's host must be a name in the server's certificate, and the authority that signed it \
                 must be one of this machine's authorities; no_verify=1 in the URI skips this check",
            ),
        ),
        53 | 54 | 58 | 59 | 66 | 77 | 80 | 82 | 83 | 90 | 91 | 98 => (ErrorKind::Tls, None),
        67 => (ErrorKind::Authentication, Some(LOGIN_HINT)),
        7 => (
            ErrorKind::Connection,
            Some(
                "check the URI's port, and that the hypervisor's management service listens there",
            ),
        ),
        _ => (ErrorKind::Connection, None),
    }
}

const LOGIN_HINT: &str = "check sasl_username and sasl_password";

/// The status in `HTTP response code 404 for call to ...`.
fn http_status(message: &str) -> Option<u32> {
    let (_, text) = message.split_once("HTTP response code ")?;
    text.split(' ').next()?.parse().ok()
}

/// By the status, and by the text of vSphere's fault, whose status is always 500.
fn of_http(status: u32, message: &str) -> (ErrorKind, Option<&'static str>) {
    let text = message.to_ascii_lowercase();
    match status {
        _ if text.contains("incorrect user name or password") => {
            (ErrorKind::Authentication, Some(LOGIN_HINT))
        }
        _ if text.contains("permission to perform this operation was denied") => {
            (ErrorKind::Permission, None)
        }
        401 => (ErrorKind::Authentication, Some(LOGIN_HINT)),
        403 => (ErrorKind::Permission, None),
        404 => (
            ErrorKind::Configuration,
            Some("check that the URI's host is an ESX host (esx) or a vCenter (vpx)"),
        ),
        _ => (ErrorKind::Unavailable, None),
    }
}

#[cfg(test)]
mod tests {
    use crate::errors::gather_error;
    use crate::ffi::Failure;

    /// The kinds of failures of the drivers esx, vpx and gsx, in the words of libvirt 9.0 and newer.
    #[test]
    fn failures_of_the_hypervisors_own_protocol_have_a_kind_and_a_hint() {
        let curl =
            |text: &str| format!("internal error: curl_easy_perform() returned an error: {text}");
        let fault = |text: &str| {
            format!(
                "internal error: HTTP response code 500 for call to 'Login'. Fault: ServerFaultCode - {text}"
            )
        };
        let failures = [
            (
                "internal error: IP address lookup for host 'h' failed: Name or service not known"
                    .into(),
                "connection",
            ),
            (curl("Couldn't resolve host name (6) : Could not resolve host: h"), "connection"),
            (
                curl(
                    "Couldn't connect to server (7) : Failed to connect to h port 443: Connection refused",
                ),
                "connection",
            ),
            (
                curl(
                    "Couldn't connect to server (7) : Failed to connect to h port 443: Connection timed out",
                ),
                "timeout",
            ),
            (curl("Timeout was reached (28) : Connection timed out"), "timeout"),
            (
                curl("SSL connect error (35) : error:0A00010B:SSL routines::wrong version number"),
                "tls",
            ),
            (
                curl(
                    "SSL peer certificate or SSH remote key was not OK (60) : server certificate verification failed. CAfile: none CRLfile: none",
                ),
                "tls",
            ),
            (curl("Problem with the SSL CA cert (path? access rights?) (77) : "), "tls"),
            (
                curl(
                    "Server returned nothing (no headers, no data) (52) : Empty reply from server",
                ),
                "connection",
            ),
            (
                curl(
                    "Failure when receiving data from the peer (56) : GnuTLS recv error (-110): The TLS connection was non-properly terminated.",
                ),
                "connection",
            ),
            (
                fault("Cannot complete login due to an incorrect user name or password."),
                "authentication",
            ),
            (fault("Permission to perform this operation was denied."), "permission"),
            (fault("A general system error occurred"), "unavailable"),
            (
                "got unknown HTTP error code HTTP response code 401 for call to 'Login'".into(),
                "authentication",
            ),
            (
                "got unknown HTTP error code HTTP response code 403 for call to 'Login'".into(),
                "permission",
            ),
            (
                "got unknown HTTP error code HTTP response code 404 for call to 'Login'".into(),
                "configuration",
            ),
            (
                "got unknown HTTP error code HTTP response code 503 for call to 'Login'".into(),
                "unavailable",
            ),
        ];
        let mut errors = Vec::new();
        for (message, kind) in failures {
            let error = gather_error(
                "esx://h/",
                &Failure { code: 1, domain: 28, message: message.clone() },
            );
            assert_eq!(error.kind.as_str(), kind, "{message}");
            errors.push(format!("{kind}: {error}"));
        }
        insta::assert_snapshot!(errors.join("\n"));
    }
}
