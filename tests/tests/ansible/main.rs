//! `--format ansible` and the inventory script, read by Ansible itself.

mod setup;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use gatherer_tests::{Judge, program, skip};
use serde_json::{Value, json};
use setup::{Inventory, parsed, run, script, text};

const TEMPLATE: &str = "{{ 7*7 }}";

/// Names of guests that break careless readers, or that Ansible gives a meaning to.
const NAMES: [&str; 30] = [
    "web",
    "web",
    "all",
    "ungrouped",
    "localhost",
    "127.0.0.1",
    "::1",
    "vhg_guests",
    "vhg_state_running",
    "_meta",
    "hostvars",
    "",
    TEMPLATE,
    "a\nb",
    "a\rb",
    "q\"uo'te\\",
    "ünï 東京",
    "\u{202e}evil",
    "\0",
    "../../etc/passwd",
    "-i",
    "web[1:3]",
    "~re",
    "!not",
    "&and",
    "@file",
    "a,b:c",
    "*",
    "#jinja2: x",
    "__ansible_unsafe",
];

/// A document whose texts are all hostile.
fn hostile() -> Value {
    let labels = json!({
        "env": "prod", "text": TEMPLATE, TEMPLATE: "key", "a-b": "1", "a_b": "1", "empty": "", "環境": "生产",
        "__ansible_unsafe": "x", "__ansible_vault": "y", "__ansible_type": "z", "block": "{% raw %}", "comment": "{# x",
    });
    let guests: Vec<_> = NAMES.iter().enumerate().map(|(number, name)| {
        json!({"id": format!("id-{number}"), "name": name, "state": "running", "labels": labels,
            "attributes": {"note": TEMPLATE}, "addresses": [{"address": format!("10.0.0.{}", number + 1)}]})
    }).collect();
    let long = json!({"id": "long", "name": "x".repeat(5000), "template": true, "agent": true,
        "labels": {"y".repeat(3000): "z".repeat(3000)}});
    json!({"schemaVersion": "1.6", "generator": {"name": "test"}, "endpoints": [{"id": "e", "status": "complete",
        "hosts": [
            {"id": TEMPLATE, "name": TEMPLATE, "state": "up", "roles": [TEMPLATE, "worker"], "guests": guests,
                "location": {"cluster": TEMPLATE, "datacenter": "a\nb"}, "os": {"name": TEMPLATE},
                "hypervisor": {"type": "qemu"}},
            {"id": "all", "name": "all", "guests": [long]},
            {"id": "cloud", "name": "cloud", "synthetic": true, "guests": [{"name": "x"}, {"name": "x"}]},
        ],
        "collections": {"virtual-machines": {"status": "complete"}}, "detachedGuests": [{"id": "d", "name": "web"}]}]})
}

#[test]
fn ansible_lists_every_machine_and_warns_of_no_name() {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    let inventory = Inventory::of_document(&hostile(), &[]);
    let printed = parsed(&run(inventory.script(&["--list"])));
    let machines = printed["_meta"]["hostvars"].as_object().expect("an object");
    assert_eq!(machines.len(), NAMES.len() + 2 + 1 + 2 + 1, "{:?}", machines.keys());

    let list = inventory.ansible(&judge, "inventory", &["--list"]);
    let list: Value = serde_json::from_str(&list).expect("JSON");
    let read = list["_meta"]["hostvars"].as_object().expect("an object");
    assert!(read.keys().eq(machines.keys()), "Ansible has the same machines");
    for (name, variables) in read {
        // Ansible marks texts in its own output, too, and adds the variables of the group `all`.
        assert_eq!(variables["vhg_failed_endpoints"], json!([]));
        for (variable, value) in machines[name].as_object().expect("an object") {
            assert_eq!(
                without_marks(&variables[variable]),
                without_marks(value),
                "{name}: {variable}"
            );
        }
    }
    let members = |document: &Value, group: &str| -> BTreeSet<String> {
        let hosts = document[group]["hosts"].as_array().into_iter().flatten();
        hosts.filter_map(|host| host.as_str().map(str::to_owned)).collect()
    };
    let graph = inventory.ansible(&judge, "inventory", &["--graph"]);
    for group in
        printed.as_object().expect("an object").keys().filter(|name| name.starts_with("vhg_"))
    {
        assert_eq!(members(&list, group), members(&printed, group), "{group}");
        assert!(graph.contains(&format!("@{group}:\n")), "{group}: {graph}");
    }
    assert_eq!(members(&printed, "vhg_hosts").len(), 2);
    assert_eq!(members(&printed, "vhg_templates").len(), 1);
    // Ansible would leave out a machine that is a member of no group.
    assert!(list.get("ungrouped").is_none(), "{:#}", list["ungrouped"]);
}

/// A value without the marks of texts that are not templates.
fn without_marks(value: &Value) -> Value {
    match value {
        Value::Object(members) => match members.get("__ansible_unsafe") {
            Some(text) => text.clone(),
            None => {
                members.iter().map(|(key, value)| (key.clone(), without_marks(value))).collect()
            }
        },
        Value::Array(items) => items.iter().map(without_marks).collect(),
        other => other.clone(),
    }
}

#[test]
fn ansible_does_not_evaluate_templates_in_names_and_labels() {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    let inventory = Inventory::of_document(&hostile(), &[]);
    let message = "msg={{ [vhg_name, vhg_labels.text, vhg_attributes.note, hostvars[vhg_host].vhg_location.cluster, \
                   vhg_labels.block, vhg_labels | dict2items | selectattr('value', 'eq', 'key') | map(attribute='key') | \
                   first] }}";
    let debug = ["___7_7____id-12", "-m", "debug", "-a", message];
    let printed = inventory.ansible(&judge, "adhoc", &debug);
    assert_eq!(printed.matches("\"{{ 7*7 }}\"").count(), 5, "{printed}");
    assert!(printed.contains("\"{% raw %}\"") && !printed.contains("49"), "{printed}");
    let host = inventory.ansible(&judge, "inventory", &["--host", "___7_7____id-12"]);
    let host: Value = serde_json::from_str(&host).expect("JSON");
    assert_eq!(without_marks(&host["vhg_labels"]["text"]), TEMPLATE);

    // Without the marks Ansible would evaluate the same texts.
    let unmarked = inventory.path("unmarked");
    let program = format!(
        "#!/bin/sh\n'{}' \"$@\" | sed 's/{{\"__ansible_unsafe\":\\(\"[^\"]*\"\\)}}/\\1/g'\n",
        script().display()
    );
    std::fs::write(&unmarked, program).expect("the file can be written");
    std::fs::set_permissions(&unmarked, std::fs::Permissions::from_mode(0o755))
        .expect("its mode can be set");
    let debug = ["___7_7____id-12", "-m", "debug", "-a", "msg={{ vhg_name }}"];
    let output = run(inventory.ansible_with(&judge, &unmarked, "adhoc", &debug));
    assert!(
        text(&output.stdout).contains("49"),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
}

#[test]
fn plays_can_select_machines_by_groups() {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    let inventory = Inventory::new(&json!([
        {"id": "kvm1", "module": "Example", "hostname": "kvm1.example.com", "guests": 2},
        {"id": "kvm2", "module": "Example", "hostname": "kvm2.example.com", "guests": 1},
    ]));
    let list = |pattern: &str| -> Vec<String> {
        let printed = inventory.ansible(&judge, "adhoc", &[pattern, "--list-hosts"]);
        let mut hosts: Vec<_> =
            printed.lines().skip(1).map(|line| line.trim().to_owned()).collect();
        hosts.sort();
        hosts
    };
    assert_eq!(list("vhg_hosts"), ["kvm1.example.com", "kvm2.example.com"]);
    let on_kvm2 = list("vhg_on_kvm2_example_com");
    assert_eq!(on_kvm2.len(), 1);
    assert_eq!(list("vhg_guests:&vhg_endpoint_kvm2:&vhg_state_running"), on_kvm2);
    assert_eq!(list("vhg_module_Example:!vhg_endpoint_kvm1").len(), 2);
    assert_eq!(list("all").len(), 5);
}

#[test]
fn the_script_answers_host_with_the_variables_of_the_list() {
    let inventory = Inventory::of_document(&hostile(), &[]);
    let list = parsed(&run(inventory.script(&["--list"])));
    // Each call gathers, so not all machines are asked.
    for name in ["_localhost", "ünï_東京", "web_id-0", "___7_7____id-12", "_all_id-2"] {
        let host = parsed(&run(inventory.script(&["--host", name])));
        assert!(host["vhg_name"] != Value::Null, "{name}");
        assert_eq!(host, list["_meta"]["hostvars"][name], "{name}");
    }
    for unknown in [
        "",
        "no-such",
        "web",
        "vhg_failed_endpoints",
        "vhg_guests",
        "_localhost\": {\"ansible_host",
        "a\nb",
        "\\",
    ] {
        assert_eq!(parsed(&run(inventory.script(&["--host", unknown]))), json!({}), "{unknown:?}");
    }
}

#[test]
fn a_failed_endpoint_is_refused_or_reported() {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    let lost = json!({"id": "lost", "module": "File", "url": format!("/no-such/{TEMPLATE}.json")});
    let inventory = Inventory::of_document(&hostile(), &[lost]);
    for argument in [&["--list"][..], &["--host", "_localhost"]] {
        let output = run(inventory.script(argument));
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""));
        let errors = text(&output.stderr);
        assert!(
            errors.contains("\"endpoint\":\"lost\"") && errors.contains("=report accepts"),
            "{errors}"
        );
    }
    let mut refused = inventory.ansible_with(&judge, &script(), "inventory", &["--list"]);
    refused.env("ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED", "true");
    let refused = run(refused);
    assert!(!refused.status.success() && !text(&refused.stdout).contains("vhg_"));

    let debug = ["_localhost", "-m", "debug", "-a", "var=vhg_failed_endpoints[0]"];
    let mut reported = inventory.ansible_with(&judge, &script(), "adhoc", &debug);
    reported.env("VHG_FAILED_ENDPOINTS", "report");
    let reported = run(reported);
    let printed = text(&reported.stdout);
    assert!(reported.status.success(), "{printed}");
    assert!(printed.contains("\"endpoint\": \"lost\"") && printed.contains(TEMPLATE), "{printed}");
    assert!(text(&reported.stderr).contains("lost"), "Ansible shows the script's message");
}

#[test]
fn the_script_prints_nothing_if_the_program_fails_or_prints_something_else() {
    let inventory = Inventory::new(&json!([]));
    assert_eq!(parsed(&run(inventory.script(&["--list"])))["vhg_guests"], json!({"hosts": []}));
    for (name, value, code) in [
        ("VHG_PROGRAM", "/bin/true", 1),
        ("VHG_PROGRAM", "/bin/false", 1),
        ("VHG_PROGRAM", "no-such-program", 1),
        ("VHG_INFILE", "no-such-file", 1),
        ("VHG_INFILE", "", 2),
        ("VHG_FAILED_ENDPOINTS", "ignore", 2),
        ("VHG_INVENTORY", "inventory.json", 2),
    ] {
        let mut command = inventory.script(&["--list"]);
        command.env(name, value);
        let output = run(command);
        assert_eq!(output.status.code(), Some(code), "{name}={value}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{name}={value}");
    }
    for arguments in [&[][..], &["--list", "x"], &["--host"], &["--graph"]] {
        let output = run(inventory.script(arguments));
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments:?}");
    }
    let left = std::fs::read_dir(inventory.home.path()).expect("the folder can be listed");
    let left = left.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_dir())).count();
    assert_eq!(left, 0, "the script removes its temporary folder");
}

#[test]
fn the_page_on_formats_shows_what_ansible_prints_and_a_play_that_works() {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page =
        std::fs::read_to_string(repository.join("docs/formats.md")).expect("the page can be read");
    let (_, section) = page.split_once("\n## ansible\n").expect("the page has the section");
    let block = |language: &str| {
        let (_, block) = section.split_once(&format!("```{language}\n")).expect("there is a block");
        block.split("```").next().expect("the block has an end").to_owned()
    };
    let demo = repository.join("demo/hosts.json").canonicalize().expect("the demo exists");
    let sample = json!({"id": "sample", "module": "File", "url": demo});
    let inventory = Inventory::new(&json!([sample]));
    let commands = block("sh");
    let pattern = commands.split('\'').nth(1).expect("a command has a pattern");
    assert_eq!(inventory.ansible(&judge, "adhoc", &[pattern, "--list-hosts"]), block("text"));
    let guests =
        inventory.ansible(&judge, "adhoc", &["vhg_guests", "-m", "debug", "-a", "var=vhg_name"]);
    assert_eq!(guests.matches("\"vhg_name\": \"web\"").count(), 2, "{guests}");

    inventory.write("play.yml", &block("yaml"));
    let passed = inventory.ansible(&judge, "playbook", &["play.yml"]);
    assert!(passed.contains("All assertions passed"), "{passed}");
    let lost = json!({"id": "lost", "module": "File", "url": "/no-such/hosts.json"});
    inventory.write("endpoints.json", &json!([sample, lost]).to_string());
    let mut failing = inventory.ansible_with(&judge, &script(), "playbook", &["play.yml"]);
    failing.env("VHG_FAILED_ENDPOINTS", "report");
    let failing = run(failing);
    assert!(!failing.status.success() && text(&failing.stdout).contains("Assertion failed"));
}

#[test]
fn a_node_and_its_virtual_machine_name_each_other() {
    let document = |host: Value| {
        json!({"schemaVersion": "1.6", "generator": {"name": "test"},
            "endpoints": [{"id": "e", "status": "complete", "hosts": [host]}]})
    };
    let uuid = "9a8cd5ea-55e2-4b1c-8d1e-0f5c0e3c1a01";
    let node = json!({"id": "n1", "name": "node1", "hypervisor": {"type": "kubernetes"},
        "identifiers": {"systemUuid": uuid}});
    let kvm = json!({"id": "h1", "name": "kvm1", "hypervisor": {"type": "qemu"},
        "guests": [{"id": uuid, "uuid": uuid, "name": "node1"}]});
    let inventory = Inventory::of_document(
        &document(node),
        &[json!({"id": "kvm", "module": "File", "url": "kvm.json"})],
    );
    inventory.write("kvm.json", &document(kvm).to_string());
    let list = parsed(&run(inventory.script(&["--list"])));
    let machines = &list["_meta"]["hostvars"];
    let guest = format!("node1_{uuid}");
    assert_eq!(machines["node1_n1"]["vhg_same_as"], json!([guest]));
    assert_eq!(machines["node1_n1"]["vhg_runs_on"], json!(["kvm1"]));
    assert_eq!(machines[&guest]["vhg_same_as"], json!(["node1_n1"]));
    assert_eq!(machines[&guest]["vhg_host"], "kvm1");
}

#[test]
fn a_document_that_was_gathered_before_gives_the_same_inventory() {
    let inventory = Inventory::of_document(&hostile(), &[]);
    let gather = || {
        let mut gather = Command::new(program());
        inventory.prepare(&mut gather);
        gather.args(["-i", "endpoints.json", "--format", "inventory", "-o", "inventory.json"]);
        assert!(run(gather).status.success());
    };
    let from_document = |arguments: &[&str]| {
        let mut script = inventory.script(arguments);
        script.env("VHG_INVENTORY", "inventory.json").env_remove("VHG_INFILE");
        run(script)
    };
    gather();
    let list = run(inventory.script(&["--list"]));
    assert_eq!(parsed(&from_document(&["--list"])), parsed(&list));
    let host = parsed(&from_document(&["--host", "_localhost"]));
    assert_eq!(host["vhg_name"], "localhost");

    inventory.write("document.json", "{");
    gather();
    let refused = from_document(&["--list"]);
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(1), 0));
    assert!(text(&refused.stderr).contains("\"endpoint\":\"file\""), "{}", text(&refused.stderr));
}
