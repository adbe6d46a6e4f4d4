//! A file that a request names, in whatever way, costs no more than its endpoint: no device is opened, no
//! FIFO is waited for, no memory is taken, and the endpoint fails with a sentence that says why.

mod references;

use std::path::{Path, PathBuf};

use gatherer_tests::{Outcome, PluginFolder, Run};
use rustix::fs::{CWD, FileType, Mode};
use serde_json::{Value, json};

/// A name that leads to something else than a document, and what is said about it.
struct Bad {
    what: &'static str,
    path: String,
    says: &'static str,
}

/// What a request may name instead of a file, made in a folder.
fn bad_files(folder: &Path) -> Vec<Bad> {
    let text = |path: PathBuf| path.to_str().expect("a path of this test").to_owned();
    let fifo = folder.join("fifo");
    rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a FIFO");
    let linked = folder.join("linked");
    std::os::unix::fs::symlink("/dev/zero", &linked).expect("a link");
    let sparse = folder.join("sparse");
    std::fs::File::create(&sparse).and_then(|file| file.set_len(10 << 30)).expect("sparse");
    let bad = |what, path: String, says| Bad { what, path, says };
    let mut found = vec![
        bad("an endless device", "/dev/zero".into(), "not a regular file"),
        bad("a link to a device", text(linked), "not a regular file"),
        bad("a terminal", "/dev/tty".into(), "not a regular file"),
        bad("a FIFO", text(fifo), "not a regular file"),
        bad("a folder", text(folder.to_owned()), "is a folder"),
        bad("a process's environment", "/proc/self/environ".into(), "kernel's proc file system"),
        bad("a file of 10 GiB", text(sparse), "MiB"),
    ];
    // The kernel's log blocks its reader; some kernels and containers have none.
    if Path::new("/proc/kmsg").exists() {
        found.push(bad("the kernel's log", "/proc/kmsg".into(), "kernel's proc file system"));
    }
    found
}

/// Names each bad file in this way, and checks that every endpoint fails at once and says why.
fn fails_at_once(plugins: &PluginFolder, endpoint: impl Fn(&str) -> Value) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bad = bad_files(folder.path());
    let endpoints: Value = bad
        .iter()
        .map(|bad| {
            let mut endpoint = endpoint(&bad.path);
            endpoint["id"] = bad.what.into();
            // One that hangs fails with `timeout`, and the check below tells.
            endpoint["timeout"] = 20.into();
            endpoint
        })
        .collect();
    let outcome = run(plugins, &endpoints);
    for bad in bad {
        let error = &outcome.endpoint(bad.what)["error"];
        let kinds = ["configuration", "protocol"];
        let kind = error["kind"].as_str().unwrap_or_default();
        // Module File has always called a document that is too large a fault of its answer.
        let expected = if bad.says == "MiB" { &kinds[..] } else { &kinds[..1] };
        assert!(expected.contains(&kind), "{}: {error:#}", bad.what);
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains(bad.says), "{}: {message}", bad.what);
    }
}

fn run(plugins: &PluginFolder, endpoints: &Value) -> Outcome {
    // A worker that takes what it is given meets a limit before the machine does.
    Run::gather(endpoints)
        .plugins(plugins.path())
        .args(["--format", "inventory", "--worker-memory", "512"])
        .run()
}

#[test]
fn a_ca_file_is_a_regular_file_of_limited_size() {
    // Nothing listens there: the file is read first.
    fails_at_once(
        &PluginFolder::with(&["file"]),
        |path| json!({"module": "File", "url": "https://127.0.0.1:1/", "retries": 0, "ca_file": path}),
    );
}

#[test]
fn a_document_of_module_file_is_a_regular_file_of_limited_size() {
    let plugins = PluginFolder::with(&["file"]);
    fails_at_once(&plugins, |path| json!({"module": "File", "url": path}));
    fails_at_once(&plugins, |path| json!({"module": "File", "url": format!("file://{path}")}));
}

#[test]
fn a_kubeconfig_is_a_regular_file_of_limited_size() {
    fails_at_once(
        &PluginFolder::with(&["kubernetes"]),
        |path| json!({"module": "Kubernetes", "kubeconfig": path}),
    );
}

#[test]
fn the_ca_file_of_a_cluster_is_a_regular_file_of_limited_size() {
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k"}}],
        "clusters": [{"name": "k", "cluster": {"server": "https://127.0.0.1:1"}}],
    });
    fails_at_once(&PluginFolder::with(&["kubernetes"]), |path| {
        json!({"module": "Kubernetes", "kubeconfig": kubeconfig.to_string(), "retries": 0,
            "ca_file": path})
    });
}

#[test]
fn a_file_for_libvirts_test_driver_is_a_regular_file_of_limited_size() {
    let plugins = PluginFolder::with(&["libvirt"]);
    let outcome =
        run(&plugins, &json!([{"id": "e", "module": "Libvirt", "uri": "test:///default"}]));
    if outcome.endpoint("e")["status"] == "failed" {
        gatherer_tests::skip!("libvirt's client library is not installed");
    }
    fails_at_once(&plugins, |path| json!({"module": "Libvirt", "uri": format!("test://{path}")}));
}

#[test]
fn the_file_of_a_reference_is_a_regular_file_of_limited_size() {
    let plugins = PluginFolder::with(&["example"]);
    for name in ["hostname", "guests", "proxy", "ca_file", "retries", "insecure"] {
        fails_at_once(&plugins, |path| {
            let mut endpoint = json!({"module": "Example", "hostname": "h"});
            endpoint[name] = json!({"file": path});
            endpoint
        });
    }
}

#[test]
fn an_infile_that_is_a_folder_or_an_endless_device_ends_the_run_with_a_sentence() {
    for (infile, says) in [("/", "directory"), ("/dev/zero", "longer than 64 MiB")] {
        let outcome = Run::new().args(["--infile", infile]).run().expect_code(3);
        assert!(outcome.stderr.contains(says), "{infile}: {}", outcome.describe());
    }
}
