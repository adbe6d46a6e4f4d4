//! The options `include` and `exclude` with the real program: what is left of an endpoint, and what a Manager gets.

use gatherer_tests::{Outcome, PluginFolder, Run, assert_message};
use serde_json::{Value, json};

/// A document for module File: two clusters, a pseudo-host, and a pod on each real host.
fn document() -> Value {
    let pod = |name: &str, host: &str| {
        json!({"namespace": "n", "name": name, "uid": name, "host": {"id": host, "name": format!("{host}.example.com")},
            "containers": [{"name": "c", "kind": "app", "image": "nginx:1",
                "imageId": "nginx@sha256:1"}]})
    };
    json!({
        "schemaVersion": "1.4", "generator": {"name": "test"},
        "endpoints": [{
            "id": "vc1", "status": "complete",
            "hosts": [
                {"id": "esx1", "name": "esx1.example.com", "location": {"cluster": "prod"}, "state": "up", "guests": [
                    {"id": "g1", "name": "web-1", "state": "running", "labels": {"env": "prod"}},
                    {"id": "g2", "name": "web-2", "state": "stopped"}]},
                {"id": "esx2", "name": "esx2.example.com", "location": {"cluster": "test-a"}, "state": "up", "guests": [
                    {"id": "g3", "name": "db-tmp", "state": "running", "labels": {"env": "dev"}}]},
                {"id": "detached", "name": "Detached", "synthetic": true, "guests": [
                    {"id": "g4", "name": "off", "state": "stopped"}]}],
            "collections": {"pods": {"status": "complete"}},
            "workloads": {"pods": [pod("a", "esx1"), pod("b", "esx2")]},
        }],
    })
}

/// Endpoints of module File, each of which reads the same document.
struct Filtered {
    folder: tempfile::TempDir,
    plugins: PluginFolder,
    endpoints: Vec<Value>,
    config: Option<&'static str>,
}

impl Filtered {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        std::fs::write(folder.path().join("vc1.json"), document().to_string()).expect("a file");
        Self { folder, plugins: PluginFolder::with(&["file"]), endpoints: Vec::new(), config: None }
    }

    /// Adds an endpoint with further members.
    fn with(mut self, id: &str, members: Value) -> Self {
        let mut endpoint =
            json!({"id": id, "module": "File", "url": self.folder.path().join("vc1.json")});
        let Value::Object(members) = members else { panic!("the members are an object") };
        endpoint.as_object_mut().expect("an object").extend(members);
        self.endpoints.push(endpoint);
        self
    }

    /// Adds an operator's file.
    fn config(mut self, text: &'static str) -> Self {
        self.config = Some(text);
        self
    }

    fn run(&self, format: &str) -> Run {
        let run = Run::gather(&json!(self.endpoints)).plugins(self.plugins.path());
        let run = run.args(["--format", format]);
        match self.config {
            None => run,
            Some(text) => {
                let path = self.folder.path().join("config.toml");
                std::fs::write(&path, text).expect("a file");
                run.arg("--config").arg(path)
            }
        }
    }

    fn gather(&self, format: &str) -> Outcome {
        self.run(format).run()
    }
}

/// What a Manager gets of an endpoint: `esx1.example.com(web-1 web-2)`; `null` if the endpoint failed.
fn manager_gets(outcome: &Outcome, id: &str) -> String {
    let document = outcome.document();
    let Some(hosts) = &document[id] else { return "null".to_owned() };
    let hosts = hosts.iter().map(|(key, host)| {
        let names: Vec<_> = host.vms.keys().map(String::as_str).collect();
        format!("{key}({})", names.join(" "))
    });
    hosts.collect::<Vec<_>>().join(" ")
}

const ALL: &str = "Detached(off) esx1.example.com(web-1 web-2) esx2.example.com(db-tmp)";

#[test]
fn a_manager_gets_what_each_rule_leaves() {
    let cases = [
        (
            json!({"exclude": {"hosts": {"cluster": ["test-*"]}}}),
            "Detached(off) esx1.example.com(web-1 web-2)",
        ),
        (
            json!({"exclude": {"hosts": {"name": ["ESX[1].*"]}}}),
            "Detached(off) esx2.example.com(db-tmp)",
        ),
        // The pseudo-host alone would make a Manager delete every real host.
        (json!({"exclude": {"hosts": {"name": ["ESX[12].*"]}}}), "null"),
        (json!({"exclude": {"hosts": {"id": "esx1"}}}), "Detached(off) esx2.example.com(db-tmp)"),
        (
            json!({"exclude": {"guests": {"name": ["*-tmp"]}}}),
            "Detached(off) esx1.example.com(web-1 web-2) esx2.example.com()",
        ),
        (
            json!({"exclude": {"guests": {"id": "g1, g4"}}}),
            "Detached() esx1.example.com(web-2) esx2.example.com(db-tmp)",
        ),
        (
            json!({"exclude": {"guests": {"cluster": ["test-a"]}}}),
            "Detached(off) esx1.example.com(web-1 web-2) esx2.example.com()",
        ),
        // A pseudo-host stays: its guests may belong to a host that is included.
        (
            json!({"include": {"hosts": {"cluster": ["prod"]}}}),
            "Detached(off) esx1.example.com(web-1 web-2)",
        ),
        // Hosts stay if guests are included.
        (
            json!({"include": {"guests": {"name": ["web-*"]}}}),
            "Detached() esx1.example.com(web-1 web-2) esx2.example.com()",
        ),
        (
            json!({"include": {"hosts": {"cluster": ["prod"]}}, "exclude": {"guests": {"name": ["web-1"]}, "hosts": {"name": ["det*"]}}}),
            "esx1.example.com(web-2)",
        ),
        // A Manager sends every value as text.
        (
            json!({"exclude": "{\"hosts\": {\"cluster\": [\"test-*\"]}}", "include": ""}),
            "Detached(off) esx1.example.com(web-1 web-2)",
        ),
        (json!({"exclude": {}, "include": null}), ALL),
        (json!({"exclude": {"hosts": {"name": []}, "guests": null}}), ALL),
    ];
    let mut endpoints = Filtered::new();
    for (index, (members, _)) in cases.iter().enumerate() {
        endpoints = endpoints.with(&index.to_string(), members.clone());
    }
    let outcome = endpoints.gather("gatherer").expect_code(0);
    for (index, (members, expected)) in cases.iter().enumerate() {
        assert_eq!(manager_gets(&outcome, &index.to_string()), *expected, "{members}");
    }
}

#[test]
fn an_include_that_matches_nothing_fails_its_endpoint_so_that_a_manager_keeps_what_it_has() {
    let endpoints = Filtered::new()
        .with("hosts", json!({"include": {"hosts": {"cluster": ["production"]}}}))
        .with("guests", json!({"include": {"guests": {"name": ["www-*"]}}}))
        .with("everything", json!({"exclude": {"hosts": {"name": ["*"]}}}))
        .with("good", json!({}));
    let outcome = endpoints.gather("gatherer").expect_code(0);
    for id in ["hosts", "guests", "everything"] {
        assert_eq!(manager_gets(&outcome, id), "null", "{id}");
    }
    assert_eq!(manager_gets(&outcome, "good"), ALL);
    let outcome = endpoints.gather("inventory");
    for id in ["hosts", "guests", "everything"] {
        assert_eq!(outcome.failure(id).kind, "configuration", "{id}");
    }
    assert_eq!(outcome.endpoint("good").get("filtered"), None);
    assert_message!(outcome.failures());
    endpoints.run("inventory").args(["--fail-on", "any"]).run().expect_code(1);
}

#[test]
fn a_pattern_that_matches_nothing_is_a_warning() {
    let members = json!({"exclude": {"hosts": {"cluster": ["tset-*"]}}, "include": {"guests": {"name": ["*", "x"]}}});
    let endpoints = Filtered::new().with("e", members);
    let outcome = endpoints.gather("gatherer").expect_code(0);
    assert_eq!(manager_gets(&outcome, "e"), ALL);
    let endpoint = endpoints.gather("inventory").endpoint("e");
    assert_eq!(endpoint["filtered"], json!({"hosts": 0, "guests": 0}));
    assert_message!(endpoint["warnings"]);
}

#[test]
fn the_managers_format_refuses_state_and_label_and_other_formats_accept_them() {
    let endpoints = Filtered::new()
        .with("state", json!({"exclude": {"guests": {"state": ["stopped"]}}}))
        .with("label", json!({"include": {"guests": {"label": ["env"]}}, "exclude": {"hosts": {"state": "down"}}}))
        .with("good", json!({"exclude": {"guests": {"name": ["off"]}}}));
    let outcome = endpoints.gather("gatherer").expect_code(0);
    assert_eq!(manager_gets(&outcome, "state"), "null");
    assert_eq!(manager_gets(&outcome, "label"), "null");
    assert_eq!(
        manager_gets(&outcome, "good"),
        "Detached() esx1.example.com(web-1 web-2) esx2.example.com(db-tmp)"
    );
    let refused = |line: &&str| {
        line.contains("configuration") && line.contains("cannot be used in the Manager's format")
    };
    let refused: Vec<_> = outcome.stderr.lines().filter(refused).collect();
    assert_eq!(refused.len(), 2, "{}", outcome.stderr);
    for format in ["inventory", "ndjson", "table", "containers"] {
        let outcome = endpoints.run(format).args(["--fail-on", "any"]).run();
        assert_eq!(outcome.code(), 0, "{format}: {}", outcome.stderr);
    }
    let outcome = endpoints.gather("inventory");
    assert_eq!(outcome.endpoint("state")["filtered"], json!({"hosts": 0, "guests": 2}));
    assert_eq!(outcome.endpoint("label")["filtered"], json!({"hosts": 0, "guests": 2}));
}

#[test]
fn each_mistake_fails_only_its_endpoint() {
    let mistakes = [
        json!({"exclude": ["test-*"]}),
        json!({"exclude": "test-*"}),
        json!({"exclude": true}),
        json!({"exclude": {"host": {"name": ["a"]}}}),
        json!({"exclude": {"hosts": ["a"]}}),
        json!({"exclude": {"hosts": {"clusters": ["a"]}}}),
        json!({"exclude": {"hosts": {"power": ["a"]}}}),
        json!({"exclude": {"hosts": {"name": {"a": "b"}}}}),
        json!({"exclude": {"hosts": {"name": [["a"]]}}}),
        json!({"exclude": {"hosts": {"name": ["a", ""]}}}),
        json!({"exclude": {"guests": {"name": ["secret[a"]}}}),
        json!({"exclude": {"guests": {"name": ["x".repeat(1025)]}}}),
        json!({"exclude": {"guests": {"state": ["off", "stoped"]}}}),
        json!({"exclude": {"hosts": {"state": "asleep"}}}),
        json!({"include": {"hosts": {"name": []}}}),
        json!({"include": {"file": "/etc/filters.json"}}),
        json!({"include": {"env": "THIS_VARIABLE_IS_NOT_SET"}}),
    ];
    let mut endpoints = Filtered::new().with("good", json!({}));
    for (index, members) in mistakes.iter().enumerate() {
        endpoints = endpoints.with(&format!("{index:02}"), members.clone());
    }
    let outcome = endpoints.gather("inventory").expect_code(0);
    assert_eq!(outcome.endpoint("good")["status"], "complete");
    for (index, members) in mistakes.iter().enumerate() {
        assert_eq!(outcome.failure(&format!("{index:02}")).kind, "configuration", "{members}");
    }
    let duplicate =
        r#"[{"id": "e", "module": "File", "url": "/x", "exclude": {"hosts": {}, "hosts": {}}}]"#;
    let run = Run::new()
        .args(["--infile", "-", "--format", "inventory"])
        .plugins(endpoints.plugins.path());
    let duplicate = run.stdin(duplicate).run();
    assert_eq!(duplicate.failure("e").kind, "configuration");
    assert_message!(format!("{}{}", outcome.failures(), duplicate.failures()));
}

#[test]
fn a_filter_may_be_in_the_environment() {
    let endpoints = Filtered::new().with("e", json!({"exclude": {"env": "FILTER"}}));
    let run = endpoints.run("gatherer").env("FILTER", r#"{"hosts": {"cluster": ["test-*"]}}"#);
    assert_eq!(manager_gets(&run.run(), "e"), "Detached(off) esx1.example.com(web-1 web-2)");
}

#[test]
fn the_operators_file_has_defaults_that_an_endpoint_replaces() {
    let endpoints = Filtered::new()
        .with("default", json!({}))
        .with("own", json!({"exclude": {"guests": {"name": ["off"]}}}))
        .with("none", json!({"exclude": {}}))
        .with("both", json!({"include": {"guests": {"name": ["web-*"]}}}))
        .config("[exclude.hosts]\ncluster = [\"test-*\", \"lab\"]\n");
    let outcome = endpoints.gather("gatherer").expect_code(0);
    let without_test = "Detached(off) esx1.example.com(web-1 web-2)";
    assert_eq!(manager_gets(&outcome, "default"), without_test);
    assert_eq!(
        manager_gets(&outcome, "own"),
        "Detached() esx1.example.com(web-1 web-2) esx2.example.com(db-tmp)"
    );
    assert_eq!(manager_gets(&outcome, "none"), ALL);
    assert_eq!(manager_gets(&outcome, "both"), "Detached() esx1.example.com(web-1 web-2)");
    // A default need not match everywhere.
    let endpoint = endpoints.gather("inventory").endpoint("default");
    assert_eq!(endpoint.get("warnings"), None);

    let endpoints = endpoints.config("[exclude.guests]\nstate = [\"stopped\"]\n");
    let outcome = endpoints.gather("gatherer").expect_code(0);
    assert_eq!(manager_gets(&outcome, "default"), "null");
    assert_eq!(manager_gets(&outcome, "none"), ALL);
    assert_eq!(endpoints.gather("inventory").endpoint("default")["status"], "complete");
}

#[test]
fn the_inventory_the_table_and_the_log_count_filtered_objects() {
    let members =
        json!({"exclude": {"hosts": {"cluster": ["test-*"]}, "guests": {"name": ["web-1"]}}});
    let endpoints = Filtered::new().with("e", members);
    let outcome = endpoints.run("inventory").arg("-v").run();
    assert_eq!(outcome.endpoint("e")["filtered"], json!({"hosts": 1, "guests": 2}));
    assert!(outcome.log.contains("filters left out 1 host, 2 guests"), "{}", outcome.log);
    let table = endpoints.gather("table");
    assert!(
        table.stdout_text().contains("filtered: 1 host and 2 guests"),
        "{}",
        table.stdout_text()
    );
    assert!(
        endpoints
            .gather("ndjson")
            .stdout_text()
            .contains("\"filtered\":{\"hosts\":1,\"guests\":2}")
    );
}

#[test]
fn workloads_stay_whole_so_that_the_images_of_a_host_that_is_left_out_are_in_use() {
    let members = json!({"exclude": {"hosts": {"cluster": ["test-*"]}}});
    let endpoints = Filtered::new().with("e", members);
    let containers = endpoints.gather("containers");
    for pod in ["\"pod_name\": \"a\"", "\"pod_name\": \"b\""] {
        assert!(containers.stdout_text().contains(pod), "{}", containers.stdout_text());
    }
    let endpoint = endpoints.gather("inventory").endpoint("e");
    let hosts: Vec<_> = endpoint["workloads"]["pods"]
        .as_array()
        .expect("pods is a list")
        .iter()
        .map(|pod| pod["host"].clone())
        .collect();
    let expected =
        [json!({"id": "esx1", "name": "esx1.example.com"}), json!({"name": "esx2.example.com"})];
    assert_eq!(hosts, expected);
}

#[test]
fn a_filtered_inventory_is_read_again_with_what_is_left() {
    let members = json!({"exclude": {"hosts": {"cluster": ["test-*"]}}});
    let first = Filtered::new().with("e", members).gather("inventory").inventory();
    let second = Filtered::new();
    std::fs::write(second.folder.path().join("vc1.json"), first.to_string()).expect("a file");
    let second = second.with("again", json!({}));
    let outcome = second.gather("gatherer");
    assert_eq!(manager_gets(&outcome, "again"), "Detached(off) esx1.example.com(web-1 web-2)");
}

#[test]
fn a_secret_in_a_pattern_is_not_shown() {
    let members =
        json!({"exclude": {"guests": {"name": ["sesame-4711-*"]}}, "pasword": "sesame-4711"});
    let endpoints = Filtered::new().with("e", members);
    let outcome = endpoints.run("inventory").args(["-v", "-v"]).run();
    assert_eq!(outcome.endpoint("e")["status"], "complete");
    for text in [outcome.stdout_text(), &outcome.stderr, &outcome.log] {
        assert!(!text.contains("sesame-4711"), "{text}");
    }
}
