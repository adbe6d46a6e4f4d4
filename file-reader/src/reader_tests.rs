//! Tests of reading files: which are refused, and how much is read.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode};

use super::{FileError, FoundFile, format_size, read};

const LIMIT: usize = 1024;

fn error(path: &Path) -> FileError {
    read(path, LIMIT).expect_err("the file must be refused")
}

#[test]
fn reads_a_regular_file_up_to_the_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file");
    for length in [0, 1, LIMIT - 1, LIMIT] {
        std::fs::write(&path, vec![7; length]).expect("written");
        assert_eq!(read(&path, LIMIT).expect("read"), vec![7; length]);
    }
    std::fs::write(&path, vec![7; LIMIT + 1]).expect("written");
    assert!(matches!(error(&path), FileError::TooLarge(LIMIT)));
    let link = folder.path().join("link");
    symlink(&path, &link).expect("a link");
    assert_eq!(read(&link, LIMIT + 1).expect("read").len(), LIMIT + 1);
}

#[test]
fn refuses_files_that_are_not_regular() {
    let folder = tempfile::tempdir().expect("a folder");
    let fifo = folder.path().join("fifo");
    rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR, 0).expect("a FIFO");
    let socket = folder.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    for path in [&fifo, &socket, Path::new("/dev/zero"), Path::new("/dev/tty")] {
        assert!(matches!(error(path), FileError::NotRegular), "{}", path.display());
    }
    assert!(matches!(error(folder.path()), FileError::Directory));
    assert!(matches!(error(Path::new("/proc")), FileError::Directory));
    assert!(matches!(error(&folder.path().join("none")), FileError::NotFound));
    let not_a_directory = error(Path::new("/dev/null/none"));
    assert!(
        matches!(&not_a_directory, FileError::Io(error) if error.raw_os_error() == Some(20)),
        "{not_a_directory}"
    );
}

#[test]
fn refuses_kernel_files_even_through_a_link() {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("link");
    symlink("/proc/self/environ", &link).expect("a link");
    for path in [Path::new("/proc/self/environ"), Path::new("/proc/uptime"), &link] {
        assert!(matches!(read(path, LIMIT), Err(FileError::Pseudo("proc"))));
    }
    for path in ["/proc/kmsg", "/proc/kcore"].map(Path::new) {
        // In a container these may be missing, or hidden by a device.
        assert!(
            !path.exists()
                || matches!(
                    read(path, LIMIT),
                    Err(FileError::Pseudo("proc") | FileError::NotRegular)
                )
        );
    }
    let sysfs = Path::new("/sys/kernel/notes");
    if sysfs.exists() {
        assert!(matches!(error(sysfs), FileError::Pseudo("sysfs")));
    }
    // The path of a descriptor below /proc is a link to the file itself, which may be read.
    let file = tempfile::tempfile().expect("a file");
    let name = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
    assert_eq!(read(Path::new(&name), LIMIT).expect("read"), b"");
}

#[test]
fn refuses_a_large_sparse_file_by_its_size() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    file.as_file().set_len(10 << 30).expect("sparse");
    assert!(matches!(error(file.path()), FileError::TooLarge(LIMIT)));
}

#[test]
fn refuses_a_file_that_grows_beyond_the_limit_after_the_lookup() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let mut writer = OpenOptions::new().append(true).open(file.path()).expect("opened");
    let found = FoundFile::find(file.path()).expect("found");
    writer.write_all(&vec![0; 1 << 20]).expect("written");
    assert!(matches!(found.read(LIMIT), Err(FileError::TooLarge(LIMIT))));
}

#[test]
fn reads_the_file_that_was_found_even_if_another_gets_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file");
    std::fs::write(&path, "first").expect("written");
    let found = FoundFile::find(&path).expect("found");
    let real = found.real_path().expect("the file has a path");
    assert_eq!(real, path.canonicalize().expect("the file exists"));
    std::fs::rename(&path, folder.path().join("moved")).expect("moved");
    rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::RUSR, 0).expect("a FIFO");
    assert_eq!(found.read(LIMIT).expect("read"), b"first");
}

#[test]
fn formats_sizes_in_the_largest_unit_that_divides_them() {
    for (bytes, text) in
        [(1000, "1000 bytes"), (1 << 20, "1 MiB"), (1 << 30, "1 GiB"), (1536, "1536 bytes")]
    {
        assert_eq!(format_size(bytes), text);
    }
}

#[test]
fn messages_of_all_errors() {
    let errors = [
        FileError::NotFound,
        FileError::PermissionDenied(" for user a; it belongs to b:c and has mode 0600".to_owned()),
        FileError::Directory,
        FileError::NotRegular,
        FileError::Pseudo("proc"),
        FileError::TooLarge(8 << 20),
        FileError::Io(std::io::Error::from_raw_os_error(20)),
    ];
    insta::assert_snapshot!(errors.map(|error| format!("the file {error}")).join("\n"));
}
