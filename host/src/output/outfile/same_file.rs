//! Recognizes that two arguments of the command line name one regular file, also through links.

use std::fs::Metadata;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::leftover::folder;
use super::replacement::missing_target;

/// A regular file that an argument names, or a file that does not exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedFile {
    /// The device and the inode of a regular file.
    Existing(u64, u64),
    /// The path at which the file would be created, after links are resolved.
    Missing(PathBuf),
}

impl NamedFile {
    /// The existing file that is read from this path; `-` is standard input.
    pub fn input(path: &Path) -> Option<Self> {
        let file = if path == Path::new("-") { Self::open(io::stdin()) } else { Self::at(path) };
        file.filter(|file| matches!(file, Self::Existing(..)))
    }

    /// The file that is written at this path. `None` or `-` is standard output.
    pub fn output(path: Option<&Path>) -> Option<Self> {
        match path {
            Some(path) if path != Path::new("-") => Self::at(path),
            _ => Self::open(io::stdout()),
        }
    }

    /// The file at this path. `None` for devices, pipes and folders, which can be used twice.
    pub fn at(path: &Path) -> Option<Self> {
        match std::fs::metadata(path) {
            Ok(metadata) => Self::existing(&metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let target = missing_target(path).ok()?;
                let folder = folder(&target).canonicalize().ok()?;
                Some(Self::Missing(folder.join(target.file_name()?)))
            }
            Err(_) => None,
        }
    }

    fn existing(metadata: &Metadata) -> Option<Self> {
        metadata.is_file().then(|| Self::Existing(metadata.dev(), metadata.ino()))
    }

    fn open(descriptor: impl AsFd) -> Option<Self> {
        let owned = descriptor.as_fd().try_clone_to_owned().ok()?;
        Self::existing(&std::fs::File::from(owned).metadata().ok()?)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::NamedFile;

    #[test]
    fn links_to_a_file_and_other_spellings_of_a_missing_path_are_the_same_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("file"), "").expect("writable");
        std::fs::hard_link(path("file"), path("hard")).expect("a link");
        symlink(path("file"), path("soft")).expect("a link");
        symlink("missing", path("dangling")).expect("a link");
        std::fs::write(path("other"), "").expect("writable");
        for (one, two, same) in [
            ("file", "hard", true),
            ("file", "soft", true),
            ("file", "other", false),
            ("missing", "dangling", true),
            ("missing", "./missing", true),
            ("missing", "missing2", false),
        ] {
            let equal = NamedFile::at(&path(one)) == NamedFile::at(&path(two));
            assert_eq!(equal, same, "{one} {two}");
        }
        assert_eq!(NamedFile::at("/dev/null".as_ref()), None);
        assert_eq!(NamedFile::at(folder.path()), None);
    }
}
