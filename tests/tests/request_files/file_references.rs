//! Values from `{"file": PATH}`: the worker reads the file within the endpoint's deadline, and its content is
//! redacted before anything is logged.

use gatherer_tests::{HangingFolder, PluginFolder, Run, assert_message};
use serde_json::{Value, json};

const CANARY: &str = "canary-in-a-file-5b1e";

fn misbehaving(case: &str, name: &str, path: &str) -> Value {
    let mut endpoint = json!({"id": "e", "module": "Misbehaving", "case": case});
    endpoint[name] = json!({"file": path});
    json!([endpoint])
}

#[test]
fn the_worker_and_not_the_runner_opens_the_file_of_a_reference() {
    let plugins = PluginFolder::with(&["example"]);
    // Descriptor 0 is the infile, a regular file, in the runner, but /dev/null in the worker.
    let endpoints =
        json!([{"id": "e", "module": "Example", "hostname": {"file": "/proc/self/fd/0"}}]);
    let run = Run::new().plugins(plugins.path()).args(["--format", "inventory", "--infile", "-"]);
    let infile = run.home().join("infile.json");
    std::fs::write(&infile, endpoints.to_string()).expect("writable");
    let infile = infile.to_str().expect("text");
    let outcome = run.through(["sh", "-c", &format!("exec \"$0\" \"$@\" <{infile}")]).run();
    let failure = outcome.failure("e");
    assert_eq!(failure.kind, "configuration", "{}", outcome.describe());
    assert!(failure.message.contains("regular file"), "{failure}");
}

#[test]
fn values_of_every_type_can_be_read_from_files() {
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
    let complete = outcome.endpoint("e");
    assert_eq!(complete["hosts"][0]["guests"].as_array().map(Vec::len), Some(3), "{complete:#}");
    assert_eq!(outcome.endpoint("default")["status"], "complete");
    for (id, names) in [
        ("empty", &["hostname", "Example"][..]),
        ("types", &["guests", "retries", "insecure", "proxy"]),
        ("latin", &["hostname", "UTF-8"]),
        ("timeout", &["timeout"]),
    ] {
        let failure = outcome.failure(id);
        assert_eq!(failure.kind, "configuration", "{id}: {failure}");
        for name in names {
            assert!(failure.message.contains(name), "{id}: {failure}");
        }
        assert!(!failure.to_string().contains("from-file"), "{failure}");
    }
    assert_message!(outcome.failures());
}

#[test]
fn the_content_of_a_file_of_any_length_is_redacted() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    // The content fills several frames and has multi-byte characters at their borders. Only its last line
    // is logged.
    let filler = format!("{}\n", "\u{e9}\"\\\u{1f511}".repeat(10)).repeat(9_000);
    let document = format!("{filler}    token: {CANARY}\n");
    assert!((600_000..1_048_576).contains(&document.len()), "{}", document.len());
    // The plugin logs the user name, which is redacted only because the file contains it.
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
            let failure = outcome.failure("e");
            assert_eq!(failure.kind, "protocol", "{case} {name}: {failure}");
            assert_message!("a_frame_of_the_worker", failure);
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
    let result = |endpoint: &str| {
        let lines = outcome.stdout_text().lines();
        let mut lines = lines.filter(|line| line.contains(&format!("Example {endpoint}: ")));
        lines.next().unwrap_or_else(|| panic!("{}", outcome.describe())).to_owned()
    };
    assert!(result("good").starts_with("ok "), "{}", result("good"));
    assert!(result("bad").starts_with("not ok"), "{}", result("bad"));
    assert!(result("bad").contains("missing"), "the name of the file: {}", result("bad"));
}

#[test]
fn a_file_that_hangs_fails_only_its_endpoint() {
    let folder = match HangingFolder::mount() {
        Ok(folder) => folder,
        Err(reason) => gatherer_tests::skip!("{reason}"),
    };
    let plugins = PluginFolder::with(&["example", "file"]);
    let hanging = folder.file();
    // Every reference that does not need a server. The last endpoint starts after all others.
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
        // The workers wait in the kernel until the folder is unmounted.
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
