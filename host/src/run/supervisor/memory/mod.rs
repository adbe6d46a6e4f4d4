//! The memory that this process may use: the smallest of the machine's memory, the limits of its cgroup and
//! the cgroups above, and its resource limits; and how many processes the kernel has killed for lack of
//! memory.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use gatherer_plugin_api::{ErrorKind, GatherError};
use rustix::process::Resource;

const MIB: u64 = 1024 * 1024;

/// The memory limits of this process.
#[derive(Debug, Clone)]
pub struct Memory {
    /// The limit of the machine or of a cgroup, beyond which the kernel kills processes.
    physical: Limit,
    /// The smallest of all limits.
    smallest: Limit,
    /// The file in which the kernel counts the processes that it killed, if it does.
    kills: Option<PathBuf>,
}

/// A memory limit and its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// The limit in bytes.
    pub bytes: u64,
    source: LimitSource,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum LimitSource {
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
            LimitSource::Machine => write!(f, "the machine has {mib} MiB"),
            LimitSource::Cgroup(file) => write!(f, "{} allows {mib} MiB", file.display()),
            LimitSource::AddressSpace => write!(f, "the limit on address space is {mib} MiB"),
            LimitSource::Data => write!(f, "the limit on data is {mib} MiB"),
        }
    }
}

impl Limit {
    /// What an operator must do to raise the limit, in the imperative.
    pub fn remedy(&self) -> &'static str {
        match self.source {
            LimitSource::Machine => "give the machine more memory",
            LimitSource::Cgroup(_) => {
                "raise the memory limit of the program's cgroup (MemoryMax= of its service, or of \
                 the container)"
            }
            LimitSource::AddressSpace => "raise `ulimit -v`",
            LimitSource::Data => "raise `ulimit -d`",
        }
    }
}

impl Memory {
    /// The limits of this process.
    pub fn of_process() -> Self {
        let info = rustix::system::sysinfo();
        let machine = u64::from(info.mem_unit).saturating_mul(info.totalram);
        let limits =
            [(Resource::As, LimitSource::AddressSpace), (Resource::Data, LimitSource::Data)];
        // Not RLIMIT_RSS, which Linux has ignored since 2.4.30.
        let limits = limits.into_iter().filter_map(|(resource, source)| {
            let bytes = rustix::process::getrlimit(resource).current?;
            Some(Limit { bytes, source })
        });
        Self::new(machine, Path::new("/"), limits)
    }

    /// The limits as read below another root directory.
    fn new(machine: u64, root: &Path, resource_limits: impl Iterator<Item = Limit>) -> Self {
        let mut physical = Limit { bytes: machine, source: LimitSource::Machine };
        let mut kills = None;
        for group in groups(root) {
            for file in group.files {
                let bytes = read(&root.join(&file)).and_then(|text| {
                    // "max" and an empty file are not numbers, and mean no limit.
                    std::str::from_utf8(&text).ok()?.trim().parse().ok()
                });
                if let Some(bytes) = bytes.filter(|bytes| *bytes < physical.bytes) {
                    let shown = Path::new("/").join(&file);
                    physical = Limit { bytes, source: LimitSource::Cgroup(shown) };
                }
            }
            kills = kills.or_else(|| {
                let file = root.join(group.events);
                count_of(&file, "oom_kill").map(|_| file)
            });
        }
        kills = kills.or_else(|| {
            // The count of the whole machine, if no cgroup has one.
            let file = root.join("proc/vmstat");
            count_of(&file, "oom_kill").map(|_| file)
        });
        let mut smallest = physical.clone();
        for limit in resource_limits {
            if limit.bytes < smallest.bytes {
                smallest = limit;
            }
        }
        Self { physical, smallest, kills }
    }

    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn of_bytes(bytes: u64) -> Self {
        let limit = Limit { bytes, source: LimitSource::Machine };
        Self { physical: limit.clone(), smallest: limit, kills: None }
    }

    /// The smallest of all limits.
    pub fn limit(&self) -> &Limit {
        &self.smallest
    }

    /// How many processes the kernel has killed so far for lack of memory.
    pub fn kills(&self) -> u64 {
        self.kills.as_deref().and_then(|file| count_of(file, "oom_kill")).unwrap_or(0)
    }

    /// The error of an endpoint whose worker the kernel killed for lack of memory.
    pub fn killed_error(&self) -> GatherError {
        GatherError::new(
            ErrorKind::Crashed,
            format!("the kernel killed the worker because memory ran out: {}", self.physical),
        )
        .with_hint(format!(
            "{}, lower --jobs, or request less from one endpoint",
            self.physical.remedy()
        ))
    }
}

/// The files of a cgroup, relative to the root directory.
struct Group {
    /// Files that contain a limit in bytes.
    files: Vec<PathBuf>,
    /// The file with the number of processes that the kernel killed.
    events: PathBuf,
}

/// The memory cgroups of this process, each followed by the one above it. A machine may have both version 1
/// and version 2.
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

/// The folders of a cgroup and of those above it, up to the mount point of the hierarchy. Relative to the root
/// directory.
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
        let limits_memory = if version_2 {
            *kind == b"cgroup2"
        } else {
            *kind == b"cgroup" && options.split(|byte| *byte == b',').any(|name| name == b"memory")
        };
        if !limits_memory {
            continue;
        }
        let point = path_of(point);
        let point = point.strip_prefix("/").unwrap_or(&point).to_owned();
        // In a container the path may be the one on the host, or `/`, or begin with `/..`. In these cases
        // the mounted cgroup is the container's own.
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

/// Decodes a path that the kernel wrote with octal escapes for blanks, line feeds and backslashes.
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

/// Reads a file of the kernel. The path does not come from a request.
#[expect(clippy::disallowed_methods, reason = "files of proc and cgroup, which the reader refuses")]
fn read(file: &Path) -> Option<Vec<u8>> {
    std::fs::read(file).ok()
}

/// The number after a name in a file with lines of the form `name number`.
fn count_of(file: &Path, name: &str) -> Option<u64> {
    let text = String::from_utf8(read(file)?).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod memory_tests;
