//! Where the files of a URI may lie, and what libvirt is given instead.

#![expect(clippy::disallowed_methods, reason = "files that the tests have written")]

use std::fs::{Permissions, read_to_string, set_permissions, write};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use gatherer_plugin_api::{ErrorKind, GatherError, Policy};
use tempfile::TempDir;

use super::{Homes, PrivateFiles, prepare};
use crate::uri::{Parameter, Uri};

/// A home folder, a folder of the operator's, and one of anybody's.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["home/.ssh", "home/.config/libvirt", "operator/deep", "anybody"] {
            std::fs::create_dir_all(folder.path().join(name)).expect("a folder");
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
        rustix::fs::mknodat(rustix::fs::CWD, &path, kind, rustix::fs::Mode::RUSR, 0).expect("made");
        path
    }

    fn prepare(&self, uri: &str) -> Result<(Uri, PrivateFiles), GatherError> {
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
        let homes = Homes { login: home, environment: None, libvirt };
        let mut uri = Uri::parse(uri).expect(uri);
        prepare(&mut uri, &policy, &homes).map(|files| (uri, files))
    }

    fn key(&self, path: &Path) -> Result<String, GatherError> {
        let uri = format!("qemu+ssh://h/system?keyfile={}", path.display());
        let (uri, _) = self.prepare(&uri)?;
        Ok(uri.value(Parameter::Keyfile).expect("it stays").to_owned())
    }
}

#[track_caller]
fn assert_refused<T>(result: Result<T, GatherError>, words: &str) {
    let Err(error) = result else { panic!("allowed, though it should say {words:?}") };
    assert_eq!(error.kind, ErrorKind::Configuration, "{error}");
    assert!(error.message.contains(words), "no {words:?}: {error}");
}

const OUTSIDE: &str = "is not in a folder from which it may be used";

#[test]
fn known_hosts_are_copied_and_writing_to_the_copy_changes_nothing() {
    let place = Place::new();
    let own = place.file("home/.ssh/known_hosts", "own\n");
    let operators = place.file("operator/deep/hosts", "operator\n");
    let libvirts = place.file("home/.config/libvirt/known_hosts", "libvirt\n");
    for transport in ["libssh", "libssh2"] {
        for verify in ["normal", "auto", "ignore"] {
            for (parameter, original) in [
                ("&known_hosts=~/.ssh/known_hosts".to_owned(), &own),
                (format!("&known_hosts={}", own.display()), &own),
                (format!("&known_hosts={}", operators.display()), &operators),
                // Without the parameter libvirt would write to its own file.
                (String::new(), &libvirts),
            ] {
                let before = read_to_string(original).expect("there");
                let uri =
                    format!("qemu+{transport}://h/system?known_hosts_verify={verify}{parameter}");
                let (uri, files) = place.prepare(&uri).expect(&uri);
                let given = uri.value(Parameter::KnownHosts).expect("a copy").to_owned();
                assert!(given.starts_with("/proc/self/fd/"), "{given}");
                assert!(!uri.to_connect_string().contains("hosts%2F"), "{uri:?}");
                assert_eq!(read_to_string(&given).expect("readable, from its beginning"), before);
                write(&given, "replaced").expect("as libssh2 does");
                assert_eq!(read_to_string(&given).expect("readable"), "replaced");
                assert_eq!(read_to_string(original).expect("there"), before);
                drop(files);
                assert_ne!(read_to_string(&given).ok().as_deref(), Some("replaced"), "{given}");
            }
        }
    }
    // Nothing is made where nothing was.
    std::fs::remove_file(&libvirts).expect("removed");
    place.prepare("qemu+libssh2://h/system?known_hosts_verify=auto").expect("an empty copy");
    assert!(!libvirts.exists());
}

#[test]
fn dev_null_is_an_empty_file_of_known_hosts() {
    let place = Place::new();
    let empty = |uri: &str| {
        let (uri, _files) = place.prepare(uri).expect(uri);
        let given = uri.value(Parameter::KnownHosts).expect("a copy").to_owned();
        assert_eq!(read_to_string(&given).expect("readable"), "");
    };
    empty("qemu+libssh2://h/system?known_hosts=/dev/null&known_hosts_verify=ignore");
    let libvirts = place.file("home/.config/libvirt/known_hosts", "libvirt\n");
    std::fs::remove_file(&libvirts).expect("removed");
    std::os::unix::fs::symlink("/dev/null", &libvirts).expect("a link");
    empty("qemu+libssh2://h/system?known_hosts_verify=normal");
}

#[test]
fn known_hosts_lie_below_the_operators_folders_or_in_the_users_ssh_folder() {
    let place = Place::new();
    let known = |path: &Path, verify: &str| {
        let path = path.display();
        place.prepare(&format!(
            "qemu+libssh2://h/system?known_hosts={path}&known_hosts_verify={verify}"
        ))
    };
    let outside = place.file("anybody/hosts", "x\n");
    let link = place.path("operator/link");
    symlink(&outside, &link).expect("a link");
    for path in [
        outside.as_path(),
        link.as_path(),
        &place.path("anybody/missing"),
        &place.path("missing/missing"),
        &place.path("operator/../anybody/missing"),
        &place.path("operator"),
        Path::new("/dev/zero"),
        Path::new("/etc/passwd"),
    ] {
        for verify in ["normal", "auto"] {
            assert_refused(known(path, verify), OUTSIDE);
        }
    }
    let hint = known(&outside, "auto").expect_err("refused").hint.unwrap_or_default();
    assert!(hint.contains("credential_folders in /etc/vhg.toml"), "{hint}");
    assert!(!place.path("anybody/missing").exists());

    assert_refused(known(&place.fifo("operator/fifo"), "auto"), "is not a regular file");
    assert_refused(known(&place.path("operator/deep"), "auto"), "is a folder");
    assert_refused(known(&place.path("operator/missing"), "normal"), "does not exist");
    // Nothing has to be known where everything is accepted, and nothing is made either.
    known(&place.path("operator/missing"), "auto").expect("an empty copy");
    assert!(!place.path("operator/missing").exists());
}

#[test]
fn a_key_is_a_regular_file_of_root_or_the_user_in_an_allowed_folder() {
    let place = Place::new();
    let key = place.file("home/.ssh/key", "key");
    let real = key.canonicalize().expect("there").display().to_string();
    assert_eq!(place.key(&key).expect("allowed"), real);
    assert_eq!(place.key(Path::new("~/.ssh/key")).expect("allowed"), real);
    let link = place.path("operator/link");
    symlink(&key, &link).expect("a link");
    assert_eq!(place.key(&link).expect("where it leads is allowed"), real);
    place.key(&place.file("operator/deep/key", "key")).expect("allowed");

    assert_refused(place.key(&place.file("anybody/key", "key")), OUTSIDE);
    assert_refused(place.key(Path::new("/dev/zero")), OUTSIDE);
    assert_refused(place.key(&place.path("anybody/missing")), OUTSIDE);
    assert_refused(place.key(&place.path("operator/missing")), "does not exist");
    assert_refused(place.key(&place.fifo("operator/fifo")), "is not a regular file");
    assert_refused(place.key(&place.path("operator/deep")), "is a folder");
    let expanded = place.file("operator/%h", "key");
    let link = place.path("operator/plain");
    symlink(expanded, &link).expect("a link");
    assert_refused(place.key(&link), "a link to a name with other characters");

    set_permissions(&key, Permissions::from_mode(0o602)).expect("allowed");
    assert_refused(place.key(&key), "is writable by everybody");
    set_permissions(&key, Permissions::from_mode(0o600)).expect("allowed");
    set_permissions(place.path("home/.ssh"), Permissions::from_mode(0o777)).expect("allowed");
    assert_refused(place.key(&key), "lies in a folder that is writable by everybody");
    set_permissions(place.path("home/.ssh"), Permissions::from_mode(0o700)).expect("allowed");
    // libssh and ssh read what lies beside a key.
    place.fifo("home/.ssh/key.pub");
    assert_refused(place.key(&key), "has a .pub that is not a regular file");

    let foreign = place.file("operator/foreign", "key");
    if chown(&foreign, Some(65_534), None).is_err() {
        gatherer_tests::skip!("only root can give a file to another user");
    }
    if rustix::process::geteuid().is_root() {
        assert_refused(place.key(&foreign), "belongs to user 65534");
    }
}

#[test]
fn certificates_are_regular_files() {
    let place = Place::new();
    let uri = format!("qemu+tls://h/system?pkipath={}", place.path("anybody").display());
    place.file("anybody/cacert.pem", "x");
    place.prepare(&uri).expect("plain files, or none");
    for name in ["clientcert.pem", "clientkey.pem", "cacrl.pem"] {
        let fifo = place.fifo(&format!("anybody/{name}"));
        assert_refused(place.prepare(&uri), &format!("{name} in the folder of its parameter"));
        std::fs::remove_file(fifo).expect("removed");
    }
    symlink("/dev/zero", place.path("anybody/clientkey.pem")).expect("a link");
    assert_refused(place.prepare(&uri), "is not a regular file");
}

#[test]
fn ssh_gets_no_known_hosts_as_it_does_not_read_the_parameter() {
    let place = Place::new();
    let (uri, _) = place.prepare("qemu+ssh://h/system?known_hosts=/kh").expect("allowed");
    assert_eq!(uri.value(Parameter::KnownHosts), None);
}

#[test]
fn a_message_about_the_copy_names_the_original() {
    let place = Place::new();
    let known = place.file("operator/hosts", "x");
    let uri = format!("qemu+libssh2://h/system?known_hosts={}", known.display());
    let (uri, files) = place.prepare(&uri).expect("allowed");
    let copy = uri.value(Parameter::KnownHosts).expect("a copy");
    let error = files.explain(GatherError::configuration(format!("cannot load '{copy}'")));
    assert_eq!(error.message, format!("cannot load '{}'", known.display()));
}
