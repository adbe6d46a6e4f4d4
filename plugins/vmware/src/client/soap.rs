//! SOAP messages of the vSphere API: requests, answers and faults. Pure functions.

use std::borrow::Cow;

use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::xml::{self, Document, Limits, Node};

use crate::map::{ManagedObject, type_of};

/// The limits of an answer. A page with 100 large virtual machines has about 3 MB.
const LIMITS: Limits = Limits { bytes: MAX_ANSWER_BYTES, nodes: 1_000_000, depth: 60 };
/// The maximum length of an answer, in bytes.
pub const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;
/// How much of a page is searched for its token.
const HEAD_BYTES: usize = 2048;
/// The maximum length of a server's text in a message, in characters.
const SHOWN_TEXT_MAX_CHARS: usize = 200;

/// A fault: the server's answer to a request that it did not carry out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The type, such as `InvalidLogin`.
    pub kind: String,
    /// The server's sentence. It may be empty.
    text: String,
}

impl Fault {
    /// Whether the fault has this type.
    pub fn is(&self, kind: &str) -> bool {
        self.kind == kind
    }

    /// The error for a fault that the caller does not handle. `method` is the method that was called.
    pub fn error(&self, method: &str) -> GatherError {
        let message = format!("{method}: {self}");
        match self.kind.as_str() {
            "NotAuthenticated" => session_ended(&message),
            "NoPermission" => GatherError::new(ErrorKind::Permission, message).with_hint(
                "give the account the role Read-only on the root folder, with propagation",
            ),
            "HostCommunication" | "RequestCanceled" | "SystemError" | "Timedout" => {
                GatherError::new(ErrorKind::Unavailable, message)
            }
            _ => GatherError::protocol(message),
        }
    }

    /// Whether the same request may succeed in a moment.
    pub fn is_temporary(&self) -> bool {
        self.error("").kind == ErrorKind::Unavailable
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the server reports {}", shown(&self.kind))?;
        if !self.text.is_empty() {
            write!(f, ": {}", shown(self.text.trim_end_matches('.')))?;
        }
        Ok(())
    }
}

/// The error for a session that the server ended. Its kind makes the caller log in again.
pub fn session_ended(message: &str) -> GatherError {
    GatherError::new(ErrorKind::Authentication, message.to_owned())
        .with_hint("the server ended the session; sessions end after 30 minutes without a request, or when an administrator ends them")
}

/// Makes a text of the server safe for a message.
fn shown(text: &str) -> String {
    let text = text.chars().take(SHOWN_TEXT_MAX_CHARS);
    text.map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Writes a text as the content of an element or an attribute. XML 1.0 cannot contain most control characters.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['<', '>', '&', '"', '\'', '\r']) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\r' => escaped.push_str("&#13;"),
            c => escaped.push(c),
        }
    }
    escaped.into()
}

/// An element that refers to an object.
pub fn reference(name: &str, object: &ManagedObject) -> String {
    format!("<{name} type=\"{}\">{}</{name}>", escape(&object.kind), escape(&object.id))
}

/// The request that calls a method of an object. `arguments` are the elements of the method's parameters.
pub fn request(method: &str, object: &ManagedObject, arguments: &str) -> String {
    let object = reference("_this", object);
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body>\
         <{method} xmlns=\"urn:vim25\">{object}{arguments}</{method}>\
         </soapenv:Body></soapenv:Envelope>"
    )
}

/// Why the body of an answer has no result.
#[derive(Debug)]
pub enum NoResult {
    /// The answer is a fault.
    Fault(Fault),
    /// The answer is not an answer of the method. The text is the predicate of a sentence.
    Invalid(String),
}

/// Parses an answer, and passes the element of the method's response to `read`.
pub fn read_answer<T>(
    body: &[u8],
    method: &str,
    read: impl FnOnce(Node) -> T,
) -> Result<T, NoResult> {
    let invalid = |why: &str| NoResult::Invalid(why.to_owned());
    let document = parse(body).map_err(NoResult::Invalid)?;
    let envelope = document.root_element();
    let content = Some(envelope)
        .filter(|envelope| envelope.tag_name().name() == "Envelope")
        .and_then(|envelope| xml::child(envelope, "Body"))
        .and_then(|body| body.first_element_child())
        .ok_or_else(|| invalid("is not a SOAP message"))?;
    let name = content.tag_name().name();
    if name == "Fault" {
        return Err(NoResult::Fault(fault(content)));
    }
    if name.strip_suffix("Response") != Some(method) {
        return Err(invalid("is the answer to another request"));
    }
    Ok(read(content))
}

/// The token in a page that was not parsed yet: it is before the objects. `None` if it must be parsed.
pub fn token_ahead(body: &[u8]) -> Option<&str> {
    let head = &body[..body.len().min(HEAD_BYTES)];
    let head = std::str::from_utf8(head).unwrap_or_else(|error| {
        std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
    });
    let (before, rest) = head.split_once("<token>")?;
    let (token, _) = rest.split_once("</token>")?;
    (!before.contains("<objects") && !token.contains(['<', '&'])).then_some(token)
}

/// Parses a document. The error is the predicate of a sentence.
fn parse(body: &[u8]) -> Result<Document<'_>, String> {
    let text = std::str::from_utf8(body).map_err(|_| "is not UTF-8".to_owned())?;
    let document = xml::parse(text, LIMITS).map_err(|error| format!("is not valid: {error}"))?;
    // A search in the text is faster than one in the tree. The declaration of XML is at the beginning.
    let has_dividers = text.contains("<!--") || text.rfind("<?").is_some_and(|at| at > 3);
    if has_dividers && has_divided_text(&document) {
        return Err("has a comment in a text".to_owned());
    }
    Ok(document)
}

/// Whether a comment or a processing instruction divides a text, of which only the first part would be read. No vSphere
/// sends either.
fn has_divided_text(document: &Document) -> bool {
    let is_text = |node: &Node| node.text().is_some_and(|text| !text.trim().is_empty());
    let mut dividers = document.descendants().filter(|node| node.is_comment() || node.is_pi());
    dividers.any(|node| {
        let parent = node.parent_element();
        parent.is_some_and(|parent| parent.children().any(|node| node.is_text() && is_text(&node)))
    })
}

fn fault(fault: Node) -> Fault {
    let detail = xml::child(fault, "detail").and_then(|detail| detail.first_element_child());
    let kind = detail.map_or("", |detail| {
        type_of(detail).unwrap_or_else(|| detail.tag_name().name().trim_end_matches("Fault"))
    });
    let kind = if kind.is_empty() { "a fault without a type" } else { kind };
    Fault {
        kind: kind.to_owned(),
        text: xml::text(fault, &["faultstring"]).unwrap_or_default().to_owned(),
    }
}

/// The version of the API to use: 6.5 if the server offers it, since the module needs nothing newer, otherwise the
/// server's own. The document is `vimServiceVersions.xml`. The error is the predicate of a sentence.
pub fn negotiate(body: &[u8]) -> Result<String, String> {
    const WANTED: &str = "6.5";

    let document = parse(body)?;
    let namespaces = xml::children(document.root_element(), "namespace");
    for namespace in namespaces {
        if xml::text(namespace, &["name"]) != Some("urn:vim25") {
            continue;
        }
        let own = xml::text(namespace, &["version"]);
        let prior = xml::child(namespace, "priorVersions");
        let mut all = prior
            .into_iter()
            .flat_map(|prior| xml::children(prior, "version"))
            .filter_map(|version| version.text())
            .chain(own);
        if all.any(|version| version.trim() == WANTED) {
            return Ok(WANTED.to_owned());
        }
        if let Some(own) = own.filter(|own| own.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Ok(own.to_owned());
        }
    }
    Err("does not list the versions of the vSphere API".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_would_end_an_element_or_an_attribute() {
        assert_eq!(escape("a<b>&\"'\r"), "a&lt;b&gt;&amp;&quot;&apos;&#13;");
        assert_eq!(escape("plain ä"), "plain ä");
        let object = ManagedObject::new("Folder", "a\"><x");
        let request = request("Login", &object, "");
        let document = xml::parse(&request, Limits::default()).expect("well-formed");
        let this = document.descendants().find(|node| node.has_tag_name(("urn:vim25", "_this")));
        assert_eq!(this.and_then(|this| this.text()), Some("a\"><x"));
    }

    #[test]
    fn uses_6_5_if_the_server_offers_it() {
        let document = |own: &str, prior: &str| {
            format!(
                "<namespaces version=\"1.0\"><namespace><name>urn:other</name><version>9</version></namespace>\
                 <namespace><name>urn:vim25</name><version>{own}</version>\
                 <priorVersions>{prior}</priorVersions></namespace></namespaces>"
            )
        };
        for (own, prior, expected) in [
            ("uX", "<version>8.0.2.0</version><version>6.5</version>", "6.5"),
            ("6.5", "", "6.5"),
            ("9.1.0.0", "<version>9.0</version>", "9.1.0.0"),
            ("6.0", "<version>5.5</version>", "6.0"),
        ] {
            assert_eq!(negotiate(document(own, prior).as_bytes()).as_deref(), Ok(expected));
        }
        for other in ["<html/>", "<namespaces/>", "no XML", ""] {
            assert!(negotiate(other.as_bytes()).is_err(), "{other}");
        }
    }

    #[test]
    fn finds_the_token_before_the_objects_without_parsing_the_page() {
        let page = |content: &str| format!("<e:Body><R><returnval>{content}</returnval></R>");
        let long = page(&("ä".repeat(2000) + "<token>1</token>"));
        for (page, token) in [
            (page("<token>0</token><objects/>"), Some("0")),
            (page("<token></token><objects/>"), Some("")),
            (page("<objects><token>1</token></objects>"), None),
            (page("<token>1&amp;2</token>"), None),
            (page("<token>1"), None),
            (page(""), None),
            (long, None),
        ] {
            assert_eq!(token_ahead(page.as_bytes()), token, "{page}");
        }
    }

    #[test]
    fn a_fault_is_named_by_its_type_or_its_element() {
        let envelope = |detail: &str| {
            format!(
                "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\" \
                 xmlns:x=\"http://www.w3.org/2001/XMLSchema-instance\"><e:Body><e:Fault>\
                 <faultcode>ServerFaultCode</faultcode><faultstring>No entry.</faultstring>\
                 <detail>{detail}</detail></e:Fault></e:Body></e:Envelope>"
            )
        };
        for (detail, kind) in [
            ("<InvalidLoginFault xmlns=\"urn:vim25\" x:type=\"InvalidLogin\"/>", "InvalidLogin"),
            ("<v:Fault xmlns:v=\"urn:vim25\" x:type=\"v:NoPermission\"/>", "NoPermission"),
            ("<ManagedObjectNotFoundFault/>", "ManagedObjectNotFound"),
            ("", "a fault without a type"),
        ] {
            let answer = read_answer(envelope(detail).as_bytes(), "Login", |_| ());
            let Err(NoResult::Fault(fault)) = answer else { panic!("{answer:?} is not a fault") };
            assert_eq!(fault.kind, kind);
            assert_eq!(fault.text, "No entry.");
        }
    }

    #[test]
    fn rejects_other_documents_without_quoting_them() {
        for body in [
            "<html><body>hunter2</body></html>",
            "<Envelope><Body/></Envelope>",
            "<Envelope><Body><LogoutResponse>hunter2</LogoutResponse></Body></Envelope>",
            "hunter2",
        ] {
            let answer = read_answer(body.as_bytes(), "Login", |_| ());
            let Err(NoResult::Invalid(why)) = answer else { panic!("{answer:?} was accepted") };
            assert!(!why.contains("hunter2"), "{why}");
        }
    }
}
