//! What a fake pool of Xen hosts has.

/// The hosts of a pool and its virtual machines.
#[derive(Debug, Clone)]
pub struct XapiInventory {
    /// The pool's name. It is empty for a host on its own.
    pub pool_name: String,
    /// The hosts. The first one is the coordinator.
    pub hosts: Vec<XapiHost>,
    /// The virtual machines without control domains, of which each host has one.
    pub vms: Vec<XapiVm>,
}

/// A host.
#[derive(Debug, Clone)]
pub struct XapiHost {
    /// The UUID.
    pub uuid: String,
    /// The name.
    pub name: String,
    /// Whether the coordinator reaches it.
    pub is_live: bool,
    /// Whether it accepts virtual machines.
    pub is_enabled: bool,
    /// The memory in bytes.
    pub memory_bytes: u64,
}

/// What kind of object a record of class VM is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XapiVmKind {
    /// A virtual machine.
    Guest,
    /// A template of a user.
    Template,
    /// A template of the product.
    DefaultTemplate,
    /// A snapshot, which is a template too.
    Snapshot,
}

/// A record of class VM.
#[derive(Debug, Clone)]
pub struct XapiVm {
    /// The UUID.
    pub uuid: String,
    /// Not unique.
    pub name: String,
    /// What it is.
    pub kind: XapiVmKind,
    /// The index of its host. `None` if it is not running.
    pub host: Option<usize>,
    /// `Halted`, `Paused`, `Running` or `Suspended`.
    pub power_state: &'static str,
    /// The number of CPUs with which it starts.
    pub startup_cpus: u32,
    /// The number of CPUs that it has while it runs.
    pub current_cpus: u32,
    /// The largest amount of memory in bytes.
    pub memory_bytes: u64,
    /// The sizes of its disks in bytes.
    pub disk_bytes: Vec<u64>,
    /// Its network interfaces.
    pub interfaces: Vec<XapiInterface>,
    /// What the tools in the guest report, by name. Empty: there are no tools.
    pub os_version: Vec<(&'static str, &'static str)>,
    /// Its tags.
    pub tags: Vec<String>,
}

/// A network interface of a guest, on the network `servers`.
#[derive(Debug, Clone)]
pub struct XapiInterface {
    /// The MAC address.
    pub mac: String,
    /// The addresses that the tools in the guest report.
    pub addresses: Vec<String>,
}

impl XapiInventory {
    /// Three hosts, one of which is lost, and a virtual machine in each state.
    pub fn sample() -> Self {
        let host = |number: u32, name: &str| XapiHost {
            uuid: uuid('b', number),
            name: name.to_owned(),
            is_live: true,
            is_enabled: true,
            memory_bytes: 256 << 30,
        };
        let mut hosts = vec![host(1, "xcp1"), host(2, "xcp2"), host(3, "xcp3")];
        hosts[1].is_enabled = false;
        hosts[2].is_live = false;
        let mut vms = vec![
            vm(1, "web", Some(0), "Running"),
            vm(2, "database", Some(1), "Running"),
            vm(3, "paused", Some(1), "Paused"),
            vm(4, "suspended", None, "Suspended"),
            vm(5, "mail", None, "Halted"),
            vm(6, "mail", None, "Halted"),
            vm(7, "lost", Some(2), "Running"),
            vm(8, "golden image", None, "Halted"),
            vm(9, "Debian Bookworm 12", None, "Halted"),
            vm(10, "web before the update", None, "Halted"),
        ];
        vms[1].current_cpus = 4;
        vms[1].disk_bytes = vec![40 << 30, 800 << 30];
        vms[1].tags = vec!["production".to_owned(), "backup".to_owned()];
        vms[1].os_version = vec![
            ("name", r"Microsoft Windows Server 2022 Standard|C:\Windows|\Device\Harddisk0"),
            ("distro", "windows"),
            ("major", "10"),
            ("minor", "0"),
        ];
        vms[2].interfaces.clear();
        vms[2].os_version.clear();
        vms[7].kind = XapiVmKind::Template;
        vms[8].kind = XapiVmKind::DefaultTemplate;
        vms[8].disk_bytes.clear();
        vms[8].interfaces.clear();
        vms[9].kind = XapiVmKind::Snapshot;
        Self { pool_name: "lab".to_owned(), hosts, vms }
    }

    /// Two hosts and this number of virtual machines, every fourth of which is halted.
    pub fn of_size(vms: u32) -> Self {
        let mut inventory = Self::sample();
        inventory.hosts.truncate(2);
        let numbered = |number: u32| {
            let host = (!number.is_multiple_of(4)).then_some(number as usize % 2);
            let power_state = if host.is_some() { "Running" } else { "Halted" };
            vm(1_000 + number, &format!("vm{number:05}"), host, power_state)
        };
        inventory.vms = (0..vms).map(numbered).collect();
        inventory
    }

    /// The virtual machines that are guests, including templates.
    pub fn guests(&self) -> impl Iterator<Item = &XapiVm> {
        self.vms.iter().filter(|vm| vm.kind != XapiVmKind::Snapshot)
    }
}

impl XapiVm {
    /// The number of CPUs: the current one if it runs or is paused.
    pub fn cpus(&self) -> u32 {
        if self.host.is_some() { self.current_cpus } else { self.startup_cpus }
    }
}

/// A UUID of this kind of object.
pub(super) fn uuid(kind: char, number: u32) -> String {
    format!("4ae51f00-{kind}{kind}{kind}{kind}-4000-8000-{number:012x}")
}

fn vm(number: u32, name: &str, host: Option<usize>, power_state: &'static str) -> XapiVm {
    let [_, _, high, low] = number.to_be_bytes();
    let addresses = match host {
        Some(_) => vec![format!("198.51.{high}.{low}"), format!("2001:db8::{number:x}")],
        None => Vec::new(),
    };
    XapiVm {
        uuid: uuid('a', number),
        name: name.to_owned(),
        kind: XapiVmKind::Guest,
        host,
        power_state,
        startup_cpus: 2,
        current_cpus: 2,
        memory_bytes: 4 << 30,
        disk_bytes: vec![40 << 30],
        interfaces: vec![XapiInterface {
            mac: format!("5A:21:00:00:{high:02X}:{low:02X}"),
            addresses,
        }],
        os_version: match host {
            Some(_) => vec![
                ("name", "SUSE Linux Enterprise Server 15 SP6"),
                ("distro", "sles"),
                ("major", "15"),
                ("minor", "6"),
                ("uname", "6.4.0-150600.23-default"),
            ],
            None => Vec::new(),
        },
        tags: Vec::new(),
    }
}
