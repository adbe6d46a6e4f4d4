//! Pods that come and go while they are listed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gatherer_tests::fault_server::{
    Action, Authority, Fault, Received, ScriptedServer, Upstream, base64, kubeconfig,
};
use gatherer_tests::servers::kubernetes::Cluster;
use gatherer_tests::servers::kubernetes::workloads::load;
use serde_json::{Value, json};

use crate::{cluster, gather, list};

/// Pods of the cluster: several pages of the size that is asked for.
const PODS: usize = 40;

fn uids(pods: &[Value], metadata: impl Fn(&Value) -> &Value) -> BTreeSet<String> {
    let uids: BTreeSet<String> =
        pods.iter().map(|pod| metadata(pod)["uid"].as_str().expect("text").to_owned()).collect();
    assert_eq!(uids.len(), pods.len(), "no pod is there twice");
    uids
}

fn present(cluster: &Cluster) -> BTreeSet<String> {
    uids(&cluster.list("/api/v1/pods"), |pod| &pod["metadata"])
}

/// Gathers the pods of a cluster, where this is done once before their second page is answered.
fn gather_while(cluster: &Arc<Cluster>, doing: impl Fn(&Cluster) + Send + Sync + 'static) -> Value {
    let authority = Authority::new("The authority of this test");
    let upstream = Upstream::new(cluster.address(), cluster.ca_pem());
    let (changed, done) = (Arc::clone(cluster), AtomicBool::new(false));
    let script = move |request: &Received| {
        let Received { method, target, headers, body } = request;
        let is_second = target.starts_with("/api/v1/pods?") && target.contains("continue=");
        if is_second && !done.swap(true, Ordering::SeqCst) {
            doing(&changed);
        }
        match upstream.request(method, target, headers, body) {
            Ok((status, body)) => {
                let headers = "content-type: application/json\r\n".to_owned();
                Action::Answer { status, headers, body }
            }
            Err(_) => Action::Fault(Fault::Hangup, Vec::new()),
        }
    };
    let server = ScriptedServer::https(&authority.identity(&["127.0.0.1"]), script);
    let trust = json!({"certificate-authority-data": base64(authority.pem())});
    let user = json!({"token": cluster.admin_token()});
    let document = kubeconfig(&server.url(""), &trust, &user).to_string();
    gather(document, &json!({"collect": "all", "page_size": "10"}))
}

/// Deletes the first pod and makes one of the same name; deletes one of the last page for good.
fn change(cluster: &Cluster) {
    let path = |number: usize| {
        let namespace = load::namespace(number / load::REPLICAS);
        (format!("/api/v1/namespaces/{namespace}/pods"), load::pod_name(number))
    };
    let (pods, name) = path(0);
    let mut again = cluster.object("/api/v1/pods", &load::namespace(0), &name);
    cluster.delete(&format!("{pods}/{name}"));
    again["metadata"] = json!({"name": name, "labels": again["metadata"]["labels"]});
    cluster.create(&pods, &again);
    let (pods, name) = path(PODS - 1);
    cluster.delete(&format!("{pods}/{name}"));
}

#[test]
fn pods_that_change_between_two_pages_are_told_as_they_were_at_one_moment() {
    let cluster = Arc::new(cluster!(Cluster::start()));
    cluster.create_nodes(3, 0);
    cluster.create_workloads(PODS, 3);
    let before = present(&cluster);
    let endpoint = gather_while(&cluster, change);
    assert_eq!(endpoint["collections"]["pods"]["status"], "complete");
    assert_eq!(uids(list(&endpoint, "pods"), |pod| pod), before);
    let after = present(&cluster);
    assert_eq!((before.difference(&after).count(), after.difference(&before).count()), (2, 1));
}

#[test]
fn pods_of_a_list_that_had_to_be_started_again_are_those_of_the_second_time_alone() {
    let cluster = Arc::new(cluster!(Cluster::start()));
    cluster.create_nodes(3, 0);
    cluster.create_workloads(PODS, 3);
    let before = present(&cluster);
    let endpoint = gather_while(&cluster, |cluster| {
        change(cluster);
        cluster.forget_the_past();
    });
    assert_eq!(endpoint["collections"]["pods"]["status"], "complete");
    let after = present(&cluster);
    assert_ne!(before, after);
    assert_eq!(uids(list(&endpoint, "pods"), |pod| pod), after);
    // What pods were joined to forgot the first time as well.
    for service in list(&endpoint, "services").iter().filter(|one| one["pods"].is_array()) {
        let pods = service["pods"].as_array().expect("a list");
        let known = uids(pods, |pod| pod);
        assert!(known.is_subset(&after), "{service}");
    }
}
