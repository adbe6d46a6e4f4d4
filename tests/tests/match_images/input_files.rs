//! The input files of `match-images`: their sources, and the errors of files that cannot be used.

use std::fmt::Write as _;

use gatherer_tests::{Run, assert_message};
use serde_json::{Value, json};

use super::{built, document, matches, matching, shop, write};

#[test]
fn only_narrows_the_inventory_and_outfile_writes_the_result() {
    let run = matching(&built(), &shop()).args(["--only", "east", "--outfile", "result.json"]);
    let outcome = run.run().expect_code(0);
    assert!(outcome.stdout.is_empty());
    let text = std::fs::read_to_string(outcome.home().join("result.json")).expect("written");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(document["unmatched"]["containers"], json!([]));
    let outcome = matching(&built(), &shop()).args(["--only", "north"]).run().expect_code(2);
    assert!(outcome.stderr.contains("north"), "{}", outcome.describe());
    assert_message!(outcome.stderr);
}

#[test]
fn reads_one_file_but_not_two_from_stdin() {
    let run = Run::new().stdin(shop().to_string()).args(["match-images", "--inventory", "-"]);
    let images = write(&run, "images.json", &built().to_string());
    let outcome = run.arg("--images").arg(images).run().expect_code(0);
    assert_eq!(document(&outcome), matches(&built(), &shop()));
    let run = Run::new().stdin(built().to_string()).args(["match-images", "--images", "-"]);
    let inventory = write(&run, "inventory.json", &shop().to_string());
    let outcome = run.arg("--inventory").arg(inventory).run().expect_code(0);
    assert_eq!(document(&outcome), matches(&built(), &shop()));
    for source in ["--inventory", "--infile"] {
        Run::new().args(["match-images", "--images", "-", source, "-"]).run().expect_code(2);
    }
}

#[test]
fn requires_images_and_exactly_one_source() {
    for args in [
        &["--images", "x"][..],
        &["--inventory", "x"],
        &["--images", "x", "--inventory", "x", "-i", "x"],
        &["--images", "x", "--inventory", "x", "--format", "ndjson"],
    ] {
        let outcome = Run::new().arg("match-images").args(args).run().expect_code(2);
        assert!(outcome.stdout.is_empty());
    }
}

#[test]
fn an_invalid_file_is_one_error_that_quotes_nothing() {
    let good = shop().to_string();
    let images = built().to_string();
    let hostile = "{\"schemaVersion\": \"1.1\",\n \"endpoints\": [{\"id\": [\"hunter2\"]}]}";
    let mut messages = String::new();
    for (case, images, inventory) in [
        ("images: not JSON", "hunter2", &*good),
        ("images: empty", "", &good),
        ("images: an object", "{}", &good),
        ("images: null", "null", &good),
        ("images: an unknown member", "[{\"hunter2\": 1}]", &good),
        ("images: a list in the list", "[\n[\"hunter2\"]]", &good),
        ("images: a text in the list", "[\n\"hunter2\"]", &good),
        ("images: both formats", "[{\"Id\": \"hunter2\", \"name\": \"hunter2\"}]", &good),
        ("images: the second has both", "[{\"id\": 1}, {\"id\": 2, \"RepoTags\": []}]", &good),
        ("images: incomplete", "[{\"Id\": \"hunter2\"}]", &good),
        ("inventory: not JSON", &images, "hunter2"),
        ("inventory: an invalid member", &images, hostile),
        ("inventory: another version", &images, "{\"schemaVersion\": \"2.0\"}"),
        ("inventory: an invalid version", &images, "{\"schemaVersion\": \"hunter2\"}"),
        ("inventory: no version", &images, "{\"hunter2\": 7}"),
    ] {
        let run = Run::new().args(["match-images", "--images", "images.json"]);
        write(&run, "images.json", images);
        write(&run, "inventory.json", inventory);
        let outcome = run.args(["--inventory", "inventory.json"]).run().expect_code(3);
        let file = case.split(':').next().expect("a file");
        assert!(outcome.stderr.contains(&format!("{file}.json")), "{}", outcome.describe());
        assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.describe());
        assert!(outcome.stdout.is_empty());
        assert!(!outcome.messages().contains("hunter2"), "{}", outcome.describe());
        let _ = write!(messages, "{case}\n    {}", outcome.stderr);
    }
    let missing = ["match-images", "--images", "none.json", "--inventory", "none.json"];
    let outcome = Run::new().args(missing).run().expect_code(3);
    assert!(outcome.stderr.contains("none.json"), "{}", outcome.describe());
    let _ = write!(messages, "missing\n    {}", outcome.stderr);
    assert_message!(messages);
}

#[test]
fn rejects_a_file_above_the_size_limit() {
    let run = matching(&built(), &shop());
    let file = std::fs::File::create(run.home().join("images.json")).expect("writable");
    file.set_len(64 * 1024 * 1024 + 1).expect("a sparse file");
    let outcome = run.run().expect_code(3);
    assert!(outcome.stderr.contains("64 MiB"), "{}", outcome.describe());
    assert_message!(outcome.stderr);
}

#[test]
fn an_option_before_the_command_is_applied_or_rejected() {
    let run = |before: &[&str], after: &[&str]| {
        let run = Run::new().args(before).arg("match-images");
        let images = write(&run, "images.json", &built().to_string());
        let inventory = write(&run, "inventory.json", &shop().to_string());
        run.arg("--images").arg(images).arg("--inventory").arg(inventory).args(after)
    };
    let printed = |run: Run| run.run().expect_code(0).stdout_text().to_owned();
    let (json, table) = (printed(run(&[], &[])), printed(run(&[], &["--format", "table"])));
    assert!(json.starts_with('{') && !table.starts_with('{'));
    assert_eq!(printed(run(&["--format", "table"], &[])), table);
    assert_eq!(printed(run(&["--format", "table"], &["--format", "json"])), json);
    // The variable for the format of a run does not apply to this command.
    for format in ["inventory", "table"] {
        let run = run(&[], &[]).env("VIRTUAL_HOST_GATHERER_FORMAT", format);
        assert_eq!(printed(run), json);
    }
    let mut messages = String::new();
    for before in [
        &["--format", "inventory"][..],
        &["--format", "gatherer"],
        &["--format", "json"],
        &["--infile", "other.json"],
        &["--list-modules"],
    ] {
        let outcome = run(before, &[]).run().expect_code(2);
        assert!(outcome.stderr.contains(before[0]), "{}", outcome.describe());
        assert!(outcome.stdout.is_empty(), "{}", outcome.describe());
        let _ = writeln!(messages, "{}\n{}", before.join(" "), outcome.stderr);
    }
    assert_message!(messages);
}

#[test]
fn an_error_makes_an_endpoint_incomplete_whatever_its_status() {
    let error = json!({"kind": "permission", "message": "403"});
    let mut whole = shop();
    whole["endpoints"][0]["error"] = error.clone();
    whole["endpoints"][1]["collections"]["pods"]["error"] = error;
    let document = matches(&built(), &whole);
    let reasons: Vec<_> = document["incomplete"].as_array().expect("a list").iter().collect();
    assert_eq!(reasons.len(), 2, "{document:#}");
    assert_eq!(reasons[0]["reason"], "pods-failed");
    assert_eq!(reasons[1]["reason"], "endpoint-failed");
    assert_eq!(document["unmatched"]["containers"], json!([]));
    matching(&built(), &whole).args(["--fail-on", "all"]).run().expect_code(1);
}
