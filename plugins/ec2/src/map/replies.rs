//! Pure: the lists in the answers.

use gatherer_plugin_api::GatherError;
use gatherer_plugin_support::paging::Page;
use gatherer_plugin_support::xml::{Node, child, children, text};

use super::dedicated_host::{DedicatedHost, dedicated_host};
use super::instance::{Instance, instance};
use super::instance_type::{InstanceType, instance_type};

/// The names of the zones.
pub fn zones(root: Node<'_, '_>) -> Result<Vec<String>, GatherError> {
    let list = child(root, "availabilityZoneInfo")
        .ok_or_else(|| GatherError::protocol("the answer has no list of zones"))?;
    let names = children(list, "item").filter_map(|zone| text(zone, &["zoneName"]));
    Ok(names.map(str::to_owned).collect())
}

/// A page of instances.
pub fn instances(root: Node<'_, '_>) -> Result<Page<Instance, String>, GatherError> {
    let items = child(root, "reservationSet").map(|reservations| {
        let mut items = Vec::new();
        for reservation in children(reservations, "item") {
            let owner = text(reservation, &["ownerId"]);
            let list = child(reservation, "instancesSet")
                .ok_or_else(|| GatherError::protocol("a reservation has no list of instances"))?;
            for item in children(list, "item") {
                items.push(instance(item, owner)?);
            }
        }
        Ok(items)
    });
    page(root, items)
}

/// A page of instance types.
pub fn types(root: Node<'_, '_>) -> Result<Page<InstanceType, String>, GatherError> {
    let list = child(root, "instanceTypeSet");
    page(root, list.map(|list| children(list, "item").map(instance_type).collect()))
}

/// A page of dedicated hosts.
pub fn dedicated_hosts(root: Node<'_, '_>) -> Result<Page<DedicatedHost, String>, GatherError> {
    let list = child(root, "hostSet");
    page(root, list.map(|list| children(list, "item").map(dedicated_host).collect()))
}

/// A page with these items, or without its list.
fn page<Item>(
    root: Node<'_, '_>,
    items: Option<Result<Vec<Item>, GatherError>>,
) -> Result<Page<Item, String>, GatherError> {
    let next = text(root, &["nextToken"]).map(str::to_owned);
    Ok(Page { items: items.transpose()?, next, total: None })
}
