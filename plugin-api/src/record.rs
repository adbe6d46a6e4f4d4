//! What crosses the boundary as JSON while a plugin works: the request, the records, the end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Guest, Host, is_false};
use crate::{GatherError, Item, Secret};

/// The longest record, in bytes of JSON; the worker refuses longer ones.
pub const RECORD_MAX_BYTES: usize = 1024 * 1024 - 1024;

/// One finding of a plugin. A host comes before its guests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[serde(try_from = "Members")]
#[non_exhaustive]
pub enum Record {
    /// A host, without its guests.
    Host {
        /// A name for the host that is unique in this gathering. Guests refer to it, because
        /// a host's own id may repeat (cloned machines).
        host_ref: String,
        /// The host.
        host: Box<Host>,
    },
    /// A guest of a host that was recorded before.
    Guest {
        /// The `hostRef` of its host.
        host_ref: String,
        /// The guest.
        guest: Box<Guest>,
    },
    /// Something odd that does not make the answer untrue.
    Warning {
        /// What it is about.
        object: String,
        /// One sentence.
        message: String,
    },
    /// An item of an optional collection.
    Item {
        /// It.
        item: Item,
        /// True if it belongs to the item before it, which has the same uid: its lists go on.
        #[serde(default, skip_serializing_if = "is_false")]
        more: bool,
    },
    /// An optional collection came to its end.
    CollectionEnd {
        /// Which one.
        name: String,
        /// How many items of it were emitted.
        #[serde(default)]
        items: u64,
        /// Why it is not whole. Absent: it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<GatherError>,
    },
    /// Every host, guest and collection until now is void: what they were read from has to be read
    /// again. Warnings stay.
    StartOver {
        /// If it is there, only the items of this collection are void.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        collection: Option<String>,
    },
}

/// Every member that any record has. serde's own tagged enum would first read each record into a
/// tree, which takes longer than all the rest of reading it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members {
    record: String,
    host_ref: Option<String>,
    host: Option<Box<Host>>,
    guest: Option<Box<Guest>>,
    object: Option<String>,
    message: Option<String>,
    item: Option<Item>,
    #[serde(default)]
    more: bool,
    name: Option<String>,
    #[serde(default)]
    items: u64,
    error: Option<GatherError>,
    collection: Option<String>,
}

impl TryFrom<Members> for Record {
    type Error = &'static str;

    fn try_from(members: Members) -> Result<Self, Self::Error> {
        let host_ref = || members.host_ref.ok_or("a record lacks its hostRef");
        match members.record.as_str() {
            "host" => Ok(Self::Host {
                host_ref: host_ref()?,
                host: members.host.ok_or("a record lacks its host")?,
            }),
            "guest" => Ok(Self::Guest {
                host_ref: host_ref()?,
                guest: members.guest.ok_or("a record lacks its guest")?,
            }),
            "warning" => Ok(Self::Warning {
                object: members.object.ok_or("a warning lacks its object")?,
                message: members.message.ok_or("a warning lacks its message")?,
            }),
            "item" => Ok(Self::Item {
                item: members.item.ok_or("a record lacks its item")?,
                more: members.more,
            }),
            "collectionEnd" => Ok(Self::CollectionEnd {
                name: members.name.ok_or("a collection lacks its name")?,
                items: members.items,
                error: members.error,
            }),
            "startOver" => Ok(Self::StartOver { collection: members.collection }),
            _ => Err("no record is called that"),
        }
    }
}

/// What `invoke("gather", ...)` is given.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatherRequest {
    /// The endpoint's id.
    pub endpoint: String,
    /// Which of the library's modules is meant.
    pub module: String,
    /// The endpoint's parameters, of the types that the manifest asks for. Unset ones are absent.
    pub parameters: serde_json::Map<String, serde_json::Value>,
    /// What means the same on every endpoint.
    pub options: Options,
}

/// What means the same on every endpoint.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Options {
    /// How long the whole gathering may take from now on, in milliseconds.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// How often requests may be repeated in all. Absent: the support crate's default.
    #[serde(default)]
    pub retries: Option<u32>,
    /// Which proxies to use.
    #[serde(default)]
    pub proxy: ProxySettings,
    /// A file of further certificate authorities, PEM.
    #[serde(default)]
    pub ca_file: Option<String>,
    /// Whether certificates are not verified.
    #[serde(default)]
    pub insecure: bool,
    /// The most detailed level that `log` is to be called for.
    #[serde(default)]
    pub log_level: LogLevel,
    /// What the operator allows this endpoint.
    #[serde(default)]
    pub policy: Policy,
}

/// What the operator's file allows an endpoint. A refusal names the file and the key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// The operator's file, whether it exists or not.
    #[serde(default)]
    pub config_file: String,
    /// `allow_exec`: whether credentials may be had by running a program.
    #[serde(default)]
    pub allow_exec: bool,
    /// `allow_unverified_ssh`: whether ssh may accept unknown host keys, which it then writes
    /// into the known_hosts file of the user who runs the program.
    #[serde(default)]
    pub allow_unverified_ssh: bool,
    /// `credential_folders`: where files of credentials may lie that a request or a file of
    /// credentials names.
    #[serde(default)]
    pub credential_folders: Vec<String>,
    /// `allow_machine_identity`: whether the identity of the machine that we run on may be used.
    #[serde(default)]
    pub allow_machine_identity: bool,
}

/// Proxies, as the runner found them in the endpoint or in its environment. URLs may hold a
/// password.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProxySettings {
    /// For `http://` URLs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<Secret<String>>,
    /// For `https://` URLs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub https: Option<Secret<String>>,
    /// For both, where the one above is unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<Secret<String>>,
    /// What is asked directly, comma-separated: domains, addresses, CIDR ranges, each with a
    /// port if it is to hold for that port only; `*` is everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_proxy: Option<String>,
}

/// How detailed a log line is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LogLevel {
    /// Something failed.
    Error = 1,
    /// Something is odd.
    Warn = 2,
    /// A step was taken.
    #[default]
    Info = 3,
    /// For who looks for a fault.
    Debug = 4,
    /// Everything.
    Trace = 5,
}

impl LogLevel {
    /// The level of this number, as it crosses the ABI; anything above 5 is `Trace`, 0 is `Error`.
    pub const fn from_number(number: u8) -> Self {
        match number {
            0 | 1 => Self::Error,
            2 => Self::Warn,
            3 => Self::Info,
            4 => Self::Debug,
            _ => Self::Trace,
        }
    }
}

/// What a plugin returns after its last record. The runner compares the counts with what
/// arrived: an answer that does not add up is a failed one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// How many records of each kind were emitted.
    pub counts: Counts,
    /// How many requests had to be repeated.
    #[serde(default)]
    pub retries: u32,
    /// For later versions.
    #[serde(flatten)]
    pub other: BTreeMap<String, serde_json::Value>,
}

/// How many records of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Hosts.
    pub hosts: u64,
    /// Guests.
    pub guests: u64,
}

#[cfg(test)]
mod tests {
    use super::Record;
    use crate::model::{Guest, Host, Pod, Service};
    use crate::{ErrorKind, GatherError};

    #[test]
    fn what_is_written_is_read_again() {
        let error = Some(GatherError::new(ErrorKind::Permission, "403"));
        for record in [
            Record::Host { host_ref: "0".into(), host: Box::new(Host::new("i", "n")) },
            Record::Guest { host_ref: "0".into(), guest: Box::new(Guest::new("i", "n")) },
            Record::Warning { object: "o".into(), message: "m".into() },
            Record::Item { item: Pod::default().into(), more: false },
            Record::Item { item: Service::default().into(), more: true },
            Record::CollectionEnd { name: "pods".into(), items: 3, error: None },
            Record::CollectionEnd { name: "pods".into(), items: 0, error },
            Record::StartOver { collection: None },
            Record::StartOver { collection: Some("pods".into()) },
        ] {
            let json = serde_json::to_string(&record).expect("JSON");
            assert_eq!(serde_json::from_str::<Record>(&json).expect("a record"), record, "{json}");
        }
    }

    #[test]
    fn a_record_that_lacks_something_or_has_another_name_is_none() {
        for json in [
            r#"{"hostRef":"0","host":{"id":"i","name":"n"}}"#,
            r#"{"record":"host","host":{"id":"i","name":"n"}}"#,
            r#"{"record":"host","hostRef":"0"}"#,
            r#"{"record":"host","hostRef":"0","host":null}"#,
            r#"{"record":"guest","hostRef":"0","host":{"id":"i","name":"n"}}"#,
            r#"{"record":"warning","object":"o"}"#,
            r#"{"record":"collectionEnd"}"#,
            r#"{"record":"other"}"#,
            r#"{"record":"host","record":"host","hostRef":"0","host":{"id":"i","name":"n"}}"#,
        ] {
            assert!(serde_json::from_str::<Record>(json).is_err(), "{json}");
        }
    }
}
