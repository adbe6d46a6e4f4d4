//! The bytes of the infile: JSON syntax, encoding and size.

use gatherer_tests::{Run, assert_message};

use super::{gather, host_names, plugins, warnings};

#[test]
fn one_object_is_a_list_with_one_endpoint() {
    let outcome = gather(r#"{"id": "e", "module": "Example", "hostname": "h"}"#);
    assert_eq!(outcome.endpoint("e")["status"], "complete");
}

#[test]
fn the_last_of_duplicate_keys_is_used_with_a_warning() {
    let outcome =
        gather(r#"[{"id": "e", "module": "Example", "hostname": "first", "hostname": "last"}]"#);
    let endpoint = outcome.endpoint("e");
    assert_eq!(host_names(&endpoint), ["last"]);
    assert!(warnings(&endpoint).contains("hostname"), "{endpoint:#}");
    assert_message!(warnings(&endpoint));
}

#[test]
fn numbers_keep_all_their_digits() {
    for number in ["9007199254740993", "123456789012345678901234567890", "0.10"] {
        let infile = format!(r#"[{{"id": {number}, "module": "Example", "hostname": {number}}}]"#);
        let outcome = gather(infile);
        let endpoint = outcome.endpoint(number);
        assert_eq!(host_names(&endpoint), [number], "{endpoint:#}");
    }
}

#[test]
fn a_value_that_is_not_json_fails_only_its_endpoint() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let outcome = gather(format!(
        r#"[{{"id": "good", "module": "Example", "hostname": "NaN Infinity"}},
            {{"id": "unknown member", "module": "Example", "hostname": "h", "x": NaN}},
            {{"id": "parameter", "module": "Example", "hostname": -Infinity}},
            {{"id": "nested", "module": "Example", "hostname": "h", "x": [{{"y": Infinity}}]}},
            {{"id": "large", "module": "Example", "hostname": "h", "guests": 1e999}},
            {{"id": "surrogate", "module": "Example", "hostname": "\ud800"}},
            {{"id": "deep", "module": "Example", "hostname": {deep}}},
            {{"id": NaN, "module": "Example", "hostname": "h"}}]"#
    ));
    let endpoint = outcome.endpoint("good");
    assert_eq!(host_names(&endpoint), ["NaN Infinity"]);
    let inventory = outcome.inventory();
    let endpoints = inventory["endpoints"].as_array().expect("endpoints");
    assert_eq!(endpoints.len(), 8);
    let failed = endpoints.iter().filter(|endpoint| endpoint["status"] == "failed");
    assert_eq!(failed.count(), 7);
    let mut messages = Vec::new();
    for id in ["unknown member", "parameter", "nested", "large", "surrogate", "deep"] {
        let failure = outcome.failure(id);
        assert_eq!(failure.kind, "configuration", "{id}");
        messages.push(format!("{id}: {failure}"));
    }
    assert_message!(messages.join("\n"));
}

#[test]
fn a_wrong_document_is_exit_status_3_with_line_and_column() {
    let cases = [
        ("[{\"id\": \"e\",\n  \"module\": oops}]", Some("line 2")),
        ("[{\"id\": \"e\"", Some("line 1")),
        ("[{\"id\": \"e\"}] trailing", Some("line 1")),
        ("[{\"id\": \"e\"},\n7]", Some("line 2")),
        ("7", None),
        ("\"text\"", None),
        ("null", None),
        ("[[]]", None),
        ("hello", Some("line 1")),
    ];
    let mut messages = Vec::new();
    for (infile, place) in cases {
        let outcome = gather(infile).expect_code(3);
        assert!(outcome.stdout.is_empty(), "{infile}: {}", outcome.describe());
        if let Some(place) = place {
            assert!(outcome.stderr.contains(place), "{infile}: {}", outcome.describe());
            assert!(outcome.stderr.contains("column"), "{infile}: {}", outcome.describe());
        }
        messages.push(format!("{infile:?}\n{}", outcome.stderr));
    }
    assert_message!(messages.concat());
}

#[test]
fn an_empty_stdin_has_its_own_message() {
    let messages = ["", " \n\t\r\n", "\u{feff}"].map(|infile| {
        let outcome = gather(infile).expect_code(3);
        assert!(outcome.stdout.is_empty());
        outcome.stderr
    });
    assert_eq!(messages[1], messages[0]);
    assert_eq!(messages[2], messages[0]);
    assert_message!(messages[0]);
}

#[test]
fn a_byte_order_mark_is_ignored() {
    let outcome = gather("\u{feff}[{\"id\": \"e\", \"module\": \"Example\", \"hostname\": \"h\"}]");
    assert_eq!(outcome.endpoint("e")["status"], "complete");
}

#[test]
fn an_infile_in_utf_16_is_refused() {
    let infile = r#"[{"id": "e", "module": "Example", "hostname": "h"}]"#;
    let units = || infile.encode_utf16();
    let little: Vec<u8> = units().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = units().flat_map(u16::to_be_bytes).collect();
    let with_mark = |mark: [u8; 2], bytes: &[u8]| [&mark[..], bytes].concat();
    for bytes in [
        with_mark([0xff, 0xfe], &little),
        with_mark([0xfe, 0xff], &big),
        little.clone(),
        big.clone(),
    ] {
        let outcome = gather(bytes).expect_code(3);
        let expected = "the infile is written in UTF-16; it must be UTF-8";
        assert!(outcome.stderr.contains(expected), "{}", outcome.describe());
    }
}

#[test]
fn an_object_with_a_list_of_endpoints_is_refused_with_the_expected_form() {
    let outcome = gather(r#"{"endpoints": [{"id": "e", "module": "Example"}]}"#).expect_code(3);
    assert!(outcome.stdout.is_empty());
    assert_message!(outcome.stderr);
}

#[test]
fn an_infile_that_is_not_utf_8_is_read_as_latin_1_with_a_warning() {
    let mut infile = br#"[{"id": "b"#.to_vec();
    infile.push(0xfc);
    infile.extend_from_slice(br#"ro", "module": "Example", "hostname": "h"#);
    infile.push(0xf6);
    infile.extend_from_slice(br#"st"}]"#);
    let outcome = gather(infile.clone());
    let endpoint = outcome.endpoint("büro");
    assert_eq!(host_names(&endpoint), ["höst"]);
    let warnings: Vec<&str> = outcome
        .log
        .lines()
        .filter(|line| line.contains("ISO-8859-1") || line.contains("Latin-1"))
        .collect();
    assert_eq!(warnings.len(), 1, "{}", outcome.describe());

    // The result for a Manager is in ASCII.
    let plugins = plugins();
    let printed = Run::new().args(["--infile", "-"]).plugins(plugins.path()).stdin(infile).run();
    assert!(printed.document()["büro"].is_some());
    assert!(printed.stdout_text().contains("b\\u00fcro"), "{}", printed.describe());
}

#[test]
fn rejects_an_infile_of_more_than_64_mib() {
    let mut infile = b"[".to_vec();
    infile.resize(65 * 1024 * 1024, b' ');
    infile.push(b']');
    let outcome = gather(infile).expect_code(3);
    assert!(outcome.stderr.contains("64"), "{}", outcome.describe());
    assert_message!(outcome.stderr);
}

#[test]
fn nesting_10_000_deep_does_not_crash() {
    let infile = "[".repeat(10_000) + &"]".repeat(10_000);
    gather(infile).expect_code(3);
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    let infile = format!(r#"[{{"id": "e", "module": "Example", "hostname": {deep}}}]"#);
    let outcome = gather(infile);
    assert!([0, 3].contains(&outcome.code()), "{}", outcome.describe());
}

#[test]
fn an_infile_may_be_a_file() {
    let plugins = plugins();
    let run = Run::new().args(["--infile", "endpoints.json"]).plugins(plugins.path());
    let infile = run.home().join("endpoints.json");
    std::fs::write(infile, r#"[{"id": "e", "module": "Example", "hostname": "h"}]"#)
        .expect("the file can be written");
    assert!(run.run().document()["e"].is_some());

    let outcome = Run::new()
        .args(["--infile", "/nonexistent/endpoints.json"])
        .plugins(plugins.path())
        .run()
        .expect_code(3);
    assert!(outcome.stderr.contains("/nonexistent/endpoints.json"), "{}", outcome.describe());
    assert_message!(outcome.stderr);
}

#[test]
fn many_endpoints_and_many_keys_need_limited_time_and_output() {
    let limit = std::time::Duration::from_secs(30);
    let run = |infile: String| {
        let plugins = plugins();
        Run::new()
            .args(["--infile", "-", "--format", "inventory"])
            .plugins(plugins.path())
            .stdin(infile)
            .within(limit)
            .run()
    };
    let same = vec![r#"{"id": "same", "module": "Example", "hostname": "h"}"#; 2_000].join(",");
    let outcome = run(format!("[{same}]"));
    assert_eq!(outcome.code(), 0);
    assert!(outcome.stderr.len() < 2_000_000, "stderr has {} bytes", outcome.stderr.len());

    let keys: Vec<String> = (0..100_000).map(|n| format!("\"k{n}\": 1")).collect();
    let outcome = run(format!(
        r#"[{{"id": "e", "module": "Example", "hostname": "h", {}}}]"#,
        keys.join(",")
    ));
    assert_eq!(outcome.code(), 0);
}
