//! That the cluster is what the other tests take it for.

use std::collections::BTreeSet;
use std::path::Path;

use gatherer_tests::servers::kubernetes::{
    Cluster, Method, SHARED_NODE_BYTES, SHARED_NODES, nodes,
};

use crate::cluster;

#[test]
fn the_shared_cluster_has_the_nodes_of_the_size_that_tests_count_on() {
    let cluster = cluster!(Cluster::shared());
    let expected: BTreeSet<String> = (0..SHARED_NODES).map(nodes::name).collect();
    assert_eq!(cluster.node_names(), expected);
    let (status, text) =
        cluster.request(Method::GET, "/api/v1/nodes?limit=100", None).expect("it answers");
    assert_eq!(status, 200);
    let each = text.len() / 100;
    assert!((SHARED_NODE_BYTES..SHARED_NODE_BYTES * 11 / 10).contains(&each), "{each} bytes");
}

#[test]
fn a_killed_api_server_is_gone_and_nothing_is_left_of_a_cluster_that_ended() {
    let mut cluster = cluster!(Cluster::start());
    let (folder, pid) = (cluster.folder().to_owned(), cluster.apiserver_pid());
    assert!(Path::new(&format!("/proc/{pid}/exe")).exists());
    cluster.kill_apiserver();
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "it was waited for");
    cluster.request(Method::GET, "/readyz", None).expect_err("nobody answers");
    cluster.stop();
    assert!(!folder.exists(), "{} is left", folder.display());
}
