//! Gives a new file the owner, the group and the rights of the file that it replaces.

use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::{Gid, Uid, XattrFlags};
use rustix::io::Errno;

/// The extended attribute with the access control list of a file.
const ACL: &str = "system.posix_acl_access";

/// The maximum size of an access control list, in bytes. ext4 stores at most one block.
const ACL_MAX_BYTES: usize = 64 * 1024;

/// Owner, group and rights of a file.
#[derive(Debug, Clone)]
pub struct Ownership {
    uid: u32,
    gid: u32,
    /// Without the set-id bits: in a folder that other users can write, the old file may be any file.
    mode: u32,
    /// The access control list, if there is one.
    acl: Option<Vec<u8>>,
}

/// A new or existing file, and the error if it is new and could not get the ownership of the old one.
pub struct OpenedFile {
    /// The file.
    pub file: File,
    /// Why it differs.
    pub owner_error: Option<io::Error>,
}

impl Ownership {
    /// That of an open file.
    pub fn of(file: &File) -> io::Result<Self> {
        let acl = attribute(|buffer| rustix::fs::fgetxattr(file, ACL, buffer));
        Ok(Self::new(&file.metadata()?, acl))
    }

    /// That of the regular file at this path; `None` if there is no such file. Links are not followed.
    pub fn at(path: &Path) -> Option<Self> {
        let metadata = std::fs::symlink_metadata(path).ok().filter(Metadata::is_file)?;
        let acl = attribute(|buffer| rustix::fs::lgetxattr(path, ACL, buffer));
        Some(Self::new(&metadata, acl))
    }

    fn new(metadata: &Metadata, acl: Option<Vec<u8>>) -> Self {
        let (uid, gid, mode) = (metadata.uid(), metadata.gid(), metadata.mode() & 0o777);
        Self { uid, gid, mode, acl }
    }

    /// Gives a file this ownership as far as that is allowed. Otherwise it has fewer rights than the old one: the
    /// members of another group must not get those of the old group.
    pub fn give_to(&self, file: &File) -> io::Result<()> {
        let new = file.metadata()?;
        let (mut owner, mut group, mut acl) = (Ok(()), Ok(()), Ok(()));
        if new.gid() != self.gid {
            group = rustix::fs::fchown(file, None, Some(Gid::from_raw(self.gid)));
        }
        let mut mode = self.mode;
        if group.is_err() {
            mode &= 0o757;
        }
        if let Some(list) = &self.acl {
            acl = match group {
                Ok(()) => rustix::fs::fsetxattr(file, ACL, list, XattrFlags::empty()),
                Err(error) => Err(error),
            };
            // With a list, the rights of the group are those that all entries have at most.
            if acl.is_err() {
                mode &= 0o707;
            }
        }
        let mode = file.set_permissions(Permissions::from_mode(mode));
        if new.uid() != self.uid {
            owner = rustix::fs::fchown(file, Some(Uid::from_raw(self.uid)), None);
        }
        owner.and(group).and(acl)?;
        mode
    }
}

/// Opens a file. If it does not exist, it is created with the ownership of `old`.
pub fn open_like(
    path: &Path,
    options: &OpenOptions,
    old: Option<&Ownership>,
) -> io::Result<OpenedFile> {
    let existing = |file| Ok(OpenedFile { file, owner_error: None });
    match options.clone().create(false).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        opened => return existing(opened?),
    }
    let file = match options.clone().create_new(true).open(path) {
        // Another process has just created it, or it is a link to a missing file.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return existing(options.clone().create(true).open(path)?);
        }
        created => created?,
    };
    let owner_error = old.and_then(|old| old.give_to(&file).err());
    Ok(OpenedFile { file, owner_error })
}

/// An extended attribute; `None` if the file or its file system has none.
fn attribute(read: impl FnOnce(&mut Vec<u8>) -> Result<usize, Errno>) -> Option<Vec<u8>> {
    let mut value = vec![0; ACL_MAX_BYTES];
    let length = read(&mut value).ok()?;
    value.truncate(length);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list by which the owner may read and write, user 4242 may read and write, and the group may do nothing. The mode
    /// shows the rights of the mask as those of the group.
    fn acl() -> Vec<u8> {
        let entry = |tag: u16, rights: u16, id: u32| {
            [&tag.to_le_bytes()[..], &rights.to_le_bytes(), &id.to_le_bytes()].concat()
        };
        let (owner, user, group, mask, others) = (1, 2, 4, 16, 32);
        let none = u32::MAX;
        let entries = [
            entry(owner, 6, none),
            entry(user, 6, 4242),
            entry(group, 0, none),
            entry(mask, 6, none),
            entry(others, 0, none),
        ];
        [&2_u32.to_le_bytes()[..], &entries.concat()].concat()
    }

    #[test]
    fn a_new_file_has_the_mode_and_the_access_control_list_of_the_old_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        let file = File::create(&old).expect("writable");
        let mut options = OpenOptions::new();
        options.append(true);
        for mode in [0o640, 0o600, 0o664, 0o4640] {
            file.set_permissions(Permissions::from_mode(mode)).expect("the own file");
            let opened = open_like(&new, &options, Some(&Ownership::of(&file).expect("it exists")));
            let opened = opened.expect("writable");
            assert_eq!(opened.file.metadata().expect("it exists").mode() & 0o7777, mode & 0o777);
            assert!(opened.owner_error.is_none());
            std::fs::remove_file(&new).expect("it exists");
        }
        if rustix::fs::fsetxattr(&file, ACL, &acl(), XattrFlags::empty()).is_err() {
            gatherer_tests::skip!("the file system of temporary files has no access control lists");
        }
        for ownership in [Ownership::of(&file).ok(), Ownership::at(&old)] {
            let opened = open_like(&new, &options, ownership.as_ref()).expect("writable");
            let copied = Ownership::of(&opened.file).expect("it exists");
            assert_eq!((copied.mode, copied.acl), (0o660, Some(acl())));
            std::fs::remove_file(&new).expect("it exists");
        }
    }

    #[test]
    fn an_existing_file_keeps_its_own_ownership() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let file = File::create(&path).expect("writable");
        file.set_permissions(Permissions::from_mode(0o604)).expect("the own file");
        let old = Ownership { uid: 1, gid: 1, mode: 0o666, acl: None };
        let opened = open_like(&path, OpenOptions::new().append(true), Some(&old)).expect("opens");
        assert_eq!(opened.file.metadata().expect("it exists").mode() & 0o777, 0o604);
    }
}
