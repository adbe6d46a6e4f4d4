//! Lists and reads the files of an infile that is a folder.

use std::io;
use std::path::{Path, PathBuf};

use gatherer_file_reader::{FileError, FoundFile};

use crate::output::escape::escape;

/// A file of the folder.
pub struct Fragment {
    /// The name of the file.
    pub name: String,
    /// The bytes, or why the file cannot be used: the predicate of a sentence whose subject is the file.
    pub bytes: Result<Vec<u8>, String>,
}

/// Why the folder as a whole cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Its list of files cannot be read.
    #[error("cannot be read ({0})")]
    Unreadable(#[from] io::Error),
    /// It has no file of endpoints.
    #[error("has no file *.json with endpoints")]
    Empty,
    /// Its files together are too long.
    #[error("has files *.json that are longer than {} MiB together", .0 / (1024 * 1024))]
    TooLong(usize),
}

/// The paths of the folder's files that are read: `*.json`, sorted by name, without hidden ones.
pub fn paths(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if is_read(&path) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Whether a file with this path is, or would be, read as a part of an infile that is a folder.
pub fn would_read(infile: &Path, file: &Path) -> bool {
    let parent = match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let real = |path: &Path| path.canonicalize().ok();
    infile.is_dir()
        && is_read(file)
        && real(parent).is_some_and(|parent| real(infile) == Some(parent))
}

/// Whether a file of the folder with this path is read.
fn is_read(path: &Path) -> bool {
    let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    !is_hidden && path.extension().is_some_and(|extension| extension == "json")
}

/// Reads all files, which may have `max_bytes` together. A file that cannot be used does not affect the others.
pub fn read(folder: &Path, max_bytes: usize) -> Result<Vec<Fragment>, FolderError> {
    let paths = paths(folder)?;
    if paths.is_empty() {
        return Err(FolderError::Empty);
    }
    let real_folder = folder.canonicalize()?;
    let mut left = max_bytes;
    let mut fragments = Vec::new();
    for path in paths {
        let bytes = match read_file(&path, &real_folder, left) {
            Err(Unusable::TooLong) => return Err(FolderError::TooLong(max_bytes)),
            Err(Unusable::Because(reason)) => Err(reason),
            Ok(bytes) => {
                left -= bytes.len();
                Ok(bytes)
            }
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        fragments.push(Fragment { name: escape(&name), bytes });
    }
    Ok(fragments)
}

enum Unusable {
    TooLong,
    Because(String),
}

/// Reads a regular file. A symbolic link must lead to a file below the folder, as in a volume of Kubernetes.
fn read_file(path: &Path, real_folder: &Path, max_bytes: usize) -> Result<Vec<u8>, Unusable> {
    let because = |error: FileError| match error {
        FileError::TooLarge(_) => Unusable::TooLong,
        error => Unusable::Because(error.to_string()),
    };
    let file = FoundFile::find(path).map_err(because)?;
    let real_path = file.real_path().map_err(because)?;
    if path.is_symlink() && !real_path.starts_with(real_folder) {
        let reason = "is a symbolic link to a file outside of the folder";
        return Err(Unusable::Because(reason.to_owned()));
    }
    file.read(max_bytes).map_err(because)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::{FolderError, read};

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder can be made")
    }

    #[test]
    fn reads_files_by_name_and_skips_hidden_and_other_ones() {
        let folder = folder();
        for name in ["b.json", "a.json", ".hidden.json", "notes.txt", "old.json.bak", ".json"] {
            std::fs::write(folder.path().join(name), name).expect("a file");
        }
        let fragments = read(folder.path(), 100).expect("readable");
        let read: Vec<_> = fragments
            .into_iter()
            .map(|fragment| (fragment.name, fragment.bytes.expect("readable")))
            .collect();
        let expected =
            [("a.json".to_owned(), b"a.json".to_vec()), ("b.json".to_owned(), b"b.json".to_vec())];
        assert_eq!(read, expected);
    }

    #[test]
    fn refuses_what_is_not_a_regular_file_of_the_folder() {
        let (folder, elsewhere) = (folder(), folder());
        let path = |name: &str| folder.path().join(name);
        let outside = elsewhere.path().join("x.json");
        std::fs::write(&outside, "[]").expect("a file");
        std::fs::create_dir(path("data")).expect("a folder");
        std::fs::write(path("data/x.json"), "[1]").expect("a file");
        symlink("data/x.json", path("a-inside.json")).expect("a link");
        symlink(&outside, path("b-outside.json")).expect("a link");
        symlink("/dev/zero", path("c-device.json")).expect("a link");
        symlink("/proc/self/environ", path("d-kernel.json")).expect("a link");
        symlink("nothing", path("e-dangling.json")).expect("a link");
        std::fs::create_dir(path("f-folder.json")).expect("a folder");
        let made = rustix::fs::mknodat(
            rustix::fs::CWD,
            path("g-pipe.json"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        );
        made.expect("a pipe");
        let fragments = read(folder.path(), 100).expect("readable");
        let shown: Vec<_> = fragments
            .into_iter()
            .map(|fragment| match fragment.bytes {
                Ok(bytes) => format!("{}: {}", fragment.name, String::from_utf8_lossy(&bytes)),
                Err(reason) => format!("{} {reason}", fragment.name),
            })
            .collect();
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn the_limit_applies_to_the_sum() {
        let folder = folder();
        for name in ["a.json", "b.json"] {
            std::fs::write(folder.path().join(name), "12345").expect("a file");
        }
        assert_eq!(read(folder.path(), 10).expect("readable").len(), 2);
        assert!(matches!(read(folder.path(), 9), Err(FolderError::TooLong(9))));
    }

    #[test]
    fn a_folder_without_files_is_an_error() {
        assert!(matches!(read(folder().path(), 9), Err(FolderError::Empty)));
    }
}
