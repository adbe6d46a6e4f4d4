//! Checks the list of modules and the shown output in the documents against the program.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use gatherer_tests::{PluginFolder, Run};
use serde_json::{Value, json};

use super::{read, repository, section};

/// The plugins that are installed: all except the example.
pub fn installed_plugins() -> Vec<String> {
    let entries = std::fs::read_dir(repository().join("plugins")).expect("plugins/ can be listed");
    let names = entries.map(|entry| entry.expect("plugins/ can be listed").file_name());
    let names = names.map(|name| name.into_string().expect("the name is UTF-8"));
    names.filter(|name| name != "example").collect()
}

#[test]
fn the_readme_lists_exactly_the_installed_modules() {
    let readme = read("README.md");
    let mut parameters = BTreeMap::new();
    for plugin in installed_plugins() {
        let manifest = read(&format!("plugins/{plugin}/manifest.json"));
        let manifest: Value = serde_json::from_str(&manifest).expect("a manifest is JSON");
        let name = |of: &Value| of["name"].as_str().expect("the name is a string").to_owned();
        for module in manifest["modules"].as_array().expect("modules is a list") {
            let listed = module["parameters"].as_array().expect("parameters is a list");
            let listed = listed.iter().filter(|parameter| parameter["advanced"] != true);
            let listed: Vec<_> = listed.map(|parameter| format!("`{}`", name(parameter))).collect();
            parameters.insert(name(module), listed.join(", "));
        }
    }
    let table = section(&readme, "\n## Modules\n").lines().filter(|line| line.starts_with("| "));
    let cells = table.skip(2).map(|line| {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        (cells[0].to_owned(), cells[2].to_owned())
    });
    assert_eq!(cells.collect::<BTreeMap<_, _>>(), parameters);
}

/// The text without the times at the ends of its lines: `complete  1 host  0.1 s`.
fn without_times(text: &str) -> String {
    let mut lines = String::new();
    for line in text.split_inclusive('\n') {
        let is_part_of_time = |character: char| character.is_ascii_digit() || character == '.';
        let without = line.strip_suffix(" s\n").map(|line| line.trim_end_matches(is_part_of_time));
        match without.and_then(|line| line.strip_suffix("  ").or(line.strip_suffix("; "))) {
            Some(without) => lines.extend([without, "\n"]),
            None => lines.push_str(line),
        }
    }
    lines
}

#[test]
fn the_documents_show_the_output_of_the_program() {
    let (readme, manager) = (without_times(&read("README.md")), read("docs/manager.md"));
    let file = PluginFolder::with(&["file"]);

    let run = Run::new().arg("-i").arg(repository().join("demo/request.json"));
    let run = run.args(["--only", "sample inventory", "--format", "table"]).plugins(file.path());
    let table = run.env("COLUMNS", "100").run().expect_code(0);
    let text = without_times(table.stdout_text());
    let (hosts, _) = text.split_once("\n\n").expect("an empty line is before the summary");
    assert!(readme.contains(hosts), "README.md:\n{hosts}");
    let request = format!("$ cat demo/request.json\n{}", read("demo/request.json"));
    assert!(readme.contains(&request), "README.md:\n{request}");

    let refused = r#"{"id": "web", "module": "File", "url": "http://127.0.0.1:1/"}"#;
    let run = Run::new().args(["-i", "-", "--format", "table"]).stdin(refused);
    let failed = run.plugins(file.path()).run().expect_code(0);
    let shown = format!("$ echo '{refused}' | virtual-host-gatherer -i - --format table\n");
    let shown = format!("{shown}{}```", without_times(failed.stdout_text()));
    assert!(readme.contains(&shown), "README.md:\n{shown}");

    let plugins = installed_plugins();
    let plugins = PluginFolder::with(&plugins.iter().map(String::as_str).collect::<Vec<_>>());
    let list = Run::new().arg("--list-modules").plugins(plugins.path()).run().expect_code(0);
    assert!(manager.contains(list.stdout_text()), "manager.md:\n{}", list.stdout_text());

    let host = |system: &str, guests: Value| {
        json!({"id": "4c4c4544", "name": "esx1", "identifiers": {"systemUuid": system},
               "cpu": {"architecture": "x86_64"}, "guests": guests})
    };
    let guests = json!([{"id": "1", "name": "web", "state": "running"},
                        {"id": "2", "name": "web", "state": "blocked"}]);
    let document = json!({"schemaVersion": "1.0", "generator": {"name": "test"}, "endpoints": [
        {"id": "x", "status": "complete", "hosts": [host("aaaa", guests), host("bbbb", json!([]))]}]});
    let run = Run::gather(&json!({"id": "c", "module": "File", "url": "clones.json"}));
    let clones = run.home().join("clones.json");
    std::fs::write(clones, document.to_string()).expect("the file can be written");
    let clones = run.plugins(file.path()).run().expect_code(0);
    let lines = clones.stdout_text().lines();
    let lines = lines.filter(|line| line.ends_with("\": {") || line.contains("hostIdentifier"));
    let shown = format!("{}\n{}```", lines.collect::<Vec<_>>().join("\n"), clones.stderr);
    assert!(manager.contains(&shown), "manager.md:\n{shown}");
}

#[test]
fn the_page_of_diff_shows_its_output() {
    let page = read("docs/diff.md");
    let mut blocks = page.split("```json\n").skip(1).map(|block| {
        let (text, _) = block.split_once("```").expect("the block has an end");
        text
    });
    let run = Run::new().args(["diff", "old.json", "new.json"]).env("COLUMNS", "100");
    for name in ["old.json", "new.json"] {
        let text = blocks.next().expect("the page shows both documents");
        std::fs::write(run.home().join(name), text).expect("the file can be written");
    }
    let shown = run.run().expect_code(0);
    let shown =
        format!("$ virtual-host-gatherer diff old.json new.json\n{}```", shown.stdout_text());
    assert!(page.contains(&shown), "docs/diff.md:\n{shown}");
}

#[test]
fn the_alert_rules_are_valid_and_use_metrics_that_exist() {
    let page = read("docs/operating.md");
    let metrics = ["commands/watch/metrics.rs", "output/exposition.rs"];
    let metrics: String = metrics.map(|file| read(&format!("host/src/{file}"))).concat();
    check_rules(&page, &metrics);
    check_names(&read("docs/watch.md"), &metrics);
    let metrics = metrics + &read("host/src/output/format/prometheus/mod.rs");
    check_rules(&read("docs/formats.md"), &metrics);
}

/// Checks that the metrics exist that a text names.
fn check_names(text: &str, metrics: &str) {
    let is_part = |char: char| char.is_ascii_lowercase() || char == '_';
    for after in text.split("virtual_host_gatherer_").skip(1) {
        let name = after.split(|char| !is_part(char)).next().unwrap_or_default();
        let exists = name.is_empty() || metrics.contains(&format!("\"{name}\""));
        assert!(exists, "there is no metric {name}");
    }
}

/// Checks the alert rules of a page, and the metrics that it names.
fn check_rules(page: &str, metrics: &str) {
    check_names(page, metrics);
    let (_, rules) = page.split_once("```yaml\ngroups:").expect("the page has alert rules");
    let (rules, _) = rules.split_once("```").expect("the rules have an end");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("rules.yml");
    std::fs::write(&file, format!("groups:{rules}")).expect("the file can be written");
    match gatherer_tests::promtool() {
        Err(reason) => gatherer_tests::note_skipped(&reason),
        Ok(mut promtool) => {
            let output = promtool.args(["check", "rules"]).arg(&file).output().expect("it runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[test]
fn the_script_for_the_managers_request_keeps_it_and_runs_the_program() {
    let page = read("docs/manager-installation.md");
    let (_, script) = page.split_once("<<'END'\n").expect("the page has the script");
    let (script, _) = script.split_once("END\n").expect("the script has an end");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = folder.path().join("classic");
    let classic = "#!/bin/sh\ncase $1 in --infile) cat ;; *) echo \"$@\" ;; esac; exit 3\n";
    let script =
        script.replace("/usr/bin/virtual-host-gatherer.classic", &program.display().to_string());
    let script = script.replace("/var/log/rhn", &folder.path().display().to_string());
    for (path, text) in [(&program, classic), (&folder.path().join("script"), &script)] {
        std::fs::write(path, text).expect("the script can be written");
        std::fs::set_permissions(path, Permissions::from_mode(0o755)).expect("it is ours");
    }
    let run = |arguments: [&str; 3]| {
        let mut command = Command::new("sh");
        command.arg(folder.path().join("script")).args(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("sh");
        // The program that lists its modules does not read its input.
        let _ = child.stdin.take().expect("a pipe").write_all(b"[]");
        let output = child.wait_with_output().expect("sh ends");
        (output.status.code(), String::from_utf8(output.stdout).expect("UTF-8"))
    };
    let list = run(["--list-modules", "--logfile", "x"]);
    assert_eq!(list, (Some(3), "--list-modules --logfile x\n".to_owned()));
    assert_eq!(run(["--infile", "-", "--logfile"]), (Some(3), "[]".to_owned()));
    let entries = std::fs::read_dir(folder.path()).expect("the folder can be listed");
    let kept: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    let [kept] = &kept[..] else { panic!("{kept:?}") };
    assert_eq!(std::fs::read_to_string(kept).expect("the request was kept"), "[]");
    let mode = std::fs::metadata(kept).expect("it exists").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
