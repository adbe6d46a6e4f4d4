//! Inventories that cannot be merged, and shards that are missing.

use std::path::{Path, PathBuf};

use gatherer_tests::{Outcome, Run};
use serde_json::{Value, json};

use super::merge::{MergeFolder, merge};

/// A folder with documents.
struct Documents(tempfile::TempDir);

impl Documents {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    }

    /// The inventory of a shard with these endpoints and their hosts.
    fn shard(&self, name: &str, shard: (u32, u32), endpoints: &[(&str, &str)]) -> PathBuf {
        self.write(name, document(Some(shard), endpoints).to_string())
    }

    fn merge(&self, arguments: &[&str]) -> Outcome {
        merge(&[self.0.path()], arguments).run()
    }

    /// The exit status and the messages, without the path of the folder.
    fn refused(&self, arguments: &[&str]) -> String {
        let outcome = self.merge(arguments);
        assert_eq!(outcome.stdout_text(), "");
        let messages = outcome.stderr.replace(&self.0.path().display().to_string(), "DIR");
        format!("{}: {messages}", outcome.code())
    }
}

fn document(shard: Option<(u32, u32)>, endpoints: &[(&str, &str)]) -> Value {
    let endpoint = |(id, host): &(&str, &str)| json!({"id": id, "module": "Example", "status": "complete", "hosts": [{"id": host, "name": host}]});
    let mut document = json!({
        "schemaVersion": "1.8",
        "generator": {"name": "virtual-host-gatherer", "version": "2.0.0"},
        "run": {"startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:01Z"},
        "endpoints": endpoints.iter().map(endpoint).collect::<Vec<_>>(),
    });
    if let Some((index, count)) = shard {
        document["shard"] = json!({"index": index, "count": count});
    }
    document
}

#[test]
fn refuses_inventories_that_do_not_belong_together() {
    let mut shown = String::new();
    let mut refused = |name: &str, documents: &Documents, arguments: &[&str]| {
        let text = documents.refused(arguments);
        assert!(text.starts_with("3: "), "{name}: {text}");
        shown.extend([name, "\n  ", &text]);
    };
    let documents = Documents::new();
    refused("an empty folder", &documents, &[]);
    documents.shard("a.json", (0, 4), &[("a", "1")]);
    documents.shard("b.json", (3, 4), &[("b", "1")]);
    refused("two missing shards", &documents, &[]);
    documents.shard("c.json", (1, 4), &[]);
    refused("a missing shard", &documents, &[]);
    refused("inventories that are too old", &documents, &["--max-age", "3600"]);
    documents.shard("d.json", (2, 8), &[]);
    refused("different numbers of shards", &documents, &[]);
    documents.shard("d.json", (4, 4), &[]);
    refused("a shard that cannot exist", &documents, &[]);
    documents.shard("d.json", (2, 4), &[("a", "2"), ("b", "1")]);
    refused("an endpoint with different answers", &documents, &[]);
    documents.shard("d.json", (2, 4), &[("a", "2"), ("b", "2")]);
    refused("two endpoints with different answers", &documents, &[]);
    for (name, text) in [
        ("nothing", ""),
        ("a truncated one", &document(Some((2, 4)), &[("x", "1")]).to_string()[..150]),
        ("another document", r#"{"kvm1": null}"#),
        ("a later major version", r#"{"schemaVersion": "2.0", "endpoints": []}"#),
        (
            "a later minor version that cannot be read",
            r#"{"schemaVersion": "1.99", "endpoints": 7}"#,
        ),
        (
            "a deeply nested one",
            &format!(r#"{{"schemaVersion": "1.8", "x": {}"#, "[".repeat(100_000)),
        ),
    ] {
        documents.write("d.json", text);
        refused(name, &documents, &[]);
    }
    std::fs::remove_file(documents.0.path().join("d.json")).expect("removed");
    let pipe = documents.0.path().join("d.json");
    let made = rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    );
    made.expect("a pipe");
    refused("a pipe in the folder", &documents, &[]);
    let shown = regex::Regex::new(r"began \d+ s").expect("valid").replace_all(&shown, "began N s");
    insta::assert_snapshot!(shown);
}

#[test]
fn refuses_a_wrong_command_line() {
    for arguments in [
        &["merge"][..],
        &["merge", "-", "-"],
        &["merge", "-", "--infile", "-"],
        &["merge", "-", "--format", "yaml"],
        &["merge", "-", "--hypervisor-id", "uuid"],
        &["merge", "-", "--max-age", "0"],
        &["merge", "-", "--max-age", "soon"],
    ] {
        Run::new().args(arguments).run().expect_code(2);
    }
    for path in ["/nonexistent.json", "/nonexistent/"] {
        Run::new().args(["merge", path]).run().expect_code(3);
    }
}

#[test]
fn the_result_must_not_become_an_inventory() {
    let documents = Documents::new();
    let file = documents.shard("a.json", (0, 1), &[("a", "1")]);
    for outfile in [file.clone(), documents.0.path().join("merged.json")] {
        let run = merge(&[documents.0.path()], &["--outfile"]).arg(&outfile);
        let outcome = run.run().expect_code(3);
        assert!(outcome.stderr.contains("another folder"), "{}", outcome.stderr);
        assert!(outfile == file || !outfile.exists());
    }
    let run = merge(&[&file], &["--outfile"]).arg(&file).run().expect_code(3);
    assert!(run.stderr.contains("is one of the inventories"), "{}", run.stderr);
}

#[test]
fn warns_of_the_same_answer_in_two_inventories_and_of_different_versions() {
    let documents = Documents::new();
    documents.shard("a.json", (0, 2), &[("a", "1"), ("b", "1")]);
    documents.shard("b.json", (1, 2), &[("c", "1")]);
    documents.shard("c.json", (1, 2), &[("a", "1"), ("c", "1")]);
    let mut later = document(None, &[("d", "1")]);
    later["generator"]["version"] = "3.1.4".into();
    later["schemaVersion"] = "1.99".into();
    later["endpoints"][0]["added"] = "something".into();
    documents.write("later.json", later.to_string());
    let mut older = document(None, &[("e", "1")]);
    older["schemaVersion"] = "1.0".into();
    documents.write("older.json", older.to_string());
    let outcome = documents.merge(&[]).expect_code(0);
    let ids = outcome.inventory()["endpoints"].as_array().expect("endpoints").len();
    assert_eq!((ids, &outcome.inventory()["schemaVersion"]), (5, &json!("1.8")));
    let warnings: Vec<_> = outcome
        .stderr
        .lines()
        .map(|line| line.replace(documents.0.path().to_str().expect("UTF-8"), "DIR"))
        .collect();
    insta::assert_snapshot!(warnings.join("\n"));
}

#[test]
fn the_youngest_of_several_equal_answers_is_kept() {
    let at = |time: &str| {
        let mut document = document(None, &[("a", "1")]);
        document["endpoints"][0]["run"] = json!({"startedAt": time, "durationMs": 5});
        document.to_string()
    };
    for names in [["1.json", "2.json"], ["2.json", "1.json"]] {
        let documents = Documents::new();
        documents.write(names[0], at("2026-01-01T00:00:00Z"));
        documents.write(names[1], at("2026-01-01T00:00:00.5Z"));
        let merged = documents.merge(&[]).expect_code(0).inventory();
        let run = &merged["endpoints"][0]["run"];
        assert_eq!(run["startedAt"], "2026-01-01T00:00:00.5Z", "{names:?}");
    }
}

#[test]
fn with_the_request_the_endpoints_of_missing_shards_are_failed() {
    let folder = MergeFolder::new();
    let shards = folder.shards(4);
    let single: Value =
        serde_json::from_str(&folder.single(&["--format", "inventory"])).expect("JSON");
    let own: Value =
        serde_json::from_str(&std::fs::read_to_string(shards.join("2.json")).expect("a file"))
            .expect("JSON");
    let missing = super::ids(&own);
    assert!(!missing.is_empty() && missing.len() < 15, "{missing:?}");
    std::fs::remove_file(shards.join("2.json")).expect("removed");
    let merge_with = |arguments: &[&str]| {
        let run = merge(&[&shards], &["--infile"]).arg(folder.path("request")).args(arguments);
        run.plugins(folder.plugins.path()).run()
    };
    let outcome = merge_with(&[]).expect_code(0);
    let merged = outcome.inventory();
    assert_eq!(super::ids(&merged), super::ids(&single));
    for endpoint in merged["endpoints"].as_array().expect("endpoints") {
        let id = endpoint["id"].as_str().expect("an id");
        let message = endpoint["error"]["message"].as_str().unwrap_or_default();
        // A broken file of the request is reported as in a run.
        let is_missing = missing.contains(id) && id != "broken.json";
        assert_eq!(message == "shard 2 of 0..3 is missing", is_missing, "{id}: {message}");
    }
    assert!(outcome.stderr.contains("shard 2 of 0..3 is missing: "), "{}", outcome.stderr);
    // A Manager keeps what it has of them.
    let answer = merge_with(&["--format", "gatherer"]).expect_code(0);
    let answer: Value = serde_json::from_str(answer.stdout_text()).expect("JSON");
    assert!(missing.iter().all(|id| answer[id] == Value::Null && answer.get(id).is_some()));
    merge_with(&["--fail-on", "any"]).expect_code(1);
    merge_with(&["--fail-on", "all"]).expect_code(0);
}

#[test]
fn an_old_inventory_counts_as_missing() {
    let folder = MergeFolder::new();
    let shards = folder.shards(2);
    let path = shards.join("1.json");
    let mut old: Value =
        serde_json::from_str(&std::fs::read_to_string(&path).expect("a file")).expect("JSON");
    let ids = super::ids(&old);
    old["run"]["startedAt"] = "2026-01-01T00:00:00Z".into();
    let write = |document: &Value| std::fs::write(&path, document.to_string()).expect("written");
    write(&old);
    let merge_with = |arguments: &[&str]| {
        let run = merge(&[&shards], arguments).arg("--infile").arg(folder.path("request"));
        run.plugins(folder.plugins.path()).run().expect_code(0)
    };
    let failed = |outcome: &Outcome, text: &str| {
        let merged = outcome.inventory();
        let endpoints = merged["endpoints"].as_array().expect("endpoints").iter();
        endpoints.filter(|endpoint| endpoint["error"]["message"].to_string().contains(text)).count()
    };
    // All of them but the file of the request that cannot be used, if it is there.
    let expected = old["endpoints"].as_array().expect("endpoints").len();
    let expected = expected - usize::from(ids.contains("broken.json"));
    let outcome = merge_with(&["--max-age", "3600"]);
    assert_eq!(failed(&outcome, "shard 1 of 0..1 is missing: "), expected, "{}", outcome.stderr);
    assert_eq!(failed(&outcome, "and --max-age is 3600"), expected);
    assert_eq!(failed(&merge_with(&[]), "is missing"), 0);
    old.as_object_mut().expect("an object").remove("run");
    write(&old);
    assert_eq!(
        failed(&merge_with(&["--max-age", "3600"]), "does not say when its run began"),
        expected
    );
}

#[test]
fn endpoints_that_only_the_request_or_only_an_inventory_has_are_named() {
    let folder = MergeFolder::new();
    let shards = folder.shards(2);
    let request = folder.path("other.json");
    let endpoint = |id: &str| json!({"id": id, "module": "Example", "hostname": "x"});
    let without_id = json!({"module": "Example", "hostname": "x"});
    std::fs::write(
        &request,
        json!([endpoint("example-1"), endpoint("new"), without_id]).to_string(),
    )
    .expect("written");
    let run = merge(&[&shards], &["--infile"]).arg(&request).plugins(folder.plugins.path());
    let outcome = run.run().expect_code(0);
    let failure = outcome.failure("new");
    assert_eq!(failure.kind, "unavailable");
    assert!(failure.message.contains("does not have this endpoint"), "{}", failure.message);
    assert!(outcome.stderr.contains("the infile does not have 21 endpoints"), "{}", outcome.stderr);
    assert_eq!(super::ids(&outcome.inventory()).len(), 22);
    // Without any inventory all endpoints of the request are failed, those without an id too.
    let empty = folder.path("empty");
    std::fs::create_dir(&empty).expect("a folder");
    let run = merge(&[&empty], &["--infile"]).arg(&request).plugins(folder.plugins.path());
    let outcome = run.run().expect_code(0);
    assert_eq!(outcome.inventory()["endpoints"].as_array().expect("endpoints").len(), 3);
    assert_eq!(outcome.failure("new").message, "no inventory has this endpoint");
}

#[test]
fn endpoints_are_not_refused_if_the_machine_that_merges_has_no_plugins() {
    let folder = MergeFolder::new();
    let shards = folder.shards(2);
    let run = merge(&[&shards], &["--no-run-info", "--infile"]).arg(folder.path("request"));
    let empty = tempfile::tempdir().expect("a folder");
    let outcome = run.plugins(empty.path()).run().expect_code(0);
    assert_eq!(outcome.stdout_text(), folder.single(&["--format", "inventory", "--no-run-info"]));
}

#[test]
fn one_inventory_may_be_merged_alone() {
    let documents = Documents::new();
    let file = documents.write("a.json", document(None, &[("b", "1"), ("a", "1")]).to_string());
    let outcome = merge(&[Path::new(&file)], &[]).run().expect_code(0);
    assert_eq!(outcome.inventory()["endpoints"][0]["id"], "a");
    assert_eq!(outcome.stderr, "");
}
