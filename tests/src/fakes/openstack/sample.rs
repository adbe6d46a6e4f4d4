//! The inventories of a fake OpenStack that tests begin with.

use serde_json::json;

use super::inventory::{
    OpenstackDomain, OpenstackFlavor, OpenstackHypervisor, OpenstackInventory, OpenstackPlace,
    OpenstackPolicy, OpenstackPort, OpenstackProject, OpenstackServer, OpenstackUser,
};

/// The ids of the projects.
const ADMIN: u32 = 1;
const SHOP: u32 = 2;

impl OpenstackInventory {
    /// Two cells with two compute nodes each, one of them an ironic node, and a server in each state. The users are
    /// `admin` and `reader`; `operator` is an administrator in another domain.
    pub fn sample() -> Self {
        let hypervisors = vec![
            kvm(1, "compute1.example.com", "compute1", "cell1"),
            OpenstackHypervisor {
                is_enabled: false,
                ..kvm(2, "compute2.example.com", "compute2", "cell1")
            },
            OpenstackHypervisor {
                cpu_info: None,
                kind: "VMware vCenter Server".to_owned(),
                version: 7_000_003,
                vcpus: 96,
                memory_mb: 786_432,
                ..kvm(3, "domain-c7.6f1f4b3c", "vmware1", "cell2")
            },
            OpenstackHypervisor {
                cpu_info: None,
                kind: "ironic".to_owned(),
                version: 1,
                vcpus: 0,
                memory_mb: 0,
                ..kvm(4, &uuid('e', 4), "ironic1", "cell2")
            },
        ];
        let at = |number: usize| hypervisors.get(number);
        let small = flavor(1, "small", 2, 4096);
        let large = OpenstackFlavor { is_public: false, ..flavor(2, "large.private", 16, 65_536) };
        // It is not among the flavors any more.
        let deleted = flavor(3, "deleted", 4, 8192);
        let mut servers = vec![
            server(12, "web", ("BUILD", "building", 0), SHOP, None, &small),
            server(11, "broken", ("ERROR", "error", 0), SHOP, None, &small),
            server(10, "web", ("ACTIVE", "active", 1), SHOP, at(0), &small),
            server(9, "mail", ("SHUTOFF", "stopped", 4), SHOP, at(0), &small),
            server(8, "b\u{e4}ckup", ("PAUSED", "paused", 3), ADMIN, at(0), &deleted),
            server(7, "archive", ("SUSPENDED", "suspended", 7), ADMIN, at(1), &small),
            server(6, "database", ("ACTIVE", "active", 1), SHOP, at(1), &large),
            server(5, "resized", ("VERIFY_RESIZE", "resized", 1), SHOP, at(1), &large),
            server(4, "shelved", ("SHELVED_OFFLOADED", "shelved_offloaded", 4), SHOP, None, &small),
            server(3, "windows", ("ACTIVE", "active", 1), ADMIN, at(2), &small),
            server(2, "metal", ("ACTIVE", "active", 1), ADMIN, at(3), &large),
            server(1, "undeleted", ("SOFT_DELETED", "soft-delete", 4), SHOP, at(0), &small),
        ];
        servers[2].metadata = vec![("role".to_owned(), "frontend".to_owned())];
        servers[2].tags = vec!["production".to_owned(), "web".to_owned()];
        servers[2].ports.push(OpenstackPort {
            network: "storage".to_owned(),
            mac: "fa:16:3e:00:01:0a".to_owned(),
            fixed: vec!["192.0.2.10".to_owned()],
            floating: None,
        });
        servers[2].ports[0].floating = Some("203.0.113.10".to_owned());
        servers[6].image = None;
        servers[6].volumes = vec![uuid('d', 1), uuid('d', 2)];
        servers[8].cell = String::from("cell1");
        servers[11].is_soft_deleted = true;
        Self {
            users: users(),
            projects: vec![project(ADMIN, "admin"), project(SHOP, "shop")],
            hypervisors,
            flavors: vec![small, large],
            servers,
        }
    }

    /// One cell with this number of servers, 50 on each compute node.
    pub fn of_size(servers: usize) -> Self {
        let sample = Self::sample();
        let count = |number: usize| u32::try_from(number).expect("a small number");
        let hypervisors: Vec<_> = (1..=count(servers.div_ceil(50).max(1)))
            .map(|number| {
                let name = format!("compute{number}");
                kvm(number, &format!("{name}.example.com"), &name, "cell1")
            })
            .collect();
        let servers = (1..=servers).rev().map(|number| {
            let hypervisor = &hypervisors[(number - 1) / 50];
            let state =
                if number % 10 == 0 { ("SHUTOFF", "stopped", 4) } else { ("ACTIVE", "active", 1) };
            let flavor = &sample.flavors[number % 2];
            let name = format!("vm{number}");
            server(count(number), &name, state, SHOP, Some(hypervisor), flavor)
        });
        Self { servers: servers.collect(), hypervisors, ..sample }
    }
}

/// An id of a kind of object with this number.
pub(super) fn uuid(kind: char, number: u32) -> String {
    let kind = kind.to_string();
    format!("{}-0000-4000-8000-{number:012x}", kind.repeat(8))
}

/// The id of a project or a user, which has no dashes.
pub(super) fn hex_id(kind: char, number: u32) -> String {
    uuid(kind, number).replace('-', "")
}

fn domain(id: &str, name: &str) -> OpenstackDomain {
    OpenstackDomain { id: id.to_owned(), name: name.to_owned() }
}

fn project(number: u32, name: &str) -> OpenstackProject {
    let domain = domain("default", "Default");
    OpenstackProject { id: hex_id('b', number), name: name.to_owned(), domain }
}

fn users() -> Vec<OpenstackUser> {
    let user =
        |number: u32, name: &str, project: u32, policies: &[OpenstackPolicy]| OpenstackUser {
            id: hex_id('a', number),
            name: name.to_owned(),
            domain: domain("default", "Default"),
            password: "pa55-of-keystone".to_owned(),
            project: hex_id('b', project),
            application_credential: (hex_id('c', number), format!("secret-of-{name}")),
            policies: policies.to_vec(),
        };
    let operator = OpenstackUser {
        domain: domain(&hex_id('9', 1), "operations"),
        ..user(3, "operator", ADMIN, &OpenstackPolicy::ADMIN)
    };
    vec![user(1, "admin", ADMIN, &OpenstackPolicy::ADMIN), user(2, "reader", SHOP, &[]), operator]
}

/// A compute node with libvirt, whose topology counts the sockets of each of its two NUMA cells.
fn kvm(number: u32, name: &str, service: &str, cell: &str) -> OpenstackHypervisor {
    OpenstackHypervisor {
        number,
        uuid: uuid('e', number),
        name: name.to_owned(),
        service: service.to_owned(),
        cell: cell.to_owned(),
        kind: "QEMU".to_owned(),
        version: 8_002_002,
        cpu_info: Some(json!({
            "arch": "x86_64",
            "model": "Cascadelake-Server-noTSX",
            "vendor": "Intel",
            "features": ["vmx", "aes", "avx512f"],
            "topology": {"cells": 2, "sockets": 1, "cores": 16, "threads": 2},
        })),
        vcpus: 64,
        memory_mb: 515_584,
        is_up: true,
        is_enabled: true,
    }
}

fn flavor(number: u32, name: &str, vcpus: u32, ram_mb: u64) -> OpenstackFlavor {
    let id = uuid('f', number);
    OpenstackFlavor { id, name: name.to_owned(), vcpus, ram_mb, disk_gb: 20, is_public: true }
}

fn server(
    number: u32,
    name: &str,
    (status, vm_state, power_state): (&str, &str, u32),
    project: u32,
    hypervisor: Option<&OpenstackHypervisor>,
    flavor: &OpenstackFlavor,
) -> OpenstackServer {
    let host = hypervisor
        .map(|on| OpenstackPlace { hypervisor: on.name.clone(), service: on.service.clone() });
    let [high, low] = [number / 250, number % 250];
    // A server that is still built has no addresses.
    let ports = if status == "BUILD" {
        Vec::new()
    } else {
        vec![OpenstackPort {
            network: "private".to_owned(),
            mac: format!("fa:16:3e:00:{high:02x}:{low:02x}"),
            fixed: vec![format!("198.51.100.{low}"), format!("2001:db8::{number:x}")],
            floating: None,
        }]
    };
    OpenstackServer {
        id: uuid('1', number),
        name: name.to_owned(),
        project: hex_id('b', project),
        cell: hypervisor.map_or("cell0", |on| &on.cell).to_owned(),
        host,
        status: status.to_owned(),
        vm_state: vm_state.to_owned(),
        power_state,
        flavor: flavor.clone(),
        image: Some(uuid('2', 1)),
        created: format!("2026-{:02}-{:02}T08:00:00Z", number / 28 % 12 + 1, number % 28 + 1),
        metadata: Vec::new(),
        tags: Vec::new(),
        ports,
        volumes: Vec::new(),
        is_soft_deleted: false,
    }
}
