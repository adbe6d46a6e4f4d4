//! The steps of a check.

use gatherer_plugin_api::model::Timestamp;
use gatherer_plugin_api::{CheckStep, Context, ErrorKind, GatherError};
use gatherer_plugin_support::counts::count;
use gatherer_plugin_support::http::{UsedCredential, connection_steps};

use crate::client::Client;
use crate::collect;
use crate::credentials::Credentials;
use crate::map::guest_list;
use crate::map::host::{Cluster, Reachability};
use crate::map::permissions::{self, PRIVILEGES};
use crate::map::values;

/// Checks the connection, the login, the privileges, the cluster, and the list of guests.
pub async fn check(client: &Client, context: &Context) -> Result<(), GatherError> {
    let mut plan: Vec<String> =
        connection_steps(client.url()).into_iter().map(str::to_owned).collect();
    plan.push("login".to_owned());
    plan.extend(PRIVILEGES.map(|(privilege, _)| step_of(privilege)));
    plan.extend(["product", "cluster", "objects"].map(str::to_owned));
    context.check_plan(plan);
    client.check_connection().await?;

    let allowed = match client.permissions().await {
        Err(error) if error.kind == ErrorKind::Permission => {
            let message = format!("the server accepts {}", client.credentials().name());
            context.check_step(CheckStep::ok("login", message));
            return Err(error);
        }
        allowed => allowed?,
    };
    context.check_step(login_step(client, context).await);
    let acl = client.acl().await?;
    let mut is_missing = false;
    for (privilege, path) in PRIVILEGES {
        let credentials = client.credentials();
        let granted = permissions::check_privilege(&allowed, credentials, (privilege, path));
        let granted = granted.and_then(|()| match path {
            "/vms" => permissions::check_acl(&acl, &allowed, credentials),
            _ => Ok(()),
        });
        is_missing |= granted.is_err();
        context.check_step(match granted {
            Ok(()) => CheckStep::ok(step_of(privilege), format!("on everything below {path}")),
            Err(error) => CheckStep::failed(step_of(privilege), &error),
        });
    }
    if is_missing {
        return Ok(());
    }
    let version = client.version().await?.version;
    let shown = values::text(&version).unwrap_or_else(|| "without a version".to_owned());
    context.check_step(CheckStep::ok("product", format!("Proxmox VE {shown}")));

    let view = permissions::check(&allowed, client.credentials())?;
    let status = if view.has_cluster_status { client.cluster_status().await? } else { Vec::new() };
    let cluster = Cluster::new(&status, &version);
    let nodes = collect::nodes(client, context, &status, &cluster).await?;
    context.check_step(cluster_step(view.has_cluster_status, &cluster, &nodes));
    let guests = guest_list::guests(client.guests().await?)?;
    if guests.is_empty() {
        collect::check_that_there_are_no_guests(client, &nodes).await?;
    }
    let message = format!(
        "{}, {} (virtual machines and containers)",
        count(nodes.len(), "node"),
        count(guests.len(), "guest")
    );
    context.check_step(CheckStep::ok("objects", message));
    Ok(())
}

fn step_of(privilege: &str) -> String {
    format!("right: {privilege}")
}

/// The step about the login, with the first expiry of the user and the token. Not every user may read its own entry.
async fn login_step(client: &Client, context: &Context) -> CheckStep {
    let name = client.credentials().name();
    let message = format!("the server accepts {name}");
    let (user, token) = match client.credentials() {
        Credentials::Password { user, .. } => (user.as_str(), None),
        Credentials::Token { id, .. } => {
            id.split_once('!').map_or((id.as_str(), None), |(user, token)| (user, Some(token)))
        }
    };
    let entry = match client.user(user).await {
        Ok(entry) => entry,
        Err(error) => {
            tracing::debug!("when the user expires is not known: {error}");
            return CheckStep::ok("login", message);
        }
    };
    let expiry = |value| {
        let seconds = values::positive(value).and_then(|seconds| i64::try_from(seconds).ok())?;
        Timestamp::from_second(seconds).ok()
    };
    let of_token = token.and_then(|token| Some((name, expiry(&entry.tokens.get(token)?.expire)?)));
    let of_user = expiry(&entry.expire).map(|at| (format!("the user {user}"), at));
    let all = [of_token, of_user];
    for (what, at) in all.iter().flatten() {
        context.expiry(what, *at);
    }
    match all.into_iter().flatten().min_by_key(|(_, at)| *at) {
        Some((name, at)) => {
            let message = format!("the server accepts {name}");
            UsedCredential { name, expiry: Some(at) }.accepted_step("login", &message, context)
        }
        None => CheckStep::ok("login", message),
    }
}

/// The step about the quorum and the nodes.
fn cluster_step(is_known: bool, cluster: &Cluster, nodes: &collect::Nodes) -> CheckStep {
    let name = match &cluster.name {
        Some(name) => format!("the cluster {name}"),
        None if is_known => "a node without a cluster".to_owned(),
        None => "the name and the quorum of the cluster are not known".to_owned(),
    };
    let listed = |wanted: fn(&collect::Node) -> bool| -> Vec<&str> {
        nodes.iter().filter(|(_, node)| wanted(node)).map(|(name, _)| name.as_str()).collect()
    };
    let offline = listed(|node| node.listed.reachability == Reachability::Offline);
    let silent =
        listed(|node| node.listed.reachability != Reachability::Offline && node.status.is_none());
    let (problem, hint) = if cluster.quorate == Some(false) {
        (" has no quorum", "start more of its nodes: what it reports of others may be out of date")
    } else if !offline.is_empty() || !silent.is_empty() {
        ("", "the hardware and the UUIDs of guests of these nodes are not known until they answer")
    } else if !is_known {
        ("", "grant Sys.Audit on / too")
    } else {
        let quorum = if cluster.quorate.is_some() { " has a quorum" } else { "" };
        let nodes = match nodes.len() {
            1 => "it answers".to_owned(),
            number => format!("all {number} nodes answer"),
        };
        return CheckStep::ok("cluster", format!("{name}{quorum}; {nodes}"));
    };
    let mut message = format!("{name}{problem}");
    for (names, state) in [(offline, "offline"), (silent, "not answering")] {
        if !names.is_empty() {
            message = format!("{message}; {state}: {}", names.join(", "));
        }
    }
    CheckStep::warning("cluster", message, hint)
}
