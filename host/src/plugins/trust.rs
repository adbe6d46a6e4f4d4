//! Checks whether other users can create or change a file: a plugin, or the operator's file.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The user and group that the program runs as.
struct Caller {
    uid: u32,
    gid: u32,
}

/// Owner, group and mode of a file or folder.
#[derive(Clone, Copy)]
struct Ownership {
    uid: u32,
    gid: u32,
    mode: u32,
}

impl From<&Metadata> for Ownership {
    fn from(metadata: &Metadata) -> Self {
        Self { uid: metadata.uid(), gid: metadata.gid(), mode: metadata.mode() }
    }
}

/// Checks an open file and its folder, after symbolic links are resolved. The error is a message.
pub fn check(file: &File, metadata: &Metadata) -> Result<(), String> {
    let caller = Caller {
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
    };
    caller.trusts(metadata.into()).map_err(|reason| format!("it {reason}"))?;
    let folder = real_folder(file).map_err(|error| format!("it cannot be located: {error}"))?;
    let metadata = std::fs::metadata(&folder)
        .map_err(|error| format!("its folder cannot be inspected: {error}"))?;
    caller
        .trusts((&metadata).into())
        .map_err(|reason| format!("its folder {} {reason}", folder.display()))
}

/// The folder of an open file, after symbolic links are resolved.
fn real_folder(file: &File) -> io::Result<PathBuf> {
    let path = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    path.parent().map(Path::to_owned).ok_or_else(|| io::Error::other("it has no folder"))
}

impl Caller {
    /// Checks that only root and this user can write. The error is a message without its subject.
    fn trusts(&self, owned: Ownership) -> Result<(), String> {
        if owned.uid != 0 && owned.uid != self.uid {
            return Err(format!(
                "belongs to user {}, not to root or the user that runs the program",
                owned.uid
            ));
        }
        if owned.mode & 0o002 != 0 {
            return Err("is writable by everybody".to_owned());
        }
        // With umask 002 a user's files are writable by the user's own group, which has no other members.
        let own_group = if owned.uid == self.uid { self.gid } else { 0 };
        if owned.mode & 0o020 != 0 && owned.gid != own_group {
            return Err(format!("is writable by group {}", owned.gid));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Caller, Ownership};

    #[test]
    fn only_root_the_caller_and_their_own_groups_may_write() {
        let caller = Caller { uid: 1000, gid: 1000 };
        let trusts = |uid, gid, mode| caller.trusts(Ownership { uid, gid, mode }).is_ok();
        assert!(trusts(0, 0, 0o755) && trusts(0, 50, 0o755) && trusts(0, 0, 0o775));
        assert!(trusts(1000, 1000, 0o775) && trusts(1000, 50, 0o755));
        assert!(!trusts(1001, 1000, 0o755));
        assert!(!trusts(1000, 50, 0o775));
        assert!(!trusts(0, 1000, 0o775));
        assert!(!trusts(0, 0, 0o757));
        assert!(!trusts(0, 0, 0o1777));
    }
}
