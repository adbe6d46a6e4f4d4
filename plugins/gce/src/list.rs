//! I/O: the list of all instances, page by page.

use std::cell::Cell;

use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use gatherer_plugin_support::paging::{Page, PageError, Paging};

use crate::client::Compute;
use crate::failure::Wanted;
use crate::map::instance::Instance;
use crate::map::page::{self, Scope};

/// The number of instances that are requested at once: the most that the API allows.
const PAGE_LENGTH: &str = "500";

/// The members of an instance that are read. Its metadata is not: it has up to 512 KiB of scripts, with passwords in some.
const MEMBERS: &str = "id,name,status,creationTimestamp,hostname,labels,tags/items,machineType,\
    cpuPlatform,scheduling/provisioningModel,networkInterfaces(network,subnetwork,networkIP,\
    ipv6Address,accessConfigs(natIP,externalIpv6),ipv6AccessConfigs(natIP,externalIpv6)),\
    disks(deviceName,diskSizeGb,boot,architecture,licenses)";

/// The members of a page that are read, for the parameter `fields`: all signs that instances are missing, and the instances.
///
/// <https://cloud.google.com/compute/docs/api/how-tos/performance#partial-response> describes the parameter.
fn fields(scope: Scope<'_>) -> String {
    match scope {
        Scope::AllZones => format!(
            "kind,nextPageToken,unreachables,warning,items/*/warning,items/*/instances({MEMBERS})"
        ),
        Scope::Zone(_) => format!("kind,nextPageToken,warning,items({MEMBERS})"),
    }
}

/// Reads the instances of the zone, or of all zones.
///
/// The parameter `returnPartialSuccess` is never sent: with it, the list lacks the instances of zones that do not answer.
pub async fn instances(
    compute: &Compute<'_>,
    context: &Context,
) -> Result<Vec<Instance>, GatherError> {
    let zone = compute.settings().zone.as_deref();
    let (mut first, scope) = match zone {
        Some(zone) => (compute.url(&["zones", zone, "instances"]), Scope::Zone(zone)),
        None => (compute.url(&["aggregated", "instances"]), Scope::AllZones),
    };
    let list = first.clone();
    first
        .query_pairs_mut()
        .append_pair("fields", &fields(scope))
        .append_pair("maxResults", PAGE_LENGTH);
    // The API names each zone of the cloud on each page, also those without instances.
    let names_zones = Cell::new(zone.is_some());
    let read = async |token: Option<&String>| {
        let mut url = first.clone();
        if let Some(token) = token {
            url.query_pairs_mut().append_pair("pageToken", token);
        }
        let wanted = Wanted::Instances { zone };
        let page = compute.read(&url, wanted, |json, request| page::parse(json, scope, request));
        match page.await {
            Ok(Some(page)) => {
                names_zones.set(names_zones.get() || page.zones > 0);
                Ok(Page { items: Some(page.instances), next: page.next, total: None })
            }
            Ok(None) => Err(GatherError::internal("a list is not a machine type").into()),
            // The first page has shown that project and zone exist, so the token is not valid any more.
            Err(error) if token.is_some() && error.kind == ErrorKind::Configuration => {
                Err(PageError::StartOver(error))
            }
            Err(error) => Err(error.into()),
        }
    };
    let instances = Paging::by_marker("instances");
    let instances = instances.read(context, |instance| instance.id.clone(), read).await?;
    if !names_zones.get() {
        let message =
            format!("GET {list}: the answer names no zone, not even one without instances");
        return Err(GatherError::protocol(message).with_hint(
            "check that the server is the Compute Engine API, and no proxy answers for it",
        ));
    }
    Ok(instances)
}
