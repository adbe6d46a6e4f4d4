//! What a fake subscription has.

/// The virtual machines of a subscription, its scale sets, locations and sizes.
#[derive(Debug, Clone)]
pub struct AzureInventory {
    /// The regions: the name and the name that the portal shows. The list of locations also has `europe`, which is a part of
    /// the world: no object is there.
    pub locations: Vec<(&'static str, &'static str)>,
    /// The sizes that every location has.
    pub sizes: Vec<AzureSize>,
    /// The virtual machines in the list of the subscription. Those of flexible scale sets are among them.
    pub vms: Vec<AzureVm>,
    /// The scale sets.
    pub scale_sets: Vec<AzureScaleSet>,
}

/// A size of virtual machines.
#[derive(Debug, Clone)]
pub struct AzureSize {
    /// For example `Standard_D2s_v3`.
    pub name: &'static str,
    /// The number of CPUs.
    pub cpus: u32,
    /// The memory in MiB.
    pub memory_mib: u64,
    /// `x64` or `Arm64`.
    pub architecture: &'static str,
}

/// A virtual machine, in the list of the subscription or of a uniform scale set.
#[derive(Debug, Clone)]
pub struct AzureVm {
    /// The name. It is unique in its resource group only. In a uniform scale set, `<set>_<instance>`.
    pub name: String,
    /// The UUID that the guest sees too.
    pub vm_id: String,
    /// The resource group, as it was created.
    pub group: String,
    /// The name of the location.
    pub location: String,
    /// The availability zone.
    pub zone: Option<&'static str>,
    /// The name of the size.
    pub size: &'static str,
    /// Fewer CPUs than the size has, and the number of them in a core.
    pub constrained_cpus: Option<(u32, u32)>,
    /// The word after `PowerState/`. `None` if the statuses have none.
    pub power: Option<&'static str>,
    /// Whether its image was generalized.
    pub is_generalized: bool,
    /// Whether it was made of an image of the subscription; else of one of the marketplace.
    pub has_own_image: bool,
    /// Whether it has Windows; else Linux.
    pub is_windows: bool,
    /// The names of its network interfaces.
    pub interfaces: Vec<String>,
    /// The sizes of its disks in GiB, the operating system's first.
    pub disks_gib: Vec<u32>,
    /// Its tags.
    pub tags: Vec<(&'static str, &'static str)>,
    /// The name of its flexible scale set, which is in the same resource group.
    pub flexible_set: Option<&'static str>,
}

/// How the instances of a scale set are managed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AzureOrchestration {
    /// The member is absent, as it is for old scale sets. That means uniform.
    Unnamed,
    /// Its instances are in its own list only.
    Uniform,
    /// Its instances are in the list of the subscription only.
    Flexible,
}

/// A scale set.
#[derive(Debug, Clone)]
pub struct AzureScaleSet {
    /// The name.
    pub name: &'static str,
    /// The resource group, as it was created.
    pub group: String,
    /// The name of the location.
    pub location: String,
    /// How its instances are managed.
    pub orchestration: AzureOrchestration,
    /// Its instances, by instance id, if it is not flexible.
    pub vms: Vec<(u32, AzureVm)>,
}

impl AzureInventory {
    /// Three locations, a virtual machine in each state, and scale sets of each kind.
    pub fn sample() -> Self {
        let mut vms = vec![
            vm(1, "web", "WEB-servers", "westeurope"),
            vm(2, "database", "Data", "westeurope"),
            vm(3, "stopped", "Data", "westeurope"),
            vm(4, "archive", "Data", "northeurope"),
            vm(5, "twin", "Data", "eastus"),
            vm(6, "twin", "WEB-servers", "eastus"),
            vm(7, "golden-image", "WEB-servers", "eastus"),
            vm(8, "starting", "Data", "westeurope"),
            vm(9, "stopping", "Data", "westeurope"),
            vm(10, "deallocating", "Data", "westeurope"),
            vm(11, "unknown", "Data", "westeurope"),
            vm(12, "without-power", "Data", "westeurope"),
            vm(13, "old-size", "Data", "westeurope"),
            vm(14, "constrained", "Data", "westeurope"),
            vm(15, "arm", "Data", "northeurope"),
            vm(16, "flex_3f9c1a2b", "WEB-servers", "westeurope"),
        ];
        let power = [
            (2, "stopped"),
            (3, "deallocated"),
            (6, "deallocated"),
            (7, "starting"),
            (8, "stopping"),
            (9, "deallocating"),
            (10, "unknown"),
        ];
        for (index, power) in power {
            vms[index].power = Some(power);
        }
        vms[11].power = None;
        vms[0].zone = Some("1");
        vms[0].tags = vec![("environment", "production"), ("Owner", "web team")];
        vms[1].size = "Standard_E4s_v5";
        vms[1].disks_gib = vec![127, 1023];
        vms[1].interfaces.push("database-backup-nic".to_owned());
        vms[1].is_windows = true;
        vms[3].has_own_image = true;
        vms[6].is_generalized = true;
        vms[12].size = "Basic_A0";
        vms[13].size = "Standard_E4s_v5";
        vms[13].constrained_cpus = Some((2, 1));
        vms[14].size = "Standard_D2ps_v5";
        vms[15].flexible_set = Some("flex");
        let set = |name, orchestration, instances: &[u32]| AzureScaleSet {
            name,
            group: "WEB-servers".to_owned(),
            location: "westeurope".to_owned(),
            orchestration,
            vms: instances.iter().map(|&number| (number, instance(name, number))).collect(),
        };
        let mut scale_sets = vec![
            set("uniform", AzureOrchestration::Uniform, &[0, 2, 3, 7]),
            set("flex", AzureOrchestration::Flexible, &[]),
            set("legacy", AzureOrchestration::Unnamed, &[11, 12]),
            set("empty", AzureOrchestration::Uniform, &[]),
        ];
        scale_sets[0].vms[2].1.power = Some("deallocated");
        Self { locations: locations(), sizes: sizes(), vms, scale_sets }
    }

    /// This number of virtual machines in two locations, every fourth of which is deallocated, and no scale set.
    pub fn of_size(vms: u32) -> Self {
        let numbered = |number: u32| {
            let location = ["westeurope", "northeurope"][number as usize % 2];
            let mut vm = vm(1_000 + number, &format!("vm{number:05}"), "Data", location);
            if number.is_multiple_of(4) {
                vm.power = Some("deallocated");
            }
            vm
        };
        let vms = (0..vms).map(numbered).collect();
        Self { locations: locations(), sizes: sizes(), vms, scale_sets: Vec::new() }
    }

    /// How many instances a scale set has.
    pub fn capacity(&self, set: &AzureScaleSet) -> usize {
        let of_flexible = |vm: &&AzureVm| {
            vm.flexible_set == Some(set.name) && vm.group.eq_ignore_ascii_case(&set.group)
        };
        set.vms.len() + self.vms.iter().filter(of_flexible).count()
    }

    /// All virtual machines: those in the list of the subscription, and the instances of uniform scale sets.
    pub fn guests(&self) -> impl Iterator<Item = &AzureVm> {
        let instances = self.scale_sets.iter().flat_map(|set| set.vms.iter().map(|(_, vm)| vm));
        self.vms.iter().chain(instances)
    }

    /// The size of a virtual machine. `None` if no location has it.
    pub fn size_of(&self, vm: &AzureVm) -> Option<&AzureSize> {
        self.sizes.iter().find(|size| size.name == vm.size)
    }

    /// The number of CPUs of a virtual machine, if it is known.
    pub fn cpus(&self, vm: &AzureVm) -> Option<u32> {
        match vm.constrained_cpus {
            Some((cpus, _)) => Some(cpus),
            None => self.size_of(vm).map(|size| size.cpus),
        }
    }

    /// The memory of a virtual machine in bytes, if it is known.
    pub fn memory_bytes(&self, vm: &AzureVm) -> Option<u64> {
        self.size_of(vm).map(|size| size.memory_mib << 20)
    }
}

fn locations() -> Vec<(&'static str, &'static str)> {
    vec![
        ("eastus", "East US"),
        ("westeurope", "West Europe"),
        ("northeurope", "North Europe"),
        ("brazilus", "Brazil US"),
    ]
}

fn sizes() -> Vec<AzureSize> {
    let size =
        |name, cpus, memory_mib, architecture| AzureSize { name, cpus, memory_mib, architecture };
    vec![
        size("Standard_B1ls", 1, 512, "x64"),
        size("Standard_D2s_v3", 2, 8 << 10, "x64"),
        size("Standard_D2ps_v5", 2, 8 << 10, "Arm64"),
        size("Standard_E4s_v5", 4, 32 << 10, "x64"),
    ]
}

/// A running virtual machine with Linux.
fn vm(number: u32, name: &str, group: &str, location: &str) -> AzureVm {
    AzureVm {
        name: name.to_owned(),
        vm_id: format!("a2c0ffee-0000-4000-8000-{number:012x}"),
        group: group.to_owned(),
        location: location.to_owned(),
        zone: None,
        size: "Standard_D2s_v3",
        constrained_cpus: None,
        power: Some("running"),
        is_generalized: false,
        has_own_image: false,
        is_windows: false,
        interfaces: vec![format!("{name}-nic")],
        disks_gib: vec![30],
        tags: Vec::new(),
        flexible_set: None,
    }
}

/// A running instance of a uniform scale set.
fn instance(set: &str, number: u32) -> AzureVm {
    let unique = 500 + number;
    AzureVm {
        size: "Standard_B1ls",
        zone: Some("2"),
        ..vm(unique, &format!("{set}_{number}"), "WEB-servers", "westeurope")
    }
}
