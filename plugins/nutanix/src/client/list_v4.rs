//! The lists of API v4.

use gatherer_plugin_api::model::Warning;
use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::http::Url;
use gatherer_plugin_support::paging::{Page, PageError, Paging};
use gatherer_plugin_support::{retry, uuid};
use serde::de::DeserializeOwned;

use super::{Prism, parse};
use crate::map::Found;
use crate::map::v4::{self, ClusterV4, ControllerV4, HostV4, ListV4, VmV4};

/// The number of items that are requested at once: the most that the server allows.
const PAGE_LENGTH: usize = 100;

/// The first minor version that lists controller VMs.
const FIRST_MINOR_WITH_CONTROLLERS: u32 = 2;

/// A list: its path, the field that it is ordered by if it can be ordered, and the items for messages.
struct NumberedList<'a> {
    path: &'a str,
    order: Option<&'static str>,
    items: &'static str,
}

impl<'a> NumberedList<'a> {
    const fn ordered(path: &'a str, order: &'static str, items: &'static str) -> Self {
        Self { path, order: Some(order), items }
    }

    /// The URL of a page.
    fn url(&self, prism: &Prism<'_>, (number, length): Position) -> Url {
        let mut url = prism.url(self.path);
        url.query_pairs_mut()
            .append_pair("$page", &number.to_string())
            .append_pair("$limit", &length.to_string());
        if let Some(order) = self.order {
            url.query_pairs_mut().append_pair("$orderby", order);
        }
        url
    }
}

/// A page: its number, from 0, and its length.
type Position = (usize, usize);

/// Reads the clusters, hosts and VMs of a Prism Central. The arguments are the versions of the namespaces.
pub async fn found(prism: &Prism<'_>, vmm: &str, clustermgmt: &str) -> Result<Found, GatherError> {
    let path = format!("api/clustermgmt/{clustermgmt}/config/clusters");
    let clusters = NumberedList::ordered(&path, "extId", "clusters");
    let clusters: Vec<ClusterV4> =
        list(prism, &clusters, |cluster: &ClusterV4| &cluster.ext_id).await?;
    let path = format!("api/clustermgmt/{clustermgmt}/config/hosts");
    let hosts = NumberedList::ordered(&path, "extId", "hosts");
    let hosts: Vec<HostV4> = list(prism, &hosts, |host: &HostV4| &host.ext_id).await?;
    let path = format!("api/vmm/{vmm}/ahv/config/vms");
    let vms = NumberedList::ordered(&path, "name", "VMs");
    let mut vms: Vec<VmV4> = list(prism, &vms, |vm: &VmV4| &vm.ext_id).await?;
    let mut found = Found::default();
    if clusters.iter().any(ClusterV4::has_esxi) || hosts.iter().any(v4::is_esxi) {
        let path = format!("api/vmm/{vmm}/esxi/config/vms");
        let esxi = NumberedList::ordered(&path, "name", "VMs on ESXi");
        let listed = list_if_present(prism, &esxi, |vm: &VmV4| &vm.ext_id).await?;
        found.lists_esxi_guests = listed.is_some();
        vms.extend(listed.unwrap_or_default());
    }
    for cluster in clusters {
        found.clusters.push(v4::cluster(cluster)?);
    }
    for host in hosts {
        found.hosts.push(v4::host(host, &found.clusters)?);
    }
    for vm in vms {
        found.guests.push(v4::guest(vm, &found.clusters)?);
    }
    add_controllers(prism, clustermgmt, &mut found).await?;
    Ok(found)
}

/// Reads the controller VMs of each cluster, which have lists of their own from v4.2 on. They belong to the platform, so the
/// answer is complete without them if the user may not view them.
async fn add_controllers(
    prism: &Prism<'_>,
    clustermgmt: &str,
    found: &mut Found,
) -> Result<(), GatherError> {
    let minor = clustermgmt.strip_prefix("v4.").and_then(|minor| minor.parse::<u32>().ok());
    if minor < Some(FIRST_MINOR_WITH_CONTROLLERS) {
        return Ok(());
    }
    for cluster in found.clusters.iter().filter(|cluster| cluster.has_hosts) {
        // The id becomes a part of a path.
        let Some(id) = uuid::canonical(&cluster.id) else { continue };
        let path = format!("api/clustermgmt/{clustermgmt}/config/clusters/{id}/cvms");
        let name = NumberedList { path: &path, order: None, items: "controller VMs" };
        match list_if_present(prism, &name, |controller: &ControllerV4| &controller.ext_id).await {
            Ok(controllers) => {
                let mapped = controllers.unwrap_or_default().into_iter();
                let mapped = mapped.map(|controller| v4::controller(controller, &found.clusters));
                found.controllers.extend(mapped);
            }
            Err(error) if error.kind == ErrorKind::Permission => {
                let message = format!("its controller VMs cannot be read: {}", error.message);
                found.warnings.push(Warning { object: cluster.name.clone(), message });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads a whole list as [`list`] does. `None` if the server does not have it.
async fn list_if_present<T: DeserializeOwned>(
    prism: &Prism<'_>,
    name: &NumberedList<'_>,
    id: impl Fn(&T) -> &String,
) -> Result<Option<Vec<T>>, GatherError> {
    let request = prism.get(name.url(prism, (0, 1)));
    match prism.response_if_present(&request).await? {
        Some(_) => list(prism, name, id).await.map(Some),
        None => Ok(None),
    }
}

/// Reads a whole list. Its pages have numbers, so an item can move to a page that was read if another one disappears: then
/// the total changes, and the list is read again.
async fn list<T: DeserializeOwned>(
    prism: &Prism<'_>,
    list: &NumberedList<'_>,
    id: impl Fn(&T) -> &String,
) -> Result<Vec<T>, GatherError> {
    let mut read = 0;
    let page = async |position: Option<&Position>| {
        let (number, length) = position.copied().unwrap_or_else(|| {
            read = 0;
            (0, PAGE_LENGTH)
        });
        let request = prism.get(list.url(prism, (number, length)));
        let response = retry::idempotent(prism.context, || prism.attempt(&request)).await?;
        let subject = response.description();
        let reply: ListV4 = parse(&response)?;
        let metadata = reply.metadata.ok_or_else(|| {
            GatherError::protocol(format!("{}: a page without metadata", list.items))
        })?;
        for flag in ["hasError", "isTruncated"] {
            if metadata.has_flag(flag) {
                let message = format!("{}: the server reports {flag}", list.items);
                return Err(GatherError::protocol(message)
                    .with_hint("the list is not complete; the events in Prism may say why")
                    .into());
            }
        }
        let total = metadata.total_available_results.ok_or_else(|| {
            GatherError::protocol(format!("{}: a page without the total", list.items))
        })?;
        let next_link = metadata.next_link();
        let items = match reply.data {
            Some(data) => Some(serde_json::from_value::<Vec<T>>(data).map_err(|_| {
                GatherError::protocol(format!("{subject}: a value has the wrong type"))
            })?),
            // The server leaves the list out of an empty page.
            None if read >= total || next_link.is_some() => Some(Vec::new()),
            None => None,
        };
        read += items.as_ref().map_or(0, Vec::len);
        let next = match next_link {
            Some(link) => Some(position_of(link).unwrap_or((number + 1, length))),
            None => (read < total).then_some((number + 1, length)),
        };
        Ok::<_, PageError>(Page { items, next, total: Some(total) })
    };
    Paging::by_offset(list.items).read(prism.context, |item| id(item).clone(), page).await
}

/// The page that a link leads to. Its host is often not the one that we must use, and its length may be another one than
/// requested.
fn position_of(link: &str) -> Option<Position> {
    // The links of a server behind a proxy may have no host.
    let base = Url::parse("https://prism/").ok()?;
    let url = base.join(link).ok()?;
    let number = |name: &str| {
        let (_, value) = url.query_pairs().find(|(known, _)| known == name)?;
        // Not usize, so that adding to it cannot overflow.
        usize::try_from(value.parse::<u32>().ok()?).ok()
    };
    let length = number("$limit").filter(|length| (1..=PAGE_LENGTH).contains(length))?;
    Some((number("$page")?, length))
}
