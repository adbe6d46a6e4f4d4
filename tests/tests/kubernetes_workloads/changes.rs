//! Pods that change while they are listed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gatherer_plugin_support::testing::{Authority, ReceivedRequest, ScriptedServer};
use gatherer_tests::cluster_or_skip;
use gatherer_tests::scripted_cluster::{Upstream, base64, kubeconfig};
use gatherer_tests::servers::kubernetes::Cluster;
use gatherer_tests::servers::kubernetes::workloads::load;
use serde_json::{Value, json};

use crate::{gather, list};

/// The pods of the cluster: several pages.
const PODS: usize = 40;

fn uids(pods: &[Value], metadata: impl Fn(&Value) -> &Value) -> BTreeSet<String> {
    let uids: BTreeSet<String> =
        pods.iter().map(|pod| metadata(pod)["uid"].as_str().expect("text").to_owned()).collect();
    assert_eq!(uids.len(), pods.len(), "a duplicate pod");
    uids
}

fn pod_uids(cluster: &Cluster) -> BTreeSet<String> {
    uids(&cluster.list("/api/v1/pods"), |pod| &pod["metadata"])
}

/// Gathers the pods of a cluster, and changes the cluster once, before the response with their second page.
fn gather_while(
    cluster: &Arc<Cluster>,
    change: impl Fn(&Cluster) + Send + Sync + 'static,
) -> Value {
    let authority = Authority::new("The authority of this test");
    let upstream = Upstream::new(cluster.address(), cluster.ca_pem());
    let (changed_cluster, changed) = (Arc::clone(cluster), AtomicBool::new(false));
    let script = move |request: &ReceivedRequest| {
        let is_second = request.path() == "/api/v1/pods" && request.query("continue").is_some();
        if is_second && !changed.swap(true, Ordering::SeqCst) {
            change(&changed_cluster);
        }
        upstream.answer(request)
    };
    let server = ScriptedServer::https(&authority.identity(&["127.0.0.1"]), script);
    let trust = json!({"certificate-authority-data": base64(authority.pem())});
    let user = json!({"token": cluster.admin_token()});
    let document = kubeconfig(&server.url(""), &trust, &user).to_string();
    gather(document, &json!({"collect": "all", "page_size": "10"}))
}

/// Replaces the first pod with one of the same name, and deletes the last pod.
fn change(cluster: &Cluster) {
    let path = |number: usize| {
        let namespace = load::namespace(number / load::REPLICAS);
        (format!("/api/v1/namespaces/{namespace}/pods"), load::pod_name(number))
    };
    let (pods, name) = path(0);
    let mut replacement = cluster.object("/api/v1/pods", &load::namespace(0), &name);
    cluster.delete(&format!("{pods}/{name}"));
    replacement["metadata"] = json!({"name": name, "labels": replacement["metadata"]["labels"]});
    cluster.create(&pods, &replacement);
    let (pods, name) = path(PODS - 1);
    cluster.delete(&format!("{pods}/{name}"));
}

#[test]
fn pods_that_change_between_two_pages_are_reported_as_of_one_moment() {
    let cluster = Arc::new(cluster_or_skip!(Cluster::start()));
    cluster.create_nodes(3, 0);
    cluster.create_workloads(PODS, 3);
    let before = pod_uids(&cluster);
    let endpoint = gather_while(&cluster, change);
    assert_eq!(endpoint["collections"]["pods"]["status"], "complete");
    assert_eq!(uids(list(&endpoint, "pods"), |pod| pod), before);
    let after = pod_uids(&cluster);
    assert_eq!((before.difference(&after).count(), after.difference(&before).count()), (2, 1));
}

#[test]
fn a_restarted_list_reports_only_the_pods_of_the_second_pass() {
    let cluster = Arc::new(cluster_or_skip!(Cluster::start()));
    cluster.create_nodes(3, 0);
    cluster.create_workloads(PODS, 3);
    let before = pod_uids(&cluster);
    let endpoint = gather_while(&cluster, |cluster| {
        change(cluster);
        cluster.compact();
    });
    assert_eq!(endpoint["collections"]["pods"]["status"], "complete");
    let after = pod_uids(&cluster);
    assert_ne!(before, after);
    assert_eq!(uids(list(&endpoint, "pods"), |pod| pod), after);
    // The services have no pods of the first pass either.
    for service in list(&endpoint, "services").iter().filter(|one| one["pods"].is_array()) {
        let pods = service["pods"].as_array().expect("a list");
        let selected = uids(pods, |pod| pod);
        assert!(selected.is_subset(&after), "{service}");
    }
}
