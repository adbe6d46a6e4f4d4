//! Which endpoints a shard has, in each command that asks endpoints.

use std::collections::BTreeSet;
use std::path::Path;

use gatherer_tests::{PluginFolder, Run};
use serde_json::{Value, json};

use super::{ids, plugins, request, shard};

#[test]
fn each_endpoint_is_in_the_document_of_one_shard() {
    let (request, plugins) = (request(), plugins());
    let mut found = Vec::new();
    for index in 0..3 {
        let document = shard(&request, &plugins, &format!("{index}/3"));
        assert_eq!(document["shard"], json!({"index": index, "count": 3}));
        found.extend(ids(&document));
    }
    found.sort();
    let run = Run::gather(&request).plugins(plugins.path()).args(["--format", "inventory"]);
    let all = run.run().expect_code(0).inventory();
    assert_eq!(all.get("shard"), None);
    assert_eq!(found, ids(&all).into_iter().collect::<Vec<_>>());
}

#[test]
fn the_shard_comes_from_the_option_the_environment_or_the_index_of_a_pod() {
    let (request, plugins) = (request(), plugins());
    let expected = ids(&shard(&request, &plugins, "1/3"));
    assert!((1..14).contains(&expected.len()), "{expected:?}");
    let run = || Run::gather(&request).plugins(plugins.path()).args(["--format", "inventory"]);
    for run in [
        run().env("VIRTUAL_HOST_GATHERER_SHARD", "1/3"),
        run().env("VIRTUAL_HOST_GATHERER_SHARD", "auto/3").env("JOB_COMPLETION_INDEX", "1"),
        run().args(["--shard", "auto/3"]).env("JOB_COMPLETION_INDEX", "1"),
        run().args(["--shard", "1/3"]).env("VIRTUAL_HOST_GATHERER_SHARD", "0/2"),
    ] {
        let outcome = run.run().expect_code(0);
        assert_eq!(ids(&outcome.inventory()), expected);
        let line = format!("shard 1 of 0..2 has {} of 14 endpoints", expected.len());
        assert!(outcome.log.contains(&line), "{}", outcome.log);
    }
}

#[test]
fn refuses_a_shard_that_does_not_exist() {
    let run = |arguments: &[&str]| Run::gather(&json!([])).args(arguments);
    for value in ["2/2", "0/0", "x/2", "0/10001", "1", ""] {
        let outcome = run(&["--shard", value]).run().expect_code(2);
        assert!(outcome.stderr.contains("--shard <I/N>"), "{}", outcome.stderr);
    }
    for index in [None, Some(""), Some("x"), Some("2")] {
        for command in [&[][..], &["check"], &["watch"]] {
            let run =
                Run::new().args(command).args(["--infile", "-", "--shard", "auto/2"]).stdin("[]");
            let run =
                if let Some(index) = index { run.env("JOB_COMPLETION_INDEX", index) } else { run };
            let outcome = run.run().expect_code(2);
            assert!(
                outcome.stderr.contains("--shard auto/2: JOB_COMPLETION_INDEX"),
                "{}",
                outcome.stderr
            );
        }
    }
    let arguments = ["match-images", "--images", "-", "--inventory", "x.json", "--shard", "0/2"];
    let outcome = Run::new().args(arguments).run().expect_code(2);
    assert!(outcome.stderr.contains("--inventory"), "{}", outcome.stderr);
}

#[test]
fn commands_that_ask_no_endpoints_ignore_the_shard_of_the_environment() {
    let plugins = plugins();
    let list = |run: Run| {
        let run = run.arg("--list-modules").plugins(plugins.path());
        run.run().expect_code(0).stdout_text().to_owned()
    };
    let unset = Run::new().env("VIRTUAL_HOST_GATHERER_SHARD", "");
    let expected = list(Run::new());
    assert_eq!(list(unset), expected);
    assert_eq!(list(Run::new().env("VIRTUAL_HOST_GATHERER_SHARD", "auto/4")), expected);
}

#[test]
fn a_manager_gets_the_endpoints_of_the_shard_only() {
    let (request, plugins) = (request(), plugins());
    let expected = ids(&shard(&request, &plugins, "1/3"));
    let run = Run::gather(&request).plugins(plugins.path()).args(["--shard", "1/3"]);
    let outcome = run.run().expect_code(0);
    // A Manager does not change the endpoints that the answer does not name.
    let document: Value = serde_json::from_str(outcome.stdout_text()).expect("JSON");
    let named: BTreeSet<_> = document.as_object().expect("an object").keys().cloned().collect();
    assert_eq!(named, expected);
}

#[test]
fn a_shard_and_only_select_what_both_select() {
    let (request, plugins) = (request(), plugins());
    let mut found = Vec::new();
    for index in 0..3 {
        let run = Run::gather(&request).plugins(plugins.path()).args(["--format", "inventory"]);
        let run =
            run.args(["--only", "kvm1", "--only", "mistake", "--shard", &format!("{index}/3")]);
        found.extend(ids(&run.run().expect_code(0).inventory()));
    }
    found.sort();
    assert_eq!(found, ["kvm1", "mistake"]);
    let run =
        Run::gather(&request).plugins(plugins.path()).args(["--only", "kvm", "--shard", "0/3"]);
    run.run().expect_code(2);
}

#[test]
fn endpoints_without_an_id_are_in_shard_0() {
    let endpoint = json!({"module": "Example", "hostname": "x"});
    let request = json!([endpoint, endpoint, {"id": ["wrong"], "module": "Example"}]);
    let plugins = plugins();
    assert_eq!(ids(&shard(&request, &plugins, "0/5")).len(), 3);
    for index in 1..5 {
        assert_eq!(ids(&shard(&request, &plugins, &format!("{index}/5"))), BTreeSet::new());
    }
}

#[test]
fn a_file_that_cannot_be_used_is_in_one_shard() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("bad.json"), "[").expect("written");
    std::fs::write(folder.path().join("good.json"), request().to_string()).expect("written");
    let plugins = plugins();
    let failed = (0..3).filter(|index| {
        let run = Run::new().arg("--infile").arg(folder.path()).plugins(plugins.path());
        let run = run.args(["--format", "inventory", "--shard", &format!("{index}/3")]);
        ids(&run.run().expect_code(0).inventory()).contains("bad.json")
    });
    assert_eq!(failed.count(), 1);
}

#[test]
fn check_asks_the_endpoints_of_the_shard() {
    let (request, plugins) = (request(), plugins());
    let expected = ids(&shard(&request, &plugins, "2/3"));
    for arguments in [&["check", "--shard", "2/3"][..], &["--shard", "2/3", "check"]] {
        let run = Run::new().args(arguments).args([
            "--infile",
            "-",
            "--format",
            "json",
            "--fail-on",
            "never",
        ]);
        let outcome = run.plugins(plugins.path()).stdin(request.to_string()).run().expect_code(0);
        let checks: Value = serde_json::from_str(outcome.stdout_text()).expect("JSON");
        assert_eq!(ids(&checks), expected);
    }
}

#[test]
fn match_images_asks_the_endpoints_of_the_shard() {
    let (request, plugins) = (request(), plugins());
    let expected = ids(&shard(&request, &plugins, "2/3"));
    let images = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(images.path(), "[]").expect("written");
    let run = Run::new().args(["match-images", "--shard", "2/3", "--infile", "-", "--images"]);
    let run = run.arg(images.path()).plugins(plugins.path()).stdin(request.to_string());
    let matches: Value =
        serde_json::from_str(run.run().expect_code(0).stdout_text()).expect("JSON");
    let incomplete = matches["incomplete"].as_array().expect("a list");
    let named: BTreeSet<_> = incomplete
        .iter()
        .map(|endpoint| endpoint["endpoint"].as_str().expect("an id").to_owned())
        .collect();
    assert_eq!(named, expected);
}

/// The names of the files in a folder, sorted.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).expect("the folder exists");
    entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect()
}

/// An infile with endpoints of module File, whose documents are beside it.
fn infile_of_documents(folder: &Path, names: &[String]) {
    let endpoint = |name: &String| {
        let host = json!({name: {"name": name, "hostIdentifier": name, "vms": {}}});
        let url = folder.join(format!("{name}.doc"));
        std::fs::write(&url, host.to_string()).expect("written");
        json!({"id": name, "module": "File", "url": url})
    };
    let endpoints: Value = names.iter().map(endpoint).collect();
    std::fs::write(folder.join("in"), endpoints.to_string()).expect("written");
}

#[test]
fn watch_does_not_announce_that_endpoints_of_other_shards_were_removed() {
    let (folder, plugins) = (tempfile::tempdir().expect("a folder"), PluginFolder::with(&["file"]));
    let all: Vec<_> = (0..9).map(|number| format!("e{number}")).collect();
    infile_of_documents(folder.path(), &all);
    let state = folder.path().join("state");
    let watch = |shard: &[&str]| -> Vec<Value> {
        let run =
            Run::new().args(["watch", "--rounds", "1", "--infile"]).arg(folder.path().join("in"));
        let run = run.arg("--state").arg(&state).args(shard).plugins(plugins.path());
        let outcome = run.run().expect_code(0);
        outcome
            .stdout_text()
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    };
    let of_type = |events: &[Value], kind: &str| -> BTreeSet<String> {
        let has_type =
            |event: &&Value| event["type"].as_str().is_some_and(|text| text.ends_with(kind));
        let id = |event: &Value| event["source"].as_str().unwrap_or_default().to_owned();
        events.iter().filter(has_type).map(id).collect()
    };
    let first = watch(&[]);
    assert_eq!(
        first.iter().filter(|event| event["type"].to_string().contains("host.created")).count(),
        9
    );
    let kept = names(&state.join("endpoints"));
    // The same state folder, for one shard: nothing changed, and no answer is removed.
    let events = watch(&["--shard", "1/3"]);
    let unchanged = of_type(&events, "endpoint.unchanged");
    assert!((1..9).contains(&unchanged.len()) && unchanged.len() == events.len(), "{events:?}");
    assert_eq!(names(&state.join("endpoints")), kept);
    // An endpoint that is no longer in the infile is announced, whichever shard it had been in.
    infile_of_documents(folder.path(), &all[1..]);
    let events = watch(&["--shard", "1/3"]);
    let removed = of_type(&events, "endpoint.removed");
    assert_eq!(removed.into_iter().collect::<Vec<_>>(), ["/virtual-host-gatherer/endpoints/e0"]);
}

#[test]
fn a_run_of_a_shard_leaves_the_kept_answers_of_other_shards() {
    let (folder, plugins) = (tempfile::tempdir().expect("a folder"), PluginFolder::with(&["file"]));
    let all: Vec<_> = (0..9).map(|number| format!("e{number}")).collect();
    infile_of_documents(folder.path(), &all);
    let state = folder.path().join("state");
    let gather = |shard: &[&str]| {
        let run =
            Run::new().arg("--infile").arg(folder.path().join("in")).arg("--state").arg(&state);
        run.args(shard).plugins(plugins.path()).run().expect_code(0);
    };
    gather(&[]);
    let path = state.join("endpoints");
    let times = || -> Vec<_> {
        let time =
            |name: &String| path.join(name).metadata().expect("a file").modified().expect("a time");
        names(&path).iter().map(time).collect()
    };
    let before = times();
    gather(&["--shard", "0/3"]);
    let after = times();
    assert_eq!(before.len(), after.len());
    let replaced = before.iter().zip(&after).filter(|(before, after)| before != after).count();
    assert!((1..9).contains(&replaced), "{replaced}");
}
