//! Tests of the limits on a document's size and structure, and of syntax errors.

use std::fmt::Write as _;
use std::fs;

use insta::assert_snapshot;

use gatherer_plugin_support::yaml;

use super::super::parse_yaml;
use super::{
    CANARY, Folder, add_case, policy, read, refusal, token, valid, with_cluster, with_user,
};

/// Nine lists, each containing the previous one nine times.
fn billion_laughs() -> String {
    let mut text = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for level in 1..10 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(text, "a{level}: &a{level} [{aliases}]").expect("a String can be written to");
    }
    text
}

#[test]
fn limits_documents() {
    let large_alias =
        format!("a: &a '{}'\nb: [*a, *a, *a, *a, *a, *a, *a, *a]\n", "x".repeat(900_000));
    let deep_block: Vec<String> =
        (0..200).map(|level| format!("{}a:", " ".repeat(level))).collect();
    let mut messages = String::new();
    for (name, document) in [
        ("billion laughs", billion_laughs()),
        ("large text multiplied by aliases", large_alias),
        ("alias of itself", "a: &a [*a]\n".to_owned()),
        ("deep block mapping", deep_block.join("\n")),
        ("deep flow list", "[".repeat(10_000)),
        ("deep flow mapping", "{a: ".repeat(10_000)),
        ("deep block list", format!("a:\n{}x", "- ".repeat(10_000))),
        ("many values", format!("a: [{}]\n", "1,".repeat(200_000))),
    ] {
        let error = yaml::parse(&document).expect_err(name);
        assert!(error.len() < 120, "{name}: {error}");
        add_case(&mut messages, name, &error);
    }
    assert_snapshot!(messages);
    let few_aliases = format!("a: &a {{'{0}': 1}}\nb: [*a, *a, *a, *a]\n", "k".repeat(900));
    assert!(yaml::parse(&few_aliases).is_ok(), "a few aliases are allowed");
}

#[test]
fn a_document_has_at_most_one_mebibyte() {
    let large = format!("# {}\n", "x".repeat(1024 * 1024));
    assert!(refusal(read(&large)).ends_with("is larger than 1 MiB"));
    let folder = Folder::new();
    let path = folder.write("config", &large);
    let message = refusal(folder.read("config", &policy()));
    assert_eq!(message, format!("kubeconfig {}: is larger than 1 MiB", path.display()));
    let largest = with_user("token: abc");
    let largest = format!("{largest}#{}", "x".repeat(1024 * 1024 - largest.len() - 1));
    assert_eq!(valid(&largest).context, "real");
}

#[test]
fn syntax_errors_have_a_position_and_quote_nothing() {
    let mut messages = String::new();
    for document in [
        format!("a: b\n\tc: {CANARY}\n"),
        format!("token: \"{CANARY}\nx: y\n"),
        format!("{{\"token\": \"{CANARY}\", }}}}"),
        format!("a: *{CANARY}\n"),
        format!("a: !!python/object {CANARY}\n"),
        format!("a: !!int {CANARY}\n"),
        format!("a: !!binary {CANARY}!\n"),
        format!("a: .inf\nb: {CANARY}\n"),
        format!("? [{CANARY}]\n: b\n"),
        format!("a: \0 {CANARY}\n"),
    ] {
        add_case(&mut messages, &document, &refusal(read(&document)));
    }
    assert_snapshot!(messages);
}

#[test]
fn yes_and_on_are_text_except_in_a_flag() {
    assert_eq!(token(&valid(&with_user("token: yes")).auth), Some("yes"));
    let insecure = |flag: &str| {
        let cluster = format!("server: 'https://a', insecure-skip-tls-verify: {flag}");
        read(&with_cluster(&cluster)).map(|access| access.insecure)
    };
    for (flag, expected) in
        [("yes", true), ("On", true), ("Y", true), ("off", false), ("NO", false)]
    {
        assert_eq!(insecure(flag).expect(flag), expected, "{flag}");
    }
    insecure("enabled").expect_err("not a word of YAML");
}

#[test]
fn only_the_first_document_counts() {
    let document = with_user("token: abc");
    for text in [
        format!("{document}---\n"),
        format!("{document}---"),
        format!("{document}...\n"),
        format!("{document}--- # the next\nkind: 7\n"),
        format!("{document}---\r\n{{{{\n"),
        format!("# a comment\n\n---\n{document}---\n---\n"),
        format!("%YAML 1.1\n---\n{document}"),
    ] {
        assert_eq!(valid(&text).context, "real", "{text}");
    }
    // Not ends of a document: indented, or longer.
    let data = document.replace("apiVersion", "note: |\n  ---\n----: x\napiVersion");
    assert_eq!(valid(&data).context, "real");
    // Documents without a value are skipped, and what follows the value is not read.
    assert_eq!(valid(&format!("---\n---\n{document}")).context, "real");
    let json = serde_json::to_string(&parse_yaml(&document).expect("YAML")).expect("JSON");
    assert_eq!(valid(&format!("{json}\ntext: [")).context, "real");
}

#[test]
fn merge_keys_are_expanded_and_the_last_of_equal_keys_counts() {
    let merged = with_user("<<: {token: abc}, token: d");
    assert_eq!(token(&valid(&merged).auth), Some("d"));
    let shared = with_cluster("<<: &common {server: 'https://a', tls-server-name: b}");
    assert_eq!(valid(&shared).server.host(), Some("a"));
    assert_eq!(token(&valid(&with_user("token: abc, token: d")).auth), Some("d"));
}

#[test]
fn decodes_utf8_and_utf16_with_a_byte_order_mark() {
    let folder = Folder::new();
    let path = folder.write("config", format!("\u{feff}{}", with_user("token: abc")));
    assert_eq!(folder.read("config", &policy()).expect("with a mark").context, "real");
    assert_eq!(valid(&format!("\u{feff}{}", with_user("token: abc"))).context, "real");
    let marked = format!("\u{feff}{}", with_user("token: abc"));
    for to_bytes in [u16::to_le_bytes, u16::to_be_bytes] {
        let utf16: Vec<u8> = marked.encode_utf16().flat_map(to_bytes).collect();
        fs::write(&path, utf16).expect("the file can be written");
        assert_eq!(folder.read("config", &policy()).expect("UTF-16").context, "real");
    }
    let cases: [(&str, &[u8]); 4] = [
        ("half a UTF-16 unit", b"\xff\xfea\0b"),
        ("half a surrogate pair", b"\xff\xfe\x00\xd8"),
        ("invalid UTF-8", b"a: \xff\xfe"),
        ("empty", b""),
    ];
    let mut messages = String::new();
    for (name, contents) in cases {
        fs::write(&path, contents).expect("the file can be written");
        let message = refusal(folder.read("config", &policy()));
        let place = format!("kubeconfig {}: ", path.display());
        let why = message.strip_prefix(&place).unwrap_or_else(|| panic!("{message}"));
        add_case(&mut messages, name, why);
    }
    assert_snapshot!(messages);
}
