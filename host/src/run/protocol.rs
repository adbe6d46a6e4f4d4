//! The frames between runner and worker: one JSON object a line, in both directions.
//! `docs/worker-protocol.md` describes them for people.

use gatherer_plugin_api::{GatherError, GatherRequest, Secret, Summary};
use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::request::References;
use crate::request::redact::{SECRET_MAX_BYTES, Secrets};

/// The longest frame, in bytes, line end included.
pub const FRAME_MAX_BYTES: usize = 1024 * 1024;

/// The most records that the runner takes from one endpoint.
pub const RECORDS_MAX: u64 = 2_000_000;

/// The most bytes of frames that the runner takes from one endpoint.
pub const FRAMES_MAX_BYTES: u64 = 1024 * 1024 * 1024;

/// The most bytes of log lines and of stderr that the runner passes on for one endpoint. A module
/// that logs a line for each page of a list of two million items needs a third of it. One more than
/// this would push everything else out of the log file, which is put aside at 5 MiB.
pub const LOG_MAX_BYTES: u64 = 4 * 1024 * 1024;

// Escaping makes a byte up to six bytes long, and a frame of one secret must fit.
const _: () = assert!(SECRET_MAX_BYTES * 6 + 64 < FRAME_MAX_BYTES);

/// The hidden subcommand.
pub const WORKER_SUBCOMMAND: &str = "__worker";

/// The operation that gathers an endpoint.
pub const GATHER: &str = "gather";

/// The control line that asks a worker to stop.
pub const CANCEL_LINE: &[u8] = b"cancel\n";

/// The first line that a worker reads.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Assignment {
    /// The library, for messages: it is loaded through the descriptor that was inspected.
    pub plugin_path: String,
    /// The manifest that the runner read out of the library, to be compared with what the
    /// library says of itself.
    pub manifest: String,
    /// How many bytes of data the worker may have.
    pub memory_bytes: Option<u64>,
    /// The soft limit on open descriptors; absent is none.
    pub open_files: Option<u64>,
    /// Whether the worker keeps its plugin away from other processes.
    pub confined: bool,
    /// What to do. Absent: nothing but to load the library and to compare what it says of itself.
    pub operation: Option<String>,
    /// What to do it with.
    pub request: GatherRequest,
    /// The values of the request that stand in files, which the worker reads.
    #[serde(default)]
    pub references: References,
    /// What of the request is secret: the worker takes it out of what it cuts.
    #[serde(default)]
    pub secrets: Secrets,
}

/// What a worker writes.
#[derive(Debug, Serialize)]
#[serde(tag = "frame", rename_all = "camelCase")]
pub enum Frame<'a> {
    /// One finding, as the plugin wrote it.
    Record {
        /// A `Record`, not looked at yet.
        #[serde(serialize_with = "as_it_is")]
        data: &'a [u8],
    },
    /// One log line.
    Log {
        /// 1 (error) to 5 (trace).
        level: u8,
        /// Where in the plugin it comes from.
        target: String,
        /// The line.
        message: String,
    },
    /// What the plugin is doing.
    Progress {
        /// One sentence.
        message: String,
    },
    /// A text that the plugin learned and that must not be shown from now on.
    Secret {
        /// It. Prints as `***`.
        text: Secret<String>,
    },
    /// A secret text from a file that the request refers to, or a piece of one. Only before the
    /// plugin is loaded.
    Reference {
        /// It. Prints as `***`.
        text: Secret<String>,
        /// Whether the next frame continues it.
        more: bool,
    },
    /// The files that the request refers to have been read; the plugin is loaded next.
    ReferencesEnd,
    /// The last frame of a whole answer.
    Done {
        /// What was found, counted.
        summary: Summary,
    },
    /// The last frame of a failure.
    Failed {
        /// Why.
        error: GatherError,
    },
}

/// Every member that any frame has. serde's own tagged enum would copy each record first.
#[derive(Deserialize)]
struct Members<'a> {
    frame: &'a str,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    level: Option<u8>,
    target: Option<String>,
    message: Option<String>,
    text: Option<Secret<String>>,
    more: Option<bool>,
    summary: Option<Summary>,
    error: Option<GatherError>,
}

/// How a worker begins a record's frame.
pub const RECORD_BEGIN: &[u8] = b"{\"frame\":\"record\",\"data\":";
/// How it ends one.
pub const RECORD_END: &[u8] = b"}";

fn as_it_is<S: Serializer>(data: &&[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let data: &RawValue = serde_json::from_slice(data).map_err(S::Error::custom)?;
    data.serialize(serializer)
}

impl<'a> Frame<'a> {
    /// Reads one line; `None` if it is no frame.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        // Nearly all are this: what is between need not be read twice. If it is not one value, it is
        // no record either.
        let between =
            line.strip_prefix(RECORD_BEGIN).and_then(|rest| rest.strip_suffix(RECORD_END));
        if let Some(data) = between {
            return Some(Self::Record { data });
        }
        let members: Members<'a> = serde_json::from_slice(line).ok()?;
        Some(match members.frame {
            "record" => Self::Record { data: members.data?.get().as_bytes() },
            "log" => Self::Log {
                level: members.level?,
                target: members.target?,
                message: members.message?,
            },
            "progress" => Self::Progress { message: members.message? },
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
    use gatherer_plugin_api::{ErrorKind, GatherError, Secret, Summary};

    use super::Frame;

    #[test]
    fn what_the_worker_writes_the_runner_reads() {
        for frame in [
            Frame::Log { level: 3, target: "t".into(), message: "a \"b\"\n".into() },
            Frame::Progress { message: "p".into() },
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
    fn a_record_is_found_however_its_frame_is_written() {
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
    fn a_line_that_lacks_its_members_is_no_frame() {
        for line in ["", "{}", "[]", "{\"frame\":\"record\"}", "{\"frame\":\"other\"}", "\u{0}"] {
            assert!(Frame::parse(line.as_bytes()).is_none(), "{line}");
        }
    }
}
