//! The file of events after its rotation: owner, group and mode, and that new events are in the new file.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use gatherer_tests::plugins::set_mode;
use gatherer_tests::skip;
use rustix::process::Signal;

use crate::rounds::wait_for;
use crate::{WatchFolder, document};

/// The user that `Run::as_user` runs the program as, if the tests run as root.
const NOBODY: u32 = 65534;

/// Owner, group and mode.
fn ownership(path: &Path) -> (u32, u32, u32) {
    let metadata = std::fs::metadata(path).expect("the file exists");
    (metadata.uid(), metadata.gid(), metadata.permissions().mode() & 0o7777)
}

#[test]
fn a_renamed_file_of_events_is_created_with_the_same_owner_group_and_mode() {
    for mode in [0o640, 0o600, 0o664] {
        let folder = WatchFolder::new();
        folder.write_infile(&["e"]);
        folder.write("e.json", &document(&[("h", &["a"])]));
        std::fs::write(folder.path("events"), "").expect("writable");
        set_mode(&folder.path("events"), mode);
        let is_root = chown(folder.path("events"), Some(4242), Some(4243)).is_ok();
        let before = ownership(&folder.path("events"));
        let running = folder.watch_to_file(&["--interval", "600"]).start();
        wait_for(&running, &folder, "e", "endpoint.snapshot.end");
        std::fs::rename(folder.path("events"), folder.path("events.1")).expect("writable");
        folder.write("e.json", &document(&[("h", &["a", "b"])]));
        running.signal(Signal::HUP);
        running.wait_until("a new file", |_| folder.path("events").exists().then_some(()));
        running.signal(Signal::TERM);
        running.finish().expect_code(0);
        assert_eq!(ownership(&folder.path("events")), before);
        assert_eq!(before.2, mode);
        assert!(!is_root || before.0 == 4242);

        // The next start does not find it.
        std::fs::remove_file(folder.path("events")).expect("it exists");
        folder.watch_to_file(&["--rounds", "1"]).run().expect_code(0);
        assert_eq!(ownership(&folder.path("events")), before);
    }
}

#[test]
fn logrotate_rotates_the_events_by_the_packaged_configuration() {
    if !rustix::process::geteuid().is_root() {
        skip!("only root can run logrotate for another user");
    }
    if Command::new("logrotate").arg("--version").output().is_err() {
        skip!("logrotate is not installed");
    }
    let folder = WatchFolder::new();
    folder.write_infile(&["e"]);
    folder.write("e.json", &document(&[("h", &["a"])]));
    chown(folder.path(""), Some(NOBODY), Some(NOBODY)).expect("root can");
    set_mode(&folder.path(""), 0o750);
    let Some(run) = folder.watch_to_file(&["--interval", "600"]).as_user() else {
        skip!("an unprivileged user cannot run the program here, or setpriv is not installed");
    };
    let running = run.start();
    wait_for(&running, &folder, "e", "endpoint.snapshot.end");
    set_mode(&folder.path("events"), 0o640);
    let before = ownership(&folder.path("events"));
    assert_eq!(before, (NOBODY, NOBODY, 0o640));

    // Instead of the service's user and path, those of the test; instead of systemctl a script that sends the signal.
    let user = name_of(NOBODY, "/etc/passwd");
    let group = name_of(NOBODY, "/etc/group");
    let packaged =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/logrotate/virtual-host-gatherer");
    let packaged = std::fs::read_to_string(packaged).expect("it exists");
    let events = folder.path("events").display().to_string();
    let configuration = packaged
        .replace("/var/log/virtual-host-gatherer/events.ndjson", &events)
        .replace("su virtual-host-gatherer virtual-host-gatherer", &format!("su {user} {group}"));
    let place = tempfile::tempdir().expect("a temporary folder can be created");
    let file = place.path().join("configuration");
    std::fs::write(&file, &configuration).expect("writable");
    let systemctl = place.path().join("systemctl");
    let script = format!(
        "#!/bin/sh\n[ \"$*\" = 'reload virtual-host-gatherer-watch.service' ] && kill -HUP {}\n",
        running.pid()
    );
    std::fs::write(&systemctl, script).expect("writable");
    set_mode(&systemctl, 0o755);
    let path = format!("{}:{}", place.path().display(), std::env::var("PATH").expect("it is set"));
    let output = Command::new("logrotate")
        .args(["--force", "--state"])
        .arg(place.path().join("state"))
        .arg(&file)
        .env("PATH", path)
        .output()
        .expect("logrotate runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.is_empty(), "{text}\n{configuration}");

    let rotated = std::fs::read_to_string(folder.path("events.1")).expect("it was rotated");
    assert!(rotated.contains("endpoint.snapshot.end"));
    // The signal also makes the program ask the endpoint again when its document changed.
    folder.write_infile(&["e", "new"]);
    folder.write("new.json", &document(&[("h2", &[])]));
    wait_for(&running, &folder, "new", "endpoint.snapshot.end");
    running.signal(Signal::TERM);
    running.finish().expect_code(0);
    assert_eq!(ownership(&folder.path("events")), before);
    assert_eq!(ownership(&folder.path("events.1")), before);
    assert_eq!(std::fs::read_to_string(folder.path("events.1")).expect("it exists"), rotated);
}

/// The name of an id, from the file of users or groups.
fn name_of(id: u32, file: &str) -> String {
    let text = std::fs::read_to_string(file).expect("readable");
    let fields = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let mut found = fields.filter(|fields| fields.get(2) == Some(&id.to_string().as_str()));
    found.next().expect("the user and the group nobody exist")[0].to_owned()
}
