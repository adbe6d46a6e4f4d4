//! Tests with made-up cgroup hierarchies.

use std::path::{Path, PathBuf};

use super::{Limit, LimitSource, Memory, path_of};

const GIB: u64 = 1024 * 1024 * 1024;

/// A directory in the place of `/`.
struct Root(tempfile::TempDir);

impl Root {
    fn new(cgroup: &str, mountinfo: &str) -> Self {
        let root = Self(tempfile::tempdir().expect("a folder"));
        root.file("proc/self/cgroup", cgroup);
        root.file("proc/self/mountinfo", mountinfo);
        root
    }

    fn file(&self, path: &str, text: &str) -> &Self {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
        self
    }

    /// On a machine of 8 GiB.
    fn memory(&self) -> Memory {
        Memory::new(8 * GIB, self.0.path(), std::iter::empty())
    }

    fn limit(&self) -> (u64, Option<PathBuf>) {
        let Limit { bytes, source } = self.memory().smallest;
        match source {
            LimitSource::Cgroup(file) => (bytes, Some(file)),
            _ => (bytes, None),
        }
    }
}

fn at(bytes: u64, file: &str) -> (u64, Option<PathBuf>) {
    (bytes, Some(Path::new(file).to_owned()))
}

const V1_MOUNT: &str = "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
const V2_MOUNT: &str = "41 31 0:38 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

#[test]
fn uses_the_machines_memory_without_cgroups() {
    let root = tempfile::tempdir().expect("a folder");
    let memory = Memory::new(8 * GIB, root.path(), std::iter::empty());
    assert_eq!(memory.smallest, Limit { bytes: 8 * GIB, source: LimitSource::Machine });
    assert_eq!((memory.kills(), memory.kills), (0, None));
}

#[test]
fn uses_the_smallest_limit_of_version_1_up_the_tree() {
    let root = Root::new("4:memory:/a/b\n1:cpu:/other\n", V1_MOUNT);
    let folder = "sys/fs/cgroup/memory";
    root.file(&format!("{folder}/a/b/memory.limit_in_bytes"), "9223372036854771712\n");
    root.file(&format!("{folder}/memory.limit_in_bytes"), "9223372036854771712\n");
    assert_eq!(root.limit(), (8 * GIB, None), "the largest number means no limit");
    root.file(&format!("{folder}/a/memory.limit_in_bytes"), "1073741824\n");
    assert_eq!(root.limit(), at(GIB, "/sys/fs/cgroup/memory/a/memory.limit_in_bytes"));
    root.file(&format!("{folder}/a/b/memory.limit_in_bytes"), "536870912\n");
    assert_eq!(root.limit(), at(GIB / 2, "/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes"));
}

#[test]
fn uses_the_smallest_limit_of_version_2_up_the_tree() {
    let root = Root::new("0::/user.slice/app.service\n", V2_MOUNT);
    let folder = "sys/fs/cgroup/user.slice";
    root.file(&format!("{folder}/app.service/memory.max"), "max\n");
    root.file(&format!("{folder}/app.service/memory.high"), "max\n");
    assert_eq!(root.limit(), (8 * GIB, None));
    root.file(&format!("{folder}/memory.max"), "2147483648\n");
    assert_eq!(root.limit(), at(2 * GIB, "/sys/fs/cgroup/user.slice/memory.max"));
    root.file(&format!("{folder}/app.service/memory.high"), "1073741824\n");
    let high = "/sys/fs/cgroup/user.slice/app.service/memory.high";
    assert_eq!(root.limit(), at(GIB, high));
}

#[test]
fn uses_both_versions_if_a_machine_has_both() {
    let unified = "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
    let root = Root::new("4:cpu,memory:/job\n0::/job\n", &format!("{unified}{V1_MOUNT}"));
    root.file("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "2147483648\n");
    assert_eq!(root.limit(), at(2 * GIB, "/sys/fs/cgroup/memory/job/memory.limit_in_bytes"));
    root.file("sys/fs/cgroup/unified/job/memory.max", "1073741824\n");
    assert_eq!(root.limit(), at(GIB, "/sys/fs/cgroup/unified/job/memory.max"));
}

#[test]
fn finds_the_cgroup_of_a_container_whatever_its_path() {
    // The container's cgroup is mounted; the path is that on the host, in the namespace, or another one.
    let mount = "9 8 0:1 /docker/c1 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
    for path in ["/docker/c1", "/", "/../c2", "/elsewhere"] {
        let root = Root::new(&format!("3:memory:{path}\n"), mount);
        root.file("sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n");
        let file = "/sys/fs/cgroup/memory/memory.limit_in_bytes";
        assert_eq!(root.limit(), at(GIB, file), "{path}");
    }
    let root = Root::new("3:memory:/docker/c1/inner\n", mount);
    root.file("sys/fs/cgroup/memory/inner/memory.limit_in_bytes", "1073741824\n");
    assert_eq!(root.limit(), at(GIB, "/sys/fs/cgroup/memory/inner/memory.limit_in_bytes"));
}

#[test]
fn finds_a_hierarchy_at_an_unusual_mount_point() {
    let mount = "9 8 0:1 / /mnt/my\\040groups rw - cgroup2 none rw\n";
    let root = Root::new("0::/a\n", mount);
    root.file("mnt/my groups/a/memory.max", "1073741824\n");
    assert_eq!(root.limit(), at(GIB, "/mnt/my groups/a/memory.max"));
    assert_eq!(path_of(br"/a\134b\"), Path::new(r"/a\b\"));
}

#[test]
fn uses_a_resource_limit_if_it_is_the_smallest() {
    let root = Root::new("0::/a\n", V2_MOUNT);
    root.file("sys/fs/cgroup/a/memory.max", "1073741824\n");
    for (bytes, source, least) in [
        (GIB / 2, LimitSource::AddressSpace, GIB / 2),
        (GIB / 4, LimitSource::Data, GIB / 4),
        (2 * GIB, LimitSource::Data, GIB),
    ] {
        let limits = std::iter::once(Limit { bytes, source });
        let memory = Memory::new(8 * GIB, root.0.path(), limits);
        assert_eq!((memory.smallest.bytes, memory.physical.bytes), (least, GIB));
        assert!(memory.killed_error().message.contains("memory.max allows 1024 MiB"));
    }
}

#[test]
fn ignores_invalid_numbers() {
    for text in ["", "max", "-1", "1e9", "99999999999999999999999", "\u{fffd}"] {
        let root = Root::new("0::/a\n", V2_MOUNT);
        root.file("sys/fs/cgroup/a/memory.max", text);
        assert_eq!(root.limit(), (8 * GIB, None), "{text}");
    }
    for text in ["", "nonsense", "0:", "0::", ":::::", "0::a"] {
        assert_eq!(Root::new(text, "1 2\n- - -\n").limit(), (8 * GIB, None), "{text}");
    }
}

#[test]
fn counts_kills_in_the_nearest_cgroup_that_has_a_count_else_on_the_machine() {
    let root = Root::new("0::/a/b\n", V2_MOUNT);
    assert_eq!(root.memory().kills(), 0);
    root.file("proc/vmstat", "pgfault 3\noom_kill 5\n");
    assert_eq!(root.memory().kills(), 5);
    root.file("sys/fs/cgroup/a/memory.events", "low 0\noom 9\noom_kill 2\noom_group_kill 1\n");
    assert_eq!(root.memory().kills(), 2);
    let root = Root::new("4:memory:/a\n", V1_MOUNT);
    let file = "sys/fs/cgroup/memory/a/memory.oom_control";
    root.file(file, "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
    let memory = root.memory();
    assert_eq!(memory.kills(), 3);
    root.file(file, "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n");
    assert_eq!(memory.kills(), 4);
}
