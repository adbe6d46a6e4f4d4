//! The lists of the compute service, read page by page.

use std::cell::Cell;

use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::http::StatusCode;
use gatherer_plugin_support::json;
use gatherer_plugin_support::paging::{Page, PageError, Paging};
use serde::Deserialize;
use serde_json::Value;

use super::nova::{Compute, Microversion};
use super::{Cloud, status};
use crate::map::flavor::Flavors;
use crate::map::hypervisor::FoundHypervisor;
use crate::map::server::ListedServer;
use crate::map::service::ComputeService;
use crate::map::{flavor, hypervisor, server, service, values};

/// The policies that the requests need.
pub mod rights {
    /// The servers of all projects.
    pub const ALL_TENANTS: &str = "os_compute_api:servers:detail:get_all_tenants";
    /// The servers of the project.
    pub const SERVERS: &str = "os_compute_api:servers:detail";
    /// The compute services.
    pub const SERVICES: &str = "os_compute_api:os-services:list";
    /// The hypervisors.
    pub const HYPERVISORS: &str = "os_compute_api:os-hypervisors:list-detail";
    /// The hosts of servers.
    pub const HOSTS_OF_SERVERS: &str = "os_compute_api:os-extended-server-attributes";
    /// The flavors.
    pub const FLAVORS: &str = "os_compute_api:os-flavor-access";
}

/// The parameter that asks for the servers of all projects.
const ALL_TENANTS: (&str, &str) = ("all_tenants", "1");

/// A list of the compute service.
struct NovaList<'a> {
    /// The path below the API's root.
    path: &'a [&'a str],
    /// The member with the items. The one with the links has the suffix `_links`.
    member: &'static str,
    /// The items, for messages.
    items: &'static str,
    /// The parameters, which every page must have.
    parameters: &'a [(&'a str, &'a str)],
    /// The microversion.
    microversion: Option<Microversion>,
    /// The policy.
    right: &'static str,
}

/// A list that was read.
struct Listed<Item> {
    items: Vec<Item>,
    /// Whether it had more than one page.
    has_pages: bool,
}

/// A link to another page.
#[derive(Deserialize)]
struct Link {
    #[serde(default)]
    rel: Value,
    #[serde(default)]
    href: Value,
}

impl Cloud {
    /// The servers of all projects, or of the project.
    ///
    /// The first request has no parameter but `all_tenants`, not even `limit`: with any other one Nova leaves the
    /// servers of a cell that is down out of the list and reports success.
    pub async fn servers(
        &self,
        compute: &Compute,
        flavors: &Flavors,
    ) -> Result<Vec<ListedServer>, GatherError> {
        let tenant_only = self.access.tenant_only;
        let list = NovaList {
            path: &["servers", "detail"],
            member: "servers",
            items: "servers",
            parameters: if tenant_only { &[] } else { &[ALL_TENANTS] },
            microversion: compute.microversion(),
            right: if tenant_only { rights::SERVERS } else { rights::ALL_TENANTS },
        };
        let region = compute.region.as_deref();
        let map = |value: Value| server::listed(&value, region, flavors);
        let servers = self.list(compute, &list, map, |server| server.id.clone()).await;
        let servers = servers.map_err(|error| match error.kind {
            ErrorKind::Permission if !tenant_only => {
                let hint = error.hint.clone().unwrap_or_default();
                error.with_hint(format!(
                    "{hint}, or set tenant_only to read only the servers of the project"
                ))
            }
            _ => error,
        })?;
        if tenant_only && servers.has_pages && compute.has(Microversion::DOWN_CELLS) {
            // Only the first page can have the servers of a cell that is down, and only if the others leave room for them.
            // Otherwise the compute services show that, which the members of a project may not list.
            self.context.warning(
                self.context.endpoint(),
                "the project has more servers than one page of Nova has: if a cell is down, Nova can leave out its \
                 servers without reporting that",
            )?;
        }
        Ok(servers.items)
    }

    /// The compute services, which are the hosts that each cell knows.
    pub async fn services(&self, compute: &Compute) -> Result<Vec<ComputeService>, GatherError> {
        let list = NovaList {
            path: &["os-services"],
            member: "services",
            items: "compute services",
            parameters: &[("binary", "nova-compute")],
            microversion: compute.microversion(),
            right: rights::SERVICES,
        };
        let id = |service: &Option<ComputeService>| service.clone();
        let services =
            self.list(compute, &list, |value: Value| service::service(&value), id).await?;
        Ok(services.items.into_iter().flatten().collect())
    }

    /// The hypervisors, with their servers if the server can list them.
    pub async fn hypervisors(
        &self,
        compute: &Compute,
    ) -> Result<Vec<FoundHypervisor>, GatherError> {
        let microversion = compute.hypervisors_microversion();
        let with_servers = microversion >= Some(Microversion::SERVERS_OF_HYPERVISORS);
        let list = NovaList {
            path: &["os-hypervisors", "detail"],
            member: "hypervisors",
            items: "hypervisors",
            parameters: if with_servers { &[("with_servers", "true")] } else { &[] },
            microversion,
            right: rights::HYPERVISORS,
        };
        let region = compute.region.as_deref();
        let map = |value: Value| hypervisor::hypervisor(&value, region);
        let id = |hypervisor: &FoundHypervisor| hypervisor.key();
        let hypervisors = self.list(compute, &list, map, id).await;
        hypervisors.map(|list| list.items).map_err(|error| match error.kind {
            ErrorKind::Unavailable => {
                let hint = "check the compute services and the databases of all cells: the list fails if one \
                            of them does not answer";
                error.with_hint(hint)
            }
            _ => error,
        })
    }

    /// The flavors that are public, and those that the user may use. Necessary only before the microversion in which a
    /// server has its flavor's numbers.
    pub async fn flavors(&self, compute: &Compute) -> Result<Flavors, GatherError> {
        // An administrator gets the private ones too.
        let parameters: &[_] = if self.access.tenant_only { &[] } else { &[("is_public", "None")] };
        let list = NovaList {
            path: &["flavors", "detail"],
            member: "flavors",
            items: "flavors",
            parameters,
            microversion: compute.microversion(),
            right: rights::FLAVORS,
        };
        let flavors = self.list(compute, &list, Ok, |value| value["id"].to_string()).await?;
        Ok(flavor::by_id(&flavors.items))
    }

    /// Whether a server that the list does not have is one that it must have: it exists, and is not deleted.
    pub async fn is_missing(&self, compute: &Compute, id: &str) -> Result<bool, GatherError> {
        let request: (&[&str], _) = (&["servers", id], None);
        let response = self.response(compute, request, compute.microversion()).await?;
        match response.status() {
            StatusCode::OK => {
                let reply: Value = json::read(response.body(), response.description())?;
                let status = values::text(&reply["server"]["status"]).unwrap_or_default();
                Ok(!matches!(status, "SOFT_DELETED" | "DELETED"))
            }
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(status::error(response, "os_compute_api:servers:show")),
        }
    }

    async fn list<Item, Id: Eq + std::hash::Hash>(
        &self,
        compute: &Compute,
        list: &NovaList<'_>,
        map: impl Fn(Value) -> Result<Item, GatherError>,
        id: impl Fn(&Item) -> Id,
    ) -> Result<Listed<Item>, GatherError> {
        let first = query(None, list.parameters);
        let has_pages = Cell::new(false);
        let page = async |next: Option<&String>| {
            let query = next.or(first.as_ref()).map(String::as_str);
            let response = self.response(compute, (list.path, query), list.microversion).await?;
            match response.status() {
                StatusCode::OK => {}
                StatusCode::BAD_REQUEST if next.is_some() => {
                    // The item that the link names was deleted.
                    let message = status::error(response, list.right).message;
                    let error = GatherError::new(ErrorKind::Unavailable, message);
                    let hint = "try again when fewer servers are created and deleted";
                    return Err(PageError::StartOver(error.with_hint(hint)));
                }
                _ => return Err(status::error(response, list.right).into()),
            }
            let subject = response.description().to_owned();
            let mut reply: Value = json::read(response.body(), &subject)?;
            drop(response);
            let items = match reply.get_mut(list.member).map(Value::take) {
                Some(Value::Array(items)) => {
                    Some(items.into_iter().map(&map).collect::<Result<Vec<_>, _>>()?)
                }
                _ => None,
            };
            let links = reply.get_mut(format!("{}_links", list.member)).map(Value::take);
            let next = next_query(links, &subject)?;
            let next = next.and_then(|next| self::query(Some(&next), list.parameters));
            has_pages.set(has_pages.get() || next.is_some());
            Ok(Page { items, next, total: None })
        };
        let items = Paging::by_marker(list.items).read(&self.context, id, page).await?;
        Ok(Listed { items, has_pages: has_pages.get() })
    }
}

/// The query of the link to the next page. The rest of the link is not used: it often has http or an internal host.
fn next_query(links: Option<Value>, subject: &str) -> Result<Option<String>, GatherError> {
    let invalid =
        || GatherError::protocol(format!("{subject}: the link to the next page is not valid"));
    let links: Vec<Link> = match links {
        None | Some(Value::Null) => return Ok(None),
        Some(links) => serde_json::from_value(links).map_err(|_| invalid())?,
    };
    let Some(next) = links.iter().find(|link| values::text(&link.rel) == Some("next")) else {
        return Ok(None);
    };
    let href = values::text(&next.href).ok_or_else(invalid)?;
    let (_, query) = href.split_once('?').ok_or_else(invalid)?;
    let query = query.split('#').next().unwrap_or_default();
    if query.is_empty() { Err(invalid()) } else { Ok(Some(query.to_owned())) }
}

/// A query with these parameters, whatever values it has for them.
fn query(query: Option<&str>, parameters: &[(&str, &str)]) -> Option<String> {
    let is_ours = |part: &&str| {
        let name = part.split('=').next();
        parameters.iter().any(|(own, _)| name == Some(own))
    };
    let others = query.into_iter().flat_map(|query| query.split('&')).filter(|part| !is_ours(part));
    let ours = parameters.iter().map(|(name, value)| format!("{name}={value}"));
    let parts: Vec<String> = ours.chain(others.map(str::to_owned)).collect();
    (!parts.is_empty()).then(|| parts.join("&"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_query_of_a_link_is_used() {
        let of = |links: Value| next_query(Some(links), "GET x");
        let next = |href: &str| json!([{"rel": "next", "href": href}]);
        let first = of(next("http://10.0.0.1:8774/v2.1/servers/detail?all_tenants=1&marker=m#x"));
        assert_eq!(first.expect("valid").as_deref(), Some("all_tenants=1&marker=m"));
        assert_eq!(of(next("?marker=m")).expect("valid").as_deref(), Some("marker=m"));
        assert_eq!(of(json!([])).expect("valid"), None);
        assert_eq!(of(json!([{"rel": "previous", "href": "?m"}])).expect("valid"), None);
        assert_eq!(of(Value::Null).expect("valid"), None);
        for links in [
            json!([{"rel": "next"}]),
            json!([{"rel": "next", "href": null}]),
            next("http://h/servers/detail"),
            next("http://h/servers/detail?"),
            json!("http://h/servers/detail?marker=m"),
            json!({"next": "?marker=m"}),
        ] {
            assert!(of(links.clone()).is_err(), "{links}");
        }
    }

    #[test]
    fn every_page_has_the_parameters_of_the_first() {
        let all = &[("all_tenants", "1")][..];
        assert_eq!(query(None, all).as_deref(), Some("all_tenants=1"));
        for link in [
            "marker=m",
            "all_tenants=True&marker=m",
            "marker=m&all_tenants=0",
            "all_tenants&marker=m",
        ] {
            assert_eq!(query(Some(link), all).as_deref(), Some("all_tenants=1&marker=m"), "{link}");
        }
        assert_eq!(query(None, &[]), None);
    }
}
