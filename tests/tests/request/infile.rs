//! The infile's bytes: JSON or not, in which encoding, of which size.

use gatherer_tests::Run;

use super::{host_names, inventory_of, plugins, warnings};

#[test]
fn one_object_is_a_list_of_one() {
    let outcome = inventory_of(r#"{"id": "e", "module": "Example", "hostname": "h"}"#);
    assert_eq!(outcome.endpoint("e")["status"], "complete");
}

#[test]
fn a_key_twice_the_last_wins_with_a_warning() {
    let outcome = inventory_of(
        r#"[{"id": "e", "module": "Example", "hostname": "first", "hostname": "last"}]"#,
    );
    let endpoint = outcome.endpoint("e");
    assert_eq!(host_names(&endpoint), ["last"]);
    assert!(warnings(&endpoint).contains("hostname"), "{endpoint:#}");
}

#[test]
fn integers_beyond_2_to_the_53_keep_their_text() {
    for number in ["9007199254740993", "123456789012345678901234567890", "0.10"] {
        let infile = format!(r#"[{{"id": {number}, "module": "Example", "hostname": {number}}}]"#);
        let outcome = inventory_of(infile);
        let endpoint = outcome.endpoint(number);
        assert_eq!(host_names(&endpoint), [number], "{endpoint:#}");
    }
}

#[test]
fn what_is_no_list_of_objects_is_exit_3_with_the_place() {
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
    for (infile, place) in cases {
        let outcome = inventory_of(infile).expect_code(3);
        assert!(outcome.stdout.is_empty(), "{infile}: {}", outcome.describe());
        if let Some(place) = place {
            assert!(outcome.stderr.contains(place), "{infile}: {}", outcome.describe());
            assert!(outcome.stderr.contains("column"), "{infile}: {}", outcome.describe());
        }
        assert!(
            outcome.stderr.to_lowercase().contains("expected"),
            "{infile}: {}",
            outcome.describe()
        );
    }
}

#[test]
fn an_empty_stdin_has_its_own_sentence() {
    for infile in ["", " \n\t\r\n", "\u{feff}"] {
        let outcome = inventory_of(infile).expect_code(3);
        assert!(
            outcome.stderr.to_lowercase().contains("empty"),
            "{infile:?}: {}",
            outcome.describe()
        );
        assert!(outcome.stdout.is_empty());
    }
}

#[test]
fn a_byte_order_mark_is_fine() {
    let outcome =
        inventory_of("\u{feff}[{\"id\": \"e\", \"module\": \"Example\", \"hostname\": \"h\"}]");
    assert_eq!(outcome.endpoint("e")["status"], "complete");
}

#[test]
fn what_is_not_utf_8_is_read_as_latin_1_with_a_warning() {
    let mut infile = br#"[{"id": "b"#.to_vec();
    infile.push(0xfc);
    infile.extend_from_slice(br#"ro", "module": "Example", "hostname": "h"#);
    infile.push(0xf6);
    infile.extend_from_slice(br#"st"}]"#);
    let outcome = inventory_of(infile.clone());
    let endpoint = outcome.endpoint("büro");
    assert_eq!(host_names(&endpoint), ["höst"]);
    let warnings: Vec<&str> = outcome
        .log
        .lines()
        .filter(|line| line.contains("ISO-8859-1") || line.contains("Latin-1"))
        .collect();
    assert_eq!(warnings.len(), 1, "{}", outcome.describe());

    // What is printed for a Manager is ASCII all the same.
    let plugins = plugins();
    let printed = Run::new().args(["--infile", "-"]).plugins(plugins.path()).stdin(infile).run();
    assert!(printed.document()["büro"].is_some());
    assert!(printed.stdout_text().contains("b\\u00fcro"), "{}", printed.describe());
}

#[test]
fn an_infile_of_more_than_64_mib_is_refused() {
    let mut infile = b"[".to_vec();
    infile.resize(65 * 1024 * 1024, b' ');
    infile.push(b']');
    let outcome = inventory_of(infile).expect_code(3);
    assert!(outcome.stderr.contains("64"), "{}", outcome.describe());
}

#[test]
fn nesting_10_000_deep_is_an_error_and_no_crash() {
    let infile = "[".repeat(10_000) + &"]".repeat(10_000);
    inventory_of(infile).expect_code(3);
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    let infile = format!(r#"[{{"id": "e", "module": "Example", "hostname": {deep}}}]"#);
    let outcome = inventory_of(infile);
    assert!([0, 3].contains(&outcome.code()), "{}", outcome.describe());
}

#[test]
fn an_infile_is_a_file_too() {
    let plugins = plugins();
    let run = Run::new().args(["--infile", "endpoints.json"]).plugins(plugins.path());
    let infile = run.home().join("endpoints.json");
    std::fs::write(infile, r#"[{"id": "e", "module": "Example", "hostname": "h"}]"#).expect("ok");
    assert!(run.run().document()["e"].is_some());

    let outcome = Run::new()
        .args(["--infile", "/nonexistent/endpoints.json"])
        .plugins(plugins.path())
        .run()
        .expect_code(3);
    assert!(outcome.stderr.contains("/nonexistent/endpoints.json"), "{}", outcome.describe());
}

#[test]
fn an_infile_with_many_of_everything_takes_no_more_than_its_share() {
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
