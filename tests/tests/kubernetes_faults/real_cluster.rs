//! The same faults in front of a real API server, and tests of nodes that change during a list.

use std::io::Read as _;
use std::sync::{Arc, Mutex};

use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use gatherer_tests::scripted_cluster::{Source, Upstream, faults};
use gatherer_tests::servers::kubernetes::{Cluster, Method, cluster_nodes};
use gatherer_tests::skip;

use super::{Expected, NAMES, Table, check, connection_failures, invalid_pages, pages, waiting};

fn source(cluster: &Cluster) -> Source {
    Source::Upstream(Upstream::new(cluster.address(), cluster.ca_pem()))
}

#[test]
fn a_real_api_server_gives_all_nodes_or_none() {
    let cluster = match Cluster::start() {
        Ok(cluster) => cluster,
        Err(reason) => skip!("{reason}"),
    };
    cluster.create_nodes(NAMES.len(), 2000);
    let names = cluster.node_names();
    assert_eq!(names.len(), NAMES.len());
    check(&source(&cluster), &names, cluster.admin_token(), |table| {
        pages::boundaries(table);
        pages::statuses(table, &[3]);
        pages::expired_lists(table);
        invalid_pages::documents(table, &[2]);
        invalid_pages::lists(table);
        connection_failures::identities(table);
    });
    // In a separate run, because these cases depend on the time and the others keep the machine busy.
    check(&source(&cluster), &names, cluster.admin_token(), waiting::waits);
}

/// All pages of a list have the same version, even if nodes change between them.
#[test]
fn nodes_created_or_deleted_between_two_pages_do_not_change_the_list() {
    let cluster = match Cluster::start() {
        Ok(cluster) => Arc::new(cluster),
        Err(reason) => skip!("{reason}"),
    };
    cluster.create_nodes(NAMES.len(), 2000);
    let before = cluster.node_names();
    let mut table = Table::new(&source(&cluster), &before, cluster.admin_token());
    let changed = Arc::clone(&cluster);
    let change = faults::after(move || {
        // Delete a node of the next page, and create one that belongs to the last page.
        changed.delete_node(&cluster_nodes::name(5));
        changed.create_nodes_from(100, 1, 2000);
    });
    table.works("changed between two pages", 2, 1, change);
    table.check();

    let after = cluster.node_names();
    assert!(
        !after.contains(&cluster_nodes::name(5)) && after.contains(&cluster_nodes::name(100)),
        "{after:?}"
    );
    table.cases[0].expected = Expected::Nodes(after);
    table.check();
}

const PAGE_NODES: usize = 100;
/// The size of a node, in bytes, so that a page does not fit into the kernel's socket buffers.
const LARGE: usize = 60_000;

#[test]
fn an_api_server_that_is_killed_during_a_page_gives_no_nodes() {
    let cluster = match Cluster::start() {
        Ok(cluster) => cluster,
        Err(reason) => skip!("{reason}"),
    };
    cluster.create_nodes(2 * PAGE_NODES, 1000);
    cluster.create_nodes_from(2 * PAGE_NODES, PAGE_NODES, LARGE);
    let mut table = Table::new(&source(&cluster), &cluster.node_names(), cluster.admin_token());
    let upstream = Upstream::new(cluster.address(), cluster.ca_pem());
    let cluster = Arc::new(Mutex::new(cluster));
    let killed = Arc::clone(&cluster);
    let kill = move |request: &ReceivedRequest, _: Action| {
        let mut answer = upstream.send(request).expect("the API server is running");
        let mut received = vec![0; 16 * 1024];
        answer.read_exact(&mut received).expect("the beginning of the page");
        killed.lock().expect("no thread panicked").kill_apiserver();
        // Data in the socket buffers still arrives, but not the end of the page.
        let _ = answer.read_to_end(&mut received);
        assert!(received.len() < PAGE_NODES * LARGE, "the page is complete");
        let start = received.windows(2).position(|bytes| bytes == b"{\"").expect("a page");
        Action::with_length(1 << 24, &received[start..])
    };
    // The server is killed once. Retries find a closed port.
    table.works("killed", 3, 1, Arc::new(kill));
    table.cases[0].endpoint["page_size"] = PAGE_NODES.into();
    table.cases[0].expected = Expected::Error("connection", "closed before".to_owned());
    table.check();
    let answer = cluster.lock().expect("no thread panicked").request(Method::GET, "/", None);
    answer.expect_err("the API server was killed");
}
