//! `--format csv`: DuckDB and SQLite read the tables with the code of the page about SQL, and answer its questions.

use std::path::Path;

use gatherer_tests::{Judge, PluginFolder, Run, note_skipped};
use serde_json::{Value, json};

const TABLES: [&str; 5] = ["endpoints", "hosts", "guests", "pods", "links"];

fn page() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/sql.md");
    std::fs::read_to_string(page).expect("the page can be read")
}

/// The code blocks of the page in a language.
fn blocks(language: &str) -> Vec<String> {
    let page = page();
    let start = format!("```{language}\n");
    let blocks = page.split(&start).skip(1);
    let blocks =
        blocks.map(|block| block.split_once("```").expect("a block has an end").0.to_owned());
    blocks.collect()
}

/// The query of the page below a heading.
fn query(heading: &str) -> String {
    let page = page();
    let (_, section) =
        page.split_once(&format!("\n### {heading}\n")).expect("the page has the heading");
    let (section, _) = section.split_once("\n### ").unwrap_or((section, ""));
    let query = section.split("```sql\n").last().expect("the section has a query");
    query.split_once("```").expect("the query has an end").0.to_owned()
}

/// A document for module File.
fn document(endpoint: &Value) -> Value {
    let mut endpoint = endpoint.clone();
    endpoint["id"] = json!("x");
    endpoint["status"] = json!("complete");
    json!({"schemaVersion": "1.0", "generator": {"name": "test"}, "endpoints": [endpoint]})
}

/// A run of endpoints of module File with these documents; `null` is an endpoint that fails.
fn run(endpoints: &[(&str, Value)], plugins: &PluginFolder) -> Run {
    let requested = endpoints.iter().enumerate().map(
        |(number, (id, _))| json!({"id": id, "module": "File", "url": format!("{number}.json")}),
    );
    let run = Run::gather(&requested.collect()).plugins(plugins.path()).arg("--no-run-info");
    for (number, (_, endpoint)) in endpoints.iter().enumerate() {
        if !endpoint.is_null() {
            let path = run.home().join(format!("{number}.json"));
            std::fs::write(path, document(endpoint).to_string()).expect("the file can be written");
        }
    }
    run
}

/// Writes all tables into a folder, as the page does it.
fn write_tables(endpoints: &[(&str, Value)], folder: &Path) {
    let plugins = PluginFolder::with(&["file"]);
    std::fs::create_dir_all(folder).expect("the folder can be created");
    let inventory = folder.join("inventory.json");
    let run = run(endpoints, &plugins).args(["--format", "inventory", "--outfile"]);
    run.arg(&inventory).run().expect_code(0);
    for table in TABLES {
        let run = Run::new().arg("convert").arg(&inventory);
        let run = run.args(["--format", "csv", "--csv-table", table, "--outfile"]);
        run.arg(folder.join(format!("{table}.csv"))).run().expect_code(0);
    }
    std::fs::write(folder.join("tables.sql"), &blocks("sql")[0]).expect("writable");
}

/// The rows of each query, which DuckDB and SQLite agree on; `None` if they are not available.
fn ask(folder: &Path, queries: &[String]) -> Option<Vec<Value>> {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => {
            note_skipped(&reason);
            return None;
        }
    };
    let request = folder.join("request.json");
    let text = json!({"loaders": blocks("python"), "queries": queries}).to_string();
    std::fs::write(&request, text).expect("the file can be written");
    let output =
        judge.command("sql_tables.py").arg(folder).arg(&request).output().expect("it runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let mut found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(found["duckdb"], found["sqlite"], "the databases do not agree");
    match found["duckdb"].take() {
        Value::Array(results) => Some(results),
        other => panic!("{other}"),
    }
}

fn guest(id: &str, name: &str, state: &str, gib: u64) -> Value {
    json!({"id": id, "uuid": id, "name": name, "state": state, "cpus": 2, "memoryBytes": gib << 30})
}

fn uuid(number: u8) -> String {
    format!("4c4c4544-0042-3510-8054-b5c04f4631{number:02x}")
}

fn data_center() -> Value {
    let host = |id: &str, name: &str, gib: u64, guests: &[Value]| {
        json!({"id": id, "name": name, "location": {"cluster": "east"},
               "memoryBytes": gib << 30, "guests": guests})
    };
    let mut web = guest("g1", "web", "running", 48);
    web["labels"] = json!({"team": "shop"});
    let worker = guest(&uuid(1), "worker-1", "running", 48);
    let mut golden = guest("g4", "golden", "stopped", 4);
    golden["template"] = json!(true);
    json!({
        "hosts": [
            host("h1", "kvm1", 64, &[web, worker]),
            host("h2", "kvm2", 64, &[guest("g2", "db", "stopped", 16), golden]),
            // A clone of kvm2 with its id.
            host("h2", "kvm3", 64, &[guest("g3", "web", "running", 12)]),
        ],
        "detachedGuests": [{"id": "g5", "name": "new"}],
        "collections": {"virtual-machines": {"status": "complete"}},
    })
}

fn cluster() -> Value {
    let node = |number: u8, name: &str| {
        json!({"id": format!("machine-{number}"), "name": name,
               "identifiers": {"systemUuid": uuid(number), "kubernetesUid": format!("u{number}")}})
    };
    let pod = |name: &str, number: u8, node: &str| {
        json!({"namespace": "shop", "name": name, "uid": format!("uid-{name}"),
               "host": {"id": format!("machine-{number}"), "name": node}})
    };
    json!({
        "hosts": [node(1, "worker-1"), node(2, "worker-2")],
        "workloads": {"pods": [pod("cart", 1, "worker-1"), pod("mail", 2, "worker-2")]},
        "collections": {"pods": {"status": "complete"}},
    })
}

#[test]
fn the_definitions_on_the_page_have_the_columns_of_the_tables() {
    let plugins = PluginFolder::with(&["file"]);
    let definitions = blocks("sql")[0].clone();
    for table in TABLES {
        let (_, definition) =
            definitions.split_once(&format!("CREATE TABLE {table} (\n")).expect("a definition");
        let (definition, _) = definition.split_once("\n);").expect("the definition has an end");
        let defined: Vec<_> =
            definition.lines().filter_map(|line| line.split_whitespace().next()).collect();
        let run = run(&[], &plugins).args(["--format", "csv", "--csv-table", table]);
        let outcome = run.run().expect_code(0);
        assert_eq!(outcome.stdout_text(), format!("{}\r\n", defined.join(",")));
    }
}

#[test]
fn guests_are_the_default_table_and_the_option_is_refused_with_other_formats() {
    let plugins = PluginFolder::with(&["file"]);
    let endpoints = [("dc", data_center())];
    let default = run(&endpoints, &plugins).args(["--format", "csv"]).run().expect_code(0);
    let guests = run(&endpoints, &plugins).args(["--format", "csv", "--csv-table", "guests"]);
    assert_eq!(default.stdout, guests.run().expect_code(0).stdout);
    let refused = run(&endpoints, &plugins).args(["--format", "table", "--csv-table", "guests"]);
    let refused = refused.run().expect_code(2);
    assert!(refused.stderr.contains("--csv-table"), "{}", refused.describe());
}

#[test]
fn the_questions_on_the_page_are_answered() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut yesterday = data_center();
    // Yesterday "web" was on kvm2, "db" did not exist, and there was one guest more.
    let web = yesterday["hosts"][0]["guests"].as_array_mut().expect("a list").remove(0);
    yesterday["hosts"][1]["guests"] = json!([web, guest("g0", "old", "running", 1)]);
    let lost =
        json!({"hosts": [{"id": "l", "name": "l", "guests": [guest("l1", "lost", "running", 1)]}]});
    write_tables(
        &[("dc", yesterday), ("k8s", cluster()), ("lost", lost)],
        &folder.path().join("yesterday"),
    );
    write_tables(
        &[("dc", data_center()), ("k8s", cluster()), ("lost", Value::Null)],
        folder.path(),
    );
    let gib = |number: u64| number << 30;
    let expected = [
        (
            "How many guests does each host have?",
            json!([
                ["dc", "kvm1", 2, 2],
                ["dc", "kvm2", 2, 0],
                ["dc", "kvm3", 1, 1],
                ["k8s", "worker-1", 0, 0],
                ["k8s", "worker-2", 0, 0]
            ]),
        ),
        (
            "How much memory do the guests of a cluster have, in relation to its hosts?",
            json!([["dc", "east", gib(192), gib(108), 0.56]]),
        ),
        ("Which guests are on no host?", json!([["dc", "g5", "new", null]])),
        (
            "Which guests are stopped, and how much memory would they need?",
            json!([["dc", "kvm2", "db", gib(16)]]),
        ),
        ("Which names are there twice?", json!([["web", 2, 1]])),
        (
            "On which physical host does each pod run?",
            json!([
                ["shop", "cart", "worker-1", "kvm1", "dc"],
                ["shop", "mail", "worker-2", null, null]
            ]),
        ),
        (
            "What fails if the host kvm1 fails?",
            json!([
                ["guest", "dc", "web"],
                ["guest", "dc", "worker-1"],
                ["node", "k8s", "worker-1"],
                ["pod", "k8s", "shop/cart"]
            ]),
        ),
        ("Which guests belong to which team?", json!([["shop", 1, 2]])),
        (
            "What changed since yesterday?",
            json!([
                ["gone", "dc", "g0", "old", "kvm2", null],
                ["moved", "dc", "g1", "web", "kvm2", "kvm1"],
                ["new", "dc", "g2", "db", null, "kvm2"],
                ["new", "dc", "g4", "golden", null, "kvm2"]
            ]),
        ),
    ];
    assert_eq!(page().matches("\n### ").count(), 2 + expected.len(), "a question is not tested");
    let queries = expected.iter().map(|(heading, _)| query(heading));
    let Some(results) = ask(folder.path(), &queries.collect::<Vec<_>>()) else { return };
    for ((heading, expected), found) in expected.iter().zip(results) {
        assert_eq!(found, *expected, "{heading}");
    }
}

#[test]
fn hostile_texts_are_the_same_in_the_databases() {
    let texts = [
        "\"",
        "\"\"",
        "a,b",
        "a\r\nb",
        "a\rb",
        "a\nb",
        "\r",
        "\n",
        "'",
        "=1+1",
        "+1",
        "-1",
        "@x",
        "007",
        "1e3",
        "NULL",
        "null",
        "true",
        " blank ",
        "\t",
        "a\"b\",\"c\r\n\"",
        "\u{0}nul",
        "é🐧\u{202e}",
        "\\",
        "\\N",
        "\\\"",
        "#c",
        "a;b",
        "a|b",
        "\u{1a}",
        "\u{feff}bom",
        "",
    ];
    let long = "\",\r\n".repeat(25_000);
    let texts = texts.into_iter().chain([long.as_str()]);
    let guests: Vec<_> = texts
        .clone()
        .enumerate()
        .map(|(number, text)| {
            json!({"id": format!("{number:03}"), "name": text, "sourceState": text,
                   "labels": {text: text}})
        })
        .collect();
    let hosts = json!({"hosts": [{"id": "h", "name": "kvm", "guests": guests}]});
    let folder = tempfile::tempdir().expect("a temporary folder");
    write_tables(&[("dc", hosts)], folder.path());
    let query = "SELECT guest_id, coalesce(guest, ''), coalesce(source_state, ''), labels FROM guests ORDER BY guest_id";
    let Some(results) = ask(folder.path(), &[query.to_owned()]) else { return };
    let rows = results[0].as_array().expect("rows");
    assert_eq!(rows.len(), guests.len());
    for ((number, text), row) in texts.enumerate().zip(rows) {
        let stored = text.replace('\0', "\u{fffd}");
        assert_eq!(row[0], format!("{number:03}"), "an id stays text");
        assert_eq!((row[1].as_str(), row[2].as_str()), (Some(&*stored), Some(&*stored)));
        let labels = row[3].as_str().expect("labels are JSON");
        assert_eq!(serde_json::from_str::<Value>(labels).expect("JSON"), json!({text: text}));
    }
}

#[test]
fn a_failed_endpoint_is_in_the_table_of_endpoints_and_in_the_log() {
    let plugins = PluginFolder::with(&["file"]);
    let endpoints = [("dc", data_center()), ("lost", Value::Null)];
    let of = |table: &str| {
        run(&endpoints, &plugins)
            .args(["--format", "csv", "--csv-table", table])
            .run()
            .expect_code(0)
    };
    let outcome = of("hosts");
    assert!(!outcome.stdout_text().contains("\nlost,"), "{}", outcome.stdout_text());
    let note = "its hosts are left out: the endpoint failed";
    assert!(outcome.log.contains(note), "{}", outcome.describe());
    let folder = tempfile::tempdir().expect("a temporary folder");
    write_tables(&endpoints, folder.path());
    let query = "SELECT endpoint, status, coalesce(error_kind, ''), hosts, guests, pods FROM endpoints ORDER BY endpoint";
    let Some(results) = ask(folder.path(), &[query.to_owned()]) else { return };
    let expected = json!([
        ["dc", "complete", "", 3, 6, null],
        ["lost", "failed", "configuration", null, null, null]
    ]);
    assert_eq!(results[0], expected);
}
