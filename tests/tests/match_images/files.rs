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
        ("[\n[\"hunter2\"]]", &good, "images.json cannot be used: what ends at line 2 column"),
        ("", &good, "the file of images images.json is not JSON: EOF"),
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
        assert!(!outcome.said().contains("hunter2"), "{}", outcome.describe());
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
