//! Pure: the lists in the answers.

use gatherer_plugin_api::GatherError;
use gatherer_plugin_support::paging::Page;
use gatherer_plugin_support::xml::{Node, children, text};

use super::dedicated_host::{DedicatedHost, dedicated_host};
use super::instance::{Instance, instance};
use super::instance_type::{InstanceType, instance_type};

/// The names of the zones.
pub fn zones(root: Node<'_, '_>) -> Result<Vec<String>, GatherError> {
    let zones = whole_list(root, "availabilityZoneInfo")?
        .ok_or_else(|| GatherError::protocol("the answer has no list of zones"))?;
    let names = zones.into_iter().filter_map(|zone| text(zone, &["zoneName"]));
    Ok(names.map(str::to_owned).collect())
}

/// A page of instances.
pub fn instances(root: Node<'_, '_>) -> Result<Page<Instance, String>, GatherError> {
    let Some(reservations) = whole_list(root, "reservationSet")? else { return page(root, None) };
    let mut items = Vec::new();
    for reservation in reservations {
        let owner = text(reservation, &["ownerId"]);
        let list = whole_list(reservation, "instancesSet")?
            .ok_or_else(|| GatherError::protocol("a reservation has no list of instances"))?;
        for item in list {
            items.push(instance(item, owner)?);
        }
    }
    page(root, Some(items))
}

/// A page of instance types.
pub fn types(root: Node<'_, '_>) -> Result<Page<InstanceType, String>, GatherError> {
    let types = whole_list(root, "instanceTypeSet")?;
    let types = types.map(|types| types.into_iter().map(instance_type).collect());
    page(root, types.transpose()?)
}

/// A page of dedicated hosts.
pub fn dedicated_hosts(root: Node<'_, '_>) -> Result<Page<DedicatedHost, String>, GatherError> {
    let hosts = whole_list(root, "hostSet")?;
    let hosts = hosts.map(|hosts| hosts.into_iter().map(dedicated_host).collect());
    page(root, hosts.transpose()?)
}

/// A page with these items, or without its list.
fn page<Item>(
    root: Node<'_, '_>,
    items: Option<Vec<Item>>,
) -> Result<Page<Item, String>, GatherError> {
    Ok(Page { items, next: next_token(root)?, total: None })
}

/// The items of a list, `None` if it is absent. What cannot be an item is an error, because an item may be missing then.
fn whole_list<'a, 'input>(
    node: Node<'a, 'input>,
    name: &str,
) -> Result<Option<Vec<Node<'a, 'input>>>, GatherError> {
    let mut lists = children(node, name);
    let Some(list) = lists.next() else { return Ok(None) };
    if lists.next().is_some() {
        return Err(GatherError::protocol(format!("the list {name} is there twice")));
    }
    let items: Vec<_> = children(list, "item").collect();
    let has_text = |node: &Node<'_, '_>| node.text().is_some_and(|text| !text.trim().is_empty());
    let others = list.children().filter(|node| {
        (node.is_element() && node.tag_name().name() != "item")
            || (node.is_text() && has_text(node))
    });
    if others.count() > 0 {
        return Err(GatherError::protocol(format!("the list {name} has more than its items")));
    }
    Ok(Some(items))
}

/// The token of the next page, `None` at the end of a list. A token that cannot be read is not the end.
fn next_token(root: Node<'_, '_>) -> Result<Option<String>, GatherError> {
    let mut tokens = children(root, "nextToken");
    let Some(token) = tokens.next() else { return Ok(None) };
    if tokens.next().is_some() || token.children().any(|node| node.is_element()) {
        return Err(GatherError::protocol("the token of the next page is invalid"));
    }
    // A comment divides the text.
    let texts = token.children().filter(Node::is_text).filter_map(|node| node.text());
    let text = texts.collect::<String>();
    Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
}
