//! `{"file": PATH}` is read by the worker, under the deadline of its endpoint, and what is in the file is
//! hidden before anything else is said.

use gatherer_tests::{HangingFolder, PluginFolder, Run};
use serde_json::{Value, json};

const CANARY: &str = "canary-in-a-file-5b1e";

fn misbehaving(case: &str, name: &str, path: &str) -> Value {
    let mut endpoint = json!({"id": "e", "module": "Misbehaving", "case": case});
    endpoint[name] = json!({"file": path});
    json!([endpoint])
}

#[test]
fn the_runner_opens_no_file_of_a_reference() {
    let plugins = PluginFolder::with(&["example"]);
    // The infile is a regular file on the runner's descriptor 0, and /dev/null is on the worker's.
    let endpoints =
        json!([{"id": "e", "module": "Example", "hostname": {"file": "/proc/self/fd/0"}}]);
    let run = Run::new().plugins(plugins.path()).args(["--format", "inventory", "--infile", "-"]);
    let infile = run.home().join("infile.json");
    std::fs::write(&infile, endpoints.to_string()).expect("writable");
    let infile = infile.to_str().expect("text");
    let outcome = run.through(["sh", "-c", &format!("exec \"$0\" \"$@\" <{infile}")]).run();
    let error = &outcome.endpoint("e")["error"];
    assert_eq!(error["kind"], "configuration", "{}", outcome.describe());
    assert!(error["message"].to_string().contains("is not a regular file"), "{error}");
}

#[test]
fn values_of_every_type_come_from_files() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoints = json!([
        {"id": "e", "module": "Example", "hostname": {"file": "name"}, "guests": {"file": "three"},
            "retries": {"file": "three"}, "insecure": {"file": "yes"}, "proxy": {"file": "none"},
            "ca_file": {"file": "path"}},
        {"id": "empty", "module": "Example", "hostname": {"file": "empty"}},
        {"id": "default", "module": "Example", "hostname": "h", "guests": {"file": "empty"}},
        {"id": "types", "module": "Example", "hostname": "h", "guests": {"file": "name"},
            "retries": {"file": "name"}, "insecure": {"file": "name"}, "proxy": {"file": "name"}},
        {"id": "latin", "module": "Example", "hostname": {"file": "latin"}},
        {"id": "timeout", "module": "Example", "hostname": "h", "timeout": {"file": "three"}},
    ]);
    let run = Run::gather(&endpoints).plugins(plugins.path()).args(["--format", "inventory"]);
    for (name, text) in [
        ("name", &b"from-file\r\n"[..]),
        ("three", b"3\n"),
        ("yes", b"yes"),
        ("none", b"none\n"),
        ("path", b"own.pem\n"),
        ("empty", b"\n"),
        ("latin", b"caf\xe9"),
    ] {
        std::fs::write(run.home().join(name), text).expect("writable");
    }
    let outcome = run.run();
    let whole = outcome.endpoint("e");
    assert_eq!(whole["hosts"][0]["guests"].as_array().map(Vec::len), Some(3), "{whole:#}");
    assert_eq!(outcome.endpoint("default")["status"], "complete");
    for (id, says) in [
        ("empty", &["the parameter hostname of module Example is required"][..]),
        ("types", &["guests must be", "retries must be", "insecure must be", "proxy must be"]),
        ("latin", &["hostname refers to the file", "is not UTF-8 text"]),
        ("timeout", &["timeout", "cannot stand in a file"]),
    ] {
        let error = &outcome.endpoint(id)["error"];
        assert_eq!(error["kind"], "configuration", "{id}: {error:#}");
        for part in says {
            assert!(error["message"].to_string().contains(part), "{id}: {error:#}");
        }
        assert!(!error.to_string().contains("from-file"), "{error:#}");
    }
}

#[test]
fn what_is_in_a_file_is_hidden_however_long_it_is() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    // Several frames' worth, of characters that no piece may cut; the last line is the one that leaks.
    let filler = format!("{}\n", "\u{e9}\"\\\u{1f511}".repeat(10)).repeat(9_000);
    let document = format!("{filler}    token: {CANARY}\n");
    assert!((600_000..1_048_576).contains(&document.len()), "{}", document.len());
    // The user's name is logged, and hidden only because it is in the file too.
    let mut endpoints = misbehaving("user-log-secret", "file", "document");
    endpoints[0]["username"] = CANARY.into();
    let run = Run::gather(&endpoints).plugins(plugins.path()).args(["-v", "-v"]);
    std::fs::write(run.home().join("document"), document).expect("writable");
    let outcome = run.run().expect_code(0);
    assert!(outcome.log.contains("the password is ***"), "{}", outcome.describe());
    assert!(!outcome.messages().contains(CANARY), "{}", outcome.describe());
}

#[test]
fn a_plugin_cannot_send_the_frames_that_report_references() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    for case in ["forged-reference-frame", "forged-references-end-frame"] {
        for name in ["username", "file"] {
            let mut endpoints = misbehaving(case, name, "value");
            // Also where the request has no reference.
            if name == "file" {
                endpoints[0]["file"] = "/nonexistent".into();
            }
            let run =
                Run::gather(&endpoints).plugins(plugins.path()).args(["--format", "inventory"]);
            std::fs::write(run.home().join("value"), "v").expect("writable");
            let outcome = run.run();
            let error = &outcome.endpoint("e")["error"];
            assert_eq!(error["kind"], "protocol", "{case} {name}: {error:#}");
            assert!(error["message"].to_string().contains("only the worker sends"), "{error:#}");
        }
    }
}

#[test]
fn plugin_verify_reads_references_too() {
    let folder = PluginFolder::new();
    let plugin = folder.add("example");
    let run =
        Run::new().args(["plugin", "verify"]).arg(&plugin).args(["--request", "request.json"]);
    let home = run.home().to_owned();
    let endpoints = json!([
        {"id": "good", "module": "Example", "hostname": {"file": "name"}},
        {"id": "bad", "module": "Example", "hostname": {"file": "missing"}},
    ]);
    std::fs::write(home.join("name"), "from-file\n").expect("writable");
    std::fs::write(home.join("request.json"), endpoints.to_string()).expect("writable");
    let outcome = run.run();
    let said = outcome.stdout_text();
    assert!(said.contains("ok       Example good: gathers a whole answer"), "{said}");
    let refusal = said.lines().find(|line| line.contains("Example bad: gathers a whole answer"));
    let refusal = refusal.expect("a line for it");
    assert!(refusal.starts_with("not ok") && refusal.contains("which does not exist"), "{refusal}");
}

#[test]
fn a_file_that_hangs_costs_its_endpoint_alone() {
    let folder = match HangingFolder::mount() {
        Ok(folder) => folder,
        Err(reason) => gatherer_tests::skip!("{reason}"),
    };
    let plugins = PluginFolder::with(&["example", "file"]);
    let hanging = folder.file();
    // Every way that does not depend on a server; the last endpoint comes after them.
    let endpoints = json!([
        {"id": "parameter", "module": "Example", "hostname": {"file": hanging}, "timeout": 1},
        {"id": "option", "module": "Example", "hostname": "h", "proxy": {"file": hanging}, "timeout": 1},
        {"id": "document", "module": "File", "url": hanging, "timeout": 1},
        {"id": "ca", "module": "File", "url": "https://127.0.0.1:1/", "ca_file": hanging, "timeout": 1},
        {"id": "last", "module": "Example", "hostname": "last"},
    ]);
    let running = Run::gather(&endpoints)
        .plugins(plugins.path())
        .args(["--format", "inventory", "--jobs", "4"])
        // They wait in the kernel until the folder is unmounted.
        .may_leave_processes()
        .start();
    let mark = running.mark();
    let outcome = running.finish();
    for id in ["parameter", "option", "document", "ca"] {
        assert_eq!(
            outcome.endpoint(id)["error"]["kind"],
            "timeout",
            "{id}: {}",
            outcome.describe()
        );
    }
    assert_eq!(outcome.endpoint("last")["status"], "complete", "{}", outcome.describe());
    drop(folder);
    gatherer_tests::processes::assert_none_left(mark);
}
