//! How much memory this process may take: the least of what the machine has, what its cgroup and
//! the groups above allow, and its resource limits; and whether the kernel had to end a process
//! for want of it.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use gatherer_plugin_api::{ErrorKind, GatherError};
use rustix::process::Resource;

const MIB: u64 = 1024 * 1024;

/// The memory that there is.
#[derive(Debug, Clone)]
pub struct Memory {
    /// The machine's or the cgroup's: what the kernel ends processes for.
    physical: Limit,
    /// The least of all.
    least: Limit,
    /// Where the kernel counts the processes that it ended; absent where it does not.
    kills: Option<PathBuf>,
}

/// A limit on memory, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// How many bytes.
    pub bytes: u64,
    source: Source,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Machine,
    /// A file of a cgroup.
    Cgroup(PathBuf),
    /// `ulimit -v`.
    AddressSpace,
    /// `ulimit -d`.
    Data,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = self.bytes / MIB;
        match &self.source {
            Source::Machine => write!(f, "the machine has {mib} MiB"),
            Source::Cgroup(file) => write!(f, "{} allows {mib} MiB", file.display()),
            Source::AddressSpace => write!(f, "the limit on address space is {mib} MiB"),
            Source::Data => write!(f, "the limit on data is {mib} MiB"),
        }
    }
}

impl Limit {
    /// What an operator does to have more, after "to".
    pub fn remedy(&self) -> &'static str {
        match self.source {
            Source::Machine => "give the machine more memory",
            Source::Cgroup(_) => {
                "raise the memory limit of the program's cgroup (MemoryMax= of its service, or of \
                 the container)"
            }
            Source::AddressSpace => "raise `ulimit -v`",
            Source::Data => "raise `ulimit -d`",
        }
    }
}

impl Memory {
    /// What there is for this process.
    pub fn of_process() -> Self {
        let info = rustix::system::sysinfo();
        let machine = u64::from(info.mem_unit).saturating_mul(info.totalram);
        let limits = [(Resource::As, Source::AddressSpace), (Resource::Data, Source::Data)];
        // Not RLIMIT_RSS, which Linux has ignored since 2.4.30.
        let limits = limits.into_iter().filter_map(|(resource, source)| {
            let bytes = rustix::process::getrlimit(resource).current?;
            Some(Limit { bytes, source })
        });
        Self::new(machine, Path::new("/"), limits)
    }

    /// The same, below another root directory.
    fn new(machine: u64, root: &Path, resource_limits: impl Iterator<Item = Limit>) -> Self {
        let mut physical = Limit { bytes: machine, source: Source::Machine };
        let mut kills = None;
        for group in groups(root) {
            for file in group.files {
                let bytes = read(&root.join(&file)).and_then(|text| {
                    // "max" and an empty file are no number, and no limit.
                    std::str::from_utf8(&text).ok()?.trim().parse().ok()
                });
                if let Some(bytes) = bytes.filter(|bytes| *bytes < physical.bytes) {
                    let shown = Path::new("/").join(&file);
                    physical = Limit { bytes, source: Source::Cgroup(shown) };
                }
            }
            kills = kills.or_else(|| {
                let file = root.join(group.events);
                count_of(&file, "oom_kill").map(|_| file)
            });
        }
        kills = kills.or_else(|| {
            // The whole machine's, where no cgroup counts.
            let file = root.join("proc/vmstat");
            count_of(&file, "oom_kill").map(|_| file)
        });
        let mut least = physical.clone();
        for limit in resource_limits {
            if limit.bytes < least.bytes {
                least = limit;
            }
        }
        Self { physical, least, kills }
    }

    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn of_bytes(bytes: u64) -> Self {
        let limit = Limit { bytes, source: Source::Machine };
        Self { physical: limit.clone(), least: limit, kills: None }
    }

    /// The least of all limits.
    pub fn limit(&self) -> &Limit {
        &self.least
    }

    /// How many processes the kernel has ended for want of memory so far.
    pub fn kills(&self) -> u64 {
        self.kills.as_deref().and_then(|file| count_of(file, "oom_kill")).unwrap_or(0)
    }

    /// The error of an endpoint whose worker the kernel ended for want of memory.
    pub fn killed(&self) -> GatherError {
        GatherError::new(
            ErrorKind::Crashed,
            format!("the kernel ended the worker because memory ran out: {}", self.physical),
        )
        .with_hint(format!(
            "{}, lower --jobs, or ask for less through one endpoint",
            self.physical.remedy()
        ))
    }
}

/// A cgroup's files, relative to the root directory.
struct Group {
    /// Files that hold a limit in bytes.
    files: Vec<PathBuf>,
    /// The file that counts what the kernel did.
    events: PathBuf,
}

/// The memory groups of this process, each before the one above it: version 1 and version 2, both
/// where a machine has both.
fn groups(root: &Path) -> Vec<Group> {
    let of = |name: &str| read(&root.join(name)).unwrap_or_default();
    let (memberships, mounts) = (of("proc/self/cgroup"), of("proc/self/mountinfo"));
    let mut groups = Vec::new();
    for membership in memberships.split(|byte| *byte == b'\n') {
        let mut parts = membership.splitn(3, |byte| *byte == b':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let version_2 = controllers.is_empty();
        if !version_2 && !controllers.split(|byte| *byte == b',').any(|name| name == b"memory") {
            continue;
        }
        let (limits, events): (&[&str], _) = if version_2 {
            (&["memory.max", "memory.high"], "memory.events")
        } else {
            (&["memory.limit_in_bytes"], "memory.oom_control")
        };
        for folder in folders(&mounts, version_2, &path_of(path)) {
            groups.push(Group {
                files: limits.iter().map(|name| folder.join(name)).collect(),
                events: folder.join(events),
            });
        }
    }
    groups
}

/// The folders of a group and of those above it, up to where the hierarchy is mounted. Relative to
/// the root directory.
fn folders(mounts: &[u8], version_2: bool, path: &Path) -> Vec<PathBuf> {
    for mount in mounts.split(|byte| *byte == b'\n') {
        // ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [FIELD...] - TYPE SOURCE SUPER-OPTIONS
        let words: Vec<&[u8]> = mount.split(|byte| *byte == b' ').collect();
        let Some(dash) = words.iter().position(|word| *word == b"-") else { continue };
        let (Some(mounted), Some(point), Some(kind), Some(options)) =
            (words.get(3), words.get(4), words.get(dash + 1), words.get(dash + 3))
        else {
            continue;
        };
        let wanted = if version_2 {
            *kind == b"cgroup2"
        } else {
            *kind == b"cgroup" && options.split(|byte| *byte == b',').any(|name| name == b"memory")
        };
        if !wanted {
            continue;
        }
        let point = path_of(point);
        let point = point.strip_prefix("/").unwrap_or(&point).to_owned();
        // A container may see its group's path as the host does, or as `/`, or as one that begins
        // with `/..`; its own group is then the one that is mounted.
        let below = path.strip_prefix(path_of(mounted)).unwrap_or(Path::new(""));
        let below = if below.components().any(|part| part.as_os_str() == "..") {
            Path::new("")
        } else {
            below
        };
        return below.ancestors().map(|ancestor| point.join(ancestor)).collect();
    }
    Vec::new()
}

/// A path as the kernel writes it: blanks, line ends and backslashes in octal.
fn path_of(text: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        let octal = after
            .get(..3)
            .filter(|_| first == b'\\')
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(octal.unwrap_or(first));
        rest = if octal.is_some() { &after[3..] } else { after };
    }
    PathBuf::from(OsString::from_vec(bytes))
}

/// A file of the kernel's, which no request names.
#[expect(clippy::disallowed_methods, reason = "files of proc and cgroup, which the reader refuses")]
fn read(file: &Path) -> Option<Vec<u8>> {
    std::fs::read(file).ok()
}

/// The number behind a name in a file of lines `name number`.
fn count_of(file: &Path, name: &str) -> Option<u64> {
    let text = String::from_utf8(read(file)?).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod memory_tests;
