//! Chains of owners, from the lists of controllers alone.

use gatherer_plugin_api::model::Owner;
use gatherer_plugin_kubernetes::map::{self, Entry, Owners};
use gatherer_plugin_kubernetes::objects::Metadata;
use serde_json::{Value, json};

use super::owned_pod;

/// A controller by its kind and name, and the references that it has.
type Listed<'a> = (&'a str, &'a str, Value);

/// A reference to what is called so; its UID is made of its name.
fn reference(kind: &str, name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": kind, "name": name, "uid": format!("uid-{name}"), "controller": true})
}

fn owners(listed: &[Listed<'_>]) -> Owners {
    let mut owners = Owners::new();
    for (kind, name, references) in listed {
        let metadata = json!({
            "name": name, "namespace": "shop", "uid": format!("uid-{name}"),
            "ownerReferences": references,
        });
        let text = metadata.to_string();
        let metadata: Metadata<'_> = serde_json::from_str(&text).expect("metadata");
        owners.insert(Entry::new(kind, &metadata));
    }
    owners
}

/// The chain of a pod with these references, as `Kind/name`, each checked to have its own UID; and
/// whether the pod is bare.
fn chain(references: &Value, listed: &[Listed<'_>]) -> (Vec<String>, bool) {
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
fn a_chain_of_two_links_ends_at_what_nothing_controls() {
    let listed = [
        ("ReplicaSet", "web-1", json!([reference("Deployment", "web")])),
        ("Deployment", "web", json!([])),
        ("Deployment", "other", json!([])),
    ];
    let found = chain(&json!([reference("ReplicaSet", "web-1")]), &listed);
    assert_eq!(found, (vec!["ReplicaSet/web-1".into(), "Deployment/web".into()], false));
}

#[test]
fn a_chain_of_three_links_ends_at_an_owner_of_a_kind_that_nobody_lists() {
    let listed = [
        ("Deployment", "web", json!([reference("Application", "shop")])),
        ("ReplicaSet", "web-1", json!([reference("Deployment", "web")])),
    ];
    let found = chain(&json!([reference("ReplicaSet", "web-1")]), &listed);
    let expected = ["ReplicaSet/web-1", "Deployment/web", "Application/shop"];
    assert_eq!(found, (expected.map(str::to_owned).into(), false));
}

#[test]
fn a_missing_owner_is_the_last_link_as_its_reference_names_it() {
    let found = chain(&json!([reference("ReplicaSet", "gone")]), &[]);
    assert_eq!(found, (vec!["ReplicaSet/gone".to_owned()], false));
    let listed = [("Job", "report-1", json!([reference("CronJob", "gone")]))];
    let found = chain(&json!([reference("Job", "report-1")]), &listed);
    assert_eq!(found, (vec!["Job/report-1".into(), "CronJob/gone".into()], false));
}

#[test]
fn an_owner_of_an_unknown_kind_owns_a_pod_as_its_reference_says() {
    let found = chain(&json!([reference("Rollout", "web")]), &[]);
    assert_eq!(found, (vec!["Rollout/web".to_owned()], false));
}

#[test]
fn a_loop_is_gone_through_once() {
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
fn a_chain_has_32_links_at_most() {
    let names: Vec<String> = (0..40).map(|number| format!("c{number}")).collect();
    let listed: Vec<Listed<'_>> = names
        .windows(2)
        .map(|pair| ("Custom", pair[0].as_str(), json!([reference("Custom", &pair[1])])))
        .collect();
    let (found, _) = chain(&json!([reference("Custom", "c0")]), &listed);
    assert_eq!(found.len(), 32);
    assert_eq!(found.last().expect("a link"), "Custom/c31");
}

#[test]
fn a_reference_without_the_controller_flag_is_no_link() {
    let mut unset = reference("ReplicaSet", "web-1");
    unset.as_object_mut().expect("an object").remove("controller");
    let mut no = reference("Node", "n1");
    no["controller"] = json!(false);
    let mut null = reference("ConfigMap", "m");
    null["controller"] = Value::Null;
    assert_eq!(chain(&json!([unset, no, null]), &[]), (vec![], true));

    // It stands behind the others here, and is found all the same.
    let references = json!([unset, no, reference("Job", "j")]);
    assert_eq!(chain(&references, &[]), (vec!["Job/j".to_owned()], false));
    let listed = [("Job", "j", json!([unset]))];
    assert_eq!(chain(&references, &listed), (vec!["Job/j".to_owned()], false));
}

#[test]
fn an_owner_is_known_by_its_uid_and_not_by_its_name() {
    let mut older = reference("ReplicaSet", "web-1");
    older["uid"] = json!("uid-of-the-one-before");
    let listed = owners(&[("ReplicaSet", "web-1", json!([reference("Deployment", "web")]))]);
    let pod = json!({"metadata": {"name": "p", "uid": "u", "ownerReferences": [older]}});
    let (pod, _) = owned_pod(&pod, &listed);
    assert_eq!(pod.owners.len(), 1);
    assert_eq!(pod.owners[0].uid, "uid-of-the-one-before");
}

#[test]
fn a_controller_of_a_kind_that_is_not_listed_is_what_its_reference_says() {
    let owner = Owner { kind: "Rollout".into(), name: "web".into(), uid: "u".into() };
    let controller = map::unlisted_controller("shop", &owner);
    let expected = json!({"namespace": "shop", "name": "web", "uid": "u", "kind": "Rollout"});
    assert_eq!(serde_json::to_value(controller).expect("JSON"), expected);
}

#[test]
fn an_owner_of_another_group_is_of_another_kind_whatever_its_name() {
    let others = |api_version: &str, kind: &str| {
        let reference = json!({"apiVersion": api_version, "kind": kind, "name": "x", "uid": "u",
            "controller": true});
        let text = json!({"ownerReferences": [reference]}).to_string();
        let metadata: Metadata<'_> = serde_json::from_str(&text).expect("metadata");
        Owners::new().others(&metadata.owner_references).len()
    };
    for (api_version, kind) in [
        ("apps/v1", "ReplicaSet"),
        ("apps/v1beta2", "StatefulSet"),
        ("batch/v1", "Job"),
        ("v1", "ReplicationController"),
    ] {
        assert_eq!(others(api_version, kind), 0, "{api_version} {kind}");
    }
    for (api_version, kind) in [
        ("apps.kruise.io/v1", "StatefulSet"),
        ("batch.volcano.sh/v1alpha1", "Job"),
        ("argoproj.io/v1alpha1", "Rollout"),
        ("apps/v1", "Other"),
    ] {
        assert_eq!(others(api_version, kind), 1, "{api_version} {kind}");
    }
}
