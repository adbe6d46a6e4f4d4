//! The values of properties, as the vSphere API writes them.

use std::fmt::Write as _;

/// A value of a property, or of a member of a structure.
#[derive(Debug, Clone)]
pub enum Value {
    /// A simple value: its type and its text.
    Simple(&'static str, String),
    /// A reference to an object: its type and its id.
    Reference(&'static str, String),
    /// A structure: its type and its members, of which a list is written as repeated elements.
    Structure(&'static str, Vec<(&'static str, Value)>),
    /// A list: the type of its items, and the items.
    List(&'static str, Vec<Value>),
}

/// A text.
pub fn text(text: impl Into<String>) -> Value {
    Value::Simple("xsd:string", text.into())
}

/// A whole number of 32 bits.
pub fn int(number: u32) -> Value {
    Value::Simple("xsd:int", number.to_string())
}

/// A whole number of 64 bits.
pub fn long(number: u64) -> Value {
    Value::Simple("xsd:long", number.to_string())
}

/// A boolean.
pub fn flag(flag: bool) -> Value {
    Value::Simple("xsd:boolean", flag.to_string())
}

/// A word of an enumeration of this type.
pub fn word(kind: &'static str, word: &str) -> Value {
    Value::Simple(kind, word.to_owned())
}

/// A reference to an object.
pub fn reference(kind: &'static str, id: &str) -> Value {
    Value::Reference(kind, id.to_owned())
}

impl Value {
    /// The value at the path, such as `runtime.host`; `None` if it is unset.
    pub fn at(members: &[(&'static str, Value)], path: &str) -> Option<Value> {
        let (first, rest) =
            path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
        let (_, value) = members.iter().find(|(name, _)| *name == first)?;
        match (rest, value) {
            (None, value) => Some(value.clone()),
            (Some(rest), Self::Structure(_, members)) => Self::at(members, rest),
            (Some(_), _) => None,
        }
    }

    /// The element `val` of a property.
    pub fn property(&self) -> String {
        match self {
            Self::List(kind, items) => {
                let items: String = items.iter().map(|item| item.element(kind, true)).collect();
                let array = match *kind {
                    "ManagedObjectReference" => "ArrayOfManagedObjectReference".to_owned(),
                    kind => format!("ArrayOf{kind}"),
                };
                format!("<val xsi:type=\"{array}\">{items}</val>")
            }
            value => value.element("val", true),
        }
    }

    /// An element with this name. Members of structures have a type only if it is not the declared one, which is always
    /// allowed.
    fn element(&self, name: &str, is_typed: bool) -> String {
        match self {
            Self::Simple(kind, text) => {
                let kind = if is_typed { format!(" xsi:type=\"{kind}\"") } else { String::new() };
                format!("<{name}{kind}>{}</{name}>", escape(text))
            }
            Self::Reference(kind, id) => {
                let own = if is_typed { " xsi:type=\"ManagedObjectReference\"" } else { "" };
                format!("<{name} type=\"{kind}\"{own}>{}</{name}>", escape(id))
            }
            Self::Structure(kind, members) => {
                let mut element = format!("<{name} xsi:type=\"{kind}\">");
                for (name, member) in members {
                    match member {
                        Self::List(_, items) => {
                            element.extend(items.iter().map(|item| item.element(name, false)));
                        }
                        member => element.push_str(&member.element(name, false)),
                    }
                }
                let _ = write!(element, "</{name}>");
                element
            }
            Self::List(..) => unreachable!("a list is a property or a member"),
        }
    }
}

/// Writes a text as the content of an element.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&apos;")
}
