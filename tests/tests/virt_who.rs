//! `--format virt-who`: valid with its schema for Python's `jsonschema`, and its option, notes and filters.

use std::path::Path;

use gatherer_tests::{Judge, Outcome, PluginFolder, Run, assert_message, skip};
use serde_json::{Value, json};

const WEB: &str = "9a8cd5ea-55e2-4b1c-8d1e-0f5c0e3c1a01";
const INNER: &str = "0a8cd5ea-55e2-4b1c-8d1e-0f5c0e3c1a01";
const HARDWARE: &str = "4c4c4544-0042-3510-8051-b4c04f4d3132";

/// Names and labels of untrusted sources.
const UNUSUAL: &str = "a\"b\\c\r\n\u{1}\u{202e}\u{2028}\u{1f427}é";

fn file(id: &str) -> Value {
    json!({"id": id, "module": "File", "url": format!("{id}.json")})
}

/// Hosts of several kinds with their guests, in an inventory.
fn inventory() -> Value {
    let guest = |number: u32, state: &str| {
        let uuid = format!("{}{number:02}", &WEB[..34]);
        json!({"id": uuid, "uuid": uuid, "name": format!("web-{number}"), "state": state})
    };
    let esx = json!({"id": HARDWARE, "name": "esx1.example.com", "cpu": {"sockets": 2},
        "hypervisor": {"type": "vmware", "version": "8.0.2"}, "location": {"cluster": "Cluster 1"},
        "identifiers": {"uuid": HARDWARE},
        "guests": [guest(1, "running"), guest(2, "stopped"), {"id": "vm-7", "name": "no UUID"}]});
    let unusual = json!({"id": UNUSUAL, "name": UNUSUAL, "hypervisor": {"type": UNUSUAL, "version": UNUSUAL},
        "location": {"cluster": UNUSUAL}, "guests": [guest(3, "suspended")]});
    let cloud =
        json!({"id": "cloud", "name": "cloud", "synthetic": true, "guests": [guest(4, "running")]});
    json!({"schemaVersion": "1.2", "generator": {"name": "a test"}, "endpoints": [
        {"id": "x", "status": "complete", "hosts": [esx, unusual, cloud],
         "detachedGuests": [guest(5, "stopped")],
         "collections": {"virtual-machines": {"status": "complete"}}}]})
}

/// Gathers from the endpoints, of which `site` reads this inventory.
fn gather_site(site: &Value, endpoints: &Value, args: &[&str]) -> Outcome {
    let plugins = PluginFolder::with(&["file"]);
    let run = Run::gather(endpoints).plugins(plugins.path());
    std::fs::write(run.home().join("site.json"), site.to_string()).expect("written");
    run.args(["--format", "virt-who"]).args(args).run()
}

fn gather(endpoints: &Value, args: &[&str]) -> Outcome {
    gather_site(&inventory(), endpoints, args)
}

fn document(outcome: &Outcome) -> Value {
    serde_json::from_str(outcome.stdout_text()).expect("the output is JSON")
}

/// The number of problems that Python's `jsonschema` finds in each document with the schema that the program prints.
fn problems(judge: &Judge, documents: &[Value]) -> Vec<usize> {
    let folder = tempfile::tempdir().expect("a folder can be created");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    let schema = Run::new().args(["schema", "virt-who"]).run().expect_code(0);
    let schema = write("schema.json", schema.stdout_text());
    let documents = write("documents.json", &json!(documents).to_string());
    let output = judge
        .command("json_schema.py")
        .args([schema, documents])
        .output()
        .expect("Python can be started");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).expect("a list of numbers")
}

#[test]
fn the_output_is_valid_for_python_and_each_wrong_document_is_not() {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    let outputs: Vec<Value> = ["uuid", "hwuuid", "hostname"]
        .into_iter()
        .map(|id| {
            let outcome = gather(&json!([file("site")]), &["--hypervisor-id", id]).expect_code(0);
            assert!(outcome.stdout_text().is_ascii());
            document(&outcome)
        })
        .collect();
    let hypervisors = outputs[0]["hypervisors"].as_array().expect("a list");
    assert_eq!(hypervisors.len(), 2);
    assert!(hypervisors.iter().any(|one| one["hypervisorId"]["hypervisorId"] == UNUSUAL));
    assert_eq!(problems(&judge, &outputs), [0, 0, 0]);

    let valid = json!({"hypervisors": [{"hypervisorId": {"hypervisorId": "h1"}, "name": "kvm1",
        "guestIds": [{"guestId": WEB, "state": 1, "attributes": {"virtWhoType": "libvirt", "active": 1}}],
        "facts": {"cpu.cpu_socket(s)": "2"}}]});
    let guest = "/hypervisors/0/guestIds/0";
    let wrong_values = [
        ("/hypervisors", json!(null)),
        ("/hypervisors/0/hypervisorId", json!("h1")),
        ("/hypervisors/0/hypervisorId", json!({})),
        ("/hypervisors/0/hypervisorId/hypervisorId", json!("")),
        ("/hypervisors/0/hypervisorId/hypervisorId", json!(1)),
        ("/hypervisors/0/hypervisorId/hypervisorId", json!("x".repeat(256))),
        ("/hypervisors/0/name", json!("")),
        ("/hypervisors/0/guestIds", json!(null)),
        ("/hypervisors/0/facts/cpu.cpu_socket(s)", json!(2)),
        ("/hypervisors/0/facts/cpu.cpu_socket(s)", json!("two")),
        ("/hypervisors/0/facts", json!({"hypervisor.type": null})),
        ("/hypervisors/0/facts", json!({"dmi.system.uuid": "host-12"})),
        ("/hypervisors/0/facts", json!({"uname.machine": "x86_64"})),
        (&format!("{guest}/guestId"), json!("i-0abc")),
        (&format!("{guest}/guestId"), json!(WEB.to_uppercase())),
        (&format!("{guest}/state"), json!(8)),
        (&format!("{guest}/state"), json!(-1)),
        (&format!("{guest}/state"), json!("1")),
        (&format!("{guest}/state"), json!(1.5)),
        (&format!("{guest}/attributes/active"), json!(2)),
        (&format!("{guest}/attributes/active"), json!(true)),
        (&format!("{guest}/attributes/virtWhoType"), json!(null)),
    ];
    let missing = [
        ("", "hypervisors"),
        ("/hypervisors/0", "hypervisorId"),
        ("/hypervisors/0", "guestIds"),
        (guest, "guestId"),
        (guest, "state"),
        (guest, "attributes"),
        (&format!("{guest}/attributes"), "active"),
    ];
    let mut wrong = vec![json!([]), json!({"hypervisors": [], "owner": "x"})];
    for (pointer, value) in &wrong_values {
        let mut document = valid.clone();
        *document.pointer_mut(pointer).expect(pointer) = value.clone();
        wrong.push(document);
    }
    for (pointer, member) in missing {
        let mut document = valid.clone();
        let object = document.pointer_mut(pointer).and_then(Value::as_object_mut);
        object.and_then(|object| object.remove(member)).expect(member);
        wrong.push(document);
    }
    assert_eq!(problems(&judge, &[valid]), [0]);
    let problems = problems(&judge, &wrong);
    for (document, problems) in wrong.iter().zip(problems) {
        assert!(problems > 0, "accepted: {document:#}");
    }
}

#[test]
fn logs_everything_that_is_left_out_and_names_a_failed_endpoint() {
    let endpoints = json!([file("site"), file("missing")]);
    let outcome = gather(&endpoints, &[]).expect_code(0);
    let hypervisors = document(&outcome)["hypervisors"].as_array().map(Vec::len);
    assert_eq!(hypervisors, Some(2), "the other endpoint is printed");
    let notes: Vec<_> = outcome.stderr.lines().filter(|line| line.contains("left out")).collect();
    assert_message!(notes.join("\n"));
    assert!(notes.iter().any(|line| line.starts_with("warning: [missing] hosts: ")), "{notes:?}");
    gather(&endpoints, &["--fail-on", "any"]).expect_code(1);
}

#[test]
fn the_ids_are_those_that_the_option_chose() {
    let ids = |id: &str| -> Vec<String> {
        let outcome = gather(&json!([file("site")]), &["--hypervisor-id", id]).expect_code(0);
        let document = document(&outcome);
        let hypervisors = document["hypervisors"].as_array().expect("a list").iter();
        hypervisors
            .map(|one| one["hypervisorId"]["hypervisorId"].as_str().expect("a text").to_owned())
            .collect()
    };
    assert_eq!(ids("uuid"), [HARDWARE, UNUSUAL]);
    assert_eq!(ids("hwuuid"), [HARDWARE]);
    assert_eq!(ids("hostname"), ["esx1.example.com", UNUSUAL]);
}

#[test]
fn the_option_is_refused_with_another_format_and_before_other_commands() {
    let mut messages = String::new();
    for format in ["gatherer", "table", "ndjson"] {
        let outcome =
            gather(&json!([file("site")]), &["--format", format, "--hypervisor-id", "uuid"]);
        assert!(outcome.stdout.is_empty());
        messages += &outcome.expect_code(2).stderr;
    }
    for command in ["check", "watch", "match-images"] {
        let mut args = vec!["--hypervisor-id", "uuid", command, "-i", "e"];
        args.extend(["--images", "i"].into_iter().filter(|_| command == "match-images"));
        messages += &Run::new().args(args).run().expect_code(2).stderr;
    }
    let unknown = gather(&json!([file("site")]), &["--hypervisor-id", "name"]).expect_code(2);
    assert!(unknown.stderr.contains("uuid, hwuuid, hostname"), "{}", unknown.stderr);
    let find = gather(&json!([file("site")]), &["--find", "web-1"]).expect_code(2);
    messages += &find.stderr;
    assert_message!(messages);
}

#[test]
fn refuses_filters_by_state_because_readers_remove_guests_that_are_not_listed() {
    let mut endpoint = file("site");
    endpoint["exclude"] = json!({"guests": {"state": ["stopped"]}});
    let outcome = gather(&json!([endpoint]), &[]).expect_code(0);
    assert_eq!(document(&outcome), json!({"hypervisors": []}));
    assert_message!(outcome.stderr);
    endpoint["exclude"] = json!({"guests": {"name": ["web-1"]}});
    let outcome = gather(&json!([endpoint]), &[]).expect_code(0);
    let guests = &document(&outcome)["hypervisors"][0]["guestIds"];
    assert_eq!(guests.as_array().map(Vec::len), Some(1), "{guests}");
}

#[test]
fn the_guests_of_a_nested_hypervisor_are_on_it_and_the_log_names_its_own_host() {
    let nested = json!({"id": "h2", "name": "kvm-in-a-vm", "hypervisor": {"type": "qemu"},
        "identifiers": {"uuid": WEB},
        "guests": [{"id": INNER, "uuid": INNER, "name": "inner"}]});
    let endpoint =
        |id: &str, hosts: &Value| json!({"id": id, "status": "complete", "hosts": hosts});
    let plugins = PluginFolder::with(&["file"]);
    let run = Run::gather(&json!([file("site"), file("nested")])).plugins(plugins.path());
    let inner = json!({"schemaVersion": "1.2", "generator": {"name": "a test"},
        "endpoints": [endpoint("x", &json!([nested]))]});
    for (name, document) in [("site", inventory()), ("nested", inner)] {
        let path = run.home().join(format!("{name}.json"));
        std::fs::write(path, document.to_string()).expect("written");
    }
    let outcome = run.args(["--format", "virt-who"]).run().expect_code(0);
    let document = document(&outcome);
    let guests = &document["hypervisors"][0]["guestIds"];
    assert_eq!(document["hypervisors"][0]["name"], "kvm-in-a-vm");
    assert_eq!(guests[0]["guestId"], INNER);
    let note = outcome.stderr.lines().find(|line| line.contains("itself"));
    assert_message!(note.expect("a note"));
}

#[test]
fn the_page_about_formats_shows_a_hypervisor() {
    let mut inventory = inventory();
    let hosts = inventory["endpoints"][0]["hosts"].as_array_mut().expect("a list");
    hosts.truncate(1);
    hosts[0]["guests"].as_array_mut().expect("a list").truncate(1);
    let outcome = gather_site(&inventory, &json!([file("site")]), &[]).expect_code(0);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/formats.md");
    let page = std::fs::read_to_string(page).expect("the page can be read");
    let shown = format!("```json\n{}```\n", outcome.stdout_text());
    assert!(page.contains(&shown), "{shown}");
}
