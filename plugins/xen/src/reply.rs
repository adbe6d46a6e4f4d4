//! Pure: the replies of JSON-RPC, of version 2.0 and 1.0, and the errors of XAPI.

use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::json::{self, Json};

/// The error of a host that is not the coordinator of its pool. Its parameter is the coordinator's address.
pub const HOST_IS_SLAVE: &str = "HOST_IS_SLAVE";

/// What to do if the answer is not that of XAPI.
pub const WRONG_SERVER: &str =
    "check hostname and port: they must lead to a XenServer or XCP-ng host";

/// The reply to a call.
#[derive(Debug)]
pub enum Reply {
    /// The result.
    Result(Json),
    /// The call failed.
    Failure(XapiError),
}

/// An error of XAPI.
#[derive(Debug, PartialEq, Eq)]
pub struct XapiError {
    /// The code, an upper-case word.
    pub code: String,
    /// Further words, of the server's choice.
    pub parameters: Vec<String>,
}

/// Parses the reply to a call. `subject` names the call in messages.
///
/// XAPI writes `Infinity` for some numbers, which is not JSON. So values that cannot be read are kept as such.
pub fn parse(body: &[u8], subject: &str) -> Result<Reply, GatherError> {
    let reply = json::parse_keeping_unreadable(body, subject).map_err(|error| {
        if body.trim_ascii_start().starts_with(b"{") {
            return error;
        }
        // For example an HTML page.
        error.with_hint(WRONG_SERVER)
    })?;
    let Json::Object(members) = reply else {
        let error = GatherError::protocol(format!("{subject}: the reply is not an object"));
        return Err(error.with_hint(WRONG_SERVER));
    };
    let (mut result, mut error) = (None, None);
    for (name, value) in members {
        match name.as_str() {
            "result" => result = Some(value),
            "error" => error = Some(value),
            _ => {}
        }
    }
    match (result, error) {
        (_, Some(error)) if error != Json::Null => match XapiError::parse(&error) {
            Some(error) => Ok(Reply::Failure(error)),
            None => {
                Err(GatherError::protocol(format!("{subject}: the error in the reply is invalid")))
            }
        },
        (Some(result), _) => Ok(Reply::Result(result)),
        (None, _) => {
            Err(GatherError::protocol(format!("{subject}: the reply has no result and no error")))
        }
    }
}

impl XapiError {
    /// Version 2.0 has the code in `message` and the parameters in `data`; 1.0 has an array with both.
    fn parse(error: &Json) -> Option<Self> {
        let (code, parameters) = match error {
            Json::Object(_) => (error.get("message")?, words(error.get("data"))),
            Json::Array(items) => {
                let (code, parameters) = items.split_first()?;
                (code, parameters.iter().filter_map(word).collect())
            }
            _ => return None,
        };
        let code = word(code).filter(|code| is_code(code))?;
        Some(Self { code, parameters })
    }

    /// The error for the operator. The parameters are not quoted, since they can contain the user's input.
    pub fn explain(&self, subject: &str) -> GatherError {
        let (kind, why, hint) = match self.code.as_str() {
            "SESSION_AUTHENTICATION_FAILED" => (
                ErrorKind::Authentication,
                "user or password is wrong",
                Some("check username and password"),
            ),
            "SESSION_INVALID" => {
                (ErrorKind::Authentication, "the session has ended", Some("try again"))
            }
            "RBAC_PERMISSION_DENIED" | "SESSION_AUTHORIZATION_FAILED" => (
                ErrorKind::Permission,
                "the user is not allowed to do this",
                Some("give the user the role read-only"),
            ),
            "HOST_STILL_BOOTING" => {
                (ErrorKind::Unavailable, "the host is still starting", Some("try again later"))
            }
            HOST_IS_SLAVE => (
                ErrorKind::Unavailable,
                "the host is not the coordinator of its pool",
                Some("set hostname to the coordinator"),
            ),
            "MESSAGE_METHOD_UNKNOWN" => (
                ErrorKind::Unsupported,
                "the server does not know this call",
                Some("update the host"),
            ),
            _ => (
                ErrorKind::Unavailable,
                "the server reports an error",
                Some("the reason is in the coordinator's log, /var/log/xensource.log"),
            ),
        };
        let error = GatherError::new(kind, format!("{subject}: {why} ({})", self.code));
        // Another attempt at the same host has the same result.
        let error = if self.code == HOST_IS_SLAVE { error.with_retryable(false) } else { error };
        match hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}

/// Whether a code can be quoted.
fn is_code(code: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=100).contains(&code.len()) && code.bytes().all(is_allowed)
}

fn word(value: &Json) -> Option<String> {
    match value {
        Json::Text(text) => Some(text.clone()),
        _ => None,
    }
}

/// The texts of an array, or one text.
fn words(value: Option<&Json>) -> Vec<String> {
    match value {
        Some(Json::Array(items)) => items.iter().filter_map(word).collect(),
        Some(value) => word(value).into_iter().collect(),
        None => Vec::new(),
    }
}
