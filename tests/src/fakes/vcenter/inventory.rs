//! The inventory of a fake vCenter: every kind of host and machine that a real one can have.

use super::objects::{FakeObject, host, machine};
use super::value::{Value, flag, int, text, word};

fn managed_by(extension: &str, kind: &str) -> Value {
    Value::Structure("ManagedByInfo", vec![("extensionKey", text(extension)), ("type", text(kind))])
}

/// What VMware's tools report in a guest with two interfaces, one of which the vCenter does not know.
fn reported_by_tools() -> Value {
    let nic = |mac: &str, addresses: &[&str]| {
        let addresses = addresses.iter().map(|address| text(*address)).collect();
        Value::Structure(
            "GuestNicInfo",
            vec![
                ("network", text("VM Network")),
                ("ipAddress", Value::List("string", addresses)),
                ("macAddress", text(mac)),
                ("connected", flag(true)),
                ("deviceConfigId", int(4000)),
            ],
        )
    };
    Value::Structure(
        "GuestInfo",
        vec![
            ("guestFullName", text("SUSE Linux Enterprise Server 15 SP6")),
            ("hostName", text("web.example.com")),
            ("ipAddress", text("198.51.100.7")),
            (
                "net",
                Value::List(
                    "GuestNicInfo",
                    vec![
                        nic("00:50:56:aa:00:29", &["198.51.100.7", "2001:db8::7"]),
                        nic("02:42:ac:11:00:01", &["172.17.0.1"]),
                    ],
                ),
            ),
        ],
    )
}

/// A machine whose interface is in a distributed port group, whose name is another object's.
fn in_port_group(mut machine: FakeObject) -> FakeObject {
    let port = Value::Structure(
        "DistributedVirtualSwitchPortConnection",
        vec![("switchUuid", text("50 1f")), ("portgroupKey", text("dvportgroup-31"))],
    );
    let nic = Value::Structure(
        "VirtualE1000",
        vec![
            ("key", int(4000)),
            (
                "backing",
                Value::Structure(
                    "VirtualEthernetCardDistributedVirtualPortBackingInfo",
                    vec![("port", port)],
                ),
            ),
            ("macAddress", text("00:50:56:bb:00:01")),
        ],
    );
    let config = Value::Structure(
        "VirtualMachineConfigInfo",
        vec![
            ("version", text("vmx-11")),
            (
                "hardware",
                Value::Structure(
                    "VirtualHardware",
                    vec![("device", Value::List("VirtualDevice", vec![nic]))],
                ),
            ),
        ],
    );
    machine.set("config", config);
    machine
}

/// The objects below the root folder `group-d1`: 4 hosts and 13 machines.
pub fn everything() -> Vec<FakeObject> {
    let (folder, cluster) = ("Folder", "ClusterComputeResource");
    let mut objects = vec![
        FakeObject::place(folder, "group-d2", "Europe", (folder, "group-d1")),
        FakeObject::place("Datacenter", "datacenter-3", "Berlin", (folder, "group-d2")),
        FakeObject::place(folder, "group-v4", "vm", ("Datacenter", "datacenter-3")),
        FakeObject::place(folder, "group-h5", "host", ("Datacenter", "datacenter-3")),
        FakeObject::place(folder, "group-h6", "Racks", (folder, "group-h5")),
        FakeObject::place(cluster, "domain-c7", "Cluster %2f A", (folder, "group-h6")),
        FakeObject::place("ComputeResource", "domain-s8", "esx4.example.com", (folder, "group-h5")),
        FakeObject::place(folder, "group-v20", "web%2ffrontends", (folder, "group-v4")),
        FakeObject::place(folder, "group-v21", "inner", (folder, "group-v20")),
        FakeObject::new("Network", "network-30", vec![("name", text("VM Network"))]),
        FakeObject::new(
            "DistributedVirtualPortgroup",
            "dvportgroup-31",
            vec![("name", text("dv %25 prod"))],
        ),
    ];
    objects.extend(hosts(cluster));
    objects.extend(machines());
    objects
}

fn hosts(cluster: &'static str) -> Vec<FakeObject> {
    let mut silent = host("host-13", "esx3.example.com", (cluster, "domain-c7"), 3);
    silent.set("runtime.connectionState", word("HostSystemConnectionState", "notResponding"));
    silent.unset("config");
    silent.unset("hardware");
    let mut maintained =
        host("host-14", "esx4.example.com (old)", ("ComputeResource", "domain-s8"), 4);
    maintained.set("runtime.inMaintenanceMode", flag(true));
    vec![
        host("host-11", "esx1.example.com", (cluster, "domain-c7"), 1),
        host("host-12", "192.0.2.12", (cluster, "domain-c7"), 2),
        silent,
        maintained,
    ]
}

fn machines() -> Vec<FakeObject> {
    let power = |word_: &str| word("VirtualMachinePowerState", word_);
    let connection = |word_: &str| word("VirtualMachineConnectionState", word_);
    let mut web = machine(41, "web", "host-11", "group-v21");
    web.properties.push(("guest", reported_by_tools()));
    let owner = Value::Structure(
        "CustomFieldStringValue",
        vec![("key", int(101)), ("value", text("team <a> & b"))],
    );
    web.set("customValue", Value::List("CustomFieldValue", vec![owner]));
    let mut database = in_port_group(machine(42, "db", "host-11", "group-v4"));
    database.set("runtime.powerState", power("poweredOff"));
    let mut template = machine(43, "golden image", "host-12", "group-v4");
    template.set("summary.config.template", flag(true));
    template.set("runtime.powerState", power("poweredOff"));
    let mut old_agent = machine(44, "vCLS (1)", "host-11", "group-v4");
    old_agent.set("summary.config.managedBy", managed_by("com.vmware.vim.eam", "cluster-agent"));
    let mut new_agent = machine(45, "vCLS-2", "host-12", "group-v4");
    new_agent.set("summary.config.managedBy", managed_by("VirtualCenter", "vcls-entity"));
    let mut inaccessible = machine(46, "no files", "host-12", "group-v4");
    inaccessible.set("runtime.connectionState", connection("inaccessible"));
    inaccessible.unset("config");
    let mut orphaned = machine(47, "orphan", "host-12", "group-v4");
    orphaned.set("runtime.connectionState", connection("orphaned"));
    let mut invalid = machine(48, "invalid", "host-12", "group-v4");
    invalid.set("runtime.connectionState", connection("invalid"));
    invalid.unset("config");
    invalid.set(
        "summary",
        Value::Structure(
            "VirtualMachineSummary",
            vec![(
                "config",
                Value::Structure("VirtualMachineConfigSummary", vec![("name", text("invalid"))]),
            )],
        ),
    );
    let mut disconnected = machine(49, "on a silent host", "host-13", "group-v4");
    disconnected.set("runtime.connectionState", connection("disconnected"));
    let twin = machine(50, "web", "host-14", "group-v20");
    let percent = machine(51, "100%25 %2f %5c", "host-14", "group-v4");
    let mut in_vapp = machine(52, "in a vApp", "host-11", "group-v4");
    in_vapp.unset("parent");
    in_vapp.set("runtime.powerState", power("suspended"));
    let mut lost = machine(53, "on no host", "host-11", "group-v4");
    lost.set(
        "runtime",
        Value::Structure(
            "VirtualMachineRuntimeInfo",
            vec![("connectionState", connection("orphaned")), ("powerState", power("poweredOff"))],
        ),
    );
    vec![
        web,
        database,
        template,
        old_agent,
        new_agent,
        inaccessible,
        orphaned,
        invalid,
        disconnected,
        twin,
        percent,
        in_vapp,
        lost,
    ]
}

/// The custom attributes.
pub fn custom_fields() -> FakeObject {
    let field = |key: u32, name: &str| {
        Value::Structure(
            "CustomFieldDef",
            vec![("key", int(key)), ("name", text(name)), ("type", text("string"))],
        )
    };
    let fields = vec![field(101, "owner"), field(102, "cost centre")];
    FakeObject::new(
        "CustomFieldsManager",
        "CustomFieldsManager",
        vec![("field", Value::List("CustomFieldDef", fields))],
    )
}
