//! Tests of the limits of warnings.

use gatherer_plugin_api::model::Warning;

use super::read;

/// A number of members beyond every limit.
const MANY: usize = 3000;

fn warnings(text: &str) -> Vec<Warning> {
    read(text).expect("a valid document").summary.warnings
}

fn inventory(members: &str) -> String {
    format!(
        r#"{{"schemaVersion": "1.0", "endpoints": [{{"id": "e", "status": "complete", {members}}}]}}"#
    )
}

#[test]
fn many_warnings_about_objects_with_long_names_are_short_and_the_last_one_counts_the_others() {
    let long = "k".repeat(20 * MANY);
    let many = |value: &str| {
        let members: Vec<_> = (0..MANY).map(|index| format!(r#""k{index}": {value}"#)).collect();
        members.join(", ")
    };
    let (lost, other) = (many("NaN"), many("1"));
    let host = |members: &str| inventory(&format!(r#""hosts": [{{"id": "1", {members}}}]"#));
    for (what, text) in [
        ("unreadable", host(&format!(r#""name": "{long}", "labels": {{{lost}}}"#))),
        (
            "unreadable in a long key",
            host(&format!(r#""name": "n", "cpu": {{"{long}": {{{lost}}}}}"#)),
        ),
        ("unknown", host(&format!(r#""name": "{long}", {other}"#))),
        (
            "guest",
            host(&format!(
                r#""name": "n", "guests": [{{"name": "{long}", "attributes": {{{lost}}}}}]"#
            )),
        ),
        (
            "pod",
            inventory(&format!(
                r#""hosts": [], "collections": {{"pods": {{"status": "complete"}}}}, "workloads": {{"pods":
                    [{{"namespace": "n", "name": "{long}", "uid": "u", "labels": {{{lost}}}}}]}}"#
            )),
        ),
        (
            "unknown, Manager's format",
            format!(r#"{{"{long}": {{"hostIdentifier": "1", "vms": {{}}, {other}}}}}"#),
        ),
        (
            "optional data, Manager's format",
            format!(
                r#"{{"{long}": {{"hostIdentifier": "1", "vms": {{"w": "1"}}, "optionalVmData": {{"w": {{{lost}}}}}}}}}"#
            ),
        ),
        (
            "guests without data, Manager's format",
            format!(
                r#"{{"{long}": {{"hostIdentifier": "1", "vms": {{}}, "optionalVmData": {{{other}}}}}}}"#
            ),
        ),
    ] {
        let warnings = warnings(&text);
        assert_eq!(warnings.len(), 1000, "{what}");
        let bytes = |warning: &Warning| warning.object.len() + warning.message.len();
        let longest = warnings.iter().map(bytes).max();
        assert!(longest < Some(1500), "{what}: {longest:?}");
        let summary = &warnings[999];
        let left_out = MANY - 999;
        assert_eq!(
            (&*summary.object, &*summary.message),
            ("warnings", &*format!("{left_out} more were dropped")),
            "{what}"
        );
    }
}

#[test]
fn a_thousand_warnings_of_a_document_are_kept_unchanged() {
    let object = "k".repeat(5000);
    let own: Vec<_> =
        (0..1000).map(|_| format!(r#"{{"object": "{object}", "message": "m"}}"#)).collect();
    let warnings =
        warnings(&inventory(&format!(r#""hosts": [], "warnings": [{}]"#, own.join(", "))));
    assert_eq!(warnings.len(), 1000);
    assert!(warnings.iter().all(|warning| warning.object == object && warning.message == "m"));
}
