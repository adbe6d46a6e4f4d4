//! What the project of a fake Compute Engine has.

/// The zones, machine types and instances of a project.
#[derive(Debug, Clone)]
pub struct GceInventory {
    /// The project's id.
    pub project: String,
    /// The project's number, by which it can be named too.
    pub project_number: u64,
    /// The names of all zones, including those without instances.
    pub zones: Vec<String>,
    /// The machine types of every zone. Custom types are not listed: they exist by their names.
    pub machine_types: Vec<GceMachineType>,
    /// The instances.
    pub instances: Vec<GceInstance>,
}

/// A machine type.
#[derive(Debug, Clone)]
pub struct GceMachineType {
    /// The name.
    pub name: String,
    /// The number of CPUs.
    pub cpus: u32,
    /// The memory in MiB.
    pub memory_mb: u64,
    /// `X86_64` or `ARM64`. `None` for types that are older than the member.
    pub architecture: Option<&'static str>,
    /// Whether its CPUs are shared.
    pub is_shared: bool,
    /// Whether it is deprecated.
    pub is_deprecated: bool,
}

/// An instance.
#[derive(Debug, Clone)]
pub struct GceInstance {
    /// The id. It can be larger than any signed number.
    pub id: u64,
    /// Unique in its zone only.
    pub name: String,
    /// The name of its zone.
    pub zone: String,
    /// The name of its machine type, which may no longer exist.
    pub machine_type: String,
    /// One of [`GceInventory::STATUSES`].
    pub status: &'static str,
    /// When it was created, with an offset as the service has it.
    pub created: &'static str,
    /// The description, which may be empty.
    pub description: &'static str,
    /// The labels.
    pub labels: Vec<(&'static str, &'static str)>,
    /// The network tags.
    pub tags: Vec<&'static str>,
    /// A host name of the owner's choice.
    pub hostname: Option<&'static str>,
    /// The network interfaces.
    pub interfaces: Vec<GceInterface>,
    /// The disks. The first one is the boot disk.
    pub disks: Vec<GceDisk>,
}

/// A network interface. The service does not say its MAC address.
#[derive(Debug, Clone)]
pub struct GceInterface {
    /// The name of its network.
    pub network: &'static str,
    /// The internal IPv4 address.
    pub address: Option<String>,
    /// The external IPv4 address.
    pub external_address: Option<String>,
    /// The internal IPv6 address.
    pub ipv6_address: Option<String>,
    /// The external IPv6 address.
    pub external_ipv6_address: Option<String>,
}

/// A disk.
#[derive(Debug, Clone)]
pub struct GceDisk {
    /// The name of the disk at the service. `None` for a local SSD.
    pub name: Option<String>,
    /// The name of the device in the instance.
    pub device: String,
    /// The size in GB, which are GiB. Older answers do not have it.
    pub size_gb: Option<u64>,
    /// The paths of the licenses of its image, as `PROJECT/global/licenses/NAME`.
    pub licenses: Vec<&'static str>,
}

impl GceInventory {
    /// All states of an instance.
    pub const STATUSES: [&str; 12] = [
        "RUNNING",
        "TERMINATED",
        "SUSPENDED",
        "STOPPED",
        "STOPPING",
        "SUSPENDING",
        "PROVISIONING",
        "STAGING",
        "REPAIRING",
        "DEPROVISIONING",
        "PENDING",
        "PENDING_STOP",
    ];

    /// Five zones, two of which are empty, and an instance in each state.
    pub fn sample() -> Self {
        let mut instances: Vec<_> = (1..).zip(Self::STATUSES).map(sample_instance).collect();
        // The largest id, and one that no floating-point number has.
        instances[0].id = u64::MAX;
        instances[1].id = 9_007_199_254_740_993;
        instances[0].hostname = Some("web.example.com");
        instances[0].labels = vec![("environment", "production"), ("team", "")];
        instances[0].tags = vec!["http-server", "https-server"];
        instances[0].disks.push(GceDisk {
            name: Some("web-data".to_owned()),
            device: "data".to_owned(),
            size_gb: Some(800),
            licenses: Vec::new(),
        });
        instances[0].disks.push(GceDisk {
            name: None,
            device: "local-ssd-0".to_owned(),
            size_gb: Some(375),
            licenses: Vec::new(),
        });
        instances[0].interfaces.push(GceInterface {
            network: "backend",
            address: Some("10.20.0.1".to_owned()),
            external_address: None,
            ipv6_address: Some("fd20:0:0:1::".to_owned()),
            external_ipv6_address: Some("2001:db8:0:1::".to_owned()),
        });
        // The same name in two zones.
        "web".clone_into(&mut instances[1].name);
        instances[2].disks[0].licenses =
            vec!["windows-cloud/global/licenses/windows-server-2022-dc"];
        instances[2].description = "Files of the finance department";
        instances[3].disks[0].size_gb = None;
        instances[3].disks[0].licenses =
            vec!["suse-cloud/global/licenses/sles-15", "suse-cloud/global/licenses/sles-15-ltss"];
        instances[6].interfaces[0].address = None;
        instances[6].interfaces[0].external_address = None;
        Self {
            project: "example-project".to_owned(),
            project_number: 123_456_789_012,
            zones: [
                "asia-east1-a",
                "europe-west1-b",
                "europe-west1-c",
                "us-central1-a",
                "us-central1-f",
            ]
            .map(str::to_owned)
            .to_vec(),
            machine_types: machine_types(),
            instances,
        }
    }

    /// This number of instances in three zones, every fourth of which is off.
    pub fn of_size(instances: u32) -> Self {
        let mut inventory = Self::sample();
        let types = ["e2-medium", "n1-standard-1", "n2-custom-4-16384", "t2a-standard-4"];
        inventory.instances = (0..instances)
            .map(|number| {
                let status = if number.is_multiple_of(4) { "TERMINATED" } else { "RUNNING" };
                let zone = &inventory.zones[1 + number as usize % 3];
                let name = format!("vm-{number:05}");
                instance(10_000 + number, &name, zone, types[number as usize % 4], status)
            })
            .collect();
        inventory
    }

    /// The instances of a zone.
    pub fn instances_of(&self, zone: &str) -> impl Iterator<Item = &GceInstance> {
        self.instances.iter().filter(move |instance| instance.zone == zone)
    }

    /// The machine type of this name: a listed one, or a custom one with numbers that are allowed.
    pub fn machine_type(&self, name: &str) -> Option<GceMachineType> {
        let listed = self.machine_types.iter().find(|known| known.name == name);
        listed.cloned().or_else(|| custom_machine_type(name))
    }
}

/// `custom-CPUS-MEMORY` for N1, or `FAMILY-custom-CPUS-MEMORY`, and `-ext` for more memory than a CPU usually has.
fn custom_machine_type(name: &str) -> Option<GceMachineType> {
    let (family, numbers) = name.split_once("custom-")?;
    if !["", "e2-", "n2-", "n2d-", "n4-"].contains(&family) {
        return None;
    }
    let (cpus, memory_mb) = numbers.strip_suffix("-ext").unwrap_or(numbers).split_once('-')?;
    let (cpus, memory_mb) = (cpus.parse::<u32>().ok()?, memory_mb.parse::<u64>().ok()?);
    let are_cpus_allowed = cpus == 1 || (cpus > 0 && cpus.is_multiple_of(2));
    let is_memory_allowed = memory_mb > 0 && memory_mb.is_multiple_of(256);
    (are_cpus_allowed && is_memory_allowed).then(|| GceMachineType {
        name: name.to_owned(),
        cpus,
        memory_mb,
        architecture: (!family.is_empty()).then_some("X86_64"),
        is_shared: false,
        is_deprecated: false,
    })
}

fn machine_types() -> Vec<GceMachineType> {
    let machine_type = |name: &str, cpus, memory_mb, architecture| GceMachineType {
        name: name.to_owned(),
        cpus,
        memory_mb,
        architecture,
        is_shared: false,
        is_deprecated: false,
    };
    let mut types = vec![
        machine_type("e2-medium", 2, 4_096, Some("X86_64")),
        machine_type("n1-standard-1", 1, 3_840, Some("X86_64")),
        machine_type("n1-standard-8-d", 8, 30_720, None),
        machine_type("t2a-standard-4", 4, 16_384, Some("ARM64")),
        // 12 TB, and a number of MiB that is no multiple of a GiB.
        machine_type("m2-ultramem-416", 416, 12_058_624, Some("X86_64")),
    ];
    types[0].is_shared = true;
    types[2].is_deprecated = true;
    types
}

fn sample_instance((number, status): (u32, &'static str)) -> GceInstance {
    let types = [
        "e2-medium",
        "custom-2-4096",
        "n2-custom-4-32768-ext",
        "n1-standard-8-d",
        "n1-retired-2",
        "t2a-standard-4",
    ];
    let zone = ["us-central1-a", "europe-west1-b", "europe-west1-c"][number as usize % 3];
    let name = if number == 1 {
        "web".to_owned()
    } else {
        format!("vm-{}", status.to_ascii_lowercase().replace('_', "-"))
    };
    instance(number, &name, zone, types[(number as usize - 1) % types.len()], status)
}

fn instance(
    number: u32,
    name: &str,
    zone: &str,
    machine_type: &str,
    status: &'static str,
) -> GceInstance {
    let [_, _, high, low] = number.to_be_bytes();
    GceInstance {
        id: 4_611_686_018_427_387_904 + u64::from(number),
        name: name.to_owned(),
        zone: zone.to_owned(),
        machine_type: machine_type.to_owned(),
        status,
        created: "2026-03-01T00:30:00.123-08:00",
        description: "",
        labels: Vec::new(),
        tags: Vec::new(),
        hostname: None,
        interfaces: vec![GceInterface {
            network: "default",
            address: Some(format!("10.10.{high}.{low}")),
            external_address: (status == "RUNNING").then(|| format!("198.51.{high}.{low}")),
            ipv6_address: None,
            external_ipv6_address: None,
        }],
        disks: vec![GceDisk {
            name: Some(name.to_owned()),
            device: "persistent-disk-0".to_owned(),
            size_gb: Some(10),
            licenses: vec!["debian-cloud/global/licenses/debian-12-bookworm"],
        }],
    }
}
