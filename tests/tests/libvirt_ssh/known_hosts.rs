//! Files of known hosts with libssh and libssh2: they are read and never changed.

use std::path::Path;

use gatherer_tests::plugins::set_mode;
use gatherer_tests::{Outcome, skip};
use serde_json::Value;

use crate::sshd::Sshd;
use crate::{credential_folder, endpoint, libvirt_is_missing, run, with_policy};

/// Starts sshd, or skips the test with the reason why that is not possible.
macro_rules! sshd {
    () => {
        match libvirt_is_missing().map_or_else(Sshd::start, Err) {
            Ok(sshd) => sshd,
            Err(reason) => skip!("{reason}"),
        }
    };
}

fn gather(sshd: &Sshd, endpoints: &[Value]) -> Outcome {
    let policy = format!("{}\nallow_unverified_ssh = \"all\"", credential_folder(sshd.folder()));
    with_policy(run(endpoints), &policy).run()
}

/// Whether the host's key was accepted. No daemon runs on the host, so every endpoint fails after that, and
/// libvirt does not always report the cause.
fn is_accepted(outcome: &Outcome, id: &str) -> bool {
    let error = &outcome.endpoint(id)["error"];
    ["connection", "unavailable"].contains(&error["kind"].as_str().unwrap_or_default())
}

fn is_unsupported(outcome: &Outcome, id: &str) -> bool {
    outcome.endpoint(id)["error"]["kind"] == "unsupported"
}

#[test]
fn known_hosts_are_read_and_never_written() {
    let sshd = sshd!();
    let file = |name: &str, text: &str| {
        let path = sshd.folder().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    let other = "[127.0.0.1]:1 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFHhrs6rmw5z8FAXTSJ10troAHdl+lPqzmgRqfcRZsr3\n";
    let contents = [("known", sshd.known_host()), ("other", other.to_owned())];
    let files = contents.each_ref().map(|(name, text)| file(name, text));
    let missing = sshd.folder().join("missing");
    let mut logins = 0;
    for transport in ["libssh", "libssh2"] {
        let uri = |known: &Path, verify: &str| {
            let (uri, known) = (sshd.uri(transport), known.display());
            format!("{uri}&known_hosts={known}&known_hosts_verify={verify}")
        };
        let outcome = gather(
            &sshd,
            &[
                endpoint("known", &uri(&files[0], "normal")),
                endpoint("unknown", &uri(&files[1], "normal")),
                endpoint("auto", &uri(&files[1], "auto")),
                endpoint("auto-missing", &uri(&missing, "auto")),
                endpoint("ignore", &uri(&files[1], "ignore")),
            ],
        );
        if is_unsupported(&outcome, "known") {
            gatherer_tests::note_skipped(&format!("libvirt was built without {transport} here"));
            continue;
        }
        for id in ["known", "auto", "auto-missing", "ignore"] {
            let error = &outcome.endpoint(id)["error"];
            assert!(is_accepted(&outcome, id), "{transport}, {id}: {error:#}");
        }
        logins += 4;
        assert_eq!(sshd.logins(), logins, "{transport}");
        assert_eq!(outcome.endpoint("unknown")["error"]["kind"], "authentication", "{transport}");
        for ((name, text), path) in contents.iter().zip(&files) {
            assert_eq!(
                &std::fs::read_to_string(path).expect("readable"),
                text,
                "{transport}, {name}"
            );
        }
        assert!(!missing.exists(), "{transport}");
    }
}

#[test]
fn libvirts_own_known_hosts_are_read_and_never_written() {
    let sshd = sshd!();
    let uri = format!("{}&known_hosts_verify=auto", sshd.uri("libssh2"));
    let endpoints = [endpoint("e", &uri)];
    let policy = format!("{}\nallow_unverified_ssh = \"all\"", credential_folder(sshd.folder()));
    let outcome = with_policy(run(&endpoints), &policy).run();
    if is_unsupported(&outcome, "e") {
        skip!("libvirt was built without libssh2 here");
    }
    assert!(is_accepted(&outcome, "e"), "{:#}", outcome.endpoint("e"));
    assert_eq!(sshd.logins(), 1);
    assert!(!outcome.home().join(".config").exists());

    let verified = [endpoint("e", &sshd.uri("libssh2"))];
    let run = with_policy(run(&verified), &policy);
    let own = run.home().join(".config/libvirt/known_hosts");
    std::fs::create_dir_all(own.parent().expect("a folder")).expect("a folder");
    std::fs::write(&own, sshd.known_host()).expect("written");
    let outcome = run.run();
    assert!(is_accepted(&outcome, "e"), "{:#}", outcome.endpoint("e"));
    assert_eq!(sshd.logins(), 2);
    assert_eq!(std::fs::read_to_string(&own).expect("readable"), sshd.known_host());
}

#[test]
fn the_copy_of_known_hosts_works_for_an_unprivileged_user_too() {
    let sshd = sshd!();
    let config = sshd.folder().join("config.toml");
    let policy = format!("[policy]\n{}\n", credential_folder(sshd.folder()));
    std::fs::write(&config, policy).expect("written");
    let known = sshd.folder().join("known");
    std::fs::write(&known, sshd.known_host()).expect("written");
    // /proc/self/fd of a process that is not dumpable belongs to root.
    let uri = format!("{}&known_hosts={}", sshd.uri("libssh2"), known.display());
    let Some(run) = run(&[endpoint("e", &uri)]).as_user() else {
        skip!("the tests cannot run the program as another user");
    };
    if rustix::process::geteuid().is_root() {
        set_mode(sshd.folder(), 0o755);
        std::os::unix::fs::chown(sshd.key(), Some(65_534), None).expect("root may");
    }
    let outcome = run.arg("--config").arg(config).run();
    if is_unsupported(&outcome, "e") {
        skip!("libvirt was built without libssh2 here");
    }
    assert!(is_accepted(&outcome, "e"), "{:#}", outcome.endpoint("e"));
    assert_eq!(sshd.logins(), 1);
}
