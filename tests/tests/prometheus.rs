//! `--format prometheus`: metrics that promtool accepts, for node_exporter's textfile collector.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use gatherer_tests::{PluginFolder, Run, note_skipped, promtool};
use serde_json::{Value, json};

/// A document for module File, with names and ids that are hostile, long, and duplicated.
fn hostile() -> Value {
    let names = [
        "a\"b",
        "a\\b",
        "a\nb",
        "a\\nb",
        "}\n# TYPE x counter\nx 1",
        "\u{0}\r\u{85}\u{2028}\u{202e}é🐧",
    ];
    let guest = |name: &&str| json!({"id": "same", "name": name, "state": "running", "cpus": 2});
    let guests: Vec<_> = names.iter().map(guest).collect();
    let long = |end: &str| json!({"id": format!("{}{end}", "x".repeat(300)), "name": "long"});
    let labels = json!({"owner": "somebody", "le": "1"});
    json!({"schemaVersion": "1.0", "generator": {"name": "test"}, "endpoints": [
        {"id": "x", "status": "complete", "collections": {"virtual-machines": {"status": "complete"}},
         "hosts": [
            {"id": "h", "name": "kvm", "guests": guests, "labels": labels, "memoryBytes": 1_099_511_627_776_u64},
            {"id": "h", "name": "kvm", "guests": guests},
            {"id": "node", "name": names[4], "identifiers": {"kubernetesUid": "u"},
             "versions": {"kubelet": names[0]}, "cpu": {"millicores": 1500}}
         ],
         "detachedGuests": [long("1"), long("2"), {"name": "without an id"}, {"name": "without an id"}]}]})
}

/// A run with the hostile endpoint, another complete one, and one that fails.
fn run(plugins: &PluginFolder) -> Run {
    let endpoints = json!([
        {"id": "hostile \"\\\u{202e}", "module": "File", "url": "hostile.json"},
        {"id": "good", "module": "Example", "hostname": "kvm1", "guests": 2},
        {"id": "failed", "module": "Misbehaving", "case": "refuses"},
    ]);
    let run = Run::gather(&endpoints).plugins(plugins.path()).args(["--format", "prometheus"]);
    let document = hostile().to_string();
    std::fs::write(run.home().join("hostile.json"), document).expect("the file can be written");
    run
}

fn plugins() -> PluginFolder {
    PluginFolder::with(&["example", "file", "misbehaving"])
}

/// The metrics, with the names of the samples that have them.
fn samples<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!("virtual_host_gatherer_{name}{{");
    text.lines().filter(|line| line.starts_with(&start)).collect()
}

#[test]
fn promtool_finds_nothing_wrong_in_metrics_of_hostile_names() {
    let plugins = plugins();
    for more in [&[][..], &["--no-run-info"]] {
        let outcome = run(&plugins).args(more).run().expect_code(0);
        let text = outcome.stdout_text();
        assert_eq!(samples(text, "guest_info").len(), 6 + 6 + 4 + 2, "{text}");
        let mut promtool = match promtool() {
            Ok(promtool) => promtool,
            Err(reason) => return note_skipped(&reason),
        };
        let checked = promtool.args(["check", "metrics"]);
        let checked = checked.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut checked = checked.spawn().expect("promtool can be started");
        let mut stdin = checked.stdin.take().expect("a pipe");
        stdin.write_all(text.as_bytes()).expect("promtool reads");
        drop(stdin);
        let output = checked.wait_with_output().expect("promtool ends");
        let problems = [output.stdout, output.stderr].concat();
        let problems = String::from_utf8_lossy(&problems);
        assert!(output.status.success() && problems.is_empty(), "{problems}");
    }
}

#[test]
fn no_label_of_an_object_becomes_a_label_of_a_sample() {
    let plugins = plugins();
    let outcome = run(&plugins).run().expect_code(0);
    assert!(!outcome.stdout_text().contains("owner"), "{}", outcome.stdout_text());
}

#[test]
fn a_failed_endpoint_is_down_and_a_complete_one_is_up() {
    let plugins = plugins();
    let outcome = run(&plugins).arg("--no-run-info").run().expect_code(0);
    let text = outcome.stdout_text();
    assert_eq!(
        samples(text, "endpoint_up"),
        [
            r#"virtual_host_gatherer_endpoint_up{endpoint="failed",module="Misbehaving"} 0"#,
            r#"virtual_host_gatherer_endpoint_up{endpoint="good",module="Example"} 1"#,
            r#"virtual_host_gatherer_endpoint_up{endpoint="hostile \"\\\\u{202e}",module="File"} 1"#,
        ]
    );
    let failing = samples(text, "endpoint_failing");
    let [failing] = failing[..] else { panic!("{failing:?}") };
    assert!(failing.contains(r#"endpoint="failed",module="Misbehaving",kind=""#), "{failing}");
    let objects = samples(text, "endpoint_objects");
    assert!(!objects.iter().any(|line| line.contains(r#"endpoint="failed""#)), "{objects:?}");
    let guests = r#"endpoint="good",module="Example",kind="guests"} 2"#;
    assert!(objects.iter().any(|line| line.ends_with(guests)), "{objects:?}");
}

#[test]
fn the_log_says_that_long_ids_are_cut() {
    let plugins = plugins();
    let outcome = run(&plugins).run().expect_code(0);
    let text = outcome.stdout_text();
    let cut = format!("guest_id=\"{}...\"", "x".repeat(253));
    let long = samples(text, "guest_info").into_iter().filter(|line| line.contains(&cut));
    let long: Vec<_> = long.collect();
    assert_eq!(long.len(), 2, "{long:?}");
    assert!(long[1].contains(r#",duplicate="2""#), "{}", long[1]);
    let note = "longer than 256 bytes are cut in labels: 2";
    assert!(outcome.log.contains(note), "{}", outcome.describe());
}

#[test]
fn without_run_info_the_same_answers_give_the_same_bytes() {
    let plugins = plugins();
    let text = || run(&plugins).arg("--no-run-info").run().expect_code(0).stdout;
    assert_eq!(text(), text());
    let timed = run(&plugins).run().expect_code(0);
    assert_eq!(samples(timed.stdout_text(), "endpoint_last_success_timestamp_seconds").len(), 2);
}

#[test]
fn node_exporter_may_read_the_outfile_which_is_replaced_as_a_whole() {
    let plugins = plugins();
    let run = run(&plugins).args(["--outfile", "vhg.prom"]);
    let path = run.home().join("vhg.prom");
    let outcome = run.run().expect_code(0);
    assert!(outcome.stdout.is_empty());
    let mode = std::fs::metadata(&path).expect("the outfile exists").permissions().mode();
    assert_eq!(mode & 0o004, 0o004, "{mode:o}: node_exporter is another user");
    let entries = std::fs::read_dir(outcome.home()).expect("the folder can be listed");
    let mut names: Vec<_> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    assert_eq!(names, ["gatherer.log", "hostile.json", "vhg.prom"], "a temporary file is left");
}

/// The YAML of the tests of the rules on the page: the program's own samples, and what the rules make of them.
fn rule_test(samples: &str) -> String {
    let lines = samples.lines().filter(|line| !line.starts_with('#'));
    let series = lines.map(|line| {
        let (series, value) = line.rsplit_once(' ').expect("a sample has a value");
        let item = json!({"series": series, "values": format!("{value}x90")});
        format!("    - {item}")
    });
    let series = series.collect::<Vec<_>>().join("\n");
    format!(
        r#"rule_files: [rules.yml]
tests:
- interval: 1m
  input_series:
{series}
  promql_expr_test:
    - expr: virtual_host:memory_overcommit:ratio
      eval_time: 5m
      exp_samples:
        - labels: virtual_host:memory_overcommit:ratio{{endpoint="dc",host_id="h1",host="kvm1"}}
          value: 1.5
  alert_rule_test:
    - alertname: VirtualHostEndpointFails
      eval_time: 80m
      exp_alerts:
        - exp_labels: {{endpoint: failed, module: Misbehaving}}
          exp_annotations: {{summary: "failed (Misbehaving) fails"}}
"#
    )
}

#[test]
fn the_rules_on_the_page_work_with_the_metrics() {
    let plugins = plugins();
    let guest = |id, gib: u64| json!({"id": id, "name": "web", "memoryBytes": gib << 30});
    let host = json!({"id": "h1", "name": "kvm1", "memoryBytes": 64_u64 << 30,
        "guests": [guest("g1", 64), guest("g2", 16), guest("g2", 16), {"id": "g3", "name": "new"}]});
    let document = json!({"schemaVersion": "1.0", "generator": {"name": "test"}, "endpoints": [
        {"id": "x", "status": "complete", "hosts": [host, {"id": "h2", "name": "kvm2"}]}]});
    let run = Run::gather(&json!([
        {"id": "dc", "module": "File", "url": "dc.json"},
        {"id": "failed", "module": "Misbehaving", "case": "refuses"},
    ]));
    std::fs::write(run.home().join("dc.json"), document.to_string()).expect("it can be written");
    let run = run.plugins(plugins.path()).args(["--format", "prometheus", "--no-run-info"]);
    let outcome = run.run().expect_code(0);
    let mut promtool = match promtool() {
        Ok(promtool) => promtool,
        Err(reason) => return note_skipped(&reason),
    };
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/formats.md");
    let page = std::fs::read_to_string(page).expect("the page can be read");
    let start = page.find("groups:\n  - name: virtual-hosts").expect("the page has rules");
    let (rules, _) = page[start..].split_once("```").expect("the rules have an end");
    for (name, text) in [("rules.yml", rules), ("test.yml", &rule_test(outcome.stdout_text()))] {
        std::fs::write(outcome.home().join(name), text).expect("the file can be written");
    }
    let tested = promtool.args(["test", "rules"]).arg(outcome.home().join("test.yml"));
    let tested = tested.output().expect("promtool runs");
    let problems = [tested.stdout, tested.stderr].concat();
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&problems));
}

#[test]
fn find_is_refused() {
    let outcome = run(&plugins()).args(["--find", "kvm"]).run().expect_code(2);
    assert!(outcome.stderr.contains("prometheus"), "{}", outcome.describe());
}
