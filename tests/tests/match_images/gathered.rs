//! Endpoints whose pods are not all known, and containers that are gathered in the same run.

use gatherer_tests::{PluginFolder, Run, assert_message};
use serde_json::{Value, json};

use super::{
    built, cluster, container, document, inventory, matches, matching, places, pod, shop, write,
};

/// Endpoints that are complete, that failed, without pods, and with an incomplete list of pods.
pub fn mixed() -> Value {
    let error = json!({"kind": "permission", "message": "GET /api/v1/pods: 403 Forbidden",
        "hint": "grant list on pods"});
    let running = [pod("n", "p", "h", &[container("web", "app", "")])];
    let mut lost = cluster("lost", &running);
    lost["collections"]["pods"] = json!({"status": "failed", "error": error});
    let mut hosts = cluster("hosts", &[]);
    hosts["collections"] = json!({});
    let failed = json!({"id": "failed", "module": "Libvirt", "status": "failed", "hosts": [],
        "error": {"kind": "connection", "message": "refused"}});
    inventory(&[lost, hosts, failed, cluster("whole", &running)])
}

#[test]
fn an_endpoint_with_incomplete_pods_has_a_reason_and_no_containers() {
    let document = matches(&json!([{"name": "app"}]), &mixed());
    assert_eq!(places(&document["images"][0]["containers"]), ["whole/n/p/web"]);
    let incomplete = document["incomplete"].as_array().expect("a list");
    let reasons: Vec<_> = incomplete
        .iter()
        .map(|endpoint| ["endpoint", "module", "reason"].map(|member| endpoint[member].as_str()))
        .collect();
    let expected = [
        ["failed", "Libvirt", "endpoint-failed"],
        ["hosts", "Kubernetes", "pods-not-gathered"],
        ["lost", "Kubernetes", "pods-failed"],
    ];
    assert_eq!(reasons, expected.map(|row| row.map(Some)));
    let messages = incomplete.iter().map(|endpoint| endpoint["message"].as_str().expect("text"));
    assert_message!(messages.collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_exit_status_follows_fail_on_if_pods_are_missing() {
    let run = |inventory: &Value, args: &[&str]| matching(&json!([]), inventory).args(args).run();
    let mut none = mixed();
    none["endpoints"].as_array_mut().expect("a list").pop();
    for (inventory, fail_on, code) in [
        (mixed(), "any", 1),
        (mixed(), "all", 0),
        (mixed(), "never", 0),
        (none.clone(), "all", 1),
        (none, "never", 0),
        (shop(), "any", 0),
        (inventory(&[]), "all", 0),
    ] {
        let outcome = run(&inventory, &["--fail-on", fail_on]).expect_code(code);
        document(&outcome);
    }
    // The option works like in a run: as a variable, before the command, and in the configuration.
    let variable = "VIRTUAL_HOST_GATHERER_FAIL_ON";
    matching(&json!([]), &mixed()).env(variable, "any").run().expect_code(1);
    let never = ["--fail-on", "never"];
    matching(&json!([]), &mixed()).env(variable, "any").args(never).run().expect_code(0);
    let run = Run::new().args(["--fail-on", "any", "match-images"]);
    let images = write(&run, "images.json", "[]");
    let inventory = write(&run, "inventory.json", &mixed().to_string());
    let run = run.arg("--images").arg(images).arg("--inventory").arg(inventory);
    run.env(variable, "never").run().expect_code(1);
    let run = matching(&json!([]), &mixed());
    let config = write(&run, "config.toml", "fail_on = \"any\"\n");
    run.arg("--config").arg(config).run().expect_code(1);
}

#[test]
fn gathers_endpoints_with_the_options_of_a_run() {
    let plugins = PluginFolder::with(&["file", "example"]);
    let gathering = |args: &[&str]| {
        let run = Run::new();
        write(
            &run,
            "west.json",
            &inventory(&shop()["endpoints"].as_array().expect("a list")[..1]).to_string(),
        );
        let endpoints = json!([
            {"id": "west", "module": "File", "url": "west.json"},
            {"id": "kvm", "module": "Example", "hostname": "h"},
            {"id": "gone", "module": "File", "url": "gone.json"},
        ]);
        let infile = write(&run, "endpoints.json", &endpoints.to_string());
        let images = write(&run, "images.json", &built().to_string());
        let run = run.plugins(plugins.path()).arg("match-images").arg("--images").arg(images);
        run.arg("-i").arg(infile).args(args).run()
    };
    let outcome = gathering(&["--jobs", "2"]).expect_code(0);
    let whole = document(&outcome);
    assert_eq!(places(&whole["images"][1]["containers"]), ["west/shop/web-7/web"]);
    let reasons: Vec<_> = whole["incomplete"].as_array().expect("a list").iter().collect();
    assert_eq!(reasons.len(), 2);
    assert_eq!(
        (&reasons[0]["endpoint"], &reasons[0]["reason"]),
        (&json!("gone"), &json!("endpoint-failed"))
    );
    assert_eq!(
        (&reasons[1]["endpoint"], &reasons[1]["reason"]),
        (&json!("kvm"), &json!("pods-not-gathered"))
    );
    assert!(outcome.stderr.contains("[gone] File"), "{}", outcome.describe());

    let only = gathering(&["--only", "west", "--fail-on", "any"]).expect_code(0);
    assert_eq!(document(&only)["incomplete"], json!([]));
    gathering(&["--fail-on", "any"]).expect_code(1);
    gathering(&["--only", "unknown"]).expect_code(2);
    gathering(&["--timeout", "-1"]).expect_code(2);
}

#[test]
fn a_run_and_its_inventory_give_the_same_result() {
    let plugins = PluginFolder::with(&["file"]);
    let run = Run::new();
    write(&run, "shop.json", &shop().to_string());
    let shop = json!([{"id": "shop", "module": "File", "url": "shop.json"}]);
    let infile = write(&run, "endpoints.json", &shop.to_string());
    let folder = tempfile::tempdir().expect("a folder");
    let (inventory, images) =
        (folder.path().join("inventory.json"), folder.path().join("images.json"));
    std::fs::write(&images, built().to_string()).expect("writable");
    std::fs::copy(run.home().join("shop.json"), folder.path().join("shop.json")).expect("copied");
    let copied_infile = folder.path().join("endpoints.json");
    std::fs::copy(&infile, &copied_infile).expect("copied");
    let run = run.plugins(plugins.path()).arg("-i").arg(&copied_infile).arg("-o").arg(&inventory);
    run.args(["--format", "inventory"]).run().expect_code(0);

    let command =
        || Run::new().plugins(plugins.path()).arg("match-images").arg("--images").arg(&images);
    let read = command().arg("--inventory").arg(&inventory).run().expect_code(0);
    let gathered = command().arg("-i").arg(&copied_infile).run().expect_code(0);
    assert_eq!(gathered.stdout_text(), read.stdout_text());
    assert_eq!(document(&read)["unmatched"]["containers"].as_array().map(Vec::len), Some(2));
}
