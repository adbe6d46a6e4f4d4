//! The JSON messages between the runner and a plugin: the request, the records and the summary.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Guest, Host, is_false};
use crate::{GatherError, Item, Secret};

/// The maximum length of a record, in bytes of JSON; the worker rejects longer ones.
pub const RECORD_MAX_BYTES: usize = 1024 * 1024 - 1024;

/// One message from a plugin to the runner. A host comes before its guests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[serde(try_from = "RecordMembers")]
#[non_exhaustive]
pub enum Record {
    /// A host, without its guests.
    Host {
        /// An id for the host that is unique in this gathering. Guests refer to it, because the
        /// host's own id may not be unique (cloned machines).
        host_ref: String,
        /// The host.
        host: Box<Host>,
    },
    /// A guest of a host that was sent before.
    Guest {
        /// The `hostRef` of its host.
        host_ref: String,
        /// The guest.
        guest: Box<Guest>,
    },
    /// Something unusual that does not make the answer wrong.
    Warning {
        /// The name of the object.
        object: String,
        /// The warning, as one sentence.
        message: String,
    },
    /// An item of an optional collection.
    Item {
        /// The item.
        item: Item,
        /// True if this record continues the lists of the item before it, which has the same uid.
        #[serde(default, skip_serializing_if = "is_false")]
        more: bool,
    },
    /// The end of an optional collection.
    CollectionEnd {
        /// The name of the collection.
        name: String,
        /// The number of its items that were sent.
        #[serde(default)]
        items: u64,
        /// Why the collection is incomplete. Absent if it is complete.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<GatherError>,
    },
    /// Withdraws every host, guest and collection that was sent so far, because their source is read
    /// again. Warnings are kept.
    StartOver {
        /// If present, only the items of this collection are withdrawn.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        collection: Option<String>,
    },
}

/// The members of all kinds of records. serde's own tagged enum would first read each record into a
/// tree, which takes longer than the rest of its parsing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordMembers {
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

impl TryFrom<RecordMembers> for Record {
    type Error = &'static str;

    fn try_from(members: RecordMembers) -> Result<Self, Self::Error> {
        let host_ref = || members.host_ref.ok_or("a record has no hostRef");
        match members.record.as_str() {
            "host" => Ok(Self::Host {
                host_ref: host_ref()?,
                host: members.host.ok_or("a host record has no host")?,
            }),
            "guest" => Ok(Self::Guest {
                host_ref: host_ref()?,
                guest: members.guest.ok_or("a guest record has no guest")?,
            }),
            "warning" => Ok(Self::Warning {
                object: members.object.ok_or("a warning record has no object")?,
                message: members.message.ok_or("a warning record has no message")?,
            }),
            "item" => Ok(Self::Item {
                item: members.item.ok_or("an item record has no item")?,
                more: members.more,
            }),
            "collectionEnd" => Ok(Self::CollectionEnd {
                name: members.name.ok_or("a collectionEnd record has no name")?,
                items: members.items,
                error: members.error,
            }),
            "startOver" => Ok(Self::StartOver { collection: members.collection }),
            _ => Err("unknown kind of record"),
        }
    }
}

/// The argument of `invoke("gather", ...)`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatherRequest {
    /// The endpoint's id.
    pub endpoint: String,
    /// The name of the module in the library.
    pub module: String,
    /// The endpoint's parameters, with the types that the manifest declares. Unset ones are absent.
    pub parameters: serde_json::Map<String, serde_json::Value>,
    /// The options that every endpoint has.
    pub options: Options,
}

/// The options that every endpoint has, whatever its module.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Options {
    /// How long the whole gathering may take from now on, in milliseconds.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// The maximum number of retries, over all requests. Absent: the support crate's default.
    #[serde(default)]
    pub retries: Option<u32>,
    /// The proxies to use.
    #[serde(default)]
    pub proxy: ProxySettings,
    /// The path of a PEM file with additional certificate authorities.
    #[serde(default)]
    pub ca_file: Option<String>,
    /// The client certificate for TLS, in PEM: the path of a file, or the text itself, which has
    /// several lines or begins with `-----BEGIN`. It may contain the key too, so it is secret here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_cert: Option<Secret<String>>,
    /// The key of the client certificate: a path or the text, as above. The text of a file is a
    /// secret that the runner does not know yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_key: Option<Secret<String>>,
    /// True if certificates must not be verified.
    #[serde(default)]
    pub insecure: bool,
    /// The most detailed level for which the plugin should call `log`.
    #[serde(default)]
    pub log_level: LogLevel,
    /// What the operator allows for this endpoint.
    #[serde(default)]
    pub policy: Policy,
}

/// What the operator's file allows for an endpoint. An error about a missing permission names the
/// file and the key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// The path of the operator's file, even if it does not exist.
    #[serde(default)]
    pub config_file: String,
    /// `allow_exec`: whether the plugin may run a program to obtain credentials.
    #[serde(default)]
    pub allow_exec: bool,
    /// `allow_unverified_ssh`: whether ssh may accept unknown host keys. ssh then adds them to the
    /// known_hosts file of the user that runs the program.
    #[serde(default)]
    pub allow_unverified_ssh: bool,
    /// `credential_folders`: the folders that may contain credential files which a request or
    /// another credential file names.
    #[serde(default)]
    pub credential_folders: Vec<String>,
    /// `allow_machine_identity`: whether the identity of the machine that runs the program may be
    /// used.
    #[serde(default)]
    pub allow_machine_identity: bool,
}

/// The proxies that the runner found in the endpoint or in its environment. The URLs may contain
/// passwords.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProxySettings {
    /// For `http://` URLs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<Secret<String>>,
    /// For `https://` URLs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub https: Option<Secret<String>>,
    /// For both, if the more specific one above is unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<Secret<String>>,
    /// The hosts to connect to directly, comma-separated: domains, addresses, CIDR ranges, or `*` for
    /// all hosts. Each may have a port, and then applies to that port only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_proxy: Option<String>,
}

/// How detailed a log line is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LogLevel {
    /// A failure.
    Error = 1,
    /// A problem that is not a failure.
    Warn = 2,
    /// A completed step.
    #[default]
    Info = 3,
    /// Details for troubleshooting.
    Debug = 4,
    /// Everything.
    Trace = 5,
}

impl LogLevel {
    /// The level with this number in the ABI. Numbers above 5 are `Trace`, 0 is `Error`.
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

/// What a plugin returns after its last record. The runner compares the counts with the records that
/// it received, and fails the endpoint if they differ.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The number of records that the plugin sent.
    pub counts: Counts,
    /// The number of retried requests.
    #[serde(default)]
    pub retries: u32,
    /// Members of later versions.
    #[serde(flatten)]
    pub other: BTreeMap<String, serde_json::Value>,
}

/// The number of records of each kind.
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
    fn records_survive_a_round_trip() {
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
    fn rejects_incomplete_unknown_and_duplicate_members() {
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
