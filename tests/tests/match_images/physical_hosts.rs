//! The physical hosts of containers, in a run over several endpoints and in the inventory that it wrote.

use gatherer_tests::{PluginFolder, Run};
use serde_json::{Value, json};

use crate::{container, inventory, pod};

const UUID: &str = "4c4c4544-0042-3510-8051-b4c04f4d3132";

/// A cluster whose only node is a guest of `kvm1`, and its platform.
fn documents() -> [(&'static str, Value); 2] {
    let web = container("web", "registry.example.com/web:1", "");
    let cluster = json!({
        "id": "k8s", "status": "complete",
        "hosts": [{"id": "id-of-node-1", "name": "node-1", "identifiers": {"systemUuid": UUID}}],
        "collections": {"pods": {"status": "complete"}},
        "workloads": {"pods": [pod("shop", "web-7", "node-1", &[web])]},
    });
    let guest = json!({"id": UUID, "name": "worker", "uuid": UUID});
    let platform = json!({
        "id": "vms", "status": "complete",
        "hosts": [{"id": "id-of-kvm1", "name": "kvm1", "guests": [guest]}],
    });
    [("k8s", inventory(&[cluster])), ("vms", inventory(&[platform]))]
}

#[test]
fn a_container_names_the_physical_host_of_its_node() {
    let plugins = PluginFolder::with(&["file"]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).display().to_string();
    for (id, document) in documents() {
        std::fs::write(file(&format!("{id}.json")), document.to_string()).expect("written");
    }
    let images = json!([{"id": "1", "name": "registry.example.com/web:1"}]);
    std::fs::write(file("images.json"), images.to_string()).expect("written");
    let endpoint =
        |id: &str| json!({"id": id, "module": "File", "url": file(&format!("{id}.json"))});
    let endpoints = json!([endpoint("k8s"), endpoint("vms")]);
    std::fs::write(file("endpoints.json"), endpoints.to_string()).expect("written");
    let run = |args: &[&str]| {
        let run = Run::new().plugins(plugins.path()).args(args).run().expect_code(0);
        run.stdout_text().to_owned()
    };
    let written = run(&["-i", &file("endpoints.json"), "--format", "inventory"]);
    std::fs::write(file("inventory.json"), written).expect("written");
    let [images, endpoints, inventory] =
        ["images.json", "endpoints.json", "inventory.json"].map(file);
    for source in [["-i", &endpoints], ["--inventory", &inventory]] {
        let args = [&["match-images", "--images", &images][..], &source].concat();
        let matches: Value = serde_json::from_str(&run(&args)).expect("JSON");
        let place = &matches["images"][0]["containers"][0];
        assert_eq!(place["host"], "node-1", "{matches}");
        let expected = json!([{"endpoint": "vms", "id": "id-of-kvm1", "name": "kvm1"}]);
        assert_eq!(place["physicalHosts"], expected);
        let table = run(&[&args[..], &["--format", "table"]].concat());
        assert!(table.contains("node-1 on kvm1"), "{table}");
    }
}
