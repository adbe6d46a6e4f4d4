//! What is asked, in which order, and when the answers are complete.

use std::cell::RefCell;
use std::collections::BTreeMap;

use gatherer_plugin_api::model::GuestState;
use gatherer_plugin_api::{Context, ErrorKind, GatherError};

use crate::client::{Client, NodeAnswer};
use crate::map::guest::{self, Scope};
use crate::map::guest_list::{self, GuestKind, ListedGuest};
use crate::map::host::{self, Cluster, ListedNode, Reachability};
use crate::map::permissions;
use crate::map::replies::{ClusterStatusEntry, Config, NodeStatus};

/// How many configurations are read between two reports of the progress.
const PROGRESS_STEP: usize = 50;

/// What to do if the node that answers does not know its cluster.
const RESTART: &str = "check the service pve-cluster of the node that was asked";

/// The nodes by name.
pub type Nodes = BTreeMap<String, Node>;

/// A node, and its own answer.
pub struct Node {
    /// What the lists say.
    pub listed: ListedNode,
    /// Absent if the node did not answer.
    pub status: Option<NodeStatus>,
    /// Whether the node is asked for the configurations of its guests.
    answers: bool,
}

/// A guest, and its configuration.
struct FoundGuest {
    listed: ListedGuest,
    /// Absent if the guest's node does not answer.
    config: Option<Config>,
}

/// The result of asking for the configuration of a guest.
enum Lookup {
    /// The configuration; `None` if the guest's node does not answer.
    Known(Option<Config>),
    /// The guest may have been deleted, or moved to another node.
    Failed(GatherError),
}

/// Reads everything and sends it.
pub async fn gather(client: &Client, context: &Context) -> Result<(), GatherError> {
    let allowed = client.permissions().await?;
    let view = permissions::check(&allowed, client.credentials())?;
    permissions::check_acl(&client.acl().await?, &allowed, client.credentials())?;
    let version = client.version().await?.version;
    let status = if view.has_cluster_status {
        client.cluster_status().await?
    } else {
        context.warning(
            context.endpoint(),
            "the name and the quorum of the cluster are not known: grant Sys.Audit on / too",
        )?;
        Vec::new()
    };
    let cluster = Cluster::new(&status, &version);
    if cluster.quorate == Some(false) {
        context.warning(
            cluster.name.as_deref().unwrap_or(context.endpoint()),
            "the cluster has no quorum: the states of guests on other nodes may be out of date",
        )?;
    }
    let guests = guest_list::guests(client.guests().await?)?;
    let nodes = nodes(client, context, &status, &cluster).await?;
    if guests.is_empty() {
        check_that_there_are_no_guests(client, &nodes).await?;
    }
    let nodes = RefCell::new(nodes);
    let guests = Box::pin(configurations(client, context, guests, &nodes)).await?;
    send(context, &nodes.into_inner(), &guests, &cluster)
}

/// All nodes with their own answers.
pub async fn nodes(
    client: &Client,
    context: &Context,
    status: &[ClusterStatusEntry],
    cluster: &Cluster,
) -> Result<Nodes, GatherError> {
    let entries = client.nodes().await?;
    host::check_nodes(&entries, status, cluster).map_err(|error| error.with_hint(RESTART))?;
    let mut nodes = BTreeMap::new();
    for entry in &entries {
        let node = node(client, context, ListedNode::new(entry, status)).await?;
        nodes.insert(entry.node.clone(), node);
    }
    Ok(nodes)
}

/// Checks an empty list of guests: each node that answers lists its own guests from its own files.
pub async fn check_that_there_are_no_guests(
    client: &Client,
    nodes: &Nodes,
) -> Result<(), GatherError> {
    for (name, _) in nodes.iter().filter(|(_, node)| node.answers) {
        for kind in [GuestKind::Qemu, GuestKind::Lxc] {
            if !client.guests_of_node(name, kind.word()).await?.is_empty() {
                let message =
                    format!("the list of guests is empty, but the node {name} has guests");
                return Err(GatherError::protocol(message).with_hint(RESTART));
            }
        }
    }
    Ok(())
}

/// Asks a node for its hardware, unless it is known to be offline.
async fn node(client: &Client, context: &Context, listed: ListedNode) -> Result<Node, GatherError> {
    if listed.reachability == Reachability::Offline {
        context.warning(
            &listed.name,
            "the node is offline: its hardware, and the states and UUIDs of its guests, are not known",
        )?;
        return Ok(Node { listed, status: None, answers: false });
    }
    context.progress(&format!("node {}", listed.name));
    let status = match client.node_status(&listed.name).await? {
        NodeAnswer::Data(status) => Some(status),
        NodeAnswer::Failed(error) => return Err(error),
        NodeAnswer::Unreachable(error) => {
            report_unreachable(context, &listed.name, &error)?;
            None
        }
    };
    let answers = status.is_some();
    Ok(Node { listed, status, answers })
}

fn report_unreachable(
    context: &Context,
    node: &str,
    error: &GatherError,
) -> Result<(), GatherError> {
    tracing::info!("{error}");
    context.warning(
        node,
        "the node does not answer: its hardware, and the UUIDs of its guests, are not all known",
    )
}

/// Reads the configuration of each guest. A guest that was deleted in the meantime is left out, if a second list
/// confirms that.
async fn configurations(
    client: &Client,
    context: &Context,
    guests: Vec<ListedGuest>,
    nodes: &RefCell<BTreeMap<String, Node>>,
) -> Result<Vec<FoundGuest>, GatherError> {
    let number = guests.len();
    let queue = RefCell::new(guests.into_iter().enumerate());
    let (found, failed) = (RefCell::new(Vec::with_capacity(number)), RefCell::new(Vec::new()));
    let reader = async || -> Result<(), GatherError> {
        loop {
            let Some((done, listed)) = queue.borrow_mut().next() else { return Ok(()) };
            if done % PROGRESS_STEP == 0 {
                context.progress(&format!("configuration {done} of {number}"));
            }
            match configuration(client, context, &listed, nodes, true).await? {
                Lookup::Failed(error) => failed.borrow_mut().push((listed.vmid, error)),
                Lookup::Known(config) => found.borrow_mut().push(FoundGuest { listed, config }),
            }
        }
    };
    // Four requests at a time take a quarter of the time, and keep no node busy.
    tokio::try_join!(reader(), reader(), reader(), reader())?;

    let (mut found, failed) = (found.into_inner(), failed.into_inner());
    if !failed.is_empty() {
        let list = guest_list::guests(client.guests().await?)?;
        // A list that lacks more than the failed guests confirms nothing.
        if found.iter().any(|known| !list.iter().any(|guest| guest.vmid == known.listed.vmid)) {
            let message = "several guests disappeared from the list while they were read";
            return Err(GatherError::new(ErrorKind::Unavailable, message)
                .with_hint("if no guests were deleted, check the service pve-cluster"));
        }
        for (vmid, error) in failed {
            let Some(listed) = list.iter().find(|guest| guest.vmid == vmid).cloned() else {
                tracing::info!("the guest {vmid} was deleted while the guests were read");
                continue;
            };
            // It still exists, here or on another node.
            tracing::info!("{error}; the guest {vmid} still exists, trying again");
            match configuration(client, context, &listed, nodes, false).await? {
                Lookup::Failed(error) => return Err(error),
                Lookup::Known(config) => found.push(FoundGuest { listed, config }),
            }
        }
    }
    found.sort_by_key(|guest| guest.listed.vmid);
    Ok(found)
}

/// Reads the configuration of a guest, unless its node does not answer.
async fn configuration(
    client: &Client,
    context: &Context,
    guest: &ListedGuest,
    nodes: &RefCell<BTreeMap<String, Node>>,
    may_be_gone: bool,
) -> Result<Lookup, GatherError> {
    let answers = nodes.borrow().get(&guest.node).map(|node| node.answers);
    match answers {
        Some(true) => {}
        Some(false) => return Ok(Lookup::Known(None)),
        None => {
            context.warning(
                &guest.node,
                "guests are on this node, which is not a member of the cluster: their UUIDs are not \
                 known",
            )?;
            let listed = ListedNode::not_listed(&guest.node);
            let node = Node { listed, status: None, answers: false };
            nodes.borrow_mut().insert(guest.node.clone(), node);
            return Ok(Lookup::Known(None));
        }
    }
    match client.config(&guest.node, guest.kind.word(), guest.vmid, may_be_gone).await? {
        NodeAnswer::Data(config) => Ok(Lookup::Known(Some(config))),
        NodeAnswer::Failed(error) => Ok(Lookup::Failed(error)),
        NodeAnswer::Unreachable(error) => {
            // Another request may have found out at the same time.
            let answered = nodes
                .borrow_mut()
                .get_mut(&guest.node)
                .is_some_and(|node| std::mem::replace(&mut node.answers, false));
            if answered {
                report_unreachable(context, &guest.node, &error)?;
            }
            Ok(Lookup::Known(None))
        }
    }
}

/// Sends all hosts and guests.
fn send(
    context: &Context,
    nodes: &BTreeMap<String, Node>,
    guests: &[FoundGuest],
    cluster: &Cluster,
) -> Result<(), GatherError> {
    let first = nodes.values().find(|node| node.listed.reachability != Reachability::NotListed);
    let first = first.map_or("", |node| node.listed.name.as_str());
    let name = cluster.name.as_deref().unwrap_or(first).to_owned();
    let scope = Scope { cluster: cluster.name.clone(), name };
    let mut hosts = BTreeMap::new();
    for (name, node) in nodes {
        let host = host::host(&node.listed, node.status.as_ref(), cluster);
        hosts.insert(name.as_str(), context.host(host)?);
    }
    let mut without_uuid = Vec::new();
    for FoundGuest { listed, config } in guests {
        let mut guest = guest::guest(listed, config.as_ref(), &scope);
        let node = nodes.get(&listed.node);
        if node.is_some_and(|node| node.listed.reachability == Reachability::Offline) {
            guest.state = Some(GuestState::Unknown);
        }
        if config.is_some() && listed.kind == GuestKind::Qemu && guest.uuid.is_none() {
            without_uuid.push(guest.name.clone());
        }
        let host = hosts.get(listed.node.as_str()).ok_or_else(|| {
            GatherError::internal(format!("the guest {} is on no host", listed.vmid))
        })?;
        context.guest(host, guest)?;
    }
    match &without_uuid[..] {
        [] => Ok(()),
        [name] => context.warning(
            name,
            "the virtual machine has no SMBIOS UUID: a Manager cannot find its system",
        ),
        [first, ..] => {
            let message = format!(
                "this and {} other virtual machines have no SMBIOS UUID: a Manager cannot find their \
                 systems",
                without_uuid.len() - 1
            );
            context.warning(first, message)
        }
    }
}
