//! The properties of one object in an answer, and those that the server did not report.

use std::collections::BTreeMap;
use std::str::FromStr;

use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::xml::{self, Node};

use super::managed_object::{ManagedObject, is_nil, type_of};

/// An object of an answer.
pub struct ObjectContent<'a, 'input> {
    /// Which object it is.
    pub object: ManagedObject,
    values: Vec<(&'a str, Node<'a, 'input>)>,
    /// The properties that could not be read, with the type of the fault.
    pub unread: BTreeMap<String, String>,
    /// Whether the object was deleted meanwhile.
    pub is_deleted: bool,
}

impl<'a, 'input> ObjectContent<'a, 'input> {
    /// Reads an element `objects`. It is an error if the session ended, or if the account may not see the object: the
    /// server reports both as missing properties.
    pub fn read(node: Node<'a, 'input>) -> Result<Self, GatherError> {
        let object = xml::child(node, "obj").and_then(ManagedObject::read).ok_or_else(|| {
            GatherError::protocol("an object of the list has no reference to itself")
        })?;
        let mut content =
            Self { object, values: Vec::new(), unread: BTreeMap::new(), is_deleted: false };
        for property in xml::children(node, "propSet") {
            let name = xml::text(property, &["name"]);
            let value = xml::child(property, "val").filter(|value| !is_nil(*value));
            content.values.extend(name.zip(value));
        }
        for missing in xml::children(node, "missingSet") {
            let fault = xml::child(missing, "fault").and_then(|fault| xml::child(fault, "fault"));
            let fault = fault.and_then(type_of).unwrap_or("a fault without a type");
            let path = xml::text(missing, &["path"]).unwrap_or_default();
            match fault {
                "NotAuthenticated" => return Err(content.session_ended()),
                // An object with values exists, whatever the server reports about others.
                "ManagedObjectNotFound" if content.values.is_empty() => content.is_deleted = true,
                _ => drop(content.unread.insert(path.to_owned(), fault.to_owned())),
            }
        }
        content.check_essential()?;
        Ok(content)
    }

    fn session_ended(&self) -> GatherError {
        let message =
            format!("the session ended: the server reports NotAuthenticated for {}", self.object);
        GatherError::new(ErrorKind::Authentication, message)
            .with_hint("check whether an administrator ended the session")
    }

    /// Fails if nothing of the object may be read, or not its name, or not on which host a virtual machine is: a Manager
    /// would unlink the object.
    fn check_essential(&self) -> Result<(), GatherError> {
        if self.is_deleted {
            return Ok(());
        }
        let is_denied = |fault: &str| fault == "NoPermission";
        let essential = ["name", "runtime.host"];
        let mut essential =
            essential.into_iter().filter_map(|path| self.unread.get_key_value(path));
        let all = self.unread.iter().find(|(_, fault)| is_denied(fault));
        let all = all.filter(|_| self.values.is_empty());
        let Some((path, fault)) = essential.next().or(all) else { return Ok(()) };
        let object = &self.object;
        if !is_denied(fault) {
            let message =
                format!("the server does not report the property {path} of {object}: {fault}");
            return Err(GatherError::protocol(message).with_hint(
                "try again; if it fails each time, check the object in the vSphere Client",
            ));
        }
        let message = format!("the account may not read the property {path} of {object}: {fault}");
        Err(GatherError::new(ErrorKind::Permission, message)
            .with_hint("give the account the role Read-only on the root folder, with propagation"))
    }

    /// The value of a property; `None` if it is unset or could not be read.
    pub fn value(&self, path: &str) -> Option<Node<'a, 'input>> {
        self.values.iter().find(|(name, _)| *name == path).map(|(_, value)| *value)
    }

    /// A text; `None` if it is unset or blank.
    pub fn text(&self, path: &str) -> Option<String> {
        let text = self.value(path)?.text()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// A number; an error if it is not one.
    pub fn number<T: FromStr>(&self, path: &str) -> Result<Option<T>, GatherError> {
        let Some(text) = self.text(path) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| self.invalid(path))
    }

    /// A boolean, false if it is unset; an error if it is not one.
    pub fn flag(&self, path: &str) -> Result<bool, GatherError> {
        match self.text(path).as_deref() {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => Err(self.invalid(path)),
        }
    }

    /// The id of the object to which a property refers; an error if it is not a reference.
    pub fn reference(&self, path: &str) -> Result<Option<String>, GatherError> {
        let Some(value) = self.value(path) else { return Ok(None) };
        ManagedObject::read(value).map(|object| Some(object.id)).ok_or_else(|| self.invalid(path))
    }

    /// The elements of an array with this name.
    pub fn elements(&self, path: &str, name: &str) -> Vec<Node<'a, 'input>> {
        self.value(path).into_iter().flat_map(|value| xml::children(value, name)).collect()
    }

    /// The error for a value of a wrong type.
    pub fn invalid(&self, path: &str) -> GatherError {
        GatherError::protocol(format!("{}: the property {path} is not valid", self.object))
    }
}

/// A number in an element of a structure; an error if it is not one. `owner` and `path` name the property.
pub fn number_at<T: FromStr>(
    node: Node,
    name: &str,
    owner: &ObjectContent,
    path: &str,
) -> Result<Option<T>, GatherError> {
    let Some(text) = xml::text(node, &[name]) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| owner.invalid(path))
}

/// Decodes an object's name: the server writes `/`, `\` and `%` as `%2f`, `%5c` and `%25`.
pub fn unescape(name: &str) -> String {
    let mut decoded = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('%') {
        decoded.push_str(before);
        let c = match after.get(..2).map(str::to_ascii_lowercase).as_deref() {
            Some("2f") => '/',
            Some("5c") => '\\',
            Some("25") => '%',
            _ => {
                decoded.push('%');
                rest = after;
                continue;
            }
        };
        decoded.push(c);
        rest = &after[2..];
    }
    decoded + rest
}
