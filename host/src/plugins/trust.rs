//! Whether others could have put a file there, or could change it: plugins, the operator's.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Who we run as.
struct Caller {
    uid: u32,
    gid: u32,
}

/// What of a file or folder decides.
#[derive(Clone, Copy)]
struct Owned {
    uid: u32,
    gid: u32,
    mode: u32,
}

impl From<&Metadata> for Owned {
    fn from(metadata: &Metadata) -> Self {
        Self { uid: metadata.uid(), gid: metadata.gid(), mode: metadata.mode() }
    }
}

/// Checks an open file and the folder that it really lies in, symbolic links followed. The
/// error is a sentence.
pub fn check(file: &File, metadata: &Metadata) -> Result<(), String> {
    let caller = Caller {
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
    };
    caller.trusts(metadata.into()).map_err(|why| format!("it {why}"))?;
    let folder = real_folder(file).map_err(|error| format!("it cannot be located: {error}"))?;
    let metadata = std::fs::metadata(&folder)
        .map_err(|error| format!("its folder cannot be inspected: {error}"))?;
    caller
        .trusts((&metadata).into())
        .map_err(|why| format!("its folder {} {why}", folder.display()))
}

fn real_folder(file: &File) -> io::Result<PathBuf> {
    let path = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    path.parent().map(Path::to_owned).ok_or_else(|| io::Error::other("it has no folder"))
}

impl Caller {
    fn trusts(&self, owned: Owned) -> Result<(), String> {
        if owned.uid != 0 && owned.uid != self.uid {
            return Err(format!(
                "belongs to user {}, neither to root nor to the user that runs this",
                owned.uid
            ));
        }
        if owned.mode & 0o002 != 0 {
            return Err("is writable by everybody".to_owned());
        }
        // A user's own group (umask 002) holds nobody else.
        let own_group = if owned.uid == self.uid { self.gid } else { 0 };
        if owned.mode & 0o020 != 0 && owned.gid != own_group {
            return Err(format!("is writable by group {}", owned.gid));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Caller, Owned};

    #[test]
    fn only_root_the_caller_and_their_own_groups_may_write() {
        let caller = Caller { uid: 1000, gid: 1000 };
        let trusts = |uid, gid, mode| caller.trusts(Owned { uid, gid, mode }).is_ok();
        assert!(trusts(0, 0, 0o755) && trusts(0, 50, 0o755) && trusts(0, 0, 0o775));
        assert!(trusts(1000, 1000, 0o775) && trusts(1000, 50, 0o755));
        assert!(!trusts(1001, 1000, 0o755));
        assert!(!trusts(1000, 50, 0o775));
        assert!(!trusts(0, 1000, 0o775));
        assert!(!trusts(0, 0, 0o757));
        assert!(!trusts(0, 0, 0o1777));
    }
}
