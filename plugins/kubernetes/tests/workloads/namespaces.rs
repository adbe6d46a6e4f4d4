//! How the fields of namespaces and service accounts are mapped.

use gatherer_plugin_kubernetes::map::{self, IgnoredBecause};
use gatherer_plugin_kubernetes::objects::{Namespace, ServiceAccount};
use serde_json::json;

use super::ignored;

#[test]
fn a_namespace_has_labels_phase_and_creation_time() {
    let namespace = |time: &str| {
        let text = json!({
            "metadata": {"name": "shop", "uid": "u", "labels": {"a": "b"}, "creationTimestamp": time},
            "status": {"phase": "Terminating"},
        });
        let text = text.to_string();
        map::namespace(serde_json::from_str::<Namespace<'_>>(&text).expect("a namespace"))
    };
    let (found, warnings) = namespace("2026-03-02T09:10:11Z");
    let expected = json!({
        "name": "shop", "uid": "u", "labels": {"a": "b"}, "phase": "Terminating",
        "createdAt": "2026-03-02T09:10:11Z",
    });
    assert_eq!((serde_json::to_value(found).expect("JSON"), warnings), (expected, vec![]));
    let (found, warnings) = namespace("2026");
    assert_eq!(found.created_at, None);
    let because = IgnoredBecause::NotATimestamp;
    assert_eq!(warnings, ignored("Namespace shop", "creationTimestamp", because));
}

#[test]
fn a_service_account_has_namespace_name_and_uid() {
    let text = r#"{"metadata": {"name": "web", "namespace": "shop", "uid": "u"}, "secrets": [{}]}"#;
    let found = map::service_account(serde_json::from_str::<ServiceAccount<'_>>(text).unwrap());
    let expected = json!({"name": "web", "namespace": "shop", "uid": "u"});
    assert_eq!(serde_json::to_value(found).expect("JSON"), expected);
}
