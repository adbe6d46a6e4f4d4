//! Which endpoints of a request a run asks that shares it with other runs.

use std::fmt;
use std::str::FromStr;

use gatherer_plugin_api::model::Shard;
use ring::digest::{SHA256, digest};

use super::Entry;

/// The maximum number of shards.
pub const SHARDS_MAX: u32 = 10_000;

/// The shard of entries without a usable id. Their results have new ids in each run, which no other run can compute.
const SHARD_WITHOUT_ID: u32 = 0;

/// The environment variable with the index of a pod of an Indexed Job, which Kubernetes sets.
const INDEX_VARIABLE: &str = "JOB_COMPLETION_INDEX";

/// The shard of an endpoint: the first eight bytes of the SHA-256 of its id as a big-endian number, modulo the number
/// of shards.
pub fn shard_of(id: &str, count: u32) -> u32 {
    let digest = digest(&SHA256, id.as_bytes());
    let first = digest.as_ref().first_chunk().expect("a SHA-256 has 32 bytes");
    let shard = u64::from_be_bytes(*first) % u64::from(count.max(1));
    u32::try_from(shard).expect("it is less than the count")
}

/// The shard of an entry.
pub fn shard_of_entry(entry: &Entry, count: u32) -> u32 {
    if entry.has_stable_id() { shard_of(entry.id(), count) } else { SHARD_WITHOUT_ID }
}

/// A shard in messages: `shard 2 of 0..7`.
pub fn shown(shard: Shard) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        write!(f, "shard {} of 0..{}", shard.index, shard.count.saturating_sub(1))
    })
}

/// The value of the option `--shard`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShardOption {
    /// This shard.
    Given(Shard),
    /// The shard of the pod, of so many shards.
    OfPod {
        /// How many shards there are.
        count: u32,
    },
}

impl FromStr for ShardOption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || {
            "must be INDEX/COUNT, such as 0/4 for the first of four shards, or auto/4".to_owned()
        };
        let (index, count) = text.split_once('/').ok_or_else(form)?;
        let count = count.parse().ok().filter(|_| is_number(count)).ok_or_else(form)?;
        if !(1..=SHARDS_MAX).contains(&count) {
            return Err(format!("the number of shards, {count}, must be from 1 to {SHARDS_MAX}"));
        }
        if index == "auto" {
            return Ok(Self::OfPod { count });
        }
        let index = index.parse().ok().filter(|_| is_number(index)).ok_or_else(form)?;
        within(index, count).map(Self::Given)
    }
}

impl ShardOption {
    /// The shard. That of a pod is in its environment. The error is a message.
    pub fn shard(self) -> Result<Shard, String> {
        self.shard_of_pod(
            std::env::var_os(INDEX_VARIABLE).map(|text| text.to_string_lossy().into_owned()),
        )
    }

    /// The same with the index of the pod.
    fn shard_of_pod(self, pod: Option<String>) -> Result<Shard, String> {
        let count = match self {
            Self::Given(shard) => return Ok(shard),
            Self::OfPod { count } => count,
        };
        let option = format!("--shard auto/{count}");
        let Some(text) = pod.filter(|text| !text.is_empty()) else {
            return Err(format!(
                "{option}: {INDEX_VARIABLE} is not set; use it in the pods of a Job with completionMode Indexed, or \
                 give the number of the shard"
            ));
        };
        let index = text.parse().ok().filter(|_| is_number(&text)).ok_or_else(|| {
            format!("{option}: {INDEX_VARIABLE} is {text:?}, which is not the index of a pod")
        })?;
        within(index, count).map_err(|problem| {
            format!("{option}: {INDEX_VARIABLE}: {problem}; give the Job as many completions as there are shards")
        })
    }
}

/// The shard with this index. The error is a message.
fn within(index: u32, count: u32) -> Result<Shard, String> {
    if index < count {
        return Ok(Shard { index, count });
    }
    Err(format!(
        "shard {index} does not exist: the shards are counted from 0, so the last one of {count} is {}",
        count - 1
    ))
}

/// Whether a text has only digits. (Rust's parser accepts a sign.)
fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::model::{EndpointResult, Shard};

    use super::{SHARDS_MAX, ShardOption, shard_of, shard_of_entry, shown};
    use crate::request::Entry;

    /// Computed with another program: `printf %s ID | sha256sum`.
    #[test]
    fn the_shard_is_the_documented_hash_of_the_id() {
        for (id, [of_2, of_8, of_10000]) in [
            ("", EXPECTED[0]),
            ("kvm1", EXPECTED[1]),
            ("vcenter-1", EXPECTED[2]),
            ("Zürich 1", EXPECTED[3]),
        ] {
            assert_eq!(
                [shard_of(id, 2), shard_of(id, 8), shard_of(id, 10_000)],
                [of_2, of_8, of_10000],
                "{id}"
            );
            assert_eq!(shard_of(id, 1), 0);
        }
    }

    const EXPECTED: [[u32; 3]; 4] = [[0, 4, 1652], [1, 1, 409], [0, 4, 6428], [0, 2, 9274]];

    #[test]
    fn entries_without_an_id_belong_to_shard_0() {
        let result = |id: &str| Box::new(EndpointResult::new(id.to_owned(), None, None));
        let of_id = shard_of("x", 10_000);
        assert_ne!(of_id, 0);
        assert_eq!(shard_of_entry(&Entry::FailedWithoutId(result("x")), 10_000), 0);
        assert_eq!(shard_of_entry(&Entry::Failed(result("x")), 10_000), of_id);
        assert_eq!(shard_of_entry(&Entry::UnusableFile(result("x")), 10_000), of_id);
    }

    #[test]
    fn accepts_a_shard_and_that_of_a_pod() {
        let shard = |text: &str, pod: Option<&str>| {
            text.parse::<ShardOption>()
                .and_then(|option| option.shard_of_pod(pod.map(str::to_owned)))
        };
        assert_eq!(shard("0/1", None), Ok(Shard { index: 0, count: 1 }));
        assert_eq!(shard("7/8", Some("3")), Ok(Shard { index: 7, count: 8 }));
        assert_eq!(shard("auto/8", Some("3")), Ok(Shard { index: 3, count: 8 }));
        assert_eq!(shard("9999/10000", None), Ok(Shard { index: 9999, count: SHARDS_MAX }));
        let mut refused = String::new();
        for (text, pod) in [
            ("", None),
            ("3", None),
            ("a/b", None),
            ("+1/4", None),
            ("1/4/8", None),
            ("-1/4", None),
            ("1/", None),
            ("/4", None),
            ("4/4", None),
            ("0/0", None),
            ("0/10001", None),
            ("99999999999/4", None),
            ("AUTO/4", None),
            ("auto/0", Some("0")),
            ("auto/4", None),
            ("auto/4", Some("")),
            ("auto/4", Some("x\n")),
            ("auto/4", Some("-1")),
            ("auto/4", Some("4")),
        ] {
            let problem = shard(text, pod).expect_err(text);
            refused.extend([format!("{text} {pod:?}\n  {problem}\n")]);
        }
        insta::assert_snapshot!(refused);
    }

    #[test]
    fn a_shard_is_shown_with_all_of_them() {
        assert_eq!(shown(Shard { index: 2, count: 8 }).to_string(), "shard 2 of 0..7");
        assert_eq!(shown(Shard { index: 0, count: 1 }).to_string(), "shard 0 of 0..0");
    }
}
