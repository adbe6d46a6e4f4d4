//! Checks the tables in `docs/plugin-model.md`, which have the Rust field of each JSON member, or writes them for
//! `make docs`.

use std::fmt::{Debug, Write as _};

use gatherer_plugin_api::model::{
    Address, Condition, ConfigMap, Container, Controller, Cpu, Guest, Host, HostImage, Hypervisor,
    Identifiers, ImageVolume, Location, Namespace, Owner, Pod, PodHost, PodReference, Provider,
    RequestedImage, SecretKeys, Service, ServiceAccount, ServicePort, Software, Taint, Use,
    Version,
};
use serde_json::{Value, json};

use super::{read, repository};

const PAGE: &str = "docs/plugin-model.md";
const BEGIN: &str = "<!-- fields: `make docs` writes these tables -->\n";
const END: &str = "<!-- end of fields -->";

/// The names of the fields of a struct, in their order.
fn fields(value: &impl Debug) -> Vec<String> {
    let text = format!("{value:#?}");
    let names = text.lines().filter_map(|line| line.strip_prefix("    ")?.split_once(": "));
    let is_field =
        |name: &&str| name.chars().all(|c| c.is_ascii_lowercase() || "_0123456789".contains(c));
    names.map(|(name, _)| name).filter(is_field).map(str::to_owned).collect()
}

/// Every type that a plugin fills in, with its fields.
fn types() -> Vec<(&'static str, Vec<String>)> {
    // A value with every required member, as JSON. Only the names of its fields are used.
    let sample = json!({"name": "", "version": "", "address": "", "key": "", "effect": "", "type": "", "status": ""});
    macro_rules! types {
        ($($name:ident,)+) => { vec![$((stringify!($name), fields(&$name::default()))),+] };
    }
    macro_rules! types_without_default {
        ($($name:ident,)+) => {
            vec![$((
                stringify!($name),
                fields(&serde_json::from_value::<$name>(sample.clone()).expect("a sample")),
            )),+]
        };
    }
    let mut types = types![
        Host,
        Cpu,
        Identifiers,
        Hypervisor,
        Version,
        Location,
        Provider,
        HostImage,
        Guest,
        Namespace,
        ServiceAccount,
        Controller,
        Owner,
        Pod,
        PodHost,
        Container,
        RequestedImage,
        ImageVolume,
        Service,
        ServicePort,
        PodReference,
        ConfigMap,
        SecretKeys,
        Use,
    ];
    types.extend(types_without_default![Address, Software, Taint, Condition,]);
    types
}

/// The JSON member of a field: the same word in camel case, or else the only member that is left.
fn pairs(
    name: &str,
    fields: &[String],
    members: &serde_json::Map<String, Value>,
) -> Vec<(String, String)> {
    assert_eq!(fields.len(), members.len(), "{name}: {fields:?}");
    let joined = |field: &str| field.replace('_', "").to_lowercase();
    let same =
        |field: &String| members.keys().find(|member| member.to_lowercase() == joined(field));
    let renamed: Vec<_> = members
        .keys()
        .filter(|member| !fields.iter().any(|field| same(field) == Some(member)))
        .collect();
    let of = |field: &String| match (same(field), &renamed[..]) {
        (Some(member), _) => (member.clone(), field.clone()),
        (None, [only]) => ((*only).clone(), field.clone()),
        (None, _) => panic!("{name}: the member of {field} is one of {renamed:?}"),
    };
    fields.iter().map(of).collect()
}

/// The tables of all types in Markdown.
fn tables() -> String {
    let schema: Value = serde_json::from_str(&read("docs/schema/inventory.json")).expect("JSON");
    let mut text = String::new();
    for (name, fields) in types() {
        let definition = &schema["$defs"][name];
        let members = definition["properties"].as_object().cloned();
        let mut members = members.unwrap_or_else(|| panic!("the schema has no members of {name}"));
        if definition.get("additionalProperties").is_some() {
            let what = json!({"description": "All other members, by name."});
            members.insert("(any other name)".to_owned(), what);
        }
        writeln!(
            text,
            "\n### {name}\n\n| JSON member | Rust field | what it is |\n| --- | --- | --- |"
        )
        .expect("writing to a String cannot fail");
        for (member, field) in pairs(name, &fields, &members) {
            let what = members[&member]["description"].as_str().unwrap_or_default();
            let what = what.replace('\n', " ").replace('|', "\\|");
            writeln!(text, "| `{member}` | `{field}` | {what} |")
                .expect("writing to a String cannot fail");
        }
    }
    text + "\n"
}

#[test]
fn the_page_has_the_rust_field_of_each_json_member() {
    let text = read(PAGE);
    let (before, rest) = text.split_once(BEGIN).expect("a comment begins the tables");
    let (shown, after) = rest.split_once(END).expect("a comment ends the tables");
    let expected = tables();
    if std::env::var_os("GATHERER_RENEW_DOCS").is_some() {
        let text = format!("{before}{BEGIN}{expected}{END}{after}");
        std::fs::write(repository().join(PAGE), text).expect("the document can be written");
    } else {
        assert_eq!(shown, expected, "{PAGE}: run `make docs`");
    }
}
