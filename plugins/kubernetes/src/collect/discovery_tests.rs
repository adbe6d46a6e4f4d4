//! What is made of what servers say that they have.

use gatherer_plugin_api::{ErrorKind, GatherError};
use serde_json::{Value, json};

use super::listed::{cron_jobs, machines};
use crate::client::testing::{Asked, Server, answer, ok, with_client};

const LIST: &str = "virtualmachineinstances";

fn not_found() -> Vec<u8> {
    answer("404 Not Found", "", b"404 page not found\n")
}

fn groups(groups: &Value) -> Vec<u8> {
    ok(&json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
}

/// An entry of the list of groups.
fn group(name: &str, versions: &[&str]) -> Value {
    let version = |version: &&str| json!({"groupVersion": version});
    json!({"name": name, "versions": versions.iter().map(version).collect::<Vec<_>>(),
        "preferredVersion": versions.last().map(version)})
}

fn resources(names: &[&str]) -> Vec<u8> {
    let list: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
    ok(&json!({"kind": "APIResourceList", "resources": list}))
}

/// Where such a server has virtual machines.
fn machines_of(
    answer: impl Fn(&Asked) -> Vec<u8> + Send + 'static,
) -> Result<Option<String>, GatherError> {
    with_client(&Server::new(answer), 2, async |client| machines(client).await)
        .map(|found| found.map(|resource| resource.path()))
}

fn cron_jobs_of(
    answer: impl Fn(&Asked) -> Vec<u8> + Send + 'static,
) -> Result<String, GatherError> {
    with_client(&Server::new(answer), 2, async |client| cron_jobs(client).await)
        .map(|resource| resource.path())
}

#[test]
fn kubevirt_is_not_installed_where_the_list_of_groups_lacks_it_and_a_404_does_not_say_so() {
    let others = json!([group("apps", &["apps/v1"]), {"name": "odd"}]);
    assert_eq!(machines_of(move |_| groups(&others)), Ok(None));
    let error = machines_of(|_| not_found()).expect_err("nothing is known");
    assert_eq!(error.kind, ErrorKind::Configuration);
    assert!(error.message.ends_with("/apis: 404 Not Found"), "{error}");
    assert!(error.hint.expect("a hint").contains("lets /apis through"));
}

#[test]
fn kubevirts_version_is_the_servers_preferred_one_that_has_virtual_machines() {
    let path = |resources_of: &'static [(&'static str, &'static str)]| {
        machines_of(move |asked| {
            if asked.target == "/apis" {
                return groups(&json!([group(
                    "kubevirt.io",
                    &["kubevirt.io/v1alpha3", "kubevirt.io/v1"]
                )]));
            }
            let found = resources_of.iter().find(|(path, _)| *path == asked.target);
            found.map_or_else(not_found, |(_, name)| resources(&["kubevirts", name]))
        })
    };
    assert_eq!(
        path(&[("/apis/kubevirt.io/v1", LIST)]),
        Ok(Some(format!("/apis/kubevirt.io/v1/{LIST}")))
    );
    assert_eq!(
        path(&[("/apis/kubevirt.io/v1", "x"), ("/apis/kubevirt.io/v1alpha3", LIST)]),
        Ok(Some(format!("/apis/kubevirt.io/v1alpha3/{LIST}")))
    );
    // Its operator alone.
    assert_eq!(
        path(&[("/apis/kubevirt.io/v1", "x"), ("/apis/kubevirt.io/v1alpha3", "y")]),
        Ok(None)
    );
    // The server that said that it has the group does not know it yet.
    let error = path(&[]).expect_err("a 404");
    assert!(error.message.ends_with("/apis/kubevirt.io/v1: 404 Not Found"), "{error}");
    assert!(error.hint.expect("a hint").contains("a server that starts"));
}

#[test]
fn what_is_no_list_of_groups_does_not_say_that_one_is_missing() {
    let of = |versions: &[&str]| json!({"kind": "APIGroupList", "groups": [group("kubevirt.io", versions)]});
    for document in [
        json!({}),
        json!([]),
        json!({"kind": "APIGroupList"}),
        json!({"kind": "APIGroupList", "groups": null}),
        json!({"kind": "APIResourceList", "groups": []}),
        json!({"kind": "Status", "code": 404}),
        of(&[]),
        of(&["kubevirt.io"]),
        of(&["kubevirt.io/"]),
        of(&["kubevirt.iox/v1"]),
        of(&["apps/v1"]),
        of(&["kubevirt.io/../../api/v1"]),
        of(&["kubevirt.io/v1?x=y"]),
    ] {
        let shown = document.to_string();
        let error = machines_of(move |_| ok(&document)).expect_err(&shown);
        assert_eq!(error.kind, ErrorKind::Protocol, "{shown}");
    }
}

#[test]
fn cron_jobs_are_of_the_version_that_the_server_has_them_in() {
    let server = |v1: &'static [&'static str], v1beta1: Option<&'static [&'static str]>| {
        cron_jobs_of(move |asked| match (asked.target.as_str(), v1beta1) {
            ("/apis/batch/v1", _) => resources(v1),
            ("/apis/batch/v1beta1", Some(names)) => resources(names),
            _ => not_found(),
        })
    };
    // Kubernetes 1.20, 1.21 to 1.24, and 1.25.
    let in_beta = server(&["jobs", "jobs/status"], Some(&["cronjobs", "cronjobs/status"]));
    assert_eq!(in_beta.as_deref(), Ok("/apis/batch/v1beta1/cronjobs"));
    let in_both = server(&["jobs", "cronjobs"], Some(&["cronjobs"]));
    assert_eq!(in_both.as_deref(), Ok("/apis/batch/v1/cronjobs"));
    let in_one = server(&["jobs", "cronjobs"], None);
    assert_eq!(in_one.as_deref(), Ok("/apis/batch/v1/cronjobs"));
    let error = server(&["jobs"], Some(&[])).expect_err("in neither");
    assert_eq!(error.kind, ErrorKind::Protocol);
    let error = server(&["jobs"], None).expect_err("in neither");
    assert!(error.message.ends_with("/apis/batch/v1beta1: 404 Not Found"), "{error}");
    let error = cron_jobs_of(|_| not_found()).expect_err("every server has batch/v1");
    assert!(error.message.ends_with("/apis/batch/v1: 404 Not Found"), "{error}");
}

#[test]
fn who_may_not_ask_what_there_is_is_told_the_role_for_that() {
    let body =
        br#"{"kind":"Status","message":"forbidden: User \"nobody\" cannot get path \"/apis\""}"#;
    let error = machines_of(|_| answer("403 Forbidden", "", body)).expect_err("no right");
    assert_eq!(error.kind, ErrorKind::Permission);
    assert!(error.hint.expect("a hint").contains("ClusterRole system:discovery"));
    let body =
        br#"{"kind":"Status","message":"User \"system:anonymous\" cannot get path \"/apis\""}"#;
    let error = machines_of(|_| answer("403 Forbidden", "", body)).expect_err("nobody");
    assert!(error.hint.expect("a hint").contains("no credentials"));
}
