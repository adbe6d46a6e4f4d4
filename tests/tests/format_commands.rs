//! The commands that the page on formats shows for Prometheus and for tables work as they are shown.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use gatherer_tests::{Judge, PluginFolder, built, promtool, skip};
use serde_json::json;

/// Runs the commands of a section of the page in a folder with an infile. `programs` are folders with other programs.
fn run_commands(section: &str, folder: &Path, programs: &[PathBuf]) -> Output {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/formats.md");
    let page = std::fs::read_to_string(page).expect("the page can be read");
    let (_, section) = page.split_once(&format!("\n## {section}\n")).expect("there is a section");
    let (_, commands) = section.split_once("```sh\n").expect("the section has commands");
    let (commands, _) = commands.split_once("```").expect("the commands have an end");
    let folder_name = folder.display().to_string();
    let commands = commands.replace("/var/lib/prometheus/node-exporter", &folder_name);
    let endpoints = json!([
        {"id": "good", "module": "Example", "hostname": "kvm1", "guests": 2},
        {"id": "lost", "module": "Misbehaving", "case": "refuses"},
    ]);
    std::fs::write(folder.join("endpoints.json"), endpoints.to_string()).expect("writable");
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let program = built("virtual-host-gatherer");
    let program = program.parent().expect("the program is in a folder").to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let inherited = std::env::split_paths(&path);
    let path = [program].into_iter().chain(programs.iter().cloned()).chain(inherited);
    let mut shell = Command::new("sh");
    shell.args(["-e", "-c", &commands]).current_dir(folder).env("HOME", folder);
    shell.env("PATH", std::env::join_paths(path).expect("no folder has a colon"));
    shell.env("GATHERER_PLUGIN_PATH", plugins.path());
    shell.env("VIRTUAL_HOST_GATHERER_LOGFILE", folder.join("gatherer.log"));
    let output = shell.output().expect("sh can be started");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    output
}

/// The folder of the program of a command.
fn folder_of(command: &Command) -> PathBuf {
    Path::new(command.get_program()).parent().expect("the program has a folder").to_owned()
}

#[test]
fn the_commands_for_prometheus_write_metrics_check_them_and_find_failed_endpoints() {
    let promtool = match promtool() {
        Ok(promtool) => folder_of(&promtool),
        Err(reason) => skip!("{reason}"),
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = run_commands("prometheus", folder.path(), &[promtool]);
    let printed = String::from_utf8_lossy(&output.stdout);
    let failing =
        r#"virtual_host_gatherer_endpoint_failing{endpoint="lost",module="Misbehaving",kind="#;
    assert!(printed.starts_with(failing) && printed.lines().count() == 1, "{printed}");
    let written = std::fs::read_to_string(folder.path().join("virtual-hosts.prom"));
    let written = written.expect("the file is written");
    assert!(written.contains(r#"virtual_host_gatherer_host_guests{endpoint="good""#), "{written}");
}

#[test]
fn the_commands_for_tables_answer_with_duckdb_and_sqlite() {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    let has_sqlite = Command::new("sqlite3").arg("--version").output().is_ok();
    if !has_sqlite {
        skip!("sqlite3 was not found: apt-get install sqlite3");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = run_commands("csv", folder.path(), &[folder_of(&judge.module("duckdb"))]);
    let printed = String::from_utf8_lossy(&output.stdout);
    let of_host = printed.lines().filter(|line| line.contains("kvm1"));
    assert_eq!(of_host.count(), 1, "{printed}");
    assert!(printed.lines().last().is_some_and(|line| line.starts_with("lost,")), "{printed}");
}

#[test]
fn the_commands_for_documents_and_tables_for_people_work() {
    if Command::new("jq").arg("--version").output().is_err() {
        skip!("jq is not installed");
    }
    for (section, expected) in [
        ("One run, many formats", "kvm1"),
        ("gatherer", "lost"),
        ("inventory", "lost: "),
        ("ndjson", "kvm1 guest1"),
        ("containers", "no container"),
        ("table", "guest1"),
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let output = run_commands(section, folder.path(), &[]);
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(printed.contains(expected), "{section}: {printed}");
    }
}
