//! Tests of the checks of a URI's files, and of the copy of known hosts.

#![expect(clippy::disallowed_methods, reason = "reads files that the tests have written")]

use std::fs::{Permissions, read_to_string, set_permissions, write};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use gatherer_plugin_api::{ErrorKind, GatherError, Policy};
use tempfile::TempDir;

use super::{HomeFolders, PrivateCopies, prepare};
use crate::uri::{Parameter, Uri};

/// A home folder, a folder in `credential_folders` (`operator`), and one that is not (`other`).
struct Folders {
    folder: TempDir,
}

impl Folders {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["home/.ssh", "home/.config/libvirt", "operator/deep", "other"] {
            std::fs::create_dir_all(folder.path().join(name)).expect("a folder can be created");
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        write(&path, text).expect("written");
        set_permissions(&path, Permissions::from_mode(0o600)).expect("allowed");
        path
    }

    fn fifo(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &path, kind, rustix::fs::Mode::RUSR, 0)
            .expect("a FIFO can be created");
        path
    }

    fn prepare(&self, uri: &str) -> Result<(Uri, PrivateCopies), GatherError> {
        let policy = Policy {
            config_file: "/etc/vhg.toml".into(),
            credential_folders: vec![
                self.path("operator").display().to_string(),
                "relative".into(),
            ],
            ..Policy::default()
        };
        let home = Some(self.path("home"));
        let libvirt = Some(self.path("home/.config/libvirt"));
        let homes = HomeFolders { login: home, environment: None, libvirt };
        let mut uri = Uri::parse(uri).expect(uri);
        prepare(&mut uri, &policy, &homes).map(|files| (uri, files))
    }

    fn key(&self, path: &Path) -> Result<String, GatherError> {
        let uri = format!("qemu+ssh://h/system?keyfile={}", path.display());
        let (uri, _) = self.prepare(&uri)?;
        Ok(uri.value(Parameter::Keyfile).expect("the URI still has a key").to_owned())
    }
}

/// The message of a configuration error.
#[track_caller]
fn rejection<T>(result: Result<T, GatherError>) -> String {
    let error = result.map(drop).expect_err("rejected");
    assert_eq!(error.kind, ErrorKind::Configuration, "{error}");
    error.message
}

/// One line for each case, with its message.
fn lines(messages: &[(&str, String)]) -> String {
    messages.iter().map(|(case, message)| [case, ": ", message, "\n"].concat()).collect()
}

#[test]
fn known_hosts_are_copied_and_writes_to_the_copy_do_not_reach_the_original() {
    let folders = Folders::new();
    let own = folders.file("home/.ssh/known_hosts", "own\n");
    let operators = folders.file("operator/deep/hosts", "operator\n");
    let libvirts = folders.file("home/.config/libvirt/known_hosts", "libvirt\n");
    for transport in ["libssh", "libssh2"] {
        for verify in ["normal", "auto", "ignore"] {
            for (parameter, original) in [
                ("&known_hosts=~/.ssh/known_hosts".to_owned(), &own),
                (format!("&known_hosts={}", own.display()), &own),
                (format!("&known_hosts={}", operators.display()), &operators),
                // Without the parameter libvirt would write to its default file.
                (String::new(), &libvirts),
            ] {
                let before = read_to_string(original).expect("readable");
                let uri =
                    format!("qemu+{transport}://h/system?known_hosts_verify={verify}{parameter}");
                let (uri, files) = folders.prepare(&uri).expect(&uri);
                let given = uri.value(Parameter::KnownHosts).expect("a copy").to_owned();
                assert!(given.starts_with("/proc/self/fd/"), "{given}");
                assert!(!uri.to_connect_string().contains("hosts%2F"), "{uri:?}");
                assert_eq!(read_to_string(&given).expect("readable, from its beginning"), before);
                write(&given, "replaced").expect("writable, as libssh2 does it");
                assert_eq!(read_to_string(&given).expect("readable"), "replaced");
                assert_eq!(read_to_string(original).expect("readable"), before);
                drop(files);
                assert_ne!(read_to_string(&given).ok().as_deref(), Some("replaced"), "{given}");
            }
        }
    }
    // A missing file is not created.
    std::fs::remove_file(&libvirts).expect("removed");
    folders.prepare("qemu+libssh2://h/system?known_hosts_verify=auto").expect("an empty copy");
    assert!(!libvirts.exists());
}

#[test]
fn dev_null_means_no_known_hosts() {
    let folders = Folders::new();
    let empty = |uri: &str| {
        let (uri, _files) = folders.prepare(uri).expect(uri);
        let given = uri.value(Parameter::KnownHosts).expect("a copy").to_owned();
        assert_eq!(read_to_string(&given).expect("readable"), "");
    };
    empty("qemu+libssh2://h/system?known_hosts=/dev/null&known_hosts_verify=ignore");
    let libvirts = folders.file("home/.config/libvirt/known_hosts", "libvirt\n");
    std::fs::remove_file(&libvirts).expect("removed");
    std::os::unix::fs::symlink("/dev/null", &libvirts).expect("a link");
    empty("qemu+libssh2://h/system?known_hosts_verify=normal");
}

#[test]
fn known_hosts_must_be_in_a_credential_folder_or_the_users_ssh_folder() {
    let folders = Folders::new();
    let known = |path: &Path, verify: &str| {
        let path = path.display();
        folders.prepare(&format!(
            "qemu+libssh2://h/system?known_hosts={path}&known_hosts_verify={verify}"
        ))
    };
    let outside = folders.file("other/hosts", "x\n");
    let link = folders.path("operator/link");
    symlink(&outside, &link).expect("a link");
    for path in [
        outside.as_path(),
        link.as_path(),
        &folders.path("other/missing"),
        &folders.path("missing/missing"),
        &folders.path("operator/../other/missing"),
        &folders.path("operator"),
        Path::new("/dev/zero"),
        Path::new("/etc/passwd"),
    ] {
        for verify in ["normal", "auto"] {
            // The message does not reveal whether the file exists.
            let message = rejection(known(path, verify));
            assert_eq!(message, rejection(known(&outside, "normal")), "{}", path.display());
        }
    }
    let hint = known(&outside, "auto").expect_err("rejected").hint.unwrap_or_default();
    assert!(hint.contains("credential_folders in /etc/vhg.toml"), "{hint}");
    assert!(!folders.path("other/missing").exists());

    let messages = [
        ("outside", rejection(known(&outside, "normal"))),
        ("FIFO", rejection(known(&folders.fifo("operator/fifo"), "auto"))),
        ("folder", rejection(known(&folders.path("operator/deep"), "auto"))),
        ("missing", rejection(known(&folders.path("operator/missing"), "normal"))),
    ];
    insta::assert_snapshot!(lines(&messages));
    // With known_hosts_verify=auto the file may be missing, and it is not created.
    known(&folders.path("operator/missing"), "auto").expect("an empty copy");
    assert!(!folders.path("operator/missing").exists());
}

#[test]
fn a_key_must_be_a_regular_file_of_root_or_the_user_in_an_allowed_folder() {
    let folders = Folders::new();
    let key = folders.file("home/.ssh/key", "key");
    let real = key.canonicalize().expect("readable").display().to_string();
    assert_eq!(folders.key(&key).expect("allowed"), real);
    assert_eq!(folders.key(Path::new("~/.ssh/key")).expect("allowed"), real);
    let link = folders.path("operator/link");
    symlink(&key, &link).expect("a link");
    assert_eq!(folders.key(&link).expect("the link's target is allowed"), real);
    folders.key(&folders.file("operator/deep/key", "key")).expect("allowed");

    let outside = rejection(folders.key(&folders.file("other/key", "key")));
    // The message does not reveal whether the file exists.
    for path in [Path::new("/dev/zero"), &folders.path("other/missing")] {
        assert_eq!(rejection(folders.key(path)), outside, "{}", path.display());
    }
    let mut messages = vec![
        ("outside", outside),
        ("missing", rejection(folders.key(&folders.path("operator/missing")))),
        ("FIFO", rejection(folders.key(&folders.fifo("operator/fifo")))),
        ("folder", rejection(folders.key(&folders.path("operator/deep")))),
    ];
    let expanded = folders.file("operator/%h", "key");
    let link = folders.path("operator/plain");
    symlink(expanded, &link).expect("a link");
    messages.push(("link to %h", rejection(folders.key(&link))));

    set_permissions(&key, Permissions::from_mode(0o602)).expect("allowed");
    messages.push(("mode 602", rejection(folders.key(&key))));
    set_permissions(&key, Permissions::from_mode(0o600)).expect("allowed");
    set_permissions(folders.path("home/.ssh"), Permissions::from_mode(0o777)).expect("allowed");
    messages.push(("folder with mode 777", rejection(folders.key(&key))));
    set_permissions(folders.path("home/.ssh"), Permissions::from_mode(0o700)).expect("allowed");
    // libssh and ssh read the files beside a key.
    folders.fifo("home/.ssh/key.pub");
    messages.push(("FIFO beside it", rejection(folders.key(&key))));
    insta::assert_snapshot!(lines(&messages));

    let foreign = folders.file("operator/foreign", "key");
    if chown(&foreign, Some(65_534), None).is_err() {
        gatherer_tests::skip!("only root can give a file to another user");
    }
    if rustix::process::geteuid().is_root() {
        let message = rejection(folders.key(&foreign));
        assert!(message.contains("65534"), "{message}");
    }
}

#[test]
fn certificates_must_be_regular_files() {
    let folders = Folders::new();
    let uri = format!("qemu+tls://h/system?pkipath={}", folders.path("other").display());
    folders.file("other/cacert.pem", "x");
    folders.prepare(&uri).expect("regular or missing files are allowed");
    let mut messages = Vec::new();
    for name in ["clientcert.pem", "clientkey.pem", "cacrl.pem"] {
        let fifo = folders.fifo(&format!("other/{name}"));
        messages.push(("FIFO", rejection(folders.prepare(&uri))));
        std::fs::remove_file(fifo).expect("removed");
    }
    symlink("/dev/zero", folders.path("other/clientkey.pem")).expect("a link");
    messages.push(("link to a device", rejection(folders.prepare(&uri))));
    insta::assert_snapshot!(lines(&messages));
}

#[test]
fn ssh_does_not_get_known_hosts_because_it_ignores_the_parameter() {
    let folders = Folders::new();
    let (uri, _) = folders.prepare("qemu+ssh://h/system?known_hosts=/kh").expect("allowed");
    assert_eq!(uri.value(Parameter::KnownHosts), None);
}

#[test]
fn a_message_about_the_copy_names_the_original_file() {
    let folders = Folders::new();
    let known = folders.file("operator/hosts", "x");
    let uri = format!("qemu+libssh2://h/system?known_hosts={}", known.display());
    let (uri, files) = folders.prepare(&uri).expect("allowed");
    let copy = uri.value(Parameter::KnownHosts).expect("a copy");
    let error =
        files.restore_original_names(GatherError::configuration(format!("cannot load '{copy}'")));
    assert_eq!(error.message, format!("cannot load '{}'", known.display()));
}
