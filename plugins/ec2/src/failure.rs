//! Pure: the errors of Amazon's services.

use std::time::SystemTime;

use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::http::{HeaderMap, clock_skew};
use gatherer_plugin_support::rate_limit::RateLimits;
use gatherer_plugin_support::xml::{self, Document, Limits};

/// Too many requests: by the code, because the status is 503 or 400, and no header gives a delay.
pub const RATE_LIMITS: RateLimits = RateLimits {
    statuses: &[],
    codes: &[
        "RequestLimitExceeded",
        "EC2ThrottledException",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottledException",
        "RequestThrottled",
        "TooManyRequestsException",
        "BandwidthLimitExceeded",
        "PriorRequestNotComplete",
        "SlowDown",
    ],
    delay_headers: &[],
};

/// The codes of a list that cannot be continued, but read again. EC2 uses the last one; other services have the others.
const INVALID_MARKERS: [&str; 4] = [
    "InvalidNextToken",
    "InvalidPaginationToken",
    "ExpiredPaginationToken",
    "InvalidParameterValue",
];

/// The code in the body of an error: `Response/Errors/Error/Code` of EC2, or `ErrorResponse/Error/Code` of STS.
pub fn code(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    code_of(&xml::parse(text, Limits { bytes: 1024 * 1024, nodes: 10_000, depth: 20 }).ok()?)
}

/// The code, if the document is an error.
pub fn code_of(document: &Document<'_>) -> Option<String> {
    let root = document.root_element();
    let path: &[&str] = match root.tag_name().name() {
        "Response" => &["Errors", "Error", "Code"],
        "ErrorResponse" => &["Error", "Code"],
        _ => return None,
    };
    xml::text(root, path).filter(|code| is_code(code)).map(str::to_owned)
}

/// Whether a list must be read again because a request with a marker has this code.
pub fn is_invalid_marker(code: &str) -> bool {
    INVALID_MARKERS.contains(&code)
}

/// The error for the operator. `request` names the request, `right` the right that it needs, `error` is that of the status.
/// The message of the service is not quoted: it can contain the credentials or the request.
pub fn explain(
    code: &str,
    request: &str,
    right: &str,
    headers: &HeaderMap,
    error: GatherError,
) -> GatherError {
    use ErrorKind::{Authentication, Permission, Unavailable, Unsupported};

    let skew = clock_skew(headers, SystemTime::now());
    let (kind, why, hint) = match code {
        "AuthFailure" => (
            Authentication,
            "the access key is not accepted in this region".to_owned(),
            "check access_key_id and secret_access_key, and that the region is enabled for the account"
                .to_owned(),
        ),
        "SignatureDoesNotMatch" | "InvalidSignatureException" if skew.is_none() => (
            Authentication,
            "the signature is wrong".to_owned(),
            "check secret_access_key".to_owned(),
        ),
        // EC2 has the same code for both.
        "RequestExpired" if skew.is_none() => (
            Authentication,
            "the request or the temporary credentials have expired".to_owned(),
            "renew session_token with its access key, and check the clock of this machine".to_owned(),
        ),
        "RequestExpired" | "SignatureDoesNotMatch" | "InvalidSignatureException"
        | "RequestTimeTooSkewed" => (
            Authentication,
            skew.unwrap_or_else(|| "the request has expired".to_owned()),
            "set the clock of this machine".to_owned(),
        ),
        "InvalidClientTokenId" | "UnrecognizedClientException" | "InvalidAccessKeyId" => (
            Authentication,
            "the access key does not exist".to_owned(),
            "check access_key_id, session_token, and that the key belongs to this partition (for example China)"
                .to_owned(),
        ),
        "ExpiredToken" | "ExpiredTokenException" => (
            Authentication,
            "the credentials have expired".to_owned(),
            "renew the credentials (session_token, or the token of web_identity_token_file)".to_owned(),
        ),
        "InvalidIdentityToken" | "IDPRejectedClaim" => (
            Authentication,
            "the web identity is not accepted".to_owned(),
            "check web_identity_token_file, and the identity provider and the trust policy of the role"
                .to_owned(),
        ),
        "UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException"
        | "UnauthorizedAccess" => (
            Permission,
            format!("the right {right} is missing"),
            format!("allow {right} in a policy of the user or role"),
        ),
        "OptInRequired" => (
            Permission,
            "the account is not signed up for EC2 in this region".to_owned(),
            "enable the region in the account".to_owned(),
        ),
        "Blocked" => (
            Permission,
            "the account is blocked".to_owned(),
            "contact the support of the cloud".to_owned(),
        ),
        "PendingVerification" => (
            Unavailable,
            "the account is still being verified".to_owned(),
            "try again later".to_owned(),
        ),
        "InvalidAction" | "UnsupportedOperation" | "UnknownParameter" | "NoSuchVersion" => (
            Unsupported,
            "the service does not support this request".to_owned(),
            "check endpoint_url".to_owned(),
        ),
        "InternalError" | "InternalFailure" | "Unavailable" | "ServiceUnavailable"
        | "IDPCommunicationError" => {
            let mut error = error;
            (error.kind, error.retryable) = (Unavailable, true);
            error.message = format!("{} ({code})", error.message);
            return error;
        }
        _ => {
            let mut error = error;
            error.message = format!("{} ({code})", error.message);
            return error;
        }
    };
    let error = GatherError::new(kind, format!("{request}: {why} ({code})")).with_hint(hint);
    // To repeat it at once does not help.
    error.with_retryable(false)
}

/// Whether a code can be quoted.
fn is_code(code: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=100).contains(&code.len()) && code.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_code_of_both_services_and_no_other_text() {
        let ec2 = "<?xml version=\"1.0\"?><Response><Errors><Error><Code>AuthFailure</Code>\
                   <Message>x</Message></Error></Errors><RequestID>1</RequestID></Response>";
        assert_eq!(code(ec2.as_bytes()).as_deref(), Some("AuthFailure"));
        let sts = "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>\
                   <Type>Sender</Type><Code>ExpiredTokenException</Code></Error></ErrorResponse>";
        assert_eq!(code(sts.as_bytes()).as_deref(), Some("ExpiredTokenException"));
        for other in [
            "",
            "<html>",
            "{}",
            "<Response/>",
            "<Response><Errors><Error><Code>a b</Code></Error></Errors></Response>",
            "<Other><Error><Code>A</Code></Error></Other>",
        ] {
            assert_eq!(code(other.as_bytes()), None, "{other}");
        }
    }
}
