//! The output for people and for a Manager: the table, its documentation, and `--format containers`.

use std::path::Path;

use gatherer_tests::{PluginFolder, Run, assert_message};
use serde_json::{Value, json};

use super::gathered::mixed;
use super::{cluster, container, inventory, matching, pod, sha, shop, write};

#[test]
fn the_documentation_shows_the_table_that_is_printed() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/match-images.md");
    let page = std::fs::read_to_string(page).expect("readable");
    let images = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next());
    let images: Value = serde_json::from_str(images.expect("a block of JSON")).expect("JSON");
    let mut inventory = shop();
    let failed = mixed()["endpoints"][0].clone();
    inventory["endpoints"].as_array_mut().expect("a list").push(failed);
    let run = matching(&images, &inventory).args(["--format", "table"]).env("COLUMNS", "100");
    let outcome = run.run().expect_code(0);
    let shown = format!("--format table\n{}```", outcome.stdout_text());
    assert!(page.contains(&shown), "docs/match-images.md:\n{shown}");
}

#[test]
fn a_piped_table_groups_containers_by_image_and_cuts_nothing() {
    let pod_name = "a-pod-whose-name-is-longer-than-the-column-of-a-terminal-7d4b9c6f5-x2x4z";
    let containers = [container("one", "busybox", ""), container("two", "busybox", "")];
    let inventory = inventory(&[cluster("c", &[pod("n", pod_name, "h", &containers)])]);
    let outcome = matching(&json!([]), &inventory).args(["--format", "table"]).run().expect_code(0);
    let lines: Vec<&str> = outcome.stdout_text().lines().collect();
    assert_eq!(lines.iter().filter(|line| line.starts_with("busybox  ")).count(), 1);
    let rows: Vec<_> = lines.iter().filter(|line| line.contains(pod_name)).collect();
    assert_eq!(rows.len(), 2, "{}", outcome.describe());
    assert!(rows.iter().all(|row| row.contains("busybox")), "{}", outcome.describe());
}

#[test]
fn outdated_shows_only_containers_with_an_older_revision_or_another_build() {
    let images = json!([
        {"name": "registry.example.com/web:1", "revision": 2, "digests": [sha("aaa2")]},
        {"name": "registry.example.com/web:1", "revision": 1, "digests": [sha("aaa1")]},
        {"name": "proxy", "id": sha("bbb2"), "digests": [sha("ccc2")]},
        {"name": "busybox", "revision": 1},
    ]);
    let run = |format: &str| {
        matching(&images, &shop()).args(["--outdated", "--format", format]).run().expect_code(0)
    };
    let outcome = run("json");
    let document: Value = serde_json::from_str(outcome.stdout_text()).expect("JSON");
    assert_eq!(document["selection"], json!({"only": "outdated", "undecided": 1}));
    let [image] = document["images"].as_array().expect("a list").as_slice() else {
        panic!("{document:#}")
    };
    assert_eq!((&image["revision"], &image["containers"][0]["pod"]), (&json!(1), &json!("web-3")));
    assert_eq!(document["unmatched"]["images"], json!([]));
    let other = document["unmatched"]["containers"].as_array().expect("a list");
    let other: Vec<_> = other.iter().map(|of| (&of["container"], &of["reason"])).collect();
    assert_eq!(other, [(&json!("proxy"), &json!("other-digest"))]);
    assert_message!(run("table").stdout_text());
}

#[test]
fn a_table_fits_the_terminal_and_has_no_control_characters() {
    let hostile = container("c\u{1b}[2J", "hostile\u{202e}:1", "");
    let inventory = inventory(&[cluster("c\n", &[pod("n", "p\u{7}", "h", &[hostile])])]);
    for columns in ["40", "200"] {
        for images in [json!([]), json!([{"name": "app", "id": "x\u{1b}"}])] {
            let run = matching(&images, &inventory).args(["--format", "table"]);
            let outcome = run.env("COLUMNS", columns).run().expect_code(0);
            for line in outcome.stdout_text().lines() {
                assert!(line.chars().count() <= columns.parse().expect("a number"), "{line}");
                assert!(!line.chars().any(|c| c.is_control() || c == '\u{202e}'), "{line:?}");
            }
        }
    }
}

#[test]
fn format_containers_prints_what_mgrk8s_prints_and_warns_of_missing_pods() {
    let plugins = PluginFolder::with(&["file", "example"]);
    let mut shop = shop();
    let pods = &mut shop["endpoints"][0]["workloads"]["pods"];
    pods[0]["name"] = json!("web-ä");
    pods[1]["containers"] = json!([
        {"name": "early", "kind": "init", "image": "app", "restartCount": 0},
        {"name": "waiting", "kind": "app", "image": "app:1", "state": "waiting", "restartCount": 0},
        {"name": "without-status", "kind": "app", "image": "app:1"},
    ]);
    let run = Run::gather(&json!([
        {"id": "shop", "module": "File", "url": "shop.json"},
        {"id": "kvm", "module": "Example", "hostname": "h"},
    ]));
    write(&run, "shop.json", &shop.to_string());
    let run = run.plugins(plugins.path()).args(["--format", "containers"]);
    let outcome = run.run().expect_code(0);
    assert!(outcome.stdout_text().is_ascii());
    let document: Value = serde_json::from_str(outcome.stdout_text()).expect("JSON");
    let line = |id: Value, image: &str, image_id: &str, namespace: &str, pod: &str| {
        json!({"container_id": id, "image": image, "image_id": image_id,
            "pod_namespace": namespace, "pod_name": pod})
    };
    let pulled = |repository: &str, word: &str| format!("{repository}@{}", sha(word));
    let mirror = "mirror.example.com:5000/cache/web";
    let expected = json!({"containers": [
        line(Value::Null, "app:1", "", "default", "debug"),
        line(json!("containerd://c0ffee-web"), "registry.example.com/web:1",
            &pulled("registry.example.com/web", "aaa1"), "shop", "web-3"),
        line(json!("containerd://c0ffee-web"), &format!("{mirror}:1"),
            &format!("docker-pullable://{}", pulled(mirror, "aaa2")), "shop", "web-ä"),
        line(json!("containerd://c0ffee-proxy"), "proxy", &sha("bbb1"), "shop", "web-ä"),
    ]});
    assert_eq!(document, expected);
    assert!(outcome.stderr.contains("[kvm] pods: "), "{}", outcome.describe());
    assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.describe());
    assert_message!(outcome.stderr);
}
