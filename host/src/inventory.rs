//! The results put together: whole ones only, in an order that does not depend on who
//! answered first.

use gatherer_plugin_api::model::{
    EndpointResult, EndpointStatus, Guest, Inventory, RunInfo, SCHEMA_VERSION, Software,
};

/// Puts the results together. Without `run`, everything that differs from run to run is left
/// out.
pub fn assemble(mut endpoints: Vec<EndpointResult>, run: Option<RunInfo>) -> Inventory {
    for endpoint in &mut endpoints {
        if run.is_none() {
            endpoint.run = None;
        }
        if endpoint.status == EndpointStatus::Failed {
            endpoint.hosts.clear();
            endpoint.collections.clear();
        }
        for host in &mut endpoint.hosts {
            host.guests.sort_by(|a, b| guest_key(a).cmp(&guest_key(b)));
        }
        endpoint.hosts.sort_by_cached_key(|host| {
            // What is equal in all that one would look at is told apart by the rest.
            (host.id.clone(), host.name.clone(), serde_json::to_string(host).unwrap_or_default())
        });
        endpoint.warnings.sort();
        endpoint.warnings.dedup();
    }
    endpoints.sort_by(|a, b| (&a.id, &a.module).cmp(&(&b.id, &b.module)));
    Inventory {
        schema_version: SCHEMA_VERSION.to_owned(),
        generator: Software {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        },
        run,
        endpoints,
    }
}

fn guest_key(guest: &Guest) -> (Option<&str>, &str, Option<&str>, Option<&str>) {
    (guest.id.as_deref(), &guest.name, guest.uuid.as_deref(), guest.source_state.as_deref())
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::model::{EndpointResult, EndpointStatus, Guest, Host};

    use super::assemble;

    fn endpoint(id: &str, status: EndpointStatus, hosts: Vec<Host>) -> EndpointResult {
        EndpointResult { status, hosts, ..EndpointResult::new(id.into(), None, None) }
    }

    #[test]
    fn the_order_of_answers_does_not_show() {
        let mut host = Host::new("1", "a");
        host.guests = vec![Guest::new("2", "x"), Guest::new("1", "y"), Guest::new("1", "x")];
        let mut turned = host.clone();
        turned.guests.reverse();
        let other = Host::new("1", "b");
        let complete = EndpointStatus::Complete;
        let one = assemble(
            vec![
                endpoint("p", complete, vec![host, other.clone()]),
                endpoint("q", complete, vec![]),
            ],
            None,
        );
        let two = assemble(
            vec![endpoint("q", complete, vec![]), endpoint("p", complete, vec![other, turned])],
            None,
        );
        assert_eq!(one, two);
    }

    #[test]
    fn a_failed_endpoint_shows_no_host() {
        let failed = endpoint("p", EndpointStatus::Failed, vec![Host::new("1", "a")]);
        assert!(assemble(vec![failed], None).endpoints[0].hosts.is_empty());
    }
}
