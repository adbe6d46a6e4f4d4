//! The same faults in front of a real API server, and what happens to its nodes meanwhile.

use std::io::Read as _;
use std::sync::{Arc, Mutex};

use gatherer_tests::fault_server::{Action, Fault, Received, Source, Upstream, misdeed};
use gatherer_tests::servers::kubernetes::{Cluster, Method, cluster_nodes};
use gatherer_tests::skip;

use super::{Expected, NAMES, Table, answers, certificates, check, pages, waiting};

fn source(cluster: &Cluster) -> Source {
    Source::Upstream(Upstream::new(cluster.address(), cluster.ca_pem()))
}

#[test]
fn a_real_api_servers_nodes_come_all_or_not_at_all() {
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
        answers::documents(table, &[2]);
        answers::lists(table);
        certificates::identities(table);
    });
    // Apart from what keeps the machine busy: these end by the clock.
    check(&source(&cluster), &names, cluster.admin_token(), waiting::waits);
}

/// Pages of one list show one moment, whatever happens to the nodes between them.
#[test]
fn nodes_that_come_and_go_between_two_pages_do_not_change_the_list() {
    let cluster = match Cluster::start() {
        Ok(cluster) => Arc::new(cluster),
        Err(reason) => skip!("{reason}"),
    };
    cluster.create_nodes(NAMES.len(), 2000);
    let before = cluster.node_names();
    let mut table = Table::new(&source(&cluster), &before, cluster.admin_token());
    let changed = Arc::clone(&cluster);
    let change = misdeed::after(move || {
        // One that is on the next page goes, one that would be on the last page comes.
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
/// So large that a page of them does not fit into what the kernel holds between two processes.
const LARGE: usize = 60_000;

#[test]
fn an_api_server_that_is_killed_in_the_middle_of_page_3_gives_no_nodes() {
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
    let kill = move |request: &Received, _: Action| {
        let mut answer = upstream
            .send("GET", &request.target, &request.headers, &[])
            .expect("the API server is there");
        let mut came = vec![0; 16 * 1024];
        answer.read_exact(&mut came).expect("the page begins");
        killed.lock().expect("no thread panicked").kill_apiserver();
        // What was under way still comes; the end of the page does not.
        let _ = answer.read_to_end(&mut came);
        assert!(came.len() < PAGE_NODES * LARGE, "the page came whole");
        let start = came.windows(2).position(|bytes| bytes == b"{\"").expect("a page");
        Action::Fault(Fault::Announces(1 << 24), came.split_off(start))
    };
    // It kills once; whoever comes back finds nobody.
    table.works("killed", 3, 1, Arc::new(kill));
    table.cases[0].endpoint["page_size"] = PAGE_NODES.into();
    table.cases[0].expected = Expected::Error("connection", "closed before".to_owned());
    table.check();
    let answer = cluster.lock().expect("no thread panicked").request(Method::GET, "/", None);
    answer.expect_err("the API server was killed");
}
