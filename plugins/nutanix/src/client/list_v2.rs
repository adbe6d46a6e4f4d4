//! The lists of API v2.0.

use gatherer_plugin_api::GatherError;
use gatherer_plugin_support::paging::{Page, PageError, Paging};

use super::Prism;
use crate::map::Found;
use crate::map::v2::{self, HostV2, ListV2, MetadataV2, VmV2};

const HOSTS: &str = "PrismGateway/services/rest/v2.0/hosts";
const VMS: &str = "PrismGateway/services/rest/v2.0/vms";

/// The number of items that are requested at once.
const PAGE_LENGTH: usize = 100;

/// Reads the hosts and VMs of a Prism Element.
pub async fn found(prism: &Prism<'_>) -> Result<Found, GatherError> {
    let hosts = hosts(prism).await?;
    // A Prism Central lists itself, and only hosts of this kind.
    if let Some(host) = hosts.iter().find(|host| !host.is_machine()) {
        let message = format!("the host {} has no name, processor and hypervisor", host.uuid);
        return Err(GatherError::protocol(message).with_hint(
            "only a Prism Element can be read with API v2: for a Prism Central set api to auto, v3 or v4",
        ));
    }
    let vms = vms(prism).await?;
    Ok(Found {
        hosts: hosts.into_iter().map(v2::host).collect(),
        guests: vms.into_iter().map(v2::guest).collect(),
        ..Found::default()
    })
}

/// The hosts, in pages by number, from 1.
async fn hosts(prism: &Prism<'_>) -> Result<Vec<HostV2>, GatherError> {
    let mut read = 0;
    let page = async |number: Option<&usize>| {
        let number = number.copied().unwrap_or_else(|| {
            read = 0;
            1
        });
        let mut url = prism.url(HOSTS);
        let (page, count) = (number.to_string(), PAGE_LENGTH.to_string());
        url.query_pairs_mut().append_pair("page", &page).append_pair("count", &count);
        let reply: ListV2<HostV2> = prism.read(&prism.get(url)).await?;
        let total = total("hosts", reply.metadata.as_ref())?;
        read += reply.entities.as_ref().map_or(0, Vec::len);
        // After an empty page the list is shorter than its total, which is an error.
        let is_empty = reply.entities.as_ref().is_none_or(Vec::is_empty);
        let next = (read < total && !is_empty).then_some(number + 1);
        Ok::<_, PageError>(Page { items: reply.entities, next, total: Some(total) })
    };
    Paging::by_offset("hosts").read(prism.context, |host| host.uuid.clone(), page).await
}

/// The VMs. The server lists all of them in one reply, unless it is asked for a part.
async fn vms(prism: &Prism<'_>) -> Result<Vec<VmV2>, GatherError> {
    let page = async |offset: Option<&usize>| {
        let mut url = prism.url(VMS);
        url.query_pairs_mut()
            .append_pair("include_vm_disk_config", "true")
            .append_pair("include_vm_nic_config", "true");
        let offset = offset.copied().unwrap_or(0);
        if offset > 0 {
            let (offset, length) = (offset.to_string(), PAGE_LENGTH.to_string());
            url.query_pairs_mut().append_pair("offset", &offset).append_pair("length", &length);
        }
        let reply: ListV2<VmV2> = prism.read(&prism.get(url)).await?;
        let total = total("VMs", reply.metadata.as_ref())?;
        let end = offset + reply.entities.as_ref().map_or(0, Vec::len);
        // After an empty part the list is shorter than its total, which is an error.
        let next = (end < total && end > offset).then_some(end);
        Ok::<_, PageError>(Page { items: reply.entities, next, total: Some(total) })
    };
    Paging::by_offset("VMs").read(prism.context, |vm| vm.uuid.clone(), page).await
}

/// The number of items in the list. Without it, a list that is cut short could not be noticed.
fn total(items: &str, metadata: Option<&MetadataV2>) -> Result<usize, GatherError> {
    metadata
        .and_then(MetadataV2::total)
        .ok_or_else(|| GatherError::protocol(format!("{items}: a page without the total")))
}
