//! Maps every object of `fixtures/workloads/`.

#![expect(clippy::disallowed_methods, reason = "fixtures of this repository")]

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use gatherer_plugin_kubernetes::map::{self, Owners, Warnings};
use gatherer_plugin_kubernetes::objects::{
    Controller, KeyedObject, Namespace, Pod, Service, ServiceAccount, VirtualMachine,
};
use k8s_openapi::api::{apps::v1 as apps, batch::v1 as batch, core::v1 as core};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> T {
    serde_json::from_str(text).expect("an object")
}

/// The object as the complete type of the API serializes it.
fn rewritten<T: DeserializeOwned + Serialize>(text: &str) -> String {
    serde_json::to_string(&read::<T>(text)).expect("JSON")
}

/// The kind in a fixture's name: `pod` of `server-1.29.pod.json`.
fn kind(path: &Path) -> &str {
    let name = path.file_stem().and_then(OsStr::to_str).expect("a name");
    name.rsplit('.').next().expect("a kind")
}

/// The object and the problem of each warning.
fn pairs(warnings: Warnings) -> Vec<[String; 2]> {
    let pair = |warning: map::ObjectWarning| [warning.object, format!("{:?}", warning.problem)];
    warnings.into_iter().map(pair).collect()
}

/// The mapped object, with everything that the mapping of its kind returns.
fn mapped(kind: &str, text: &str) -> Value {
    match kind {
        "pod" => {
            let pod: Pod<'_> = read(text);
            let uses = map::uses(&pod, |_, _| true).expect("not too many uses");
            let uses: Vec<Value> = uses
                .into_iter()
                .map(|(kind, name, place)| json!([format!("{kind:?}"), name, place]))
                .collect();
            let host_ids = [("worker-1".to_owned(), "m1".to_owned())].into();
            let (item, warnings) = map::pod(pod, &Owners::new(), &host_ids);
            json!({"item": item, "warnings": pairs(warnings), "uses": uses})
        }
        "deployment" | "cron-job" => {
            let kind = if kind == "deployment" { "Deployment" } else { "CronJob" };
            let (item, warnings) = map::controller(kind, read::<Controller<'_>>(text));
            json!({"item": item, "warnings": pairs(warnings)})
        }
        "service" => {
            let (item, warnings) = map::service(read::<Service<'_>>(text));
            json!({"item": item, "warnings": pairs(warnings)})
        }
        "namespace" => {
            let (item, warnings) = map::namespace(read::<Namespace<'_>>(text));
            json!({"item": item, "warnings": pairs(warnings)})
        }
        "service-account" => {
            json!({"item": map::service_account(read::<ServiceAccount<'_>>(text))})
        }
        "config-map" => json!({"item": map::config_map(read::<KeyedObject<'_>>(text))}),
        "secret" => json!({"item": map::secret(read::<KeyedObject<'_>>(text))}),
        "virtual-machine" => {
            let (node, item, warnings) = map::guest(read::<VirtualMachine<'_>>(text));
            json!({"item": item, "warnings": pairs(warnings), "node": node})
        }
        _ => panic!("this test cannot map a {kind}"),
    }
}

#[test]
fn maps_every_fixture_as_its_snapshot_shows() {
    insta::glob!("../fixtures/workloads", "*.json", |path| {
        let text = fs::read_to_string(path).expect("a fixture");
        insta::assert_json_snapshot!("object", mapped(kind(path), &text));
    });
}

#[test]
fn the_complete_types_of_the_api_give_the_same() {
    insta::glob!("../fixtures/workloads", "*.json", |path| {
        let text = fs::read_to_string(path).expect("a fixture");
        let complete = match kind(path) {
            "pod" => rewritten::<core::Pod>(&text),
            "deployment" => rewritten::<apps::Deployment>(&text),
            "cron-job" => rewritten::<batch::CronJob>(&text),
            "service" => rewritten::<core::Service>(&text),
            "namespace" => rewritten::<core::Namespace>(&text),
            "service-account" => rewritten::<core::ServiceAccount>(&text),
            "config-map" => rewritten::<core::ConfigMap>(&text),
            "secret" => rewritten::<core::Secret>(&text),
            // KubeVirt's types are not part of the Kubernetes API.
            "virtual-machine" => return,
            other => panic!("{other} has no complete type"),
        };
        let kind = kind(path);
        assert_eq!(mapped(kind, &complete), mapped(kind, &text), "{}", path.display());
    });
}
