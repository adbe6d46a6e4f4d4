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
mod json;
mod shape;
#[cfg(test)]
mod tests;
mod values;

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::model::{Host, Warning};

/// What a document says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document {
    /// The hosts of all its managers or endpoints, with their guests.
    pub hosts: Vec<Host>,
    /// Optional collections, and why one is not whole.
    pub collections: Vec<(String, Result<(), GatherError>)>,
    /// What was odd.
    pub warnings: Vec<Warning>,
}

/// Reads a document.
///
/// ```
/// let document = gatherer_plugin_file::map::read(br#"{"kvm1": {"vms": {"web": "1"}}}"#)?;
/// assert_eq!(document.hosts[0].guests[0].id.as_deref(), Some("1"));
/// # Ok::<(), gatherer_plugin_api::GatherError>(())
/// ```
pub fn read(bytes: &[u8]) -> Result<Document, GatherError> {
    let members = match json::parse(bytes)? {
        json::Json::Object(members) => members,
        other => return Err(shape::expected("the document", "an object", &other)),
    };
    match shape::of(&members) {
        shape::Shape::Inventory => inventory::read(members),
        shape::Shape::Hosts => {
            let mut reader = classic::Reader::default();
            reader.hosts(members)?;
            Ok(reader.document())
        }
        shape::Shape::Managers => {
            shape::check_managers(&members)?;
            let mut reader = classic::Reader::default();
            for (name, manager) in members {
                if let json::Json::Object(hosts) = manager {
                    reader.manager(&name, hosts)?;
                }
            }
            Ok(reader.document())
        }
    }
}
