//! Warnings about objects: which field of which object could not be used, and why.

use std::fmt;

use gatherer_plugin_support::json::shorten_name;

use crate::objects::ObjectMeta;
use crate::quantity::{OutOfRange, ParseError};

/// The warnings about some objects, in the order of the objects.
pub type Warnings = Vec<ObjectWarning>;

/// A warning about one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectWarning {
    /// Kind, namespace and name (`Pod shop/web-0`); the name alone for nodes and namespaces that the
    /// endpoint lists.
    pub object: String,
    /// The problem.
    pub problem: Problem,
}

/// A problem of an object. The mapping continues in every case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A Node has no machine ID. The text names the identifier that is used as the host's id instead;
    /// `None` if the Node has no other identifier.
    NoMachineId(Option<&'static str>),
    /// The provider ID of a Node has no scheme.
    NoProvider,
    /// The provider ID of a Node has no instance after its scheme.
    NoInstance,
    /// The images of a Node are not a list of images. The host has none, which means that they are not known.
    UnknownImages,
    /// A field has a value that cannot be used.
    Ignored {
        /// The field, with the part of the object that it belongs to: `container "c": restartCount`.
        field: String,
        /// Why it cannot be used.
        because: IgnoredBecause,
    },
    /// The endpoint lists a namespace that the cluster does not have.
    NamespaceNotFound,
    /// A virtual machine is on a node of this name, which the cluster does not have.
    NodeNotFound(String),
}

/// Why the value of a field cannot be used. None of the messages quotes the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IgnoredBecause {
    /// The number does not fit the model's field.
    NumberOutOfRange,
    /// The text is not a quantity.
    NotAQuantity(ParseError),
    /// The quantity is negative or does not fit 64 bits.
    QuantityOutOfRange(OutOfRange),
    /// The text is not a time by RFC 3339.
    NotATimestamp,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMachineId(Some(substitute)) => {
                write!(f, "machineID is missing; the {substitute} is used as the host's id")
            }
            Self::NoMachineId(None) => {
                f.write_str("machineID is missing, and the node has no other identifier")
            }
            Self::NoProvider => f.write_str("providerID does not name a provider"),
            Self::NoInstance => f.write_str("providerID does not name an instance"),
            Self::UnknownImages => {
                f.write_str("its images are ignored: they are not a list of images")
            }
            Self::Ignored { field, because } => write!(f, "{field} is ignored: {because}"),
            Self::NamespaceNotFound => f.write_str("the cluster has no namespace of this name"),
            Self::NodeNotFound(node) => {
                write!(f, "its node {node:?} does not exist; it is listed without a host")
            }
        }
    }
}

impl fmt::Display for IgnoredBecause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NumberOutOfRange => f.write_str("out of range"),
            Self::NotAQuantity(error) => write!(f, "not a valid quantity: {error}"),
            Self::QuantityOutOfRange(error) => error.fmt(f),
            Self::NotATimestamp => f.write_str("not a valid timestamp"),
        }
    }
}

/// The problems as warnings about one object. The object's text has its kind and its namespace,
/// because names repeat among kinds and among namespaces.
pub(super) fn about(kind: &str, metadata: &ObjectMeta<'_>, problems: Vec<Problem>) -> Warnings {
    if problems.is_empty() {
        return Vec::new();
    }
    let object = object_name(kind, &metadata.namespace, &metadata.name);
    problems.into_iter().map(|problem| ObjectWarning { object: object.clone(), problem }).collect()
}

/// Kind, namespace and name of an object, in one text.
pub(super) fn object_name(kind: &str, namespace: &str, name: &str) -> String {
    let slash = if namespace.is_empty() { "" } else { "/" };
    shorten_name(&format!("{kind} {namespace}{slash}{name}"))
}

#[cfg(test)]
mod tests {
    use super::object_name;

    #[test]
    fn warnings_do_not_repeat_a_very_long_name() {
        assert_eq!(object_name("Pod", "shop", "web-0"), "Pod shop/web-0");
        let long = object_name("Pod", "", &"n".repeat(1 << 20));
        assert!(long.starts_with("Pod nnn") && long.len() < 1100, "{}", long.len());
    }
}
