//! Strategies for inventories whose objects have all members, with texts that are hard to write as CSV.

use std::collections::BTreeMap;

use gatherer_plugin_api::model::{
    Address, CollectionStatus, Completeness, Condition, Container, Cpu, Disk, EndpointResult,
    EndpointStatus, Guest, GuestState, Host, HostImage, HostState, Hypervisor, Identifiers,
    ImageVolume, Interface, Location, Owner, Pod, PodHost, Provider, Software, Taint, Timestamp,
    Version,
};
use proptest::prelude::*;

/// Texts that are often equal, and those that a careless writer or reader of CSV damages.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => prop::sample::select(vec!["", "a", "b", " a ", "007", "1e3", "NULL", "=1+1", "@a", "-1"])
            .prop_map(String::from),
        2 => prop::sample::select(vec!["\"", "\"\"", ",", "\r", "\n", "\r\n", "a,\"b\"\r\nc", "\0", "é🐧\u{202e}"])
            .prop_map(String::from),
        1 => any::<String>(),
    ]
}

/// Texts, numbers and flags from which an object takes its members one after another.
#[derive(Debug)]
struct Source {
    texts: std::vec::IntoIter<Option<String>>,
    numbers: std::vec::IntoIter<Option<u32>>,
}

impl Source {
    fn strategy() -> impl Strategy<Value = Self> {
        let texts = prop::collection::vec(prop::option::of(text()), 60);
        let numbers = prop::collection::vec(prop::option::of(any::<u32>()), 12);
        (texts, numbers).prop_map(|(texts, numbers)| Self {
            texts: texts.into_iter(),
            numbers: numbers.into_iter(),
        })
    }

    fn text(&mut self) -> Option<String> {
        self.texts.next().expect("there are enough texts")
    }

    fn name(&mut self) -> String {
        self.text().unwrap_or_default()
    }

    fn map(&mut self) -> BTreeMap<String, String> {
        self.text().map(|key| (key, self.name())).into_iter().collect()
    }

    fn number(&mut self) -> Option<u32> {
        self.numbers.next().expect("there are enough numbers")
    }

    fn large(&mut self) -> Option<u64> {
        self.number().map(|number| u64::from(number) << 20)
    }

    fn flag(&mut self) -> bool {
        self.number().is_some()
    }

    fn time(&mut self) -> Option<Timestamp> {
        let second = i64::from(self.number()?);
        Some(Timestamp::from_second(second).expect("in range"))
    }

    fn location(&mut self) -> Location {
        Location { datacenter: self.text(), cluster: self.text(), folder: self.text() }
    }

    fn addresses(&mut self) -> Vec<Address> {
        let kind = self.text();
        self.text().map(|address| Address { kind, address }).into_iter().collect()
    }

    fn host(&mut self, guests: Vec<Guest>) -> Host {
        let mut host = Host::new(self.name(), self.name());
        host.short_name = self.text();
        host.hypervisor = self.text().map(|kind| Hypervisor { kind, version: self.text() });
        host.software = self.text().map(|name| Software { name, version: self.text() });
        host.os = self.text().map(|name| Version { name: Some(name), version: self.text() });
        host.identifiers.uuid = self.text();
        host.identifiers.other = self.map();
        host.state = self.flag().then_some(HostState::Maintenance);
        host.source_state = self.text();
        host.cpu = Cpu {
            architecture: self.text(),
            vendor: self.text(),
            model: self.text(),
            frequency_mhz: self.number().map(Into::into),
            sockets: self.number(),
            cores: self.number(),
            threads: self.number(),
            millicores: self.large(),
        };
        host.memory_bytes = self.large();
        host.addresses = self.addresses();
        host.location = self.location();
        host.provider = self.text().map(|name| Provider {
            name,
            instance_id: self.text(),
            region: self.text(),
            zone: self.text(),
        });
        host.labels = self.map();
        let taint = self.text().map(|key| Taint { key, value: self.text(), effect: self.name() });
        host.taints.extend(taint);
        host.roles.extend(self.text());
        host.conditions.extend(self.text().map(|kind| Condition {
            kind,
            status: self.name(),
            reason: self.text(),
            message: self.text(),
            last_transition_time: None,
        }));
        (host.capacity, host.allocatable, host.versions) = (self.map(), self.map(), self.map());
        let image = self.text().map(|name| HostImage { names: vec![name] });
        host.images.extend(image);
        host.created_at = self.time();
        host.synthetic = self.flag();
        host.represented_by = self.text();
        host.guests = guests;
        host
    }

    fn guest(&mut self) -> Guest {
        Guest {
            id: self.text(),
            name: self.name(),
            uuid: self.text(),
            identifiers: Identifiers { managed_object: self.text(), ..Default::default() },
            state: self.flag().then_some(GuestState::ShuttingDown),
            source_state: self.text(),
            cpus: self.number(),
            desired_cpus: self.number(),
            memory_bytes: self.large(),
            desired_memory_bytes: self.large(),
            addresses: self.addresses(),
            interfaces: vec![Interface {
                mac: self.text(),
                network: self.text(),
                addresses: vec![],
            }],
            disks: vec![Disk { name: self.text(), capacity_bytes: self.large() }],
            architecture: self.text(),
            os: self.text().map(|name| Version { name: Some(name), version: self.text() }),
            host_name: self.text(),
            location: self.location(),
            labels: self.map(),
            template: self.flag(),
            agent: self.flag(),
            created_at: self.time(),
            attributes: self.map(),
        }
    }

    fn pod(&mut self) -> Pod {
        let mut owner = || Owner { kind: self.name(), name: self.name(), uid: self.name() };
        let (controller, created_by) = (owner(), owner());
        Pod {
            namespace: self.name(),
            name: self.name(),
            uid: self.name(),
            phase: self.text(),
            host: self.text().map(|name| PodHost { id: self.text(), name }),
            pod_ips: self.text().into_iter().collect(),
            host_ips: self.text().into_iter().collect(),
            service_account: self.text(),
            labels: self.map(),
            created_at: self.time(),
            deletion_timestamp: self.time(),
            controller: self.flag().then_some(controller),
            owners: vec![created_by],
            bare: self.flag(),
            is_static: self.flag(),
            containers: vec![Container {
                name: self.name(),
                image: self.text(),
                ..Default::default()
            }],
            image_volumes: vec![ImageVolume { name: self.name(), ..Default::default() }],
        }
    }
}

fn guests() -> impl Strategy<Value = Vec<Guest>> {
    prop::collection::vec(Source::strategy().prop_map(|mut source| source.guest()), 0..3)
}

/// A complete endpoint.
pub fn endpoint() -> impl Strategy<Value = EndpointResult> {
    let host = (Source::strategy(), guests()).prop_map(|(mut source, guests)| source.host(guests));
    let hosts = prop::collection::vec(host, 0..3);
    let pod = Source::strategy().prop_map(|mut source| source.pod());
    let pods = prop::collection::vec(pod, 0..3);
    (text(), hosts, guests(), pods).prop_map(|(id, hosts, detached_guests, pods)| {
        let mut endpoint = EndpointResult::new(id, None, None);
        endpoint.status = EndpointStatus::Complete;
        (endpoint.hosts, endpoint.detached_guests) = (hosts, detached_guests);
        endpoint.workloads.pods = pods;
        let complete = CollectionStatus { status: Completeness::Complete, error: None };
        endpoint.collections.insert("pods".to_owned(), complete);
        endpoint
    })
}
