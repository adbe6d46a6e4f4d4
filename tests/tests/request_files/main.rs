//! A file that a request names can fail only its endpoint. Devices are not opened, FIFOs are not waited for,
//! large files do not use memory, and the error has the reason.

mod file_references;

use std::path::{Path, PathBuf};

use gatherer_tests::{Outcome, PluginFolder, Run};
use rustix::fs::{CWD, FileType, Mode};
use serde_json::{Value, json};

/// A path that does not lead to a document, and a word of the expected message.
struct InvalidFile {
    id: &'static str,
    path: String,
    word: &'static str,
}

/// Creates invalid files in a folder, and adds paths of special files.
fn invalid_files(folder: &Path) -> Vec<InvalidFile> {
    let text = |path: PathBuf| path.to_str().expect("the path is text").to_owned();
    let fifo = folder.join("fifo");
    rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a FIFO");
    let linked = folder.join("linked");
    std::os::unix::fs::symlink("/dev/zero", &linked).expect("a link");
    let sparse = folder.join("sparse");
    std::fs::File::create(&sparse).and_then(|file| file.set_len(10 << 30)).expect("sparse");
    let invalid = |id, path: String, word| InvalidFile { id, path, word };
    let mut files = vec![
        invalid("an endless device", "/dev/zero".into(), "regular file"),
        invalid("a link to a device", text(linked), "regular file"),
        invalid("a terminal", "/dev/tty".into(), "regular file"),
        invalid("a FIFO", text(fifo), "regular file"),
        invalid("a folder", text(folder.to_owned()), "is a folder"),
        invalid("a process's environment", "/proc/self/environ".into(), "proc file system"),
        invalid("a file of 10 GiB", text(sparse), "is larger than "),
    ];
    // Reading the kernel's log blocks. Some kernels and containers do not have this file.
    if Path::new("/proc/kmsg").exists() {
        files.push(invalid("the kernel's log", "/proc/kmsg".into(), "proc file system"));
    }
    files
}

/// Gathers one endpoint for each invalid file, and checks that each fails immediately with the reason.
fn rejects_invalid_files(plugins: &PluginFolder, endpoint: impl Fn(&str) -> Value) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = invalid_files(folder.path());
    let endpoints: Value = files
        .iter()
        .map(|file| {
            let mut endpoint = endpoint(&file.path);
            endpoint["id"] = file.id.into();
            // A worker that hangs fails with the kind `timeout`, which the check below does not accept.
            endpoint["timeout"] = 20.into();
            endpoint
        })
        .collect();
    let outcome = run(plugins, &endpoints);
    for file in files {
        let failure = outcome.failure(file.id);
        let kinds = ["configuration", "protocol"];
        // Module File reports a document that is too large as a protocol error.
        let expected = if file.id == "a file of 10 GiB" { &kinds[..] } else { &kinds[..1] };
        assert!(expected.contains(&failure.kind.as_str()), "{}: {failure}", file.id);
        assert!(failure.message.contains(file.word), "{}: {failure}", file.id);
    }
}

fn run(plugins: &PluginFolder, endpoints: &Value) -> Outcome {
    // A worker that reads without a limit must not use all memory of the machine.
    Run::gather(endpoints)
        .plugins(plugins.path())
        .args(["--format", "inventory", "--worker-memory", "512"])
        .run()
}

#[test]
fn a_ca_file_must_be_a_regular_file_of_limited_size() {
    // Nothing listens on the port, but the file is read before the connection.
    rejects_invalid_files(
        &PluginFolder::with(&["file"]),
        |path| json!({"module": "File", "url": "https://127.0.0.1:1/", "retries": 0, "ca_file": path}),
    );
}

#[test]
fn a_client_certificate_and_its_key_must_be_regular_files_of_limited_size() {
    let plugins = PluginFolder::with(&["file"]);
    let endpoint = json!({"module": "File", "url": "https://127.0.0.1:1/", "retries": 0});
    for (name, other) in [("client_cert", "client_key"), ("client_key", "client_cert")] {
        rejects_invalid_files(&plugins, |path| {
            let mut endpoint = endpoint.clone();
            endpoint[name] = path.into();
            endpoint[other] = "-----BEGIN CERTIFICATE-----\n".into();
            endpoint
        });
    }
}

#[test]
fn a_document_of_module_file_must_be_a_regular_file_of_limited_size() {
    let plugins = PluginFolder::with(&["file"]);
    rejects_invalid_files(&plugins, |path| json!({"module": "File", "url": path}));
    rejects_invalid_files(
        &plugins,
        |path| json!({"module": "File", "url": format!("file://{path}")}),
    );
}

#[test]
fn a_kubeconfig_must_be_a_regular_file_of_limited_size() {
    rejects_invalid_files(
        &PluginFolder::with(&["kubernetes"]),
        |path| json!({"module": "Kubernetes", "kubeconfig": path}),
    );
}

#[test]
fn the_ca_file_of_a_cluster_must_be_a_regular_file_of_limited_size() {
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k"}}],
        "clusters": [{"name": "k", "cluster": {"server": "https://127.0.0.1:1"}}],
    });
    rejects_invalid_files(&PluginFolder::with(&["kubernetes"]), |path| {
        json!({"module": "Kubernetes", "kubeconfig": kubeconfig.to_string(), "retries": 0,
            "ca_file": path})
    });
}

#[test]
fn the_file_of_libvirts_test_driver_must_be_a_regular_file_of_limited_size() {
    let plugins = PluginFolder::with(&["libvirt"]);
    let outcome =
        run(&plugins, &json!([{"id": "e", "module": "Libvirt", "uri": "test:///default"}]));
    if outcome.endpoint("e")["status"] == "failed" {
        gatherer_tests::skip!("libvirt's client library is not installed");
    }
    rejects_invalid_files(
        &plugins,
        |path| json!({"module": "Libvirt", "uri": format!("test://{path}")}),
    );
}

#[test]
fn the_file_of_a_reference_must_be_a_regular_file_of_limited_size() {
    let plugins = PluginFolder::with(&["example"]);
    for name in [
        "hostname",
        "guests",
        "proxy",
        "ca_file",
        "client_cert",
        "client_key",
        "retries",
        "insecure",
    ] {
        rejects_invalid_files(&plugins, |path| {
            let mut endpoint = json!({"module": "Example", "hostname": "h"});
            endpoint[name] = json!({"file": path});
            endpoint
        });
    }
}

#[test]
fn an_infile_that_is_an_empty_folder_or_an_endless_device_is_an_error() {
    let empty = tempfile::tempdir().expect("a temporary folder");
    let infiles = [(empty.path(), "has no file *.json"), (Path::new("/dev/zero"), "64 MiB")];
    for (infile, words) in infiles {
        let outcome = Run::new().arg("--infile").arg(infile).run().expect_code(3);
        assert!(outcome.stderr.contains(words), "{}", outcome.describe());
    }
}
