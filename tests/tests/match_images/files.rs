//! The files that `match-images` is given: where they may come from, and what is said of those
//! that cannot be used.

use gatherer_tests::Run;
use serde_json::{Value, json};

use super::{built, document, matches, matching, shop, write};

#[test]
fn an_inventory_may_be_narrowed_to_one_endpoint_and_written_to_a_file() {
    let run = matching(&built(), &shop()).args(["--only", "east", "--outfile", "result.json"]);
    let outcome = run.run().expect_code(0);
    assert!(outcome.stdout.is_empty());
    let text = std::fs::read_to_string(outcome.home().join("result.json")).expect("written");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(document["unmatched"]["containers"], json!([]));
    let outcome = matching(&built(), &shop()).args(["--only", "north"]).run().expect_code(2);
    assert!(outcome.stderr.contains("no endpoint of this id"), "{}", outcome.describe());
}

#[test]
fn the_inventory_or_the_images_may_come_from_standard_input_but_not_both() {
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
fn images_and_exactly_one_source_are_needed() {
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
fn a_file_that_cannot_be_used_is_said_in_one_sentence_with_its_place_and_never_quoted() {
    let good = shop().to_string();
    let images = built().to_string();
    let hostile = "{\"schemaVersion\": \"1.1\",\n \"endpoints\": [{\"id\": [\"hunter2\"]}]}";
    for (images, inventory, words) in [
        ("hunter2", &*good, "the file of images images.json is not JSON: expected value at line 1"),
        ("[{\"hunter2\": 1}]", &good, "the file of images images.json cannot be used: image 1 has"),
        ("[\n[\"hunter2\"]]", &good, "images.json cannot be used: image 1 is a list of values"),
        ("[\n\"hunter2\"]", &good, "images.json cannot be used: what ends at line 2 column"),
        ("", &good, "the file of images images.json is not JSON: EOF"),
        ("{}", &good, "images.json cannot be used: a list of images is wanted, within [ ]"),
        ("null", &good, "images.json cannot be used: a list of images is wanted, within [ ]"),
        ("[{\"Id\": \"hunter2\", \"name\": \"hunter2\"}]", &good, "image 1 has both `Id`"),
        ("[{\"id\": 1}, {\"id\": 2, \"RepoTags\": []}]", &good, "image 2 has both `RepoTags`"),
        ("[{\"Id\": \"hunter2\"}]", &good, "image 1 has an `Id`, but neither `RepoTags` nor"),
        (&images, "hunter2", "the inventory inventory.json is not JSON: expected value at line 1"),
        (&images, hostile, "the inventory inventory.json cannot be used: what ends at line 2"),
        (&images, "{\"schemaVersion\": \"2.0\"}", "inventory.json is not of schema version 1.x"),
        (&images, "{\"hunter2\": 7}", "the inventory inventory.json cannot be used: what ends at"),
        (&images, "{\"schemaVersion\": \"hunter2\"}", "is not of schema version 1.x"),
    ] {
        let run = Run::new().args(["match-images", "--images", "images.json"]);
        write(&run, "images.json", images);
        write(&run, "inventory.json", inventory);
        let outcome = run.args(["--inventory", "inventory.json"]).run().expect_code(3);
        assert!(outcome.stderr.contains(words), "{words}: {}", outcome.describe());
        assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.describe());
        assert!(outcome.stdout.is_empty());
        assert!(!outcome.messages().contains("hunter2"), "{}", outcome.describe());
    }
    let missing = ["match-images", "--images", "none.json", "--inventory", "none.json"];
    let outcome = Run::new().args(missing).run().expect_code(3);
    assert!(outcome.stderr.contains("none.json cannot be read"), "{}", outcome.describe());
}

#[test]
fn a_file_that_is_too_long_is_not_taken() {
    let run = matching(&built(), &shop());
    let file = std::fs::File::create(run.home().join("images.json")).expect("writable");
    file.set_len(64 * 1024 * 1024 + 1).expect("a hole");
    let outcome = run.run().expect_code(3);
    assert!(outcome.stderr.contains("is longer than 64 MiB"), "{}", outcome.describe());
}

#[test]
fn an_option_before_the_command_counts_or_is_refused_and_is_never_forgotten() {
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
    // What is said to all runs is not said to this command.
    for format in ["inventory", "table"] {
        let run = run(&[], &[]).env("VIRTUAL_HOST_GATHERER_FORMAT", format);
        assert_eq!(printed(run), json);
    }
    for (before, words) in [
        (&["--format", "inventory"][..], "`--format table`, and no format of a run"),
        (&["--format", "gatherer"], "`--format table`, and no format of a run"),
        (&["--format", "json"], "invalid value 'json'"),
        (&["--infile", "other.json"], "--infile means nothing before match-images"),
        (&["--list-modules"], "--list-modules means nothing before match-images"),
    ] {
        let outcome = run(before, &[]).run().expect_code(2);
        assert!(outcome.stderr.contains(words), "{}", outcome.describe());
        assert!(outcome.stdout.is_empty(), "{}", outcome.describe());
    }
}

#[test]
fn what_a_document_says_to_be_complete_and_to_have_an_error_is_incomplete() {
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
