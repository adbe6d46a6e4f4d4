//! What a document may cost.

use std::fmt::Write as _;
use std::fs;

use super::super::yaml;
use super::{CANARY, Folder, assert_sentences, good, policy, refused, with_user};

/// Nine lists, each of nine times the one before.
fn billion_laughs() -> String {
    let mut text = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for level in 1..10 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(text, "a{level}: &a{level} [{aliases}]").expect("written");
    }
    text
}

#[test]
fn a_billion_laughs_are_refused() {
    let error = yaml::parse(&billion_laughs()).expect_err("too many");
    assert!(error.starts_with("uses too many YAML aliases, at line "), "{error}");
}

#[test]
fn a_large_text_cannot_be_multiplied_by_aliases() {
    let text = format!("a: &a '{}'\nb: [*a, *a, *a, *a, *a, *a, *a, *a]\n", "x".repeat(900_000));
    let error = yaml::parse(&text).expect_err("too much");
    let said = "has too many values, or repeats too much by YAML aliases, at line 2 column 9";
    assert_eq!(error, said);
    let keys = format!("a: &a {{'{0}': 1}}\nb: [*a, *a, *a, *a]\n", "k".repeat(900));
    assert!(yaml::parse(&keys).is_ok(), "a few aliases are allowed");
}

#[test]
fn an_alias_of_itself_is_refused() {
    assert!(yaml::parse("a: &a [*a]\n").is_err());
}

#[test]
fn nesting_is_limited() {
    for deep in ["[".repeat(10_000), "{a: ".repeat(10_000), format!("a:\n{}x", "- ".repeat(10_000))]
    {
        let error = yaml::parse(&deep).expect_err("too deep");
        assert!(!error.contains("[[") && error.len() < 80, "{error}");
    }
    let block: Vec<String> = (0..200).map(|level| format!("{}a:", " ".repeat(level))).collect();
    let block = block.join("\n");
    assert!(yaml::parse(&block).expect_err("too deep").starts_with("is nested too deep, at line"));
}

#[test]
fn many_values_are_refused() {
    let many = format!("a: [{}]\n", "1,".repeat(200_000));
    let error = yaml::parse(&many).expect_err("too many");
    assert!(error.starts_with("has too many values"), "{error}");
}

#[test]
fn a_document_is_at_most_a_mebibyte() {
    let large = format!("# {}\n", "x".repeat(1024 * 1024));
    assert_sentences(&[(large.clone(), "is larger than 1 MiB")]);
    let folder = Folder::new();
    let path = folder.write("config", &large);
    let said = refused(folder.read("config", &policy()));
    assert_eq!(said, format!("kubeconfig {}: is larger than 1 MiB", path.display()));
    let exact = with_user("token: abc");
    let exact = format!("{exact}#{}", "x".repeat(1024 * 1024 - exact.len() - 1));
    assert_eq!(good(&exact).context, "real");
}

#[test]
fn syntax_errors_have_a_place_and_quote_nothing() {
    for (document, sentence) in [
        (format!("a: b\n\tc: {CANARY}\n"), "is not valid YAML, at line "),
        (format!("token: \"{CANARY}\nx: y\n"), "is not valid YAML, at line "),
        (format!("{{\"token\": \"{CANARY}\", }}}}"), "is not valid YAML, at line 1 column"),
        (
            format!("a: {CANARY}\na: {CANARY}\n"),
            "has a key twice in one mapping, at line 2 column 1",
        ),
        (format!("x: {{{CANARY}: 1, {CANARY}: 2}}\n"), "has a key twice in one mapping, at line 1"),
        (
            format!("a: 1\n---\nb: {CANARY}\n"),
            "holds several YAML documents, and only one of them could be meant, at line",
        ),
        (format!("a: &x {{t: {CANARY}}}\nb:\n  <<: *x\n"), "uses a YAML merge key (<<), at line 3"),
        (format!("a: *{CANARY}\n"), "uses a YAML alias that names nothing"),
        (
            format!("a: !!python/object {CANARY}\n"),
            "uses a YAML tag that a kubeconfig has no use for",
        ),
        (format!("a: !!int {CANARY}\n"), "is not valid YAML, at line 1"),
        (format!("a: !!binary {CANARY}!\n"), "is not valid YAML, at line 1"),
        (format!("a: .inf\nb: {CANARY}\n"), "has a number that is not finite, at line 1 column 4"),
        (format!("? [{CANARY}]\n: b\n"), "is not valid YAML, at line 1"),
        (format!("a: \0 {CANARY}\n"), "is not valid YAML"),
    ] {
        let said = refused(super::read(&document));
        assert!(said.starts_with(&format!("the kubeconfig: {sentence}")), "{document:?}: {said}");
    }
}

#[test]
fn yes_and_on_stay_text() {
    assert_eq!(super::token(&good(&with_user("token: yes")).auth), Some("yes"));
}

#[test]
fn a_byte_order_mark_does_no_harm_and_other_encodings_are_told() {
    let folder = Folder::new();
    let path = folder.write("config", format!("\u{feff}{}", with_user("token: abc")));
    assert_eq!(folder.read("config", &policy()).expect("with a mark").context, "real");
    assert_eq!(good(&format!("\u{feff}{}", with_user("token: abc"))).context, "real");
    let utf16: Vec<u8> = "\u{feff}a: b".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cases: [(&[u8], &str); 3] = [
        (&utf16, "is written in UTF-16; it must be UTF-8"),
        (b"a: \xff\xfe", "is not UTF-8 text"),
        (b"", "is empty"),
    ];
    for (contents, sentence) in cases {
        fs::write(&path, contents).expect("written");
        let said = refused(folder.read("config", &policy()));
        assert_eq!(said, format!("kubeconfig {}: {sentence}", path.display()));
    }
}
