//! A daemon of the tests leaves nothing behind, even if the test is killed.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gatherer_tests::servers::libvirt::{Libvirtd, LibvirtdOptions};

use crate::daemon;

/// The variable that is set in the process that the test kills.
const VICTIM: &str = "GATHERER_TEST_LIBVIRT_VICTIM";

/// Starts a guest on the daemon, and returns the paths that must not exist after the daemon's end.
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
    // `symlink_metadata` also works if the target of the link no longer exists.
    while let Some(left) = paths.iter().find(|path| Path::new(path).symlink_metadata().is_ok()) {
        assert!(Instant::now() < until, "{left} is left");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_daemon_ends_with_its_guests_and_its_folder_even_if_the_test_is_killed() {
    if std::env::var_os(VICTIM).is_some() {
        let daemon = Libvirtd::start(&LibvirtdOptions::default())
            .expect("daemons can run, because the parent has started one");
        println!("\nleft: {}", start_with_guest(&daemon).join(" "));
        loop {
            std::thread::park();
        }
    }
    let daemon = daemon!(&LibvirtdOptions::default());
    let own_paths = start_with_guest(&daemon);
    drop(daemon);
    assert_gone(&own_paths);

    let thread = std::thread::current();
    let mut victim = Command::new(std::env::current_exe().expect("a path"))
        .args([thread.name().expect("a test's name"), "--exact", "--nocapture"])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test binary can be started");
    let stdout = BufReader::new(victim.stdout.take().expect("a pipe"));
    let line = stdout
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("left: ").map(str::to_owned))
        .expect("the other process has started its daemon");
    let victims_paths: Vec<String> = line.split(' ').map(str::to_owned).collect();
    assert!(victims_paths.iter().all(|path| Path::new(path).symlink_metadata().is_ok()), "{line}");
    victim.kill().expect("the process can be killed");
    victim.wait().expect("the process ends");
    assert_gone(&victims_paths);
}
