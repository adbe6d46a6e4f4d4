//! Files that a URI names: nothing hangs, and only files in allowed folders are used.

use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::{assert_rejected, credential_folder, endpoint, run, with_policy};

fn fifo(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a FIFO can be made");
    path
}

#[test]
fn a_fifo_or_a_device_is_rejected_immediately() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = fifo(folder.path(), "pipe");
    let pipe = pipe.display();
    std::fs::create_dir(folder.path().join("pki")).expect("a folder");
    fifo(&folder.path().join("pki"), "cacert.pem");
    let pki = folder.path().join("pki");
    let pki = pki.display();
    let endpoints = [
        endpoint("key", &format!("qemu+ssh://h/system?keyfile={pipe}")),
        endpoint("key2", &format!("qemu+libssh2://h/system?keyfile={pipe}")),
        endpoint("hosts", &format!("qemu+libssh://h/system?known_hosts={pipe}")),
        endpoint("hosts2", &format!("qemu+libssh2://h/system?known_hosts={pipe}")),
        endpoint("pki", &format!("qemu+tls://h/system?pkipath={pki}")),
        endpoint("test", &format!("test://{pipe}")),
    ];
    let outcome = with_policy(run(&endpoints), &credential_folder(folder.path())).run();
    for id in ["key", "key2", "hosts", "hosts2", "pki", "test"] {
        assert_rejected(&outcome, id, &["is not a regular file"]);
    }
    let devices = ["keyfile=/dev/zero", "known_hosts=/dev/zero", "known_hosts=/proc/kmsg"]
        .map(|value| endpoint(value, &format!("qemu+libssh2://h/system?{value}")));
    let outcome = with_policy(run(&devices), "credential_folders = [\"/dev\", \"/proc\"]").run();
    for device in devices {
        assert_rejected(&outcome, device["id"].as_str().expect("text"), &["is not a regular file"]);
    }
}

#[test]
fn files_outside_the_allowed_folders_give_the_same_error_whether_they_exist_or_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "x").expect("written");
    let missing = folder.path().join("missing");
    let mut messages = Vec::new();
    for path in [&file, &missing] {
        for parameter in ["keyfile", "known_hosts"] {
            let path = path.display();
            let uri = format!("qemu+libssh2://h/system?known_hosts_verify=auto&{parameter}={path}");
            let outcome = run(&[endpoint("e", &uri)]).run();
            assert_rejected(&outcome, "e", &[parameter, "/.ssh", "credential_folders"]);
            messages.push(outcome.failure("e").message);
        }
    }
    assert_eq!(messages[..2], messages[2..]);
    assert!(!missing.exists());
}
