//! Chains of owners, from the lists of controllers.

use gatherer_plugin_api::model::Owner;
use gatherer_plugin_kubernetes::map::{self, OwnerEntry, Owners};
use gatherer_plugin_kubernetes::objects::ObjectMeta;
use serde_json::{Value, json};

use super::owned_pod;

/// A controller: its kind, its name and its owner references.
type ListedController<'a> = (&'a str, &'a str, Value);

/// A reference to the owner of this name. Its UID is made from the name.
fn reference(kind: &str, name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": kind, "name": name, "uid": format!("uid-{name}"), "controller": true})
}

fn owners(listed: &[ListedController<'_>]) -> Owners {
    let mut owners = Owners::new();
    for (kind, name, references) in listed {
        let metadata = json!({
            "name": name, "namespace": "shop", "uid": format!("uid-{name}"),
            "ownerReferences": references,
        });
        let text = metadata.to_string();
        let metadata: ObjectMeta<'_> = serde_json::from_str(&text).expect("metadata");
        owners.insert(OwnerEntry::new(kind, &metadata));
    }
    owners
}

/// The chain of a pod with these references, as `Kind/name`, and whether the pod is bare. Asserts that each
/// link has the right UID.
fn chain(references: &Value, listed: &[ListedController<'_>]) -> (Vec<String>, bool) {
    let pod = json!({"metadata": {"name": "p", "uid": "u", "ownerReferences": references}});
    let (pod, warnings) = owned_pod(&pod, &owners(listed));
    assert_eq!(warnings, []);
    assert_eq!(pod.controller.as_ref(), pod.owners.last(), "the top of the chain");
    let link = |owner: &Owner| {
        assert_eq!(owner.uid, format!("uid-{}", owner.name));
        format!("{}/{}", owner.kind, owner.name)
    };
    (pod.owners.iter().map(link).collect(), pod.bare)
}

#[test]
fn a_chain_ends_at_a_controller_without_an_owner() {
    let listed = [
        ("ReplicaSet", "web-1", json!([reference("Deployment", "web")])),
        ("Deployment", "web", json!([])),
        ("Deployment", "other", json!([])),
    ];
    let found = chain(&json!([reference("ReplicaSet", "web-1")]), &listed);
    assert_eq!(found, (vec!["ReplicaSet/web-1".into(), "Deployment/web".into()], false));
}

#[test]
fn a_chain_ends_at_an_owner_of_an_unlisted_kind() {
    let listed = [
        ("Deployment", "web", json!([reference("Application", "shop")])),
        ("ReplicaSet", "web-1", json!([reference("Deployment", "web")])),
    ];
    let found = chain(&json!([reference("ReplicaSet", "web-1")]), &listed);
    let expected = ["ReplicaSet/web-1", "Deployment/web", "Application/shop"];
    assert_eq!(found, (expected.map(str::to_owned).into(), false));
}

#[test]
fn a_missing_owner_is_the_last_link_of_its_chain() {
    let found = chain(&json!([reference("ReplicaSet", "gone")]), &[]);
    assert_eq!(found, (vec!["ReplicaSet/gone".to_owned()], false));
    let listed = [("Job", "report-1", json!([reference("CronJob", "gone")]))];
    let found = chain(&json!([reference("Job", "report-1")]), &listed);
    assert_eq!(found, (vec!["Job/report-1".into(), "CronJob/gone".into()], false));
}

#[test]
fn an_owner_of_an_unknown_kind_is_taken_from_its_reference() {
    let found = chain(&json!([reference("Rollout", "web")]), &[]);
    assert_eq!(found, (vec!["Rollout/web".to_owned()], false));
}

#[test]
fn follows_a_loop_only_once() {
    let listed = [
        ("ReplicaSet", "a", json!([reference("Deployment", "b")])),
        ("Deployment", "b", json!([reference("ReplicaSet", "a")])),
    ];
    let found = chain(&json!([reference("ReplicaSet", "a")]), &listed);
    assert_eq!(found, (vec!["ReplicaSet/a".into(), "Deployment/b".into()], false));
    let itself = [("ReplicaSet", "a", json!([reference("ReplicaSet", "a")]))];
    let found = chain(&json!([reference("ReplicaSet", "a")]), &itself);
    assert_eq!(found, (vec!["ReplicaSet/a".to_owned()], false));
}

#[test]
fn a_chain_has_at_most_32_links() {
    let names: Vec<String> = (0..40).map(|number| format!("c{number}")).collect();
    let listed: Vec<ListedController<'_>> = names
        .windows(2)
        .map(|pair| ("Custom", pair[0].as_str(), json!([reference("Custom", &pair[1])])))
        .collect();
    let (found, _) = chain(&json!([reference("Custom", "c0")]), &listed);
    assert_eq!(found.len(), 32);
    assert_eq!(found.last().expect("a link"), "Custom/c31");
}

#[test]
fn ignores_references_without_the_controller_flag() {
    let mut unset = reference("ReplicaSet", "web-1");
    unset.as_object_mut().expect("an object").remove("controller");
    let mut no = reference("Node", "n1");
    no["controller"] = json!(false);
    let mut null = reference("ConfigMap", "m");
    null["controller"] = Value::Null;
    assert_eq!(chain(&json!([unset, no, null]), &[]), (vec![], true));

    // The position of the controlling reference does not matter.
    let references = json!([unset, no, reference("Job", "j")]);
    assert_eq!(chain(&references, &[]), (vec!["Job/j".to_owned()], false));
    let listed = [("Job", "j", json!([unset]))];
    assert_eq!(chain(&references, &listed), (vec!["Job/j".to_owned()], false));
}

#[test]
fn identifies_an_owner_by_its_uid_and_not_by_its_name() {
    let mut older = reference("ReplicaSet", "web-1");
    older["uid"] = json!("uid-of-the-predecessor");
    let listed = owners(&[("ReplicaSet", "web-1", json!([reference("Deployment", "web")]))]);
    let pod = json!({"metadata": {"name": "p", "uid": "u", "ownerReferences": [older]}});
    let (pod, _) = owned_pod(&pod, &listed);
    assert_eq!(pod.owners.len(), 1);
    assert_eq!(pod.owners[0].uid, "uid-of-the-predecessor");
}

#[test]
fn a_controller_of_an_unlisted_kind_has_the_fields_of_its_reference() {
    let owner = Owner { kind: "Rollout".into(), name: "web".into(), uid: "u".into() };
    let controller = map::unlisted_controller("shop", &owner);
    let expected = json!({"namespace": "shop", "name": "web", "uid": "u", "kind": "Rollout"});
    assert_eq!(serde_json::to_value(controller).expect("JSON"), expected);
}

#[test]
fn a_kind_of_another_api_group_is_unlisted() {
    let unlisted = |api_version: &str, kind: &str| {
        let reference = json!({"apiVersion": api_version, "kind": kind, "name": "x", "uid": "u",
            "controller": true});
        let text = json!({"ownerReferences": [reference]}).to_string();
        let metadata: ObjectMeta<'_> = serde_json::from_str(&text).expect("metadata");
        Owners::new().unlisted(&metadata.owner_references).len()
    };
    for (api_version, kind) in [
        ("apps/v1", "ReplicaSet"),
        ("apps/v1beta2", "StatefulSet"),
        ("batch/v1", "Job"),
        ("v1", "ReplicationController"),
    ] {
        assert_eq!(unlisted(api_version, kind), 0, "{api_version} {kind}");
    }
    for (api_version, kind) in [
        ("apps.kruise.io/v1", "StatefulSet"),
        ("batch.volcano.sh/v1alpha1", "Job"),
        ("argoproj.io/v1alpha1", "Rollout"),
        ("apps/v1", "Other"),
    ] {
        assert_eq!(unlisted(api_version, kind), 1, "{api_version} {kind}");
    }
}
