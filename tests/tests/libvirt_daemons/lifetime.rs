//! The daemons of the tests leave nothing behind, whatever becomes of the test.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gatherer_tests::servers::libvirt::{Libvirtd, Options};

use crate::daemon;

/// Set in the process that is to be killed.
const VICTIM: &str = "GATHERER_TEST_LIBVIRT_VICTIM";

/// Starts a daemon with a running guest; what is to be gone afterwards, as paths.
fn start_with_guest(daemon: &Libvirtd) -> Vec<String> {
    let definition = daemon.definition("guest", "cafe0000-0000-4000-8000-000000000001", 1, 32);
    daemon.virsh(&[format!("create {definition}")]);
    let process = |pid: u32| format!("/proc/{pid}/exe");
    vec![
        daemon.folder().display().to_string(),
        process(daemon.pid()),
        process(daemon.qemu("guest")),
    ]
}

fn assert_gone(paths: &[String]) {
    let until = Instant::now() + Duration::from_secs(20);
    // Even where it leads nowhere, the link of a living process can be read.
    while let Some(left) = paths.iter().find(|path| Path::new(path).symlink_metadata().is_ok()) {
        assert!(Instant::now() < until, "{left} is left");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_daemon_ends_with_its_guests_and_its_folder_even_if_the_test_is_killed() {
    if std::env::var_os(VICTIM).is_some() {
        let daemon = Libvirtd::start(&Options::default()).expect("the other process has tried");
        println!("\nleft: {}", start_with_guest(&daemon).join(" "));
        loop {
            std::thread::park();
        }
    }
    let daemon = daemon!(&Options::default());
    let of_ours = start_with_guest(&daemon);
    drop(daemon);
    assert_gone(&of_ours);

    let thread = std::thread::current();
    let mut victim = Command::new(std::env::current_exe().expect("a path"))
        .args([thread.name().expect("a test's name"), "--exact", "--nocapture"])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test starts again");
    let stdout = BufReader::new(victim.stdout.take().expect("a pipe"));
    let line = stdout
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("left: ").map(str::to_owned))
        .expect("the other process has started its daemon");
    let of_victim: Vec<String> = line.split(' ').map(str::to_owned).collect();
    assert!(of_victim.iter().all(|path| Path::new(path).symlink_metadata().is_ok()), "{line}");
    victim.kill().expect("it can be killed");
    victim.wait().expect("it ends");
    assert_gone(&of_victim);
}
