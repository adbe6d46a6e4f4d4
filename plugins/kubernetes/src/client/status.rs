//! Errors from responses without status 200: the status and the message of the Kubernetes `Status`
//! object in the body.

use std::error::Error as StdError;

use gatherer_plugin_api::GatherError;
use gatherer_plugin_support::http::{Exchange, status_error};
use http::{HeaderMap, StatusCode};
use kube::core::response::{Status, reason};

use crate::objects::Resource;

/// The hint for a request that is too long because of its label selector.
pub(super) const SELECTOR_TOO_LONG: &str = "use a shorter label_selector";

/// How many characters of the server's message are shown.
const LONGEST_MESSAGE: usize = 1000;

/// What was requested.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    /// A page of a list.
    List(&'a Resource),
    /// A discovery document, or one object.
    Discovery,
}

/// A response whose status is not 200.
pub(super) struct StatusRefusal {
    pub error: GatherError,
    /// The list's `continue` token is too old.
    pub expired: bool,
    /// The API server itself reports that the object does not exist. A 404 of a proxy, which does not
    /// know the path, does not set this.
    pub missing: bool,
    /// The status is 404, whoever sent it.
    pub is_not_found: bool,
}

impl StatusRefusal {
    /// From the response's status, its headers, and the part of the body that was received.
    pub fn new(
        exchange: &Exchange,
        subject: Subject<'_>,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Self {
        // A proxy's own JSON has no `status: Failure`.
        let object = serde_json::from_slice::<Status>(body)
            .ok()
            .filter(Status::is_failure)
            .unwrap_or_default();
        let mut error = status_error(&exchange.description(), status, headers);
        if object.message.is_empty() {
            error = exchange.explain_status(error, headers);
        }
        // The message of a 401 is "Unauthorized", which the error already contains.
        let message = object.message.trim();
        if !message.is_empty() && Some(message) != status.canonical_reason() {
            error.message = format!("{}: {}", error.message, shortened(message));
        }
        let hint = hint(status, body, exchange.secure, subject);
        if let Some(hint) = hint {
            error = error.with_hint(hint);
        }
        let expired =
            status == StatusCode::GONE || object.code == 410 || object.reason == reason::EXPIRED;
        let missing = status == StatusCode::NOT_FOUND && object.reason == reason::NOT_FOUND;
        let is_not_found = status == StatusCode::NOT_FOUND;
        Self { error, expired, missing, is_not_found }
    }
}

fn hint(status: StatusCode, body: &[u8], secure: bool, subject: Subject<'_>) -> Option<String> {
    let has_selector = matches!(subject, Subject::List(list) if list.label_selector.is_some());
    let hint = match status.as_u16() {
        400 if !secure && body.starts_with(b"Client sent an HTTP request to an HTTPS server") => {
            "use https in the kubeconfig's server"
        }
        400 if has_selector => "check label_selector",
        414 | 431 if has_selector => SELECTOR_TOO_LONG,
        401 => {
            "the credentials are wrong, have expired, were revoked, or are of another cluster: put new \
             ones into the kubeconfig"
        }
        // The request was anonymous: more rights for that user would be rights for everyone.
        403 if contains(body, "system:anonymous") => {
            "the kubeconfig's user has no credentials or an empty token: add credentials"
        }
        403 => return Some(missing_right(body, subject)),
        404 if is_outside_core(subject) => {
            "check that the kubeconfig's server is the URL of an API server, and that a proxy in \
             front of it forwards /apis; a server that is starting may not serve all of it yet"
        }
        404 | 410 => "check that the kubeconfig's server is the URL of an API server",
        300..=399 => {
            "the kubeconfig's server must be the API server's own URL, without a login page in \
             front of it"
        }
        407 | 408 | 429 => return None,
        400..=499 => "check the kubeconfig's server, and any proxy in front of it",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// The hint of a 403: the role that the user needs.
fn missing_right(body: &[u8], subject: Subject<'_>) -> String {
    let list = match subject {
        Subject::List(list) => list,
        Subject::Discovery => {
            return "give the user the verb get on /apis and /apis/*, as the ClusterRole \
                    system:discovery does"
                .to_owned();
        }
    };
    let (plural, group) = (list.plural, list.group());
    if contains(body, "cannot get path") {
        return format!("check the path in the kubeconfig's server: it does not serve {plural}");
    }
    // A list of one namespace needs only a right in that namespace.
    let (role, kind, place) = match &list.namespace {
        Some(namespace) => {
            (format!("Role in the namespace {namespace}"), "role", format!(" -n {namespace}"))
        }
        None => ("ClusterRole".to_owned(), "clusterrole", String::new()),
    };
    let resource = if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") };
    let name = format!("gatherer-{plural}");
    let subject = refused_user(body);
    format!(
        "give the user a {role} with the verb list on the resource {plural}: \
         `kubectl create {kind} {name} --verb=list --resource={resource}{place}` and \
         `kubectl create {kind}binding {name} --{kind}={name} {subject}{place}`"
    )
}

/// The option of kubectl that names the user of a 403: `User "NAME" cannot list ...`.
fn refused_user(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    // In JSON, the quotation marks are escaped.
    let name = text.split_once("User \\\"").and_then(|(_, rest)| rest.split_once("\\\" cannot"));
    let is_plain = |name: &&str| {
        !name.is_empty()
            && name.len() <= 253
            && name.chars().all(|sign| sign.is_ascii_alphanumeric() || "-_.:@/".contains(sign))
    };
    let name = name.map(|(name, _)| name).filter(is_plain);
    match name.map(|name| (name, name.strip_prefix("system:serviceaccount:"))) {
        Some((_, Some(account))) => format!("--serviceaccount={account}"),
        Some((name, None)) => format!("--user={name}"),
        None => "--user=USER".to_owned(),
    }
}

/// Whether the path is not below `/api`. A starting server serves `/api` before `/apis`.
fn is_outside_core(subject: Subject<'_>) -> bool {
    match subject {
        Subject::List(list) => !list.group().is_empty(),
        Subject::Discovery => true,
    }
}

fn contains(body: &[u8], words: &str) -> bool {
    String::from_utf8_lossy(body).contains(words)
}

/// The beginning of a message, cut at whitespace. A server may send our token back to us, and
/// redaction would not recognize half of a token.
fn shortened(message: &str) -> String {
    let Some((end, _)) = message.char_indices().nth(LONGEST_MESSAGE) else {
        return message.to_owned();
    };
    let whole_words = message[..end].rfind(char::is_whitespace).unwrap_or(0);
    format!("{}...", message[..whole_words].trim_end())
}

/// The first cause of type `T` in an error's chain.
pub(super) fn find_cause<'a, T: StdError + 'static>(
    error: &'a (dyn StdError + 'static),
) -> Option<&'a T> {
    gatherer_plugin_support::http::causes(error)
        .into_iter()
        .find_map(|cause| cause.downcast_ref::<T>())
}
