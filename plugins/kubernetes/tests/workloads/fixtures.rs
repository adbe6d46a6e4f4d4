//! The objects of `fixtures/workloads/` give exactly what is beside them.

#![expect(clippy::disallowed_methods, reason = "fixtures of this repository")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use gatherer_plugin_kubernetes::map::{self, Owners};
use gatherer_plugin_kubernetes::objects::{
    Controller, Keyed, Machine, Namespace, Pod, Service, ServiceAccount,
};
use k8s_openapi::api::{apps::v1 as apps, batch::v1 as batch, core::v1 as core};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/workloads")
}

fn text(name: &str) -> String {
    fs::read_to_string(folder().join(format!("{name}.json"))).expect("the object")
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> T {
    serde_json::from_str(text).expect("an object")
}

/// The object as the full type of the API writes it again.
fn rewritten<T: DeserializeOwned + Serialize>(text: &str) -> String {
    serde_json::to_string(&read::<T>(text)).expect("JSON")
}

/// What the file of the object gives, of whichever kind it is.
fn mapped(name: &str, text: &str) -> Value {
    let kind = name.rsplit('.').next().expect("a kind");
    match kind {
        "pod" => {
            let pod: Pod<'_> = read(text);
            let uses = map::uses(&pod, |_, _| true).expect("few uses");
            let uses: Vec<Value> = uses
                .into_iter()
                .map(|(source, name, place)| json!([format!("{source:?}"), name, place]))
                .collect();
            let host_ids = [("worker-1".to_owned(), "m1".to_owned())].into();
            let (item, warnings) = map::pod(pod, &Owners::new(), &host_ids);
            json!({"item": item, "warnings": warnings, "uses": uses})
        }
        "deployment" | "cron-job" => {
            let kind = if kind == "deployment" { "Deployment" } else { "CronJob" };
            let (item, warnings) = map::controller(kind, read::<Controller<'_>>(text));
            json!({"item": item, "warnings": warnings})
        }
        "service" => {
            let (item, warnings) = map::service(read::<Service<'_>>(text));
            json!({"item": item, "warnings": warnings})
        }
        "namespace" => {
            let (item, warnings) = map::namespace(read::<Namespace<'_>>(text));
            json!({"item": item, "warnings": warnings})
        }
        "service-account" => {
            json!({"item": map::service_account(read::<ServiceAccount<'_>>(text))})
        }
        "config-map" => json!({"item": map::config_map(read::<Keyed<'_>>(text))}),
        "secret" => json!({"item": map::secret(read::<Keyed<'_>>(text))}),
        "virtual-machine" => {
            let (node, item, warnings) = map::guest(read::<Machine<'_>>(text));
            json!({"item": item, "warnings": warnings, "node": node})
        }
        _ => panic!("nobody knows how to read a {kind}"),
    }
}

fn check(name: &str) {
    let found = mapped(name, &text(name));
    let file = folder().join(format!("{name}.expected.json"));
    let expected = fs::read_to_string(file).expect("what is expected");
    let pretty = |value: &Value| serde_json::to_string_pretty(value).expect("JSON");
    assert_eq!(pretty(&found), pretty(&read(&expected)), "{name}");
}

#[test]
fn a_pod_as_a_1_29_server_writes_it() {
    check("server-1.29.pod");
}

#[test]
fn a_pod_as_a_1_20_server_writes_it_has_one_host_address_and_no_ephemeral_containers() {
    check("server-1.20.pod");
}

#[test]
fn a_mirror_pod_as_a_1_29_server_writes_it_is_static() {
    check("mirror-of-1.29.pod");
}

#[test]
fn a_pending_pod_as_a_1_29_server_writes_it_has_what_its_specification_says() {
    check("pending-on-1.29.pod");
}

#[test]
fn a_deployment_as_a_1_29_server_writes_it() {
    check("server-1.29.deployment");
}

#[test]
fn a_cron_job_of_batch_v1beta1_as_a_1_20_server_writes_it() {
    check("server-1.20-batch-v1beta1.cron-job");
}

#[test]
fn a_service_as_a_1_29_server_writes_it() {
    check("server-1.29.service");
}

#[test]
fn a_namespace_as_a_1_29_server_writes_it() {
    check("server-1.29.namespace");
}

#[test]
fn a_service_account_as_a_1_20_server_writes_it() {
    check("server-1.20.service-account");
}

#[test]
fn a_secret_that_kubectl_applied_has_its_keys_alone() {
    check("applied-on-1.29.secret");
}

#[test]
fn a_config_map_as_a_1_29_server_writes_it_has_its_keys_alone() {
    check("server-1.29.config-map");
}

#[test]
fn a_virtual_machine_as_kubevirt_1_2_writes_it() {
    check("kubevirt-1.2.virtual-machine");
}

#[test]
fn the_full_types_of_the_api_give_the_same_as_ours() {
    for name in names() {
        let own = text(&name);
        let full = match name.rsplit('.').next().expect("a kind") {
            "pod" => rewritten::<core::Pod>(&own),
            "deployment" => rewritten::<apps::Deployment>(&own),
            "cron-job" => rewritten::<batch::CronJob>(&own),
            "service" => rewritten::<core::Service>(&own),
            "namespace" => rewritten::<core::Namespace>(&own),
            "service-account" => rewritten::<core::ServiceAccount>(&own),
            "config-map" => rewritten::<core::ConfigMap>(&own),
            "secret" => rewritten::<core::Secret>(&own),
            // KubeVirt's are not the API's own.
            "virtual-machine" => continue,
            other => panic!("{other} has no full type"),
        };
        assert_eq!(mapped(&name, &full), mapped(&name, &own), "{name}");
    }
}

fn names() -> BTreeSet<String> {
    let files = fs::read_dir(folder()).expect("the folder").map(|file| file.expect("a file"));
    let name = |file: fs::DirEntry| {
        let name = file.file_name().into_string().ok()?;
        let name = name.strip_suffix(".json")?;
        (!name.ends_with(".expected")).then(|| name.to_owned())
    };
    files.filter_map(name).collect()
}

/// What the tests above cannot say of themselves: that every file of the folder was checked.
#[test]
fn every_fixture_has_its_test() {
    let source = include_str!("fixtures.rs");
    assert!(!names().is_empty());
    for name in names() {
        assert!(source.contains(&format!("check(\"{name}\")")), "{name}");
    }
}
