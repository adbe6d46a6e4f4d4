//! The format `inventory`: the versioned document itself, in UTF-8, sorted.

use gatherer_plugin_api::model::{Guest, Host, Inventory};
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

use super::Rendered;

/// Renders the document; nothing of it has to be changed.
pub fn render(inventory: &Inventory) -> Rendered {
    let mut inventory = inventory.clone();
    for endpoint in &mut inventory.endpoints {
        for host in &mut endpoint.hosts {
            host.guests.sort_by_cached_key(guest_order);
        }
        endpoint.hosts.sort_by_cached_key(host_order);
        endpoint.warnings.sort();
    }
    inventory.endpoints.sort_by_cached_key(|endpoint| (endpoint.id.clone(), line(endpoint)));

    let mut bytes = Vec::new();
    let layout = PrettyFormatter::with_indent(b"    ");
    inventory
        .serialize(&mut Serializer::with_formatter(&mut bytes, layout))
        .expect("a vector takes every byte, and every key is a string");
    bytes.push(b'\n');
    let text = String::from_utf8(bytes).expect("the writer emits UTF-8 alone");
    Rendered { text, notes: Vec::new() }
}

fn host_order(host: &Host) -> (String, String, String) {
    (host.id.clone(), host.name.clone(), line(host))
}

fn guest_order(guest: &Guest) -> (Option<String>, String, String) {
    (guest.id.clone(), guest.name.clone(), line(guest))
}

/// What orders two objects of one id and name: their JSON, in which equal ones are equal.
fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("every key of the model is a string")
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::model::{
        EndpointResult, EndpointStatus, Guest, Host, Inventory, SCHEMA_VERSION, Software,
    };

    use super::render;

    fn inventory(hosts: Vec<Host>) -> Inventory {
        Inventory {
            schema_version: SCHEMA_VERSION.into(),
            generator: Software { name: "virtual-host-gatherer".into(), version: None },
            run: None,
            endpoints: vec![EndpointResult {
                id: "e".into(),
                module: Some("File".into()),
                plugin: None,
                status: EndpointStatus::Complete,
                error: None,
                hosts,
                collections: std::collections::BTreeMap::new(),
                warnings: Vec::new(),
                run: None,
            }],
        }
    }

    #[test]
    fn the_document_reads_back_as_itself_and_stays_utf8() {
        let mut host = Host::new("1", "kvm-ä");
        host.guests = vec![Guest::new("g", "web")];
        let inventory = inventory(vec![host]);
        let text = render(&inventory).text;
        assert!(text.contains("kvm-ä") && text.ends_with("}\n") && !text.ends_with("\n\n"));
        assert_eq!(serde_json::from_str::<Inventory>(&text).expect("own output"), inventory);
    }

    #[test]
    fn the_order_of_hosts_and_guests_does_not_matter() {
        let mut one = Host::new("1", "a");
        one.guests = vec![Guest::new("g1", "web"), Guest::new("g0", "web")];
        let two = Host::new("1", "b");
        let forth = render(&inventory(vec![one.clone(), two.clone()])).text;
        one.guests.reverse();
        assert_eq!(forth, render(&inventory(vec![two, one])).text);
    }
}
