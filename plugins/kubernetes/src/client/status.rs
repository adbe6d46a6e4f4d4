//! What the API server says where it does not say 200: the status, and the sentence in its
//! Kubernetes `Status` object.

use std::error::Error as StdError;

use gatherer_plugin_api::GatherError;
use gatherer_plugin_support::http::{Place, status_error};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::resource::Resource;

/// What to do about a request that is too long because of its selector.
pub(super) const TOO_LONG: &str = "write a shorter label_selector";

/// The longest part of a server's sentence that is shown.
const LONGEST_SENTENCE: usize = 1000;

/// <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/>
#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    code: Option<u16>,
}

/// What was asked for.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    /// A page of a list.
    List(&'a Resource),
    /// What of the API the server has.
    Discovery,
}

/// An answer that is not the one that was asked for.
pub(super) struct Refusal {
    pub error: GatherError,
    /// The list's `continue` token is too old.
    pub expired: bool,
    /// The API itself says that there is no such object, and not a proxy that it knows no such path.
    pub missing: bool,
}

impl Refusal {
    /// Of a status, the head's other lines, and as much of the body as came.
    pub fn new(
        place: &Place,
        subject: Subject<'_>,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Self {
        let said = serde_json::from_slice::<Status>(body)
            .ok()
            .filter(|said| said.kind.as_deref() == Some("Status"))
            .unwrap_or_default();
        let mut error = status_error(&place.where_text(), status, headers);
        // A 401 says "Unauthorized" once more.
        let new =
            |sentence: &&str| !sentence.is_empty() && Some(*sentence) != status.canonical_reason();
        if let Some(sentence) = said.message.as_deref().map(str::trim).filter(new) {
            error.message = format!("{}: {}", error.message, shortened(sentence));
        }
        let hint = hint(status, body, place.secure, subject);
        if let Some(hint) = hint {
            error = error.with_hint(hint);
        }
        let gone = |code: u16| code == StatusCode::GONE.as_u16();
        let expired = gone(status.as_u16())
            || said.code.is_some_and(gone)
            || said.reason.as_deref() == Some("Expired");
        let missing = status == StatusCode::NOT_FOUND && said.reason.as_deref() == Some("NotFound");
        Self { error, expired, missing }
    }
}

fn hint(status: StatusCode, body: &[u8], secure: bool, subject: Subject<'_>) -> Option<String> {
    let selects = matches!(subject, Subject::List(list) if list.label_selector.is_some());
    let hint = match status.as_u16() {
        400 if !secure && body.starts_with(b"Client sent an HTTP request to an HTTPS server") => {
            "write the kubeconfig's server with https"
        }
        400 if selects => "check label_selector",
        414 | 431 if selects => TOO_LONG,
        401 => {
            "the kubeconfig's token or client certificate is wrong or has expired: an API server \
             answers 401 to an expired client certificate too"
        }
        // Not a role for everybody.
        403 if names(body, "system:anonymous") => {
            "the kubeconfig's user has no credentials, or an empty token: give it some"
        }
        403 => return Some(missing_right(body, subject)),
        404 if beside_the_core(subject) => {
            "check that the kubeconfig's server is the URL of an API server, and that a proxy \
             before it lets /apis through; a server that starts may take a while to have all of it"
        }
        404 | 410 => "check that the kubeconfig's server is the URL of an API server",
        300..=399 => {
            "the kubeconfig's server has to be the API server's own URL; a log-in page may stand \
             before it"
        }
        407 | 408 | 429 => return None,
        400..=499 => "check the kubeconfig's server, and what stands before it",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// What lets the user do it.
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
    if names(body, "cannot get path") {
        return format!("check the path in the kubeconfig's server: {plural} are not listed there");
    }
    // In a namespace, not a right on those of all namespaces.
    let (role, group) = match (&list.namespace, group) {
        (Some(namespace), "") => (format!("Role in the namespace {namespace}"), "\"\""),
        (Some(namespace), group) => (format!("Role in the namespace {namespace}"), group),
        (None, group) => ("ClusterRole".to_owned(), group),
    };
    let group = if group.is_empty() { String::new() } else { format!(" (apiGroup {group})") };
    format!(
        "give the user a {role} with the verb list on the resource {plural}{group}, as \
         docs/modules/Kubernetes.md shows"
    )
}

/// Whether it is not below `/api`, which is there from the beginning.
fn beside_the_core(subject: Subject<'_>) -> bool {
    match subject {
        Subject::List(list) => !list.group().is_empty(),
        Subject::Discovery => true,
    }
}

fn names(body: &[u8], words: &str) -> bool {
    String::from_utf8_lossy(body).contains(words)
}

/// The beginning, up to a blank: a server may say our token to us, and of half a token nobody
/// downstream could know that it is a secret's.
fn shortened(sentence: &str) -> String {
    let Some((end, _)) = sentence.char_indices().nth(LONGEST_SENTENCE) else {
        return sentence.to_owned();
    };
    let whole_words = sentence[..end].rfind(char::is_whitespace).unwrap_or(0);
    format!("{}...", sentence[..whole_words].trim_end())
}

/// The cause of this type in an error's chain.
pub(super) fn find<'a, T: StdError + 'static>(
    error: &'a (dyn StdError + 'static),
) -> Option<&'a T> {
    gatherer_plugin_support::http::causes(error)
        .into_iter()
        .find_map(|cause| cause.downcast_ref::<T>())
}
