//! The lists of API v3.

use std::cell::Cell;

use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::http::{Request, Response};
use gatherer_plugin_support::paging::{Page, PageError, Paging};
use gatherer_plugin_support::retry;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{PERMISSION_HINT, Prism, parse};
use crate::map::Found;
use crate::map::v3::{self, ClusterV3, EntityV3, HostV3, ListV3, VmV3};

/// The number of items that are requested at once: the most that the server allows.
const PAGE_LENGTH: usize = 500;

/// The smallest page that is requested if the server cannot answer a longer one in time.
const MIN_PAGE_LENGTH: usize = 20;

/// A list: the word in the path, the kind in the request, and the items for messages.
struct EntityList {
    path: &'static str,
    kind: &'static str,
    items: &'static str,
}

const CLUSTERS: EntityList = EntityList { path: "clusters", kind: "cluster", items: "clusters" };
const HOSTS: EntityList = EntityList { path: "hosts", kind: "host", items: "hosts" };
const VMS: EntityList = EntityList { path: "vms", kind: "vm", items: "VMs" };

/// Reads the clusters, hosts and VMs of a Prism Central.
pub async fn found(prism: &Prism<'_>) -> Result<Found, GatherError> {
    let mut found = Found::default();
    let length = Cell::new(PAGE_LENGTH);
    for entity in list::<ClusterV3>(prism, &CLUSTERS, &length).await? {
        found.clusters.extend(v3::cluster(entity));
    }
    let hosts: Vec<EntityV3<HostV3>> = list(prism, &HOSTS, &length).await?;
    for entity in hosts {
        if entity.is_prism_central(&found.clusters) {
            continue;
        }
        let uuid = uuid(&HOSTS, &entity)?;
        if !entity.has_name() {
            return Err(GatherError::protocol(format!("hosts: the host {uuid} has no name")));
        }
        found.hosts.push(v3::host(uuid, entity, &found.clusters));
    }
    for entity in list::<VmV3>(prism, &VMS, &length).await? {
        let uuid = uuid(&VMS, &entity)?;
        found.guests.push(v3::guest(&uuid, entity));
    }
    Ok(found)
}

fn uuid<R>(list: &EntityList, entity: &EntityV3<R>) -> Result<String, GatherError> {
    let uuid = entity.uuid().map(str::to_owned);
    uuid.ok_or_else(|| GatherError::protocol(format!("{}: an item without a UUID", list.items)))
}

/// Whether the server is a Prism Central, which lists itself and others among the clusters. A Prism Element lists only its
/// own cluster. `None` if the server does not have this version of the API.
pub async fn is_prism_central(prism: &Prism<'_>) -> Result<Option<bool>, GatherError> {
    let request = request(prism, &CLUSTERS, 0, 1);
    if prism.response_if_present(&request).await?.is_none() {
        return Ok(None);
    }
    let clusters = list(prism, &CLUSTERS, &Cell::new(PAGE_LENGTH)).await?;
    if clusters.is_empty() {
        return Err(GatherError::new(ErrorKind::Permission, "the server lists no cluster")
            .with_hint(PERMISSION_HINT));
    }
    let is_listed = clusters.iter().any(EntityV3::<ClusterV3>::is_prism_central);
    Ok(Some(is_listed || clusters.len() > 1))
}

/// Reads a whole list, whatever the length of the server's pages. `length` is the length to request.
async fn list<R: DeserializeOwned>(
    prism: &Prism<'_>,
    list: &EntityList,
    length: &Cell<usize>,
) -> Result<Vec<EntityV3<R>>, GatherError> {
    let page = async |offset: Option<&usize>| {
        let offset = offset.copied().unwrap_or(0);
        let response = read_page(prism, list, offset, length).await?;
        let reply: ListV3<EntityV3<R>> = parse(&response)?;
        let total =
            reply.metadata.and_then(|metadata| metadata.total_matches).ok_or_else(|| {
                GatherError::protocol(format!("{}: a page without total_matches", list.items))
            })?;
        // A page may be shorter than requested. The list of hosts has only one page, of any length.
        let end = offset + reply.entities.as_ref().map_or(0, Vec::len);
        // After an empty page the offset would be the same again: then the list is shorter than its total.
        let next = (end < total && end > offset).then_some(end);
        Ok::<_, PageError>(Page { items: reply.entities, next, total: Some(total) })
    };
    // Each virtual machine of Prism Central may be listed as a host without a UUID.
    let unnamed = Cell::new(0_usize);
    let identity = |entity: &EntityV3<R>| {
        entity.uuid().map(str::to_owned).ok_or_else(|| {
            unnamed.set(unnamed.get() + 1);
            unnamed.get()
        })
    };
    Paging::by_offset(list.items).read(prism.context, identity, page).await
}

/// Reads one page. If the server does not answer in time, asks for half as many items: some releases cannot list 500.
async fn read_page(
    prism: &Prism<'_>,
    list: &EntityList,
    offset: usize,
    length: &Cell<usize>,
) -> Result<Response, GatherError> {
    loop {
        let request = request(prism, list, offset, length.get());
        let can_halve = length.get() / 2 >= MIN_PAGE_LENGTH;
        let attempt = async || {
            prism.attempt(&request).await.map_err(|error| {
                let is_timeout = error.kind == ErrorKind::Timeout;
                // The same request again would take as long.
                if is_timeout && can_halve { error.with_retryable(false) } else { error }
            })
        };
        match retry::idempotent(prism.context, attempt).await {
            Err(error) if error.kind == ErrorKind::Timeout && can_halve => {
                prism.context.check_cancelled()?;
                length.set(length.get() / 2);
                tracing::info!("{error}; requesting {} {} at once", length.get(), list.items);
            }
            result => return result,
        }
    }
}

fn request(prism: &Prism<'_>, list: &EntityList, offset: usize, length: usize) -> Request {
    let url = prism.url(&format!("api/nutanix/v3/{}/list", list.path));
    prism.post(url, &json!({"kind": list.kind, "offset": offset, "length": length}))
}
