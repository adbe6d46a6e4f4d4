//! The synthetic hosts that represent other hosts of their endpoint, which a Manager does not get.

use std::collections::BTreeMap;

use gatherer_plugin_api::model::{Guest, Host};

/// The hosts of an endpoint, of which some represent others.
pub struct Representatives<'a> {
    /// The position of each synthetic host, by id. `None` if several have the id.
    positions: BTreeMap<&'a str, Option<usize>>,
    /// The guests of the hosts that the host at this position represents.
    guests: BTreeMap<usize, Vec<&'a Guest>>,
}

impl<'a> Representatives<'a> {
    /// Finds the host that represents each of these hosts.
    pub fn of(hosts: &'a [Host]) -> Self {
        let mut positions = BTreeMap::new();
        for (position, host) in hosts.iter().enumerate().filter(|(_, host)| host.synthetic) {
            let only = |entry: &mut Option<usize>| *entry = None;
            positions.entry(host.id.as_str()).and_modify(only).or_insert(Some(position));
        }
        let mut all = Self { positions, guests: BTreeMap::new() };
        for host in hosts {
            if let Some(position) = all.of_host(host) {
                all.guests.entry(position).or_default().extend(&host.guests);
            }
        }
        all
    }

    /// The position of the host that represents this one, if one does.
    pub fn of_host(&self, host: &Host) -> Option<usize> {
        let representative = host.represented_by.as_deref().filter(|_| !host.synthetic)?;
        *self.positions.get(representative)?
    }

    /// All guests that are listed under the host at this position: its own, and those of the hosts that it represents.
    pub fn guests(&self, position: usize, host: &'a Host) -> Vec<&'a Guest> {
        let others = self.guests.get(&position).into_iter().flatten().copied();
        host.guests.iter().chain(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::model::{Guest, Host};
    use serde_json::{Value, json};

    use super::super::gatherer_tests::printed;

    fn host(id: &str, guest: &str) -> Host {
        let mut host = Host::new(id, id);
        host.cpu.architecture = Some("x86_64".into());
        host.guests = vec![Guest::new(guest, guest)];
        host
    }

    fn pseudo_host(id: &str, guest: &str) -> Host {
        Host { synthetic: true, ..host(id, guest) }
    }

    fn represented(id: &str, guest: &str, by: &str) -> Host {
        Host { represented_by: Some(by.into()), ..host(id, guest) }
    }

    /// The guests of each host.
    fn guests(hosts: Vec<Host>) -> Value {
        let (hosts, _) = printed(hosts);
        let names = |host: &Value| {
            json!(host["vms"].as_object().expect("guests").keys().collect::<Vec<_>>())
        };
        hosts
            .as_object()
            .expect("hosts")
            .iter()
            .map(|(key, host)| (key.clone(), names(host)))
            .collect()
    }

    #[test]
    fn the_guests_of_a_represented_host_are_listed_once_under_the_other_host() {
        let hosts = vec![
            represented("h-1", "b", "cloud"),
            pseudo_host("cloud", "a"),
            host("h-2", "c"),
            represented("h-3", "d", "cloud"),
        ];
        assert_eq!(guests(hosts), json!({"cloud": ["a", "b", "d"], "h-2": ["c"]}));
    }

    #[test]
    fn a_host_is_listed_itself_if_no_single_synthetic_host_represents_it() {
        let missing = vec![represented("h-1", "a", "cloud")];
        assert_eq!(guests(missing), json!({"h-1": ["a"]}));
        let real = vec![represented("h-1", "a", "h-2"), host("h-2", "b")];
        assert_eq!(guests(real), json!({"h-1": ["a"], "h-2": ["b"]}));
        let mut twins = vec![represented("h-1", "a", "cloud")];
        twins.extend([pseudo_host("cloud", "b"), pseudo_host("cloud", "c")]);
        let twins = guests(twins);
        assert_eq!(twins["h-1"], json!(["a"]));
        assert_eq!(twins.as_object().map(serde_json::Map::len), Some(3), "{twins}");
    }

    #[test]
    fn a_synthetic_host_is_never_represented() {
        let mut one = pseudo_host("cloud", "a");
        one.represented_by = Some("cloud".into());
        assert_eq!(guests(vec![one]), json!({"cloud": ["a"]}));
    }
}
