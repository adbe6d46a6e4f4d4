//! Parsing of untrusted XML into a tree, with limits and without document types or entities.
//!
//! The parser is roxmltree. It has no `unsafe` code, does not recurse, and rejects document types by
//! default, so that only XML's five predefined entities exist. A tree is convenient for small
//! documents; with a streaming parser each plugin would have to build one.

use std::fmt;

pub use roxmltree::{Document, Node};

/// The limits of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The maximum length of the text, in bytes.
    pub bytes: usize,
    /// The maximum number of elements, texts and comments together.
    pub nodes: u32,
    /// The maximum nesting depth of elements.
    pub depth: usize,
}

impl Default for Limits {
    /// 64 MiB, 2 million nodes, 100 levels.
    fn default() -> Self {
        Self { bytes: 64 * 1024 * 1024, nodes: 2_000_000, depth: 100 }
    }
}

/// Why a document was rejected. The message may give the position but never quotes the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XmlError {
    /// The document is longer than this limit, in bytes.
    TooLarge(usize),
    /// The document has more nodes than this limit, or too many attributes.
    TooManyNodes(u32),
    /// The elements are nested deeper than this limit.
    TooDeep(usize),
    /// The document declares a document type.
    DocumentType,
    /// The document is truncated.
    Truncated,
    /// The document is not well-formed at this position.
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
            Self::Truncated => f.write_str("the XML is truncated"),
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

/// The first child element with this name, in any namespace.
pub fn child<'a, 'input>(parent: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    children(parent, name).next()
}

/// The child elements with this name, in any namespace.
pub fn children<'a, 'input>(
    parent: Node<'a, 'input>,
    name: &str,
) -> impl Iterator<Item = Node<'a, 'input>> {
    parent.children().filter(move |node| node.is_element() && node.tag_name().name() == name)
}

/// The trimmed text of the element at a path, which follows the first child of each name. `None` if an
/// element is missing or the text is empty.
pub fn text<'a>(parent: Node<'a, '_>, path: &[&str]) -> Option<&'a str> {
    let element = path.iter().try_fold(parent, |node, name| child(node, name))?;
    element.text().map(str::trim).filter(|text| !text.is_empty())
}

// The parser's messages quote names and characters of the document, so only the position is kept.
fn translate(error: &roxmltree::Error, nodes: u32) -> XmlError {
    use roxmltree::Error;
    match error {
        Error::DtdDetected => XmlError::DocumentType,
        Error::NodesLimitReached | Error::AttributesLimitReached => XmlError::TooManyNodes(nodes),
        Error::NoRootNode | Error::UnclosedRootNode | Error::UnexpectedEndOfStream => {
            XmlError::Truncated
        }
        other => XmlError::Malformed { line: other.pos().row, column: other.pos().col },
    }
}

// Visits the elements in document order and keeps a stack of open ones, instead of recursing.
fn is_deeper_than(document: &Document<'_>, limit: usize) -> bool {
    let mut open = Vec::new();
    for node in document.descendants().filter(Node::is_element) {
        let parent = node.parent().map(|parent| parent.id());
        while open.last().copied() != parent && open.pop().is_some() {}
        open.push(node.id());
        // The document node itself is never on the stack, so for its children the stack gets empty.
        if open.len() > limit {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{Limits, XmlError, child, children, parse, text};

    fn error(xml: &str) -> XmlError {
        parse(xml, Limits::default()).expect_err("the document must be rejected")
    }

    #[test]
    fn rejects_document_types_and_custom_entities() {
        let bomb = r#"<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a>&d;</a>"#;
        assert_eq!(error(bomb), XmlError::DocumentType);
        let file = r#"<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>"#;
        assert_eq!(error(file), XmlError::DocumentType);
        assert!(matches!(error("<a>&b;</a>"), XmlError::Malformed { .. }));
    }

    #[test]
    fn decodes_the_five_predefined_entities() {
        let document = parse("<a>&lt;&gt;&amp;&quot;&apos;&#228;</a>", Limits::default());
        assert_eq!(document.expect("valid").root_element().text(), Some("<>&\"'ä"));
    }

    #[test]
    fn limits_depth_size_and_number_of_nodes() {
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
    fn a_hundred_thousand_levels_do_not_overflow_the_stack() {
        let xml = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
        assert_eq!(error(&xml), XmlError::TooDeep(100));
    }

    #[test]
    fn errors_give_the_position_and_do_not_quote_the_document() {
        let malformed = error("<a>\n  <hunter2></secret></a>");
        assert!(matches!(malformed, XmlError::Malformed { line: 2, .. }), "{malformed:?}");
        assert!(!malformed.to_string().contains("hunter2"), "{malformed}");
        assert!(!malformed.to_string().contains("secret"), "{malformed}");
        assert_eq!(error("<a><b>"), XmlError::Truncated);
        assert_eq!(error(""), XmlError::Truncated);
    }

    #[test]
    fn names_match_in_any_namespace() {
        let xml = "<a xmlns:n='urn:n'><n:b>1</n:b><b> 2 </b><b/></a>";
        let document = parse(xml, Limits::default()).expect("valid");
        let root = document.root_element();
        assert_eq!(children(root, "b").count(), 3);
        assert_eq!(text(root, &["b"]), Some("1"));
        assert!(child(root, "c").is_none() && text(root, &["b", "c"]).is_none());
    }
}
