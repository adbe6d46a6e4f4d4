//! What a fake Nutanix installation has: clusters, hosts and guests. Each API's answers are rendered from it.

/// The GiB of sizes below.
const GIB: u64 = 1 << 30;

/// All objects of an installation. The first cluster is the one whose Prism Element is faked.
#[derive(Debug, Clone)]
pub struct NutanixInventory {
    /// The clusters, with that of Prism Central itself.
    pub clusters: Vec<NutanixCluster>,
    /// The hosts of all clusters. Prism Central has none.
    pub hosts: Vec<NutanixHost>,
    /// The guests. Templates are not guests in Nutanix: they have a list of their own.
    pub guests: Vec<NutanixGuest>,
}

/// A cluster that is registered with Prism Central, or that of Prism Central itself.
#[derive(Debug, Clone)]
pub struct NutanixCluster {
    /// `extId` in v4, `uuid` in v2 and v3.
    pub id: String,
    /// Prism Central itself is called "Unnamed".
    pub name: String,
    /// The hypervisor of its hosts. `None`: it is Prism Central itself.
    pub hypervisor: Option<NutanixHypervisor>,
    /// Whether Prism Central can reach it.
    pub is_available: bool,
}

/// The hypervisor of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NutanixHypervisor {
    /// Nutanix's own.
    Ahv,
    /// VMware ESXi, whose VMs have another list in v4.
    Esxi,
}

/// A host, which is a node of a cluster.
#[derive(Debug, Clone)]
pub struct NutanixHost {
    /// `extId` in v4, `uuid` in v2 and v3.
    pub id: String,
    /// The host's name.
    pub name: String,
    /// The id of its cluster.
    pub cluster: String,
    /// `AHV 10.0.1` or, in older releases, `Nutanix 20220304.480`.
    pub hypervisor_full_name: String,
    /// The last part of its addresses.
    pub number: u8,
    /// The CPU model.
    pub cpu_model: String,
    /// The number of CPU sockets.
    pub cpu_sockets: u32,
    /// The number of CPU cores of all sockets.
    pub cpu_cores: u32,
    /// The number of CPU threads of all sockets.
    pub cpu_threads: u32,
    /// The frequency of one core in Hz.
    pub cpu_hz: u64,
    /// The memory in bytes, a multiple of 1 MiB.
    pub memory_bytes: u64,
    /// Whether it is connected: v4 says `acropolisConnectionState`.
    pub is_connected: bool,
    /// Whether it is in maintenance mode.
    pub is_in_maintenance: bool,
}

/// What kind of VM a guest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NutanixGuestKind {
    /// A VM of a user.
    Ordinary,
    /// A VM that an appliance runs on each host: `isAgentVm`.
    Agent,
    /// A host's controller VM. No list of VMs has it; v4.2 has a list for it.
    ControllerVm,
    /// The VM in which Prism Central runs. Only its description says so.
    PrismCentral,
}

/// The power state of a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NutanixPower {
    /// Running.
    On,
    /// Off. The guest is on no host.
    Off,
    /// Paused, on ESXi suspended.
    Paused,
    /// Unknown to Nutanix.
    Undetermined,
}

/// A VM.
#[derive(Debug, Clone)]
pub struct NutanixGuest {
    /// `extId` in v4, `uuid` in v2 and v3.
    pub id: String,
    /// Not unique.
    pub name: String,
    /// The id of its cluster.
    pub cluster: String,
    /// The id of its host. `None` if it is off.
    pub host: Option<String>,
    /// What kind of VM it is.
    pub kind: NutanixGuestKind,
    /// Its power state.
    pub power: NutanixPower,
    /// The number of virtual sockets.
    pub sockets: u32,
    /// The number of cores of each socket.
    pub cores_per_socket: u32,
    /// The number of threads of each core.
    pub threads_per_core: u32,
    /// The memory in bytes, a multiple of 1 MiB.
    pub memory_bytes: u64,
    /// The user's description.
    pub description: Option<String>,
    /// The sizes of its disks in bytes.
    pub disk_bytes: Vec<u64>,
    /// Whether it has a CD-ROM drive, which is no disk.
    pub has_cdrom: bool,
    /// Its network interfaces.
    pub nics: Vec<NutanixNic>,
}

/// A network interface of a guest.
#[derive(Debug, Clone)]
pub struct NutanixNic {
    /// The MAC address.
    pub mac: String,
    /// The addresses, of which v4 says which were configured and which were learned.
    pub addresses: Vec<String>,
    /// The id of its subnet.
    pub subnet: String,
    /// The name of its subnet, which only v3 and ESXi have beside the interface.
    pub subnet_name: String,
}

impl NutanixGuest {
    /// The number of virtual CPUs, of which Nutanix counts cores and not threads.
    pub fn cpus(&self) -> u32 {
        self.sockets * self.cores_per_socket
    }
}

impl NutanixInventory {
    /// The hypervisor of a cluster.
    pub fn hypervisor(&self, cluster: &str) -> Option<NutanixHypervisor> {
        self.clusters.iter().find(|known| known.id == cluster)?.hypervisor
    }

    /// The guests of clusters with this hypervisor, without controller VMs: those that a list of VMs has.
    pub fn listed_guests(&self, hypervisor: NutanixHypervisor) -> Vec<&NutanixGuest> {
        let is_listed = |guest: &&NutanixGuest| {
            guest.kind != NutanixGuestKind::ControllerVm
                && self.hypervisor(&guest.cluster) == Some(hypervisor)
        };
        self.guests.iter().filter(is_listed).collect()
    }

    /// How many guests a host runs, with its controller VM.
    pub fn guests_on(&self, host: &str) -> usize {
        self.guests.iter().filter(|guest| guest.host.as_deref() == Some(host)).count()
    }

    /// Two clusters with three hosts, Prism Central itself, and one guest of each kind.
    pub fn sample() -> Self {
        let kestrel = id('c', 1);
        let osprey = id('c', 2);
        let cluster = |id: &str, name: &str, hypervisor| NutanixCluster {
            id: id.to_owned(),
            name: name.to_owned(),
            hypervisor,
            is_available: true,
        };
        let host = |number: u8, name: &str, cluster: &str, full_name: &str| NutanixHost {
            id: id('b', number.into()),
            name: name.to_owned(),
            cluster: cluster.to_owned(),
            hypervisor_full_name: full_name.to_owned(),
            number,
            cpu_model: "Intel(R) Xeon(R) Silver 4314 CPU @ 2.40GHz".to_owned(),
            cpu_sockets: 2,
            cpu_cores: 32,
            cpu_threads: 64,
            cpu_hz: 2_400_000_000,
            memory_bytes: 512 * GIB,
            is_connected: true,
            is_in_maintenance: false,
        };
        let mut guests = vec![
            guest(1, "web", &kestrel, Some(1)),
            guest(2, "database", &kestrel, Some(2)),
            guest(3, "mail", &kestrel, None),
            guest(4, "web", &kestrel, None),
            guest(5, "flow-agent", &kestrel, Some(1)),
            guest(6, "prism-central", &kestrel, Some(2)),
            guest(7, "paused", &kestrel, Some(1)),
            guest(8, "payroll", &osprey, Some(3)),
            guest(9, "archive", &osprey, None),
        ];
        guests[1].cores_per_socket = 4;
        guests[1].threads_per_core = 2;
        guests[1].memory_bytes = 64 * GIB;
        guests[1].disk_bytes = vec![40 * GIB, 800 * GIB];
        guests[3].nics.clear();
        guests[4].kind = NutanixGuestKind::Agent;
        guests[5].kind = NutanixGuestKind::PrismCentral;
        guests[5].description = Some("NutanixPrismCentral".to_owned());
        guests[6].power = NutanixPower::Paused;
        for number in 1..=3 {
            let cluster = if number == 3 { &osprey } else { &kestrel };
            let name = format!("NTNX-OURS{number}-CVM");
            let mut cvm = guest(100 + number, &name, cluster, Some(number));
            cvm.kind = NutanixGuestKind::ControllerVm;
            guests.push(cvm);
        }
        Self {
            clusters: vec![
                cluster(&kestrel, "kestrel", Some(NutanixHypervisor::Ahv)),
                cluster(&osprey, "osprey", Some(NutanixHypervisor::Esxi)),
                cluster(&id('c', 9), "Unnamed", None),
            ],
            hosts: vec![
                host(1, "kestrel-1", &kestrel, "AHV 10.0.1"),
                host(2, "kestrel-2", &kestrel, "Nutanix 20220304.480"),
                host(3, "osprey-1", &osprey, "VMware ESXi 8.0.3-24022510"),
            ],
            guests,
        }
    }

    /// An AHV cluster with two hosts and this number of guests, every fourth of which is off. Prism Central itself is
    /// not a guest.
    pub fn of_size(guests: u32) -> Self {
        let mut inventory = Self::sample();
        inventory.clusters.remove(1);
        inventory.hosts.truncate(2);
        let kestrel = inventory.clusters[0].id.clone();
        let numbered = |number: u32| {
            let host = (!number.is_multiple_of(4)).then_some(number % 2 + 1);
            guest(1_000 + number, &format!("vm{number:05}"), &kestrel, host)
        };
        inventory.guests = (0..guests).map(numbered).collect();
        inventory
    }
}

/// A UUID of this kind of object.
fn id(kind: char, number: u32) -> String {
    format!("0d5c1e00-{kind}{kind}{kind}{kind}-4000-8000-{number:012x}")
}

/// A guest with two CPUs, 4 GiB, a disk and an interface, on the host with this number.
fn guest(number: u32, name: &str, cluster: &str, host: Option<u32>) -> NutanixGuest {
    let [_, _, high, low] = number.to_be_bytes();
    NutanixGuest {
        id: id('a', number),
        name: name.to_owned(),
        cluster: cluster.to_owned(),
        host: host.map(|host| id('b', host)),
        kind: NutanixGuestKind::Ordinary,
        power: if host.is_some() { NutanixPower::On } else { NutanixPower::Off },
        sockets: 2,
        cores_per_socket: 1,
        threads_per_core: 1,
        memory_bytes: 4 * GIB,
        description: None,
        disk_bytes: vec![40 * GIB],
        has_cdrom: number.is_multiple_of(2),
        nics: vec![NutanixNic {
            mac: format!("50:6b:8d:00:{high:02x}:{low:02x}"),
            addresses: host.map(|_| format!("198.51.{high}.{low}")).into_iter().collect(),
            subnet: id('e', 1),
            subnet_name: "servers".to_owned(),
        }],
    }
}
