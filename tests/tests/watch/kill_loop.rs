//! `watch` is killed again and again while the endpoint changes. No change may be lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use gatherer_tests::Run;
use gatherer_tests::event_consumer::known_of_inventory;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{WatchFolder, replace};

/// The variable with the number of kills.
const KILLS: &str = "GATHERER_TEST_KILLS";

/// The number of kills without the variable.
const KILLS_BY_DEFAULT: usize = 15;

/// A small generator of pseudo-random numbers (xorshift), so that the documents differ and the test needs no dependency.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// A document in which guests come, go, move and change; sometimes it cannot be read.
fn document(random: &mut Random) -> Value {
    if random.below(12) == 0 {
        return json!("broken");
    }
    let mut hosts = serde_json::Map::new();
    for host in 0..4 {
        let host = format!("h{host}");
        let cores = random.below(3) + 1;
        hosts.insert(
            host.clone(),
            json!({"name": host, "hostIdentifier": host, "totalCpuCores": cores, "vms": {}}),
        );
    }
    for guest in 0..30 {
        if random.below(5) == 0 {
            continue;
        }
        let host = &mut hosts[&format!("h{}", random.below(4))];
        host["vms"][format!("g{guest}")] = json!(format!("id-{guest}"));
        let state = if random.below(2) == 0 { "running" } else { "stopped" };
        host["optionalVmData"][format!("g{guest}")] = json!({"vmState": state});
    }
    Value::Object(hosts)
}

#[test]
fn no_change_is_lost_and_all_events_give_the_inventory() {
    let kills = std::env::var(KILLS).ok().and_then(|kills| kills.parse().ok());
    let kills: usize = kills.unwrap_or(KILLS_BY_DEFAULT);
    let folder = WatchFolder::new();
    folder.write_infile(&["e", "steady"]);
    folder.write("steady.json", &super::document(&[("h", &["g"])]));
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ u64::from(std::process::id()));
    let (path, stop) = (folder.path("e.json"), Arc::new(AtomicBool::new(false)));
    let written = Arc::new(AtomicUsize::new(0));
    replace(&path, &document(&mut random));
    let changing = {
        let (path, stop, written) = (path.clone(), Arc::clone(&stop), Arc::clone(&written));
        let mut random = Random(random.below(u64::MAX));
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                replace(&path, &document(&mut random));
                written.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(random.below(30)));
            }
        })
    };
    for _ in 0..kills {
        let before = written.load(Ordering::Relaxed);
        let running = folder.watch_to_file(&["--interval", "0.02"]).may_leave_processes().start();
        // A random moment, measured by the number of documents that were written meanwhile.
        let until = before + 3 + usize::try_from(random.below(40)).expect("small");
        running.wait_until("more documents", |_| {
            (written.load(Ordering::Relaxed) >= until).then_some(())
        });
        running.signal(Signal::KILL);
        running.finish();
    }
    stop.store(true, Ordering::Relaxed);
    changing.join().expect("the thread ends");
    replace(&path, &super::document(&[("h1", &["last"])]));
    folder.watch_to_file(&["--rounds", "1"]).run().expect_code(0);
    let consumer = folder.consumer();
    let run = Run::new().plugins(folder.plugins.path()).arg("--infile").arg(folder.path("in"));
    let inventory = run.args(["--format", "inventory"]).run();
    for endpoint in ["e", "steady"] {
        assert_eq!(consumer.endpoints[endpoint], known_of_inventory(&inventory.endpoint(endpoint)));
    }
    let snapshots = |endpoint: &str| {
        let begins = consumer
            .types
            .iter()
            .filter(|(kind, of, _)| kind == "endpoint.snapshot.begin" && of == endpoint);
        begins.count()
    };
    assert_eq!((snapshots("e"), snapshots("steady")), (1, 1));
    eprintln!("{kills} kills: {} events, {} repeated", consumer.types.len(), consumer.repeated);
}
