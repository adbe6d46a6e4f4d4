//! The frames between runner and worker, one JSON object per line.
//!
//! `docs/worker-protocol.md` is the description of the protocol.

use gatherer_plugin_api::{CheckStep, Expiry, GatherError, GatherRequest, Secret, Summary};
use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::request::References;
use crate::request::redact::{SECRET_MAX_BYTES, Secrets};

/// The longest frame, in bytes, line end included.
pub const FRAME_MAX_BYTES: usize = 1024 * 1024;

/// The maximum number of records that the runner accepts from one endpoint.
pub const RECORDS_MAX: u64 = 2_000_000;

/// The maximum size of all frames that the runner accepts from one endpoint, in bytes.
pub const FRAMES_MAX_BYTES: u64 = 1024 * 1024 * 1024;

/// The maximum size of log lines and of stderr that the runner forwards for one endpoint, in bytes. A module
/// that logs a line for each page of a list of two million items needs a third of it. With a higher limit
/// one endpoint could push everything else out of the log file, which is rotated at 5 MiB.
pub const LOG_MAX_BYTES: u64 = 4 * 1024 * 1024;

// Escaping makes a text up to six times as long, and a secret must fit into one frame.
const _: () = assert!(SECRET_MAX_BYTES * 6 + 64 < FRAME_MAX_BYTES);

/// The hidden subcommand that starts a worker.
pub const WORKER_SUBCOMMAND: &str = "__worker";

/// The operation that gathers an endpoint.
pub const GATHER: &str = "gather";

/// The operation that checks an endpoint.
pub const CHECK: &str = "check";

/// The maximum number of steps of a check.
pub const STEPS_MAX: usize = 200;

/// The control line that asks a worker to stop.
pub const CANCEL_LINE: &[u8] = b"cancel\n";

/// The first line that a worker reads.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Assignment {
    /// The path of the library, for messages; it is loaded through the descriptor that was inspected.
    pub plugin_path: String,
    /// The manifest that the runner read from the library's ELF note. The worker compares it with the one
    /// that the loaded library returns.
    pub manifest: String,
    /// The limit on the worker's data (`RLIMIT_DATA`), in bytes.
    pub memory_bytes: Option<u64>,
    /// The soft limit on open descriptors; absent is unlimited.
    pub open_files: Option<u64>,
    /// Whether the worker confines itself before it loads the plugin.
    pub confined: bool,
    /// The operation. Absent: only load the library and compare the manifests.
    pub operation: Option<String>,
    /// The argument of the operation.
    pub request: GatherRequest,
    /// The values of the request that are in files, which the worker reads.
    #[serde(default)]
    pub references: References,
    /// The secrets of the request. The worker removes them from texts that it truncates.
    #[serde(default)]
    pub secrets: Secrets,
}

/// A frame that a worker writes.
#[derive(Debug, Serialize)]
#[serde(tag = "frame", rename_all = "camelCase")]
pub enum Frame<'a> {
    /// A record, as the plugin wrote it.
    Record {
        /// The JSON of a `Record`, not parsed yet.
        #[serde(serialize_with = "serialize_raw")]
        data: &'a [u8],
    },
    /// A log line.
    Log {
        /// 1 (error) to 5 (trace).
        level: u8,
        /// The target: the part of the plugin that logs.
        target: String,
        /// The message.
        message: String,
    },
    /// How many requests were retried so far.
    Retries {
        /// The number.
        count: u32,
    },
    /// The plugin's current step, for the progress display.
    Progress {
        /// One sentence.
        message: String,
    },
    /// The names of a check's steps.
    CheckPlan {
        /// The names, in their order.
        steps: Vec<String>,
    },
    /// A step of a check that has ended.
    CheckStep {
        /// The step.
        step: CheckStep,
    },
    /// When something of the endpoint expires.
    Expiry {
        /// What expires, and when.
        expiry: Expiry,
    },
    /// A secret that the plugin learned, to be redacted from now on.
    Secret {
        /// The secret.
        text: Secret<String>,
    },
    /// A secret from a file that the request refers to, or a piece of one. Sent only before the plugin is
    /// loaded.
    Reference {
        /// The secret, or a piece of it.
        text: Secret<String>,
        /// Whether the next frame continues it.
        more: bool,
    },
    /// All files that the request refers to have been read; the plugin is loaded next.
    ReferencesEnd,
    /// The last frame of a complete answer.
    Done {
        /// The counts of the records.
        summary: Summary,
    },
    /// The last frame of a failure.
    Failed {
        /// The error.
        error: GatherError,
    },
}

/// The members of all frames. A tagged enum of serde would copy each record before parsing it.
#[derive(Deserialize)]
struct FrameMembers<'a> {
    frame: &'a str,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    level: Option<u8>,
    target: Option<String>,
    message: Option<String>,
    text: Option<Secret<String>>,
    more: Option<bool>,
    count: Option<u32>,
    steps: Option<Vec<String>>,
    step: Option<CheckStep>,
    expiry: Option<Expiry>,
    summary: Option<Summary>,
    error: Option<GatherError>,
}

/// The beginning of a record's frame, before the record.
pub const RECORD_BEGIN: &[u8] = b"{\"frame\":\"record\",\"data\":";
/// The end of a record's frame, after the record.
pub const RECORD_END: &[u8] = b"}";

fn serialize_raw<S: Serializer>(data: &&[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let data: &RawValue = serde_json::from_slice(data).map_err(S::Error::custom)?;
    data.serialize(serializer)
}

impl<'a> Frame<'a> {
    /// Parses one line; `None` if it is not a valid frame.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        // Nearly all frames are records. Their data is parsed later; if it is not one JSON value, that fails.
        if let Some(rest) = line.strip_prefix(RECORD_BEGIN)
            && let Some(data) = rest.strip_suffix(RECORD_END)
        {
            return Some(Self::Record { data });
        }
        let members: FrameMembers<'a> = serde_json::from_slice(line).ok()?;
        Some(match members.frame {
            "record" => Self::Record { data: members.data?.get().as_bytes() },
            "log" => Self::Log {
                level: members.level?,
                target: members.target?,
                message: members.message?,
            },
            "retries" => Self::Retries { count: members.count? },
            "progress" => Self::Progress { message: members.message? },
            "checkPlan" => Self::CheckPlan { steps: members.steps? },
            "checkStep" => Self::CheckStep { step: members.step? },
            "expiry" => Self::Expiry { expiry: members.expiry? },
            "secret" => Self::Secret { text: members.text? },
            "reference" => Self::Reference { text: members.text?, more: members.more? },
            "referencesEnd" => Self::ReferencesEnd,
            "done" => Self::Done { summary: members.summary? },
            "failed" => Self::Failed { error: members.error? },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::model::Timestamp;
    use gatherer_plugin_api::{CheckStep, ErrorKind, Expiry, GatherError, Secret, Summary};

    use super::Frame;

    #[test]
    fn a_frame_is_parsed_as_it_was_written() {
        for frame in [
            Frame::Log { level: 3, target: "t".into(), message: "a \"b\"\n".into() },
            Frame::Retries { count: 3 },
            Frame::Progress { message: "p".into() },
            Frame::CheckPlan { steps: vec!["login".into(), "objects".into()] },
            Frame::CheckStep { step: CheckStep::warning("login", "m", "h") },
            Frame::Expiry { expiry: Expiry::new("the token", Timestamp::UNIX_EPOCH) },
            Frame::Secret { text: Secret::new("hunter2".to_owned()) },
            Frame::Reference { text: Secret::new("hunter2".to_owned()), more: true },
            Frame::ReferencesEnd,
            Frame::Done { summary: Summary::default() },
            Frame::Failed { error: GatherError::new(ErrorKind::Tls, "m").with_hint("h") },
        ] {
            let line = serde_json::to_string(&frame).expect("serializes");
            assert!(!line.contains('\n'));
            let read = Frame::parse(line.as_bytes()).expect("a frame");
            assert_eq!(serde_json::to_string(&read).expect("serializes"), line);
        }
    }

    #[test]
    fn parses_a_record_whatever_the_layout_of_its_frame() {
        for line in [
            "{\"frame\":\"record\",\"data\":{\"record\":\"other\"}}",
            "{ \"data\" : {\"record\":\"other\"} , \"frame\" : \"record\" }",
        ] {
            let Some(Frame::Record { data }) = Frame::parse(line.as_bytes()) else {
                panic!("{line}")
            };
            assert_eq!(data, b"{\"record\":\"other\"}");
        }
    }

    #[test]
    fn rejects_a_line_without_the_members_of_a_frame() {
        for line in ["", "{}", "[]", "{\"frame\":\"record\"}", "{\"frame\":\"other\"}", "\u{0}"] {
            assert!(Frame::parse(line.as_bytes()).is_none(), "{line}");
        }
    }
}
