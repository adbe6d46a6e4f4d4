//! Config maps and secrets: their keys, who uses them, and that no value of theirs is told.

use gatherer_tests::fault_server::base64;
use gatherer_tests::servers::kubernetes::Cluster;
use gatherer_tests::servers::kubernetes::workloads::cases::NAMESPACE;
use gatherer_tests::servers::kubernetes::workloads::cases::uses::{
    CONFIG_CANARY, CONFIG_MAPS, POD, SECRET_CANARY, SECRETS, USES,
};
use serde_json::{Value, json};

use crate::{EVERYTHING, cluster, everything, gather, item, list, run};

#[test]
fn config_maps_and_secrets_have_their_keys_sorted_and_secrets_their_type() {
    let cluster = cluster!(Cluster::shared());
    let endpoint = gather(cluster.kubeconfig("token"), &json!({"collect": "secrets,config-maps"}));
    let all = |name: &'static str| list(&endpoint, name).iter().map(move |one| (name, one));
    for (_, found) in all("secrets").chain(all("configMaps")) {
        assert!(found.get("usedBy").is_none(), "the pods are not known: {found}");
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
        assert_eq!(keys(found), json!(expected), "those of binary data too: {found}");
        let object = cluster.object("/api/v1/configmaps", NAMESPACE, name);
        assert_eq!(found["uid"], object["metadata"]["uid"]);
    }
}

#[test]
fn each_way_in_which_a_pod_uses_one_is_told_with_container_path_and_variable() {
    let cluster = cluster!(Cluster::shared());
    let endpoint = everything(cluster);
    let pod = item(&endpoint, "pods", NAMESPACE, POD);
    let named = SECRETS.iter().map(|(name, ..)| ("secrets", *name));
    for (list, name) in named.chain(CONFIG_MAPS.iter().map(|(name, _)| ("configMaps", *name))) {
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
fn no_value_of_a_secret_or_config_map_reaches_an_answer_or_the_log() {
    let cluster = cluster!(Cluster::shared());
    let outcome = run(cluster.kubeconfig("token"), &json!({"collect": EVERYTHING}));
    let said = format!("{}{}{}", outcome.stdout_text(), outcome.log, outcome.stderr);
    assert!(said.contains("tls.key") && said.contains("app.conf"), "they were read");
    for canary in [SECRET_CANARY, CONFIG_CANARY] {
        assert!(!said.contains(canary), "{canary}");
        // The first letters of it in base64, as the server writes values.
        let encoded = base64(canary);
        assert!(!said.contains(&encoded[..encoded.len() - 4]), "{canary} in base64");
    }
}
