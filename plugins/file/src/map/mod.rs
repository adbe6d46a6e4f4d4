//! From the document's bytes to the model, without any I/O.
//!
//! A document is one of three things, told apart by this rule, in this order:
//!
//! 1. an *inventory*: an object with `schemaVersion` and an array `endpoints`;
//! 2. a *map of hosts*: an object of which every value is a host, which is an object whose
//!    `vms` is an object of texts;
//! 3. a *gatherer's output*: an object of which every value, a manager, is `null` or an object
//!    of which every value is a host.
//!
//! `{}` is a map of no hosts. Anything else is an error: a document that is only almost
//! right must not make a Manager forget hosts. For the same reason a manager that is `null`,
//! and an endpoint that is not complete, fail the whole document.

mod classic;
mod inventory;
mod items;
mod members;
mod shape;
#[cfg(test)]
mod tests;
mod values;

use gatherer_plugin_api::model::{Host, Warning};
use gatherer_plugin_api::{GatherError, Item};
use gatherer_plugin_support::json::{self, Json};

/// What a document says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document {
    /// The hosts of all its managers or endpoints, with their guests.
    pub hosts: Vec<Host>,
    /// The items of its collections.
    pub items: Vec<Item>,
    /// What else it says.
    pub rest: Rest,
}

/// What a document says beside what it lists.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rest {
    /// Optional collections, and why one is not whole.
    pub collections: Vec<(String, Result<(), GatherError>)>,
    /// What was odd.
    pub warnings: Vec<Warning>,
}

/// What a document lists.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and most are items")]
pub enum Found {
    /// A host with its guests.
    Host(Box<Host>),
    /// An item of an optional collection.
    Item(Item),
}

/// Takes what is listed, one after the other.
type Sink<'a> = dyn FnMut(Found) -> Result<(), GatherError> + 'a;

/// The identifier that tells one manager's hosts from another's, by the name of the manager.
const MANAGER: &str = "manager";

/// Reads a document.
///
/// ```
/// let document = gatherer_plugin_file::map::read(br#"{"kvm1": {"vms": {"web": "1"}}}"#)?;
/// assert_eq!(document.hosts[0].guests[0].id.as_deref(), Some("1"));
/// # Ok::<(), gatherer_plugin_api::GatherError>(())
/// ```
pub fn read(bytes: impl AsRef<[u8]>) -> Result<Document, GatherError> {
    let (mut hosts, mut items) = (Vec::new(), Vec::new());
    let rest = read_each(bytes, &mut |found| {
        match found {
            Found::Host(host) => hosts.push(*host),
            Found::Item(item) => items.push(item),
        }
        Ok(())
    })?;
    Ok(Document { hosts, items, rest })
}

/// Reads a document of which neither the bytes, if they are given away, nor all that it lists is
/// in memory at once. An error takes back what came before it.
pub fn read_each(bytes: impl AsRef<[u8]>, each: &mut Sink<'_>) -> Result<Rest, GatherError> {
    let json = json::parse(bytes.as_ref(), "the document")?;
    drop(bytes);
    let Json::Object(members) = json else {
        return Err(shape::expected("the document", "an object", &json));
    };
    match shape::of(&members) {
        shape::Shape::Inventory => inventory::read(members, each),
        shape::Shape::Hosts => {
            let mut reader = classic::Reader::new(each);
            reader.hosts(members)?;
            Ok(reader.rest())
        }
        shape::Shape::Managers => {
            shape::check_managers(&members)?;
            let mut reader = classic::Reader::new(each);
            if let Some(warning) = shape::no_host_at_all(&members) {
                reader.warn(warning);
            }
            let several = members.len() > 1;
            for (name, manager) in members {
                if let Json::Object(hosts) = manager {
                    reader.manager(&name, hosts, several)?;
                }
            }
            Ok(reader.rest())
        }
    }
}
