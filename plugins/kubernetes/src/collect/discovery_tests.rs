//! How the API versions of cron jobs and virtual machines are found.

use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::testing::{Action, ReceivedRequest as Request};
use gatherer_tests::assert_message;
use serde_json::{Value, json};

use super::api_versions::{cron_jobs, virtual_machines};
use super::test_cluster::{ok, with_client};

const LIST: &str = "virtualmachineinstances";

fn not_found() -> Action {
    Action::answer(404, "404 page not found\n")
}

fn groups(groups: &Value) -> Action {
    ok(&json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
}

/// An entry of the list of groups.
fn group(name: &str, versions: &[&str]) -> Value {
    let version = |version: &&str| json!({"groupVersion": version});
    json!({"name": name, "versions": versions.iter().map(version).collect::<Vec<_>>(),
        "preferredVersion": versions.last().map(version)})
}

/// The resources of the requested group and version.
fn resources(request: &Request, names: &[&str]) -> Action {
    let group_version = request.target.strip_prefix("/apis/").expect("a group and version");
    let list: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
    ok(&json!({"kind": "APIResourceList", "groupVersion": group_version, "resources": list}))
}

/// The path of the virtual machines on a server with these responses.
fn machines_path(
    respond: impl Fn(&Request) -> Action + Send + Sync + 'static,
) -> Result<Option<String>, GatherError> {
    with_client(respond, async |client| virtual_machines(client).await)
        .map(|found| found.map(|resource| resource.path()))
}

/// The path of the cron jobs on a server with these responses.
fn cron_jobs_path(
    respond: impl Fn(&Request) -> Action + Send + Sync + 'static,
) -> Result<String, GatherError> {
    with_client(respond, async |client| cron_jobs(client).await).map(|resource| resource.path())
}

#[test]
fn kubevirt_is_missing_if_the_list_of_groups_lacks_it_and_not_on_a_404() {
    let other_groups = json!([group("apps", &["apps/v1"]), {"name": "without-versions"}]);
    assert_eq!(machines_path(move |_| groups(&other_groups)), Ok(None));
    let error = machines_path(|_| not_found()).expect_err("not found");
    assert_eq!(error.kind, ErrorKind::Configuration);
    assert!(error.message.contains("/apis: 404"), "{error}");
    assert_message!(error);
}

#[test]
fn uses_the_preferred_version_of_kubevirt_that_has_virtual_machines() {
    let path = |resources_of: &'static [(&'static str, &'static str)]| {
        machines_path(move |request| {
            if request.target == "/apis" {
                return groups(&json!([group(
                    "kubevirt.io",
                    &["kubevirt.io/v1alpha3", "kubevirt.io/v1"]
                )]));
            }
            let found = resources_of.iter().find(|(path, _)| *path == request.target);
            found.map_or_else(not_found, |(_, name)| resources(request, &["kubevirts", name]))
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
    // Only its operator is installed.
    assert_eq!(
        path(&[("/apis/kubevirt.io/v1", "x"), ("/apis/kubevirt.io/v1alpha3", "y")]),
        Ok(None)
    );
    // The server lists the group, but does not serve it yet.
    let error = path(&[]).expect_err("a 404");
    assert!(error.message.contains("/apis/kubevirt.io/v1: 404"), "{error}");
    assert_message!(error);
}

#[test]
fn rejects_responses_that_are_not_a_list_of_groups() {
    let kubevirt = |versions: &[&str]| json!({"kind": "APIGroupList", "groups": [group("kubevirt.io", versions)]});
    for document in [
        json!({}),
        json!([]),
        json!({"kind": "APIGroupList"}),
        json!({"kind": "APIGroupList", "groups": null}),
        json!({"kind": "APIGroupList", "groups": []}),
        json!({"kind": "APIResourceList", "groups": []}),
        json!({"kind": "Status", "code": 404}),
        kubevirt(&[]),
        kubevirt(&["kubevirt.io"]),
        kubevirt(&["kubevirt.io/"]),
        kubevirt(&["kubevirt.iox/v1"]),
        kubevirt(&["apps/v1"]),
        kubevirt(&["kubevirt.io/../../api/v1"]),
        kubevirt(&["kubevirt.io/v1?x=y"]),
    ] {
        let text = document.to_string();
        let error = machines_path(move |_| ok(&document)).expect_err(&text);
        assert_eq!(error.kind, ErrorKind::Protocol, "{text}");
    }
}

#[test]
fn rejects_responses_that_are_not_the_list_of_resources() {
    for document in [
        json!({}),
        json!({"kind": "APIResourceList", "resources": [{"name": "cronjobs"}]}),
        json!({"kind": "APIResourceList", "groupVersion": "apps/v1", "resources": []}),
        json!({"kind": "APIGroupList", "groupVersion": "batch/v1", "resources": []}),
    ] {
        let text = document.to_string();
        let error = cron_jobs_path(move |_| ok(&document)).expect_err(&text);
        assert_eq!(error.kind, ErrorKind::Protocol, "{text}");
        assert!(error.message.contains("/apis/batch/v1: "), "{error}");
    }
}

#[test]
fn uses_the_version_of_cron_jobs_that_the_server_has() {
    let server = |v1: &'static [&'static str], v1beta1: Option<&'static [&'static str]>| {
        cron_jobs_path(move |request| match (request.target.as_str(), v1beta1) {
            ("/apis/batch/v1", _) => resources(request, v1),
            ("/apis/batch/v1beta1", Some(names)) => resources(request, names),
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
    assert_message!(error);
    let error = server(&["jobs"], None).expect_err("in neither");
    assert!(error.message.contains("/apis/batch/v1beta1: 404"), "{error}");
    let error = cron_jobs_path(|_| not_found()).expect_err("every server has batch/v1");
    assert!(error.message.contains("/apis/batch/v1: 404"), "{error}");
}

#[test]
fn a_forbidden_discovery_names_the_missing_role() {
    let body =
        br#"{"kind":"Status","status":"Failure","message":"forbidden: User \"anna\" cannot get path \"/apis\""}"#;
    let error = machines_path(|_| Action::answer(403, *body)).expect_err("no right");
    assert_eq!(error.kind, ErrorKind::Permission);
    assert!(error.to_string().contains("ClusterRole system:discovery"), "{error}");
    assert_message!("a_user", error);
    let body =
        br#"{"kind":"Status","status":"Failure","message":"User \"system:anonymous\" cannot get path \"/apis\""}"#;
    let error = machines_path(|_| Action::answer(403, *body)).expect_err("anonymous");
    assert_eq!(error.kind, ErrorKind::Permission);
    assert_message!("an_anonymous_user", error);
}
