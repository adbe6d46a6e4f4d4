//! Maps the bytes of a document to the model, without I/O.
//!
//! A document has one of three formats, which are tried in this order:
//!
//! 1. an *inventory*: an object with `schemaVersion` and an array `endpoints`;
//! 2. a *map of hosts*: an object whose values are all hosts. A host is an object whose `vms` is an
//!    object of strings or numbers;
//! 3. a *gatherer's output*: an object whose values are all managers. A manager is `null` or an object
//!    whose values are all hosts.
//!
//! `{}` is a map without hosts. Everything else is an error, because a document with a mistake must not
//! make a Manager delete hosts. For the same reason the whole document fails if a manager is `null` or
//! an endpoint is not complete.
//!
//! A value that is not JSON or cannot be represented (`NaN`, half of a surrogate pair) is ignored with a warning, if it
//! is optional. In an id, a name, or a list of hosts or guests it is an error.

#[cfg(test)]
mod document_tests;
mod format;
mod inventory;
mod items;
mod manager_format;
mod members;
#[cfg(test)]
mod unreadable_tests;
mod values;
mod warnings;
#[cfg(test)]
mod warnings_tests;

use gatherer_plugin_api::model::{Host, Warning};
use gatherer_plugin_api::{GatherError, Item};
use gatherer_plugin_support::json::{self, Json};

pub use self::format::FORMATS_HINT;
use self::format::Format;
use self::manager_format::HostReader;

/// The content of a document.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document {
    /// The hosts of all managers or endpoints, with their guests.
    pub hosts: Vec<Host>,
    /// The items of all collections.
    pub items: Vec<Item>,
    /// The rest of the content.
    pub summary: DocumentSummary,
}

/// The content of a document except its hosts and items.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DocumentSummary {
    /// Optional collections, each with the reason if it is incomplete.
    pub collections: Vec<(String, Result<(), GatherError>)>,
    /// Warnings in the document and about the document.
    pub warnings: Vec<Warning>,
}

/// A host or an item of a document.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "only one exists at a time, and most are items")]
pub enum Finding {
    /// A host with its guests.
    Host(Box<Host>),
    /// An item of an optional collection.
    Item(Item),
}

/// Receives hosts and items one at a time.
type FindingSink<'a> = dyn FnMut(Finding) -> Result<(), GatherError> + 'a;

/// The key in a host's further identifiers under which the name of its manager is added, if a document
/// has several managers or endpoints.
const MANAGER: &str = "manager";

/// Reads a whole document.
///
/// ```
/// let document = gatherer_plugin_file::map::read(br#"{"kvm1": {"vms": {"web": "1"}}}"#)?;
/// assert_eq!(document.hosts[0].guests[0].id.as_deref(), Some("1"));
/// # Ok::<(), gatherer_plugin_api::GatherError>(())
/// ```
pub fn read(bytes: impl AsRef<[u8]>) -> Result<Document, GatherError> {
    let (mut hosts, mut items) = (Vec::new(), Vec::new());
    let summary = read_each(bytes, &mut |finding| {
        match finding {
            Finding::Host(host) => hosts.push(*host),
            Finding::Item(item) => items.push(item),
        }
        Ok(())
    })?;
    Ok(Document { hosts, items, summary })
}

/// The name of a document's format, with its article.
pub fn format_name(bytes: &[u8]) -> Result<&'static str, GatherError> {
    match json::parse_keeping_unreadable(bytes, "the document")? {
        Json::Object(members) => Ok(Format::of(&members).name()),
        json => Err(format::wrong_type("the document", "an object", &json)),
    }
}

/// Reads a document and passes its hosts and items to the sink one at a time, so that they are not all
/// in memory at once. The bytes are dropped after parsing. If the result is an error, the caller must
/// discard the hosts and items that the sink received.
pub fn read_each(
    bytes: impl AsRef<[u8]>,
    sink: &mut FindingSink<'_>,
) -> Result<DocumentSummary, GatherError> {
    let json = json::parse_keeping_unreadable(bytes.as_ref(), "the document")?;
    drop(bytes);
    let Json::Object(members) = json else {
        return Err(format::wrong_type("the document", "an object", &json));
    };
    match Format::of(&members) {
        Format::Inventory => inventory::read(members, sink),
        Format::Hosts => {
            let mut reader = HostReader::new(sink);
            reader.hosts(members)?;
            Ok(reader.into_summary())
        }
        Format::Managers => {
            format::check_managers(&members)?;
            let mut reader = HostReader::new(sink);
            if let Some(warning) = format::warning_without_hosts(&members) {
                reader.warn(warning);
            }
            let has_several = members.len() > 1;
            for (name, manager) in members {
                if let Json::Object(hosts) = manager {
                    reader.manager(&name, hosts, has_several)?;
                }
            }
            Ok(reader.into_summary())
        }
    }
}
