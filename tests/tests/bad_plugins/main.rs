//! What `plugin verify` says of plugins with the mistakes that authors make, and that a run refuses a plugin whose
//! layout is not checked.

use std::path::{Path, PathBuf};
use std::process::Command;

use gatherer_tests::plugins::{file_name, library};
use gatherer_tests::{Outcome, PluginFolder, Run, assert_message, skip};
use rustix::process::Signal;
use serde_json::{Value, json};

const PASSWORD: &str = "Canary-7f3a91";

fn verify(file: &Path) -> Run {
    Run::new().args(["plugin", "verify"]).arg(file)
}

/// The failed checks, one per line, of a plugin that must fail some.
fn failed_checks(outcome: &Outcome) -> String {
    assert_eq!(outcome.code(), 1, "{}", outcome.describe());
    for text in [outcome.stdout_text(), &outcome.stderr, &outcome.log] {
        assert!(!text.contains(PASSWORD), "{}", outcome.describe());
    }
    let failed = outcome.stdout_text().lines().filter(|line| line.starts_with("not ok "));
    let failed: Vec<_> = failed.collect();
    assert!(!failed.is_empty(), "{}", outcome.describe());
    failed.join("\n")
}

/// The plugin Example, with a text of its manifest replaced by another one of the same length.
fn example_with(folder: &PluginFolder, from: &str, to: &str) -> PathBuf {
    assert_eq!(from.len(), to.len(), "the manifest keeps its length");
    let mut bytes = std::fs::read(library("example")).expect("the example was built");
    let places = |bytes: &[u8]| -> Vec<usize> {
        let windows = bytes.windows(from.len()).enumerate();
        windows.filter(|(_, window)| *window == from.as_bytes()).map(|(at, _)| at).collect()
    };
    let found = places(&bytes);
    assert!(found.len() >= 2, "the note and the code have the manifest");
    for at in found {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    folder.add_bytes("bad", &bytes)
}

/// Verifies the misbehaving plugin with an endpoint of this case.
fn verify_case(case: &str) -> Outcome {
    let plugins = PluginFolder::new();
    let run = verify(&plugins.add("misbehaving"));
    let request = run.home().join("request.json");
    let endpoint =
        json!([{"id": "e", "module": "Misbehaving", "case": case, "password": PASSWORD}]);
    std::fs::write(&request, endpoint.to_string()).expect("the request can be written");
    run.arg("--request").arg(request).run()
}

#[test]
fn each_mistake_in_a_manifest_has_its_line() {
    let mistakes = [
        ("an unknown member", r#""secret": true"#, r#""secert": true"#),
        ("a secret that is not marked", r#""secret": true"#, r#""secret":false"#),
        ("a default of a wrong type", "\"default\": 2,\n", r#""default":"x","#),
        ("a default that no Manager can read", "\"default\": 2,\n", r#""default":[1],"#),
        ("a parameter with another name", r#""name": "delay_ms""#, r#""name": "delay_mx""#),
        ("a parameter of another type", r#""type": "integer""#, r#""type": "boolean""#),
    ];
    let checks = mistakes.map(|(mistake, from, to)| {
        let folder = PluginFolder::new();
        let outcome = verify(&example_with(&folder, from, to)).run();
        format!("[{mistake}]\n{}", failed_checks(&outcome))
    });
    assert_message!(checks.join("\n"));
}

#[test]
fn each_mistake_of_a_gathering_has_its_line() {
    let cases = [
        "empty-ids",
        "repeated-ids",
        "copies-password",
        "leaks-context",
        "misspells-a-collection",
        "restarts-an-unknown-collection",
        "unfit-member",
        "panic",
    ];
    let checks = cases.map(|case| format!("[{case}]\n{}", failed_checks(&verify_case(case))));
    assert_message!(checks.join("\n"));
}

#[test]
fn inspect_shows_the_mistakes_in_a_manifest_without_loading_the_plugin() {
    let folder = PluginFolder::new();
    let file = example_with(&folder, r#""secret": true"#, r#""secert": true"#);
    let outcome = Run::new().args(["plugin", "inspect"]).arg(file).run().expect_code(0);
    let (_, mistakes) =
        outcome.stdout_text().split_once("\nMistakes in the manifest:\n").expect("mistakes");
    assert_eq!(mistakes.lines().count(), 2, "{mistakes}");
    assert!(mistakes.contains("secert") && mistakes.contains("looks like a secret"), "{mistakes}");

    let good = folder.add("example");
    let outcome = Run::new().args(["plugin", "inspect"]).arg(good).run().expect_code(0);
    assert!(!outcome.stdout_text().contains("Mistakes"), "{}", outcome.describe());
}

#[test]
fn a_panic_is_logged_with_its_message_at_vv_but_not_by_default() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let endpoints = json!([{"id": "e", "module": "Misbehaving", "case": "panic"}]);
    let gather = || Run::gather(&endpoints).plugins(plugins.path());
    let outcome = gather().run();
    assert!(!outcome.messages().contains("with a message"), "{}", outcome.describe());
    let outcome = gather().arg("-vv").run();
    assert!(outcome.stderr.contains("with a message"), "{}", outcome.describe());
    assert!(outcome.log.contains("with a message"), "{}", outcome.describe());
}

#[test]
fn the_json_has_the_same_checks_as_the_lines() {
    let plugins = PluginFolder::new();
    let file = plugins.add("misbehaving");
    let run = |json: bool| {
        let run = verify(&file).env("MISBEHAVING", "accepts-any-module");
        let outcome = if json { run.arg("--json").run() } else { run.run() };
        outcome.expect_code(1)
    };
    let document: Value = serde_json::from_slice(&run(true).stdout).expect("one JSON document");
    assert_eq!(document["passes"], false);
    assert_eq!((&document["notOk"], &document["skipped"]), (&json!(1), &json!(1)));
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let lines: Vec<_> = document["checks"]
        .as_array()
        .expect("checks is a list")
        .iter()
        .map(|check| {
            let label = text(&check["result"]).replace('-', " ");
            let detail = check
                .get("detail")
                .map_or_else(String::new, |detail| format!(": {}", text(detail)));
            format!("{label:9}{}{detail}", text(&check["check"]))
        })
        .collect();
    let shown = run(false);
    let (checks, _) = shown.stdout_text().split_once("\n\n").expect("a line before the totals");
    assert_eq!(lines.join("\n"), checks);
}

#[test]
fn watch_verifies_again_when_the_file_changes_and_ends_by_a_signal() {
    let plugins = PluginFolder::new();
    let bytes = std::fs::read(library("example")).expect("the example was built");
    let file = plugins.add_bytes("watched", &bytes);
    let run = verify(&file).arg("--watch");
    let output = run.home().join("output");
    let stdout = std::fs::File::create(&output).expect("a file can be created");
    let running = run.start_on(stdout, std::process::Stdio::piped());
    let verdicts =
        || std::fs::read_to_string(&output).unwrap_or_default().matches(" passes: ").count();
    running.wait_until("the plugin is verified", |_| (verdicts() == 1).then_some(()));
    std::fs::remove_file(&file).expect("the plugin can be removed");
    plugins.add_bytes("watched", &bytes);
    running.wait_until("the new file is verified", |_| (verdicts() == 2).then_some(()));
    running.signal(Signal::TERM);
    assert_eq!(running.finish().code(), 143);
}

/// Compiles a C source of this folder to a library. `None` if no C compiler is installed.
fn compiled(source: &str, target: &Path, options: &[&str]) -> Option<()> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad_plugins").join(source);
    let command = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([target, &source])
        .args(options)
        .output()
        .ok()?;
    assert!(command.status.success(), "{}", String::from_utf8_lossy(&command.stderr));
    gatherer_tests::plugins::set_mode(target, 0o755);
    Some(())
}

/// A folder with the plugin in C and, beside it, the library that it needs.
fn folder_with_c_plugin(run_path: &str) -> Option<PluginFolder> {
    let folder = PluginFolder::new();
    let neighbour = folder.path().join("libneighbour.so");
    compiled("neighbour.c", &neighbour, &["-Wl,-soname,libneighbour.so"])?;
    let run_path = format!("-Wl,-rpath,{run_path}");
    let search = format!("-L{}", folder.path().to_str().expect("the path is UTF-8"));
    let target = folder.path().join(file_name("unchecked"));
    let options = ["-Wl,--no-as-needed", &search, "-lneighbour", &run_path];
    compiled("unchecked_layout.c", &target, &options)?;
    Some(folder)
}

#[test]
fn a_plugin_that_opts_out_of_the_layout_check_is_refused_by_verify_and_by_a_run() {
    let Some(folder) = folder_with_c_plugin("$ORIGIN") else { skip!("no C compiler is installed") };
    let file = folder.path().join(file_name("unchecked"));
    let outcome = verify(&file).run();
    let checks = failed_checks(&outcome);
    assert!(checks.contains("opts out of the layout check"), "{checks}");
    assert_message!(checks);
    let endpoints = json!([{"id": "e", "module": "Unchecked"}]);
    let outcome =
        Run::gather(&endpoints).plugins(folder.path()).args(["--format", "inventory"]).run();
    let failure = outcome.failure("e");
    assert_eq!(failure.kind, "unsupported", "{failure}");
    assert!(failure.message.contains("opts out of the layout check"), "{failure}");
}

#[test]
fn a_library_beside_the_plugin_is_found_only_by_the_run_path_origin() {
    for (run_path, is_found) in [("$ORIGIN", true), ("$ORIGIN/.", true), ("/nonexistent", false)] {
        let Some(folder) = folder_with_c_plugin(run_path) else {
            skip!("no C compiler is installed")
        };
        let file = folder.path().join(file_name("unchecked"));
        let checks = failed_checks(&verify(&file).run());
        assert_eq!(checks.contains("opts out"), is_found, "{run_path}: {checks}");
        assert_eq!(checks.contains("libneighbour.so"), !is_found, "{run_path}: {checks}");
    }
    // A library that is missing is named.
    let Some(folder) = folder_with_c_plugin("$ORIGIN") else { skip!("no C compiler is installed") };
    std::fs::remove_file(folder.path().join("libneighbour.so")).expect("it was compiled");
    let checks = failed_checks(&verify(&folder.path().join(file_name("unchecked"))).run());
    assert!(checks.contains("libneighbour.so"), "{checks}");
}
