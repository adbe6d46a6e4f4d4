//! The physical hosts of nodes: what a node runs on in the end, by the links of an inventory.

use std::collections::{BTreeMap, BTreeSet};

use gatherer_plugin_api::model::{Link, LinkKind, LinkedObject, ObjectKind, PodHost};
use schemars::JsonSchema;
use serde::Serialize;

/// A host of another endpoint on which the host of a pod runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct PhysicalHost {
    /// The id of its endpoint.
    pub endpoint: String,
    /// The `id` of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The host's name.
    pub name: String,
}

/// On which hosts each host runs.
#[derive(Debug, Default)]
pub struct PhysicalHosts<'a>(BTreeMap<&'a LinkedObject, Vec<&'a LinkedObject>>);

impl<'a> PhysicalHosts<'a> {
    /// From all links of an inventory.
    pub fn new(links: &'a [Link]) -> Self {
        let mut hosts = BTreeMap::<_, Vec<_>>::new();
        for link in links.iter().filter(|link| link.kind == LinkKind::RunsOn) {
            hosts.entry(&link.from).or_default().push(&link.to);
        }
        Self(hosts)
    }

    /// The hosts on which the host of a pod runs and that run on no other host themselves, sorted. Several endpoints can
    /// know the same physical host. None if nothing is known about it.
    pub fn of(&self, endpoint: &str, host: Option<&PodHost>) -> Vec<PhysicalHost> {
        let Some(host) = host.filter(|_| !self.0.is_empty()) else { return Vec::new() };
        let node = LinkedObject {
            endpoint: endpoint.to_owned(),
            kind: ObjectKind::Host,
            id: host.id.clone(),
            name: host.name.clone(),
        };
        let mut seen = BTreeSet::new();
        let mut found = BTreeSet::new();
        let mut next: Vec<&LinkedObject> =
            self.0.get(&node).into_iter().flatten().copied().collect();
        while let Some(host) = next.pop() {
            // Wrong identifiers can make a circle.
            if !seen.insert(host) {
                continue;
            }
            match self.0.get(host) {
                Some(below) => next.extend(below),
                None => {
                    found.insert(PhysicalHost {
                        endpoint: host.endpoint.clone(),
                        id: host.id.clone(),
                        name: host.name.clone(),
                    });
                }
            }
        }
        found.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::model::{Evidence, EvidenceKind, Link, LinkKind, PodHost};

    use super::{LinkedObject, ObjectKind, PhysicalHosts};

    fn object(endpoint: &str, name: &str) -> LinkedObject {
        let id = Some(format!("id-{name}"));
        LinkedObject { endpoint: endpoint.into(), kind: ObjectKind::Host, id, name: name.into() }
    }

    fn link(from: LinkedObject, kind: LinkKind, to: LinkedObject) -> Link {
        let evidence = Evidence { by: EvidenceKind::Uuid, value: "u".into() };
        Link { from, kind, to, evidence }
    }

    fn names(links: &[Link], node: &str) -> Vec<String> {
        let host = PodHost { id: Some(format!("id-{node}")), name: node.into() };
        let hosts = PhysicalHosts::new(links).of("k8s", Some(&host));
        hosts.into_iter().map(|host| format!("{}/{}", host.endpoint, host.name)).collect()
    }

    #[test]
    fn follows_links_to_the_last_hosts() {
        let links = [
            link(object("k8s", "n1"), LinkKind::RunsOn, object("vc", "inner")),
            link(object("k8s", "n1"), LinkKind::RunsOn, object("nova", "kvm1")),
            link(object("vc", "inner"), LinkKind::RunsOn, object("vc", "outer")),
            link(object("k8s", "n2"), LinkKind::Same, object("kvm", "metal")),
        ];
        assert_eq!(names(&links, "n1"), ["nova/kvm1", "vc/outer"]);
        assert_eq!(names(&links, "n2"), [""; 0]);
        assert_eq!(names(&links, "n3"), [""; 0]);
        assert_eq!(PhysicalHosts::new(&links).of("k8s", None), []);
    }

    #[test]
    fn ends_in_a_circle() {
        let links = [
            link(object("k8s", "n1"), LinkKind::RunsOn, object("a", "h")),
            link(object("a", "h"), LinkKind::RunsOn, object("k8s", "n1")),
        ];
        assert_eq!(names(&links, "n1"), [""; 0]);
    }
}
