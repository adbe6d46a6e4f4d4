//! Explains why a file may not be read: which user was denied, whose the file or folder is, and its mode.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::FoundFile;

/// The largest file of users or groups that is searched for a name.
const NAMES_MAX_BYTES: usize = 1024 * 1024;

/// The end of a sentence about a file that was found but may not be read.
pub(crate) fn explain_file(metadata: &Metadata) -> String {
    explain("it", metadata)
}

/// The end of a sentence about a file that was not found, because a folder above it may not be entered.
pub(crate) fn explain_folder(path: &Path) -> String {
    // Each folder that can be inspected is in one that may be entered. So the lowest such folder is the one that may not.
    let mut folders = path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
    let found = folders.find_map(|folder| Some((folder, folder.metadata().ok()?)));
    found.map_or_else(String::new, |(folder, metadata)| {
        explain(&format!("the folder {}", folder.display()), &metadata)
    })
}

fn explain(object: &str, metadata: &Metadata) -> String {
    let user = name("/etc/passwd", rustix::process::geteuid().as_raw());
    let (owner, group) = (name("/etc/passwd", metadata.uid()), name("/etc/group", metadata.gid()));
    let mode = metadata.mode() & 0o7777;
    format!(" for user {user}; {object} belongs to {owner}:{group} and has mode {mode:04o}")
}

/// The name of a user or group, or its number.
fn name(file: &str, id: u32) -> String {
    let id = id.to_string();
    let text = FoundFile::find_unexplained(Path::new(file))
        .and_then(|found| found.read_unexplained(NAMES_MAX_BYTES))
        .unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let found = text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == id && !name.is_empty()).then(|| name.to_owned())
    });
    found.unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_user_owner_and_mode() {
        let metadata = Path::new("/etc/passwd").metadata().expect("every machine has it");
        let mode = format!("{:04o}", metadata.mode() & 0o7777);
        let text = explain_file(&metadata);
        assert!(text.contains("root:root") && text.ends_with(&mode), "{text}");
        assert_eq!(name("/etc/passwd", 0), "root");
        assert_eq!(name("/etc/passwd", 4_000_000_000), "4000000000");
        assert_eq!(name("/nonexistent", 7), "7");
    }

    #[test]
    fn names_the_lowest_folder_that_exists() {
        let text = explain_folder(Path::new("/etc/nonexistent/a/b"));
        assert!(text.contains("the folder /etc belongs to root:root"), "{text}");
    }
}
