use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode};

use super::{FileError, read, size};

const LIMIT: usize = 1024;

fn refusal(path: &Path) -> String {
    read(path, LIMIT).expect_err("refused").to_string()
}

#[test]
fn reads_a_regular_file_of_at_most_the_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file");
    for length in [0, 1, LIMIT - 1, LIMIT] {
        std::fs::write(&path, vec![7; length]).expect("written");
        assert_eq!(read(&path, LIMIT).expect("read"), vec![7; length]);
    }
    std::fs::write(&path, vec![7; LIMIT + 1]).expect("written");
    assert_eq!(refusal(&path), "is larger than 1 KiB");
    let link = folder.path().join("link");
    symlink(&path, &link).expect("a link");
    assert_eq!(read(&link, LIMIT + 1).expect("read").len(), LIMIT + 1);
}

#[test]
fn refuses_what_is_not_a_regular_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let fifo = folder.path().join("fifo");
    rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR, 0).expect("a FIFO");
    let socket = folder.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    for path in [&fifo, &socket, Path::new("/dev/zero"), Path::new("/dev/tty")] {
        assert_eq!(refusal(path), "is not a regular file", "{}", path.display());
    }
    assert_eq!(refusal(folder.path()), "is a folder");
    assert_eq!(refusal(Path::new("/proc")), "is a folder");
    assert_eq!(refusal(&folder.path().join("none")), "does not exist");
    assert_eq!(
        refusal(Path::new("/dev/null/none")),
        "cannot be read: Not a directory (os error 20)"
    );
}

#[test]
fn refuses_files_of_the_kernel_also_through_a_link() {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("link");
    symlink("/proc/self/environ", &link).expect("a link");
    for path in [Path::new("/proc/self/environ"), Path::new("/proc/uptime"), &link] {
        assert!(matches!(read(path, LIMIT), Err(FileError::Pseudo("proc"))));
    }
    for path in ["/proc/kmsg", "/proc/kcore"].map(Path::new) {
        // A container may hide one, behind a device for example.
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
        assert_eq!(refusal(sysfs), "is not a regular file: it is a file of the kernel (sysfs)");
    }
    // A descriptor's name below /proc leads to the file itself.
    let file = tempfile::tempfile().expect("a file");
    let name = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
    assert_eq!(read(Path::new(&name), LIMIT).expect("read"), b"");
}

#[test]
fn a_large_sparse_file_is_refused_by_its_size() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    file.as_file().set_len(10 << 30).expect("sparse");
    assert_eq!(refusal(file.path()), "is larger than 1 KiB");
}

#[test]
fn a_file_that_grows_while_it_is_read_is_read_to_the_limit_only() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let mut writer = OpenOptions::new().append(true).open(file.path()).expect("opens");
    let found = super::Found::find(file.path()).expect("there");
    // The size that was seen when it was looked up does not count.
    writer.write_all(&vec![0; 1 << 20]).expect("written");
    assert!(matches!(found.read(LIMIT), Err(FileError::TooLarge(LIMIT))));
}

#[test]
fn what_was_found_is_what_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file");
    std::fs::write(&path, "first").expect("written");
    let found = super::Found::find(&path).expect("there");
    let real = found.real_path().expect("it has a name");
    assert_eq!(real, path.canonicalize().expect("there"));
    std::fs::rename(&path, folder.path().join("moved")).expect("moved");
    rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::RUSR, 0).expect("a FIFO");
    assert_eq!(found.read(LIMIT).expect("read"), b"first");
}

#[test]
fn sizes_are_shown_in_the_largest_unit_that_divides_them() {
    for (bytes, text) in
        [(1000, "1000 bytes"), (1 << 20, "1 MiB"), (1 << 30, "1 GiB"), (1536, "1536 bytes")]
    {
        assert_eq!(size(bytes), text);
    }
}
