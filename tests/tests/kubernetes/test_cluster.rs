//! The test cluster has the properties that the other tests rely on.

use std::collections::BTreeSet;
use std::path::Path;

use gatherer_tests::cluster_or_skip;
use gatherer_tests::servers::kubernetes::{
    Cluster, Method, SHARED_NODE_BYTES, SHARED_NODES, cluster_nodes,
};

#[test]
fn the_shared_cluster_has_nodes_of_the_expected_number_and_size() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let expected: BTreeSet<String> = (0..SHARED_NODES).map(cluster_nodes::name).collect();
    assert_eq!(cluster.node_names(), expected);
    let (status, text) =
        cluster.request(Method::GET, "/api/v1/nodes?limit=100", None).expect("a response");
    assert_eq!(status, 200);
    let each = text.len() / 100;
    assert!((SHARED_NODE_BYTES..SHARED_NODE_BYTES * 11 / 10).contains(&each), "{each} bytes");
}

#[test]
fn killing_ends_the_api_server_and_stopping_removes_the_folder() {
    let mut cluster = cluster_or_skip!(Cluster::start());
    let (folder, pid) = (cluster.folder().to_owned(), cluster.apiserver_pid());
    assert!(Path::new(&format!("/proc/{pid}/exe")).exists());
    cluster.kill_apiserver();
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "the process was not reaped");
    cluster.request(Method::GET, "/readyz", None).expect_err("the API server has ended");
    cluster.stop();
    assert!(!folder.exists(), "{} still exists", folder.display());
}
