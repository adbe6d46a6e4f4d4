//! Reading XML that an endpoint sent: a tree with caps, without document types or entities.
//!
//! The parser is roxmltree: it holds no `unsafe`, reads without recursion, refuses a document
//! type unless told otherwise (so only XML's own five entities exist), and a tree is what the
//! readers of small documents want. A streaming parser would leave all of that to each plugin.

use std::fmt;

pub use roxmltree::{Document, Node};

/// How large a document may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest text, in bytes.
    pub bytes: usize,
    /// The most elements, texts and comments together.
    pub nodes: u32,
    /// How deep elements may be nested.
    pub depth: usize,
}

impl Default for Limits {
    /// 64 MiB, 2 million nodes, 100 levels.
    fn default() -> Self {
        Self { bytes: 64 * 1024 * 1024, nodes: 2_000_000, depth: 100 }
    }
}

/// Why a document was refused. It says where, never what stood there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XmlError {
    /// It is longer than this many bytes.
    TooLarge(usize),
    /// It has more than this many nodes, or too many attributes.
    TooManyNodes(u32),
    /// Its elements are nested deeper than this.
    TooDeep(usize),
    /// It declares a document type.
    DocumentType,
    /// It ends too early.
    CutOff,
    /// It is not well-formed at this place.
    Malformed {
        /// The line, from 1.
        line: u32,
        /// The column, from 1.
        column: u32,
    },
}

impl fmt::Display for XmlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(limit) => write!(f, "the XML is longer than {limit} bytes"),
            Self::TooManyNodes(limit) => write!(f, "the XML has more than {limit} nodes"),
            Self::TooDeep(limit) => write!(f, "the XML is nested deeper than {limit} levels"),
            Self::DocumentType => {
                f.write_str("the XML declares a document type, which is not allowed")
            }
            Self::CutOff => f.write_str("the XML ends too early"),
            Self::Malformed { line, column } => {
                write!(f, "the XML is not well-formed at line {line}, column {column}")
            }
        }
    }
}

impl std::error::Error for XmlError {}

/// Parses a document within the limits.
///
/// ```
/// use gatherer_plugin_support::xml::{self, Limits};
/// let document = xml::parse("<host><cpu><arch>x86_64</arch></cpu></host>", Limits::default())?;
/// let host = document.root_element();
/// assert_eq!(xml::text(host, &["cpu", "arch"]), Some("x86_64"));
/// # Ok::<(), xml::XmlError>(())
/// ```
pub fn parse(text: &str, limits: Limits) -> Result<Document<'_>, XmlError> {
    if text.len() > limits.bytes {
        return Err(XmlError::TooLarge(limits.bytes));
    }
    let options = roxmltree::ParsingOptions {
        allow_dtd: false,
        nodes_limit: limits.nodes,
        ..roxmltree::ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options)
        .map_err(|error| translate(&error, limits.nodes))?;
    if is_deeper_than(&document, limits.depth) {
        return Err(XmlError::TooDeep(limits.depth));
    }
    Ok(document)
}

/// The first child element of this name, whatever its namespace.
pub fn child<'a, 'input>(parent: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    children(parent, name).next()
}

/// The child elements of this name, whatever their namespace.
pub fn children<'a, 'input>(
    parent: Node<'a, 'input>,
    name: &str,
) -> impl Iterator<Item = Node<'a, 'input>> {
    parent.children().filter(move |node| node.is_element() && node.tag_name().name() == name)
}

/// The trimmed text of the element at the end of a path of first children; `None` where an
/// element is missing or the text is empty.
pub fn text<'a>(parent: Node<'a, '_>, path: &[&str]) -> Option<&'a str> {
    let element = path.iter().try_fold(parent, |node, name| child(node, name))?;
    element.text().map(str::trim).filter(|text| !text.is_empty())
}

// The parser's own texts quote names and characters that it read: only the place is kept.
fn translate(error: &roxmltree::Error, nodes: u32) -> XmlError {
    use roxmltree::Error;
    match error {
        Error::DtdDetected => XmlError::DocumentType,
        Error::NodesLimitReached | Error::AttributesLimitReached => XmlError::TooManyNodes(nodes),
        Error::NoRootNode | Error::UnclosedRootNode | Error::UnexpectedEndOfStream => {
            XmlError::CutOff
        }
        other => XmlError::Malformed { line: other.pos().row, column: other.pos().col },
    }
}

// In document order the depth changes by one step down or some steps up, so one pass over the
// nodes with a stack of open parents is enough, whatever the depth.
fn is_deeper_than(document: &Document<'_>, limit: usize) -> bool {
    let mut open = Vec::new();
    for node in document.descendants().filter(Node::is_element) {
        let parent = node.parent().map(|parent| parent.id());
        while open.last().copied() != parent && open.pop().is_some() {}
        open.push(node.id());
        // The document itself never is on the stack: its children follow an emptied one.
        if open.len() > limit {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{Limits, XmlError, child, children, parse, text};

    fn refused(xml: &str) -> XmlError {
        parse(xml, Limits::default()).expect_err("refused")
    }

    #[test]
    fn document_types_and_entities_of_their_own_are_refused() {
        let bomb = r#"<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a>&d;</a>"#;
        assert_eq!(refused(bomb), XmlError::DocumentType);
        let file = r#"<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>"#;
        assert_eq!(refused(file), XmlError::DocumentType);
        assert!(matches!(refused("<a>&b;</a>"), XmlError::Malformed { .. }));
    }

    #[test]
    fn the_five_entities_of_xml_are_read() {
        let document = parse("<a>&lt;&gt;&amp;&quot;&apos;&#228;</a>", Limits::default());
        assert_eq!(document.expect("fine").root_element().text(), Some("<>&\"'ä"));
    }

    #[test]
    fn depth_size_and_number_of_nodes_are_capped() {
        let limits = Limits { bytes: 1_000_000, nodes: 1_000, depth: 3 };
        assert!(parse("<a><b><c/></b><b><c/></b></a>", limits).is_ok());
        let deep = parse("<a><b/><b><c><d/></c></b></a>", limits);
        assert_eq!(deep.expect_err("deep"), XmlError::TooDeep(3));
        let many = format!("<a>{}</a>", "<b/>".repeat(1_001));
        assert_eq!(parse(&many, limits).expect_err("many"), XmlError::TooManyNodes(1_000));
        let long = format!("<a>{}</a>", "x".repeat(1_000_000));
        assert_eq!(parse(&long, limits).expect_err("long"), XmlError::TooLarge(1_000_000));
    }

    #[test]
    fn a_hundred_thousand_levels_are_refused_without_overflowing_the_stack() {
        let xml = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
        assert_eq!(refused(&xml), XmlError::TooDeep(100));
    }

    #[test]
    fn errors_name_the_place_and_quote_nothing() {
        let error = refused("<a>\n  <hunter2></secret></a>");
        assert!(matches!(error, XmlError::Malformed { line: 2, .. }), "{error:?}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
        assert_eq!(refused("<a><b>"), XmlError::CutOff);
        assert_eq!(refused(""), XmlError::CutOff);
    }

    #[test]
    fn names_match_without_regard_to_namespaces() {
        let xml = "<a xmlns:n='urn:n'><n:b>1</n:b><b> 2 </b><b/></a>";
        let document = parse(xml, Limits::default()).expect("fine");
        let root = document.root_element();
        assert_eq!(children(root, "b").count(), 3);
        assert_eq!(text(root, &["b"]), Some("1"));
        assert!(child(root, "c").is_none() && text(root, &["b", "c"]).is_none());
    }
}
