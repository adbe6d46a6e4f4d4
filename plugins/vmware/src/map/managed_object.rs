//! References to managed objects, and the types that the server writes into its answers.

use gatherer_plugin_support::xml::Node;

/// The namespace of `xsi:type` and `xsi:nil`.
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// A managed object: its type and its id, which is unique in the server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ManagedObject {
    /// The type, such as `HostSystem`.
    pub kind: String,
    /// The id, such as `host-12`.
    pub id: String,
}

impl ManagedObject {
    /// The object with this type and id.
    pub fn new(kind: &str, id: &str) -> Self {
        Self { kind: kind.to_owned(), id: id.to_owned() }
    }

    /// The object to which an element refers; `None` if it is not a reference.
    pub fn read(node: Node) -> Option<Self> {
        let id = node.text().map(str::trim).filter(|id| !id.is_empty())?;
        Some(Self::new(node.attribute("type")?, id))
    }
}

impl std::fmt::Display for ManagedObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let safe = |text: &str| -> String {
            let shown = text.chars().take(100);
            shown.map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
        };
        write!(f, "{} {}", safe(&self.kind), safe(&self.id))
    }
}

/// The type of an element's value, without its prefix.
pub fn type_of<'a>(node: Node<'a, '_>) -> Option<&'a str> {
    let name = node.attribute((XSI, "type"))?;
    Some(name.rsplit_once(':').map_or(name, |(_, name)| name))
}

/// Whether the element represents an absent value.
pub fn is_nil(node: Node) -> bool {
    matches!(node.attribute((XSI, "nil")), Some("true" | "1"))
}
