//! The managed objects of a fake vCenter, with the properties of vSphere 6.5.

use super::value::{Value, flag, int, long, reference, text, word};

/// A managed object of the inventory.
#[derive(Debug, Clone)]
pub struct FakeObject {
    /// The type.
    pub kind: &'static str,
    /// The id.
    pub id: String,
    /// The properties that are set.
    pub properties: Vec<(&'static str, Value)>,
}

impl FakeObject {
    pub(super) fn new(
        kind: &'static str,
        id: &str,
        properties: Vec<(&'static str, Value)>,
    ) -> Self {
        Self { kind, id: id.to_owned(), properties }
    }

    pub(super) fn place(
        kind: &'static str,
        id: &str,
        name: &str,
        parent: (&'static str, &str),
    ) -> Self {
        let parent = reference(parent.0, parent.1);
        Self::new(kind, id, vec![("name", text(name)), ("parent", parent)])
    }

    /// Changes or sets a property, or a member of one that is set: `runtime.host`.
    pub fn set(&mut self, path: &'static str, value: Value) {
        let (members, last) = self.members(path);
        members.retain(|(known, _)| *known != last);
        members.push((last, value));
    }

    /// Unsets a property, or a member of one that is set.
    pub fn unset(&mut self, path: &'static str) {
        let (members, last) = self.members(path);
        members.retain(|(known, _)| *known != last);
    }

    /// The structure of a path, and the name of the member.
    fn members(&mut self, path: &'static str) -> (&mut Vec<(&'static str, Value)>, &'static str) {
        let (outer, last) = path.rsplit_once('.').map_or(("", path), |(outer, last)| (outer, last));
        let mut members = &mut self.properties;
        for name in outer.split('.').filter(|name| !name.is_empty()) {
            let member = members.iter_mut().find(|(known, _)| *known == name);
            let Some((_, Value::Structure(_, inner))) = member else {
                panic!("{path} is in no structure")
            };
            members = inner;
        }
        (members, last)
    }
}

/// A host in a cluster or on its own.
pub fn host(id: &str, name: &str, parent: (&'static str, &str), number: u32) -> FakeObject {
    let uuid = text(format!("4c4c4544-0000-1000-8000-{number:012x}"));
    let package = |index: u32| {
        Value::Structure(
            "HostCpuPackage",
            vec![
                ("index", Value::Simple("xsd:short", index.to_string())),
                ("vendor", text("intel")),
                ("hz", long(2_400_000_123)),
                ("busHz", long(100_000_000)),
                ("description", text("Intel(R) Xeon(R) Gold 9999 CPU @ 2.40GHz")),
            ],
        )
    };
    let ip = Value::Structure(
        "HostIpConfig",
        vec![("dhcp", flag(false)), ("ipAddress", text(format!("192.0.2.{number}")))],
    );
    let nic = Value::Structure(
        "HostVirtualNic",
        vec![
            ("device", text("vmk0")),
            ("key", text("key-vim.host.VirtualNic-vmk0")),
            ("portgroup", text("Management Network")),
            ("spec", Value::Structure("HostVirtualNicSpec", vec![("ip", ip)])),
        ],
    );
    let network = Value::Structure(
        "HostNetworkInfo",
        vec![("vnic", Value::List("HostVirtualNic", vec![nic]))],
    );
    let hardware = vec![
        ("vendor", text("Maker")),
        ("model", text("Server 1")),
        ("uuid", uuid),
        ("memorySize", long(u64::from(number) << 34)),
        ("cpuModel", text("Intel(R) Xeon(R) Gold 9999 CPU @ 2.40GHz")),
        ("cpuMhz", int(2400)),
        ("numCpuPkgs", Value::Simple("xsd:short", "2".to_owned())),
        ("numCpuCores", Value::Simple("xsd:short", "24".to_owned())),
        ("numCpuThreads", Value::Simple("xsd:short", "48".to_owned())),
    ];
    let product = vec![
        ("name", text("VMware ESXi")),
        ("fullName", text("VMware ESXi 8.0.9 build-12345")),
        ("vendor", text("VMware, Inc.")),
        ("version", text("8.0.9")),
        ("build", text("12345")),
        ("osType", text("vmnix-x86")),
        ("productLineId", text("embeddedEsx")),
        ("apiType", text("HostAgent")),
        ("apiVersion", text("8.0.2.0")),
    ];
    let config = vec![("name", text(name)), ("product", Value::Structure("AboutInfo", product))];
    FakeObject::new(
        "HostSystem",
        id,
        vec![
            ("name", text(name)),
            ("parent", reference(parent.0, parent.1)),
            (
                "runtime",
                Value::Structure(
                    "HostRuntimeInfo",
                    vec![
                        ("connectionState", word("HostSystemConnectionState", "connected")),
                        ("powerState", word("HostSystemPowerState", "poweredOn")),
                        ("inMaintenanceMode", flag(false)),
                    ],
                ),
            ),
            (
                "summary",
                Value::Structure(
                    "HostListSummary",
                    vec![
                        ("hardware", Value::Structure("HostHardwareSummary", hardware)),
                        ("config", Value::Structure("HostConfigSummary", config)),
                    ],
                ),
            ),
            (
                "hardware",
                Value::Structure(
                    "HostHardwareInfo",
                    vec![("cpuPkg", Value::List("HostCpuPackage", vec![package(0), package(1)]))],
                ),
            ),
            ("config", Value::Structure("HostConfigInfo", vec![("network", network)])),
        ],
    )
}

/// A running machine with a disk and an interface in a network.
pub fn machine(number: u32, name: &str, host: &str, parent: &str) -> FakeObject {
    let uuid = format!("42000000-1122-3344-5566-{number:012x}");
    let instance = format!("50000000-1122-3344-5566-{number:012x}");
    let description = |label: &str| {
        Value::Structure(
            "Description",
            vec![("label", text(label)), ("summary", text("of a fake"))],
        )
    };
    let disk = Value::Structure(
        "VirtualDisk",
        vec![
            ("key", int(2000)),
            ("deviceInfo", description("Hard disk 1")),
            ("capacityInKB", long(u64::from(number) * 1024)),
            ("capacityInBytes", long(u64::from(number) * 1024 * 1024)),
        ],
    );
    let backing = Value::Structure(
        "VirtualEthernetCardNetworkBackingInfo",
        vec![("deviceName", text("VM Network"))],
    );
    let nic = Value::Structure(
        "VirtualVmxnet3",
        vec![
            ("key", int(4000)),
            ("deviceInfo", description("Network adapter 1")),
            ("backing", backing),
            ("addressType", text("assigned")),
            ("macAddress", text(format!("00:50:56:AA:00:{:02X}", number % 256))),
        ],
    );
    let controller = Value::Structure(
        "VirtualIDEController",
        vec![("key", int(200)), ("deviceInfo", description("IDE 0")), ("busNumber", int(0))],
    );
    FakeObject::new(
        "VirtualMachine",
        &format!("vm-{number}"),
        vec![
            ("name", text(name)),
            ("parent", reference("Folder", parent)),
            (
                "runtime",
                Value::Structure(
                    "VirtualMachineRuntimeInfo",
                    vec![
                        ("host", reference("HostSystem", host)),
                        ("connectionState", word("VirtualMachineConnectionState", "connected")),
                        ("powerState", word("VirtualMachinePowerState", "poweredOn")),
                    ],
                ),
            ),
            (
                "summary",
                Value::Structure(
                    "VirtualMachineSummary",
                    vec![(
                        "config",
                        Value::Structure(
                            "VirtualMachineConfigSummary",
                            vec![
                                ("name", text(name)),
                                ("template", flag(false)),
                                ("memorySizeMB", int(1024 * (number % 4 + 1))),
                                ("numCpu", int(number % 8 + 1)),
                                ("uuid", text(uuid)),
                                ("instanceUuid", text(instance)),
                                ("guestFullName", text("SUSE Linux Enterprise 15 (64-bit)")),
                            ],
                        ),
                    )],
                ),
            ),
            (
                "config",
                Value::Structure(
                    "VirtualMachineConfigInfo",
                    vec![
                        ("version", text("vmx-19")),
                        (
                            "hardware",
                            Value::Structure(
                                "VirtualHardware",
                                vec![(
                                    "device",
                                    Value::List("VirtualDevice", vec![controller, disk, nic]),
                                )],
                            ),
                        ),
                    ],
                ),
            ),
        ],
    )
}

/// The paths that exist in vSphere 6.5. A request for another one is refused as a whole.
pub fn is_known_path(kind: &str, path: &str) -> bool {
    let paths: &[&str] = match kind {
        "ManagedEntity" | "Folder" | "Datacenter" | "ComputeResource" | "Network" => {
            &["name", "parent", "customValue"]
        }
        "HostSystem" => &[
            "name",
            "parent",
            "customValue",
            "runtime",
            "runtime.connectionState",
            "runtime.inMaintenanceMode",
            "runtime.powerState",
            "summary",
            "summary.config",
            "summary.config.product",
            "summary.hardware",
            "summary.hardware.uuid",
            "summary.hardware.cpuModel",
            "summary.hardware.cpuMhz",
            "summary.hardware.numCpuPkgs",
            "summary.hardware.numCpuCores",
            "summary.hardware.numCpuThreads",
            "summary.hardware.memorySize",
            "hardware",
            "hardware.cpuPkg",
            "config",
            "config.network",
            "config.network.vnic",
        ],
        "VirtualMachine" => &[
            "name",
            "parent",
            "customValue",
            "runtime",
            "runtime.host",
            "runtime.connectionState",
            "runtime.powerState",
            "summary",
            "summary.config",
            "summary.config.uuid",
            "summary.config.instanceUuid",
            "summary.config.numCpu",
            "summary.config.memorySizeMB",
            "summary.config.template",
            "summary.config.guestFullName",
            "summary.config.managedBy",
            "config",
            "config.version",
            "config.hardware",
            "config.hardware.device",
            "guest",
            "guest.hostName",
            "guest.guestFullName",
            "guest.ipAddress",
            "guest.net",
        ],
        "ContainerView" => &["view", "container", "type", "recursive"],
        "CustomFieldsManager" => &["field"],
        _ => &[],
    };
    paths.contains(&path)
}
