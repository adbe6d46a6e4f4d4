//! Requests of `watch`: a folder one of whose files cannot be used, and filters.

use std::path::PathBuf;

use rustix::process::Signal;
use serde_json::json;

use super::rounds::{one_round, types, wait_for};
use super::{WatchFolder, document};

fn write_file(folder: &WatchFolder, file: &str, endpoint: &str) {
    let url = folder.path(&format!("{endpoint}.document"));
    super::replace(
        &fragment(folder, file),
        &json!([{"id": endpoint, "module": "File", "url": url}]),
    );
}

fn fragment(folder: &WatchFolder, file: &str) -> PathBuf {
    folder.path("in").join(file)
}

/// Otherwise a consumer would delete the objects of all endpoints of the file.
#[test]
fn a_file_that_cannot_be_used_removes_no_endpoint_and_stops_no_other_file() {
    let folder = WatchFolder::new();
    std::fs::create_dir(folder.path("in")).expect("a folder");
    for name in ["one", "two", "three"] {
        folder.write(&format!("{name}.document"), &document(&[("h", &["g"])]));
    }
    write_file(&folder, "a.json", "one");
    write_file(&folder, "b.json", "two");
    let running = folder.watch_to_file(&["--interval", "600"]).start();
    wait_for(&running, &folder, "one", "endpoint.snapshot.end");
    wait_for(&running, &folder, "two", "endpoint.snapshot.end");

    std::fs::write(fragment(&folder, "b.json"), "[{").expect("writable");
    write_file(&folder, "c.json", "three");
    running.signal(Signal::HUP);
    wait_for(&running, &folder, "b.json", "endpoint.failed");
    wait_for(&running, &folder, "three", "endpoint.snapshot.end");

    write_file(&folder, "b.json", "two");
    running.signal(Signal::HUP);
    wait_for(&running, &folder, "b.json", "endpoint.removed");
    running.signal(Signal::TERM);
    running.finish().expect_code(0);
    let removed =
        |endpoint: &str| types(&folder, endpoint).iter().any(|name| name == "endpoint.removed");
    assert!(!removed("two"), "{}", folder.events_text());

    // The same if the file is broken when the program starts.
    std::fs::write(fragment(&folder, "b.json"), "[{").expect("writable");
    one_round(&folder);
    assert!(!removed("two"), "{}", folder.events_text());
    std::fs::remove_file(fragment(&folder, "b.json")).expect("removable");
    one_round(&folder);
    assert!(removed("two"), "{}", folder.events_text());
}

#[test]
fn filtered_objects_are_in_no_event() {
    let folder = WatchFolder::new();
    let endpoint = |exclude: serde_json::Value| {
        let url = folder.path("one.json");
        let exclude = json!({"guests": {"name": exclude, "state": ["crashed"]}});
        folder
            .write("in", &json!([{"id": "one", "module": "File", "url": url, "exclude": exclude}]));
    };
    let guests = || {
        let events = folder.consumer();
        let subjects = events.endpoints["one"].objects.keys().map(|key| format!("{key:?}"));
        let guests: Vec<_> = subjects.filter(|key| key.contains("id-")).collect();
        ["id-web", "id-tmp"].map(|id| guests.iter().any(|key| key.contains(id)))
    };
    endpoint(json!(["tmp"]));
    folder.write("one.json", &document(&[("h", &["web", "tmp"])]));
    one_round(&folder);
    assert_eq!(guests(), [true, false], "{}", folder.events_text());
    // Without the filter the guest is a new one, and with another one the first guest is gone.
    endpoint(json!([]));
    one_round(&folder);
    assert_eq!(guests(), [true, true], "{}", folder.events_text());
    endpoint(json!(["web"]));
    one_round(&folder);
    assert_eq!(guests(), [false, true], "{}", folder.events_text());
}
