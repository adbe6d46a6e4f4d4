//! Rules of the rendered manifests: the restricted Pod Security Standard, complete references, one number of shards.

use serde_json::{Value, json};

use crate::{FOLDERS, items, object, pod_templates, rendered, rendered_or_skip, text};

/// The kinds of volumes that the restricted Pod Security Standard allows.
const VOLUMES: [&str; 8] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// What the restricted Pod Security Standard refuses in a pod, and a writable root file system.
/// (<https://kubernetes.io/docs/concepts/security/pod-security-standards/>)
fn violations(pod: &Value) -> Vec<String> {
    let spec = &pod["spec"];
    let mut found = Vec::new();
    let mut check = |holds: bool, rule: &str| {
        if !holds {
            found.push(rule.to_owned());
        }
    };
    for field in ["hostNetwork", "hostPID", "hostIPC", "initContainers", "ephemeralContainers"] {
        check(spec[field].is_null(), field);
    }
    check(spec["securityContext"]["runAsNonRoot"] == true, "runAsNonRoot");
    check(spec["securityContext"]["runAsUser"].as_u64().is_some_and(|user| user > 0), "runAsUser");
    check(spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault", "seccompProfile");
    check(spec["securityContext"]["sysctls"].is_null(), "sysctls");
    for volume in items(&spec["volumes"]) {
        let kinds = volume.as_object().expect("a volume").keys().filter(|key| *key != "name");
        for kind in kinds {
            check(VOLUMES.contains(&kind.as_str()), kind);
        }
    }
    for container in items(&spec["containers"]) {
        let context = &container["securityContext"];
        check(context["allowPrivilegeEscalation"] == false, "allowPrivilegeEscalation");
        check(context["readOnlyRootFilesystem"] == true, "readOnlyRootFilesystem");
        check(context["capabilities"] == json!({"drop": ["ALL"]}), "capabilities");
        for field in ["privileged", "runAsUser", "runAsNonRoot", "seccompProfile", "procMount"] {
            check(context[field].is_null(), field);
        }
        for port in items(&container["ports"]) {
            check(port["hostPort"].is_null(), "hostPort");
        }
        for (kind, resource) in [("requests", "cpu"), ("requests", "memory"), ("limits", "memory")]
        {
            check(container["resources"][kind][resource].is_string(), "resources");
        }
    }
    check(!items(&spec["containers"]).is_empty(), "containers");
    found
}

#[test]
fn all_pods_keep_the_restricted_standard() {
    for folder in FOLDERS {
        let objects = rendered_or_skip!(rendered(folder));
        let templates = pod_templates(&objects);
        assert!(!templates.is_empty(), "{folder}");
        for (name, template) in templates {
            assert_eq!(violations(template), [""; 0], "{folder}: {name}");
            let mut changed = template.clone();
            changed["spec"]["containers"][0]["securityContext"]["capabilities"] =
                json!({"drop": []});
            changed["spec"]["hostNetwork"] = json!(true);
            changed["spec"]["volumes"][0] = json!({"name": "x", "hostPath": {"path": "/"}});
            assert_eq!(violations(&changed), ["hostNetwork", "hostPath", "capabilities"]);
        }
        let labels = &object(&objects, "Namespace", "virtual-host-gatherer")["metadata"]["labels"];
        assert_eq!(labels["pod-security.kubernetes.io/enforce"], "restricted", "{folder}");
    }
}

#[test]
fn every_object_that_a_pod_refers_to_exists() {
    for folder in FOLDERS {
        let objects = rendered_or_skip!(rendered(folder));
        for object in &objects {
            let is_cluster_wide =
                ["Namespace", "ClusterRole", "ClusterRoleBinding"].contains(&text(&object["kind"]));
            let namespace = &object["metadata"]["namespace"];
            assert_eq!(is_cluster_wide, namespace.is_null(), "{folder}: {object}");
            assert!(is_cluster_wide || namespace == "virtual-host-gatherer", "{folder}: {object}");
        }
        for (name, template) in pod_templates(&objects) {
            let spec = &template["spec"];
            for volume in items(&spec["volumes"]) {
                for (kind, reference) in [
                    ("ConfigMap", &volume["configMap"]["name"]),
                    ("Secret", &volume["secret"]["secretName"]),
                    ("PersistentVolumeClaim", &volume["persistentVolumeClaim"]["claimName"]),
                ] {
                    if let Some(reference) = reference.as_str() {
                        object(&objects, kind, reference);
                    }
                }
            }
            let mut volumes: Vec<&str> =
                items(&spec["volumes"]).iter().map(|one| text(&one["name"])).collect();
            let claims = objects.iter().flat_map(|one| items(&one["spec"]["volumeClaimTemplates"]));
            volumes.extend(claims.map(|one| text(&one["metadata"]["name"])));
            for mount in items(&spec["containers"][0]["volumeMounts"]) {
                assert!(volumes.contains(&text(&mount["name"])), "{folder}: {name}: {mount}");
            }
            if let Some(account) = spec["serviceAccountName"].as_str() {
                object(&objects, "ServiceAccount", account);
            }
            // Only pods that ask endpoints get a token.
            let asks = !name.ends_with("-merge");
            assert_eq!(spec["automountServiceAccountToken"], asks, "{folder}: {name}");
        }
    }
}

#[test]
fn the_number_of_shards_is_the_same_in_all_places() {
    for (folder, count) in [("base", 4), ("overlays/example", 8)] {
        let objects = rendered_or_skip!(rendered(folder));
        let job =
            &object(&objects, "CronJob", "virtual-host-gatherer")["spec"]["jobTemplate"]["spec"];
        assert_eq!(
            (&job["completions"], &job["parallelism"]),
            (&json!(count), &json!(count)),
            "{folder}"
        );
        let container = &job["template"]["spec"]["containers"][0];
        assert_eq!(
            container["env"],
            json!([{"name": "SHARDS", "value": count.to_string()}]),
            "{folder}"
        );
        assert!(items(&container["args"]).contains(&json!("--shard=auto/$(SHARDS)")), "{folder}");
        assert_eq!(job["completionMode"], "Indexed");
    }
    let objects = rendered_or_skip!(rendered("overlays/watch-sink"));
    let set = &object(&objects, "StatefulSet", "virtual-host-gatherer-watch")["spec"];
    let shards = &set["template"]["spec"]["containers"][0]["env"][0];
    assert_eq!(shards, &json!({"name": "SHARDS", "value": set["replicas"].to_string()}));
}

/// A merge after the end of the shards' Job takes all of its inventories and none of the Job before.
#[test]
fn the_merge_takes_the_inventories_of_one_run() {
    for (folder, between_runs) in [("base", 3600), ("overlays/example", 86400)] {
        let objects = rendered_or_skip!(rendered(folder));
        let gather = &object(&objects, "CronJob", "virtual-host-gatherer")["spec"];
        let merge = &object(&objects, "CronJob", "virtual-host-gatherer-merge")["spec"];
        let seconds = |schedule: &Value| -> u64 {
            let fields: Vec<&str> = text(schedule).split(' ').collect();
            let number = |field: &str| field.parse::<u64>().unwrap_or(0);
            number(fields[1]) * 3600 + number(fields[0]) * 60
        };
        let delay = seconds(&merge["schedule"]) - seconds(&gather["schedule"]);
        let deadline =
            gather["jobTemplate"]["spec"]["activeDeadlineSeconds"].as_u64().expect("a number");
        let args = &merge["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"];
        let age = items(args).iter().find_map(|arg| text(arg).strip_prefix("--max-age="));
        let age: u64 = age.expect("--max-age").parse().expect("a number");
        assert!(deadline < delay && delay < age, "{folder}: {deadline} {delay} {age}");
        assert!(age < between_runs + delay, "{folder}: {age}");
    }
}
