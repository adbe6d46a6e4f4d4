//! Config maps and secrets: their keys and their uses, without any value.

use gatherer_tests::cluster_or_skip;
use gatherer_tests::scripted_cluster::base64;
use gatherer_tests::servers::kubernetes::Cluster;
use gatherer_tests::servers::kubernetes::workloads::cases::NAMESPACE;
use gatherer_tests::servers::kubernetes::workloads::cases::uses::{
    CONFIG_CANARY, CONFIG_MAPS, POD, SECRET_CANARY, SECRETS, USES,
};
use serde_json::{Value, json};

use crate::{EVERYTHING, everything, gather, item, list, run};

#[test]
fn config_maps_and_secrets_have_sorted_keys_and_secrets_a_type() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let endpoint = gather(cluster.kubeconfig("token"), &json!({"collect": "secrets,config-maps"}));
    let all = |name: &'static str| list(&endpoint, name).iter().map(move |one| (name, one));
    for (_, found) in all("secrets").chain(all("configMaps")) {
        assert!(found.get("usedBy").is_none(), "uses without the pods: {found}");
    }
    let keys = |found: &Value| found.get("keys").cloned().unwrap_or(json!([]));
    for (name, kind, expected) in SECRETS {
        let found = item(&endpoint, "secrets", NAMESPACE, name);
        assert_eq!(found["type"], kind, "{found}");
        assert_eq!(keys(found), json!(expected), "{found}");
        let object = cluster.object("/api/v1/secrets", NAMESPACE, name);
        assert_eq!(found["uid"], object["metadata"]["uid"]);
    }
    for (name, expected) in CONFIG_MAPS {
        let found = item(&endpoint, "configMaps", NAMESPACE, name);
        assert_eq!(keys(found), json!(expected), "including the keys of binaryData: {found}");
        let object = cluster.object("/api/v1/configmaps", NAMESPACE, name);
        assert_eq!(found["uid"], object["metadata"]["uid"]);
    }
}

#[test]
fn every_use_by_a_pod_has_its_container_path_and_variable() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let endpoint = everything(cluster);
    let pod = item(&endpoint, "pods", NAMESPACE, POD);
    let secrets = SECRETS.iter().map(|(name, ..)| ("secrets", *name));
    for (list, name) in secrets.chain(CONFIG_MAPS.iter().map(|(name, _)| ("configMaps", *name))) {
        let mut expected: Vec<String> = Vec::new();
        for (_, _, container, path, sub_path, env) in
            USES.iter().filter(|one| (one.0, one.1) == (list, name))
        {
            let mut used = json!({"pod": {"name": POD, "uid": pod["uid"]}});
            for (member, value) in
                [("container", container), ("mountPath", path), ("subPath", sub_path), ("env", env)]
            {
                if let Some(value) = value {
                    used[member] = json!(value);
                }
            }
            expected.push(used.to_string());
        }
        expected.sort();
        let found = &item(&endpoint, list, NAMESPACE, name)["usedBy"];
        let mut found: Vec<String> = found
            .as_array()
            .unwrap_or_else(|| panic!("{list}/{name} has no list of uses"))
            .iter()
            .map(Value::to_string)
            .collect();
        found.sort();
        assert_eq!(found, expected, "{list}/{name}");
    }
}

#[test]
fn no_value_is_printed_or_logged() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let outcome = run(cluster.kubeconfig("token"), &json!({"collect": EVERYTHING}));
    let output = format!("{}{}{}", outcome.stdout_text(), outcome.log, outcome.stderr);
    assert!(output.contains("tls.key") && output.contains("app.conf"), "the keys are missing");
    for canary in [SECRET_CANARY, CONFIG_CANARY] {
        assert!(!output.contains(canary), "{canary}");
        // The start of the value in base64, which is how the server encodes values.
        let encoded = base64(canary);
        assert!(!output.contains(&encoded[..encoded.len() - 4]), "{canary} in base64");
    }
}
