//! The records of each class, made of the inventory.

use serde_json::{Map, Value, json};

use super::fields::record;
use super::inventory::uuid;
use super::{XapiHost, XapiInventory, XapiVm, XapiVmKind};

/// The reference of an object of this kind.
fn reference(kind: &str, number: usize) -> String {
    format!("OpaqueRef:{kind}{number}")
}

/// A number that is unique for a part of a virtual machine.
fn part(vm: usize, number: usize) -> usize {
    vm * 100 + number
}

/// All records of a class, by reference; `None` if the fake does not have the class. `destroyed` is the index of a virtual
/// machine that no longer exists.
pub(super) fn all(
    inventory: &XapiInventory,
    class: &str,
    destroyed: Option<usize>,
) -> Option<Map<String, Value>> {
    let vms = || inventory.vms.iter().enumerate().filter(|(index, _)| Some(*index) != destroyed);
    let hosts = || inventory.hosts.iter().enumerate();
    let records: Vec<(String, Value)> = match class {
        "pool" => vec![(reference("pool", 0), pool(inventory))],
        "host" => hosts()
            .map(|(index, own)| (reference("host", index), host(inventory, index, own, destroyed)))
            .collect(),
        "host_metrics" => hosts()
            .map(|(index, own)| (reference("host_metrics", index), host_metrics(index, own)))
            .collect(),
        "VM" => {
            let guests = vms().map(|(index, own)| (reference("VM", index), vm(index, own)));
            let domains = hosts()
                .map(|(index, own)| (reference("control", index), control_domain(index, own)));
            guests.chain(domains).collect()
        }
        "VM_metrics" => vms()
            .map(|(index, own)| (reference("VM_metrics", index), vm_metrics(index, own)))
            .collect(),
        "VM_guest_metrics" => vms()
            .filter(|(_, own)| !own.os_version.is_empty())
            .map(|(index, own)| (reference("VM_guest_metrics", index), guest_metrics(index, own)))
            .collect(),
        "VIF" => vms().flat_map(|(index, own)| vifs(index, own)).collect(),
        "network" => vec![(
            reference("network", 0),
            record("network", json!({"name_label": "servers", "bridge": "xenbr0"})),
        )],
        "VBD" => vms().flat_map(|(index, own)| vbds(index, own)).collect(),
        "VDI" => vms().flat_map(|(index, own)| vdis(index, own)).collect(),
        _ => return None,
    };
    Some(records.into_iter().collect())
}

fn pool(inventory: &XapiInventory) -> Value {
    record(
        "pool",
        json!({
            "uuid": uuid('e', 0),
            "name_label": inventory.pool_name,
            "master": reference("host", 0),
        }),
    )
}

fn host(
    inventory: &XapiInventory,
    index: usize,
    host: &XapiHost,
    destroyed: Option<usize>,
) -> Value {
    let resident = inventory.vms.iter().enumerate();
    let resident = resident
        .filter(|(number, vm)| vm.host == Some(index) && Some(*number) != destroyed)
        .map(|(number, _)| reference("VM", number))
        .chain([reference("control", index)]);
    record(
        "host",
        json!({
            "uuid": host.uuid,
            "name_label": host.name,
            "enabled": host.is_enabled,
            "hostname": format!("{}.example.com", host.name),
            "address": format!("203.0.113.{}", index + 1),
            "metrics": reference("host_metrics", index),
            "control_domain": reference("control", index),
            "resident_VMs": resident.collect::<Vec<_>>(),
            "capabilities": ["xen-3.0-x86_64", "hvm-3.0-x86_32", "hvm-3.0-x86_64"],
            "software_version": {
                "product_brand": "XCP-ng",
                "product_version": "8.3.0",
                "build_number": "cloud",
                "xapi": "24.11",
                "xen": "4.17.5",
                "linux": "4.19.0+1",
            },
            "cpu_info": {
                "cpu_count": "32",
                "socket_count": "2",
                "threads_per_core": "2",
                "vendor": "AuthenticAMD",
                "modelname": "AMD EPYC 7313P 16-Core Processor",
                "speed": "2994.400",
            },
            "tags": ["rack 7"],
            "https_only": true,
        }),
    )
}

fn host_metrics(index: usize, host: &XapiHost) -> Value {
    let number = u32::try_from(index).expect("few hosts");
    record(
        "host_metrics",
        json!({
            "uuid": uuid('d', number),
            "memory_total": host.memory_bytes,
            "memory_free": host.memory_bytes / 2,
            "live": host.is_live,
        }),
    )
}

/// The snapshot is the parent of the first virtual machine, and has it as its child.
fn vm(index: usize, vm: &XapiVm) -> Value {
    let is_snapshot = vm.kind == XapiVmKind::Snapshot;
    let mut other_config = json!({"mac_seed": uuid('f', 1)});
    if vm.kind == XapiVmKind::DefaultTemplate {
        other_config["default_template"] = json!("true");
    }
    let references = |kind: &str, count: usize| -> Vec<String> {
        (0..count).map(|number| reference(kind, part(index, number))).collect()
    };
    let mut values = json!({
        "uuid": vm.uuid,
        "name_label": vm.name,
        "power_state": vm.power_state,
        "is_a_template": vm.kind != XapiVmKind::Guest,
        "is_default_template": vm.kind == XapiVmKind::DefaultTemplate,
        "is_a_snapshot": is_snapshot,
        "memory_static_max": vm.memory_bytes,
        "memory_dynamic_max": vm.memory_bytes / 2,
        "memory_dynamic_min": vm.memory_bytes / 2,
        "VCPUs_max": vm.startup_cpus * 2,
        "VCPUs_at_startup": vm.startup_cpus,
        "VIFs": references("VIF", vm.interfaces.len()),
        "VBDs": references("VBD", vm.disk_bytes.len() + 1),
        "metrics": reference("VM_metrics", index),
        "affinity": reference("host", 0),
        "other_config": other_config,
        "tags": vm.tags,
        "platform": {"cores-per-socket": "2", "vga": "std"},
    });
    if let Some(host) = vm.host {
        values["resident_on"] = json!(reference("host", host));
        values["domid"] = json!(index + 1);
    }
    if !vm.os_version.is_empty() {
        values["guest_metrics"] = json!(reference("VM_guest_metrics", index));
    }
    if is_snapshot {
        values["snapshot_of"] = json!(reference("VM", 0));
        values["children"] = json!([reference("VM", 0)]);
    }
    record("VM", values)
}

fn control_domain(index: usize, host: &XapiHost) -> Value {
    let number = u32::try_from(index).expect("few hosts");
    record(
        "VM",
        json!({
            "uuid": uuid('c', number),
            "name_label": format!("Control domain on host: {}", host.name),
            "power_state": "Running",
            "is_control_domain": true,
            "resident_on": reference("host", index),
            "memory_static_max": 8_u64 << 30,
            "VCPUs_max": 16,
            "VCPUs_at_startup": 16,
        }),
    )
}

fn vm_metrics(index: usize, vm: &XapiVm) -> Value {
    let cpus = if vm.host.is_some() { vm.current_cpus } else { 0 };
    record(
        "VM_metrics",
        json!({
            "uuid": uuid('9', u32::try_from(index).expect("few guests")),
            "VCPUs_number": cpus,
            "memory_actual": if vm.host.is_some() { vm.memory_bytes / 2 } else { 0 },
        }),
    )
}

/// The first address is listed twice, as the tools do.
fn guest_metrics(index: usize, vm: &XapiVm) -> Value {
    let mut networks = Map::new();
    for (number, interface) in vm.interfaces.iter().enumerate() {
        if let Some(first) = interface.addresses.first() {
            networks.insert(format!("{number}/ip"), json!(first));
        }
        for (place, address) in interface.addresses.iter().enumerate() {
            let version = if address.contains(':') { "ipv6" } else { "ipv4" };
            networks.insert(format!("{number}/{version}/{place}"), json!(address));
        }
    }
    let os_version: Map<_, _> =
        vm.os_version.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    record(
        "VM_guest_metrics",
        json!({
            "uuid": uuid('8', u32::try_from(index).expect("few guests")),
            "os_version": os_version,
            "networks": networks,
            "PV_drivers_detected": true,
            "live": true,
        }),
    )
}

fn vifs(index: usize, vm: &XapiVm) -> Vec<(String, Value)> {
    let vif = |(number, interface): (usize, &super::XapiInterface)| {
        let values = json!({
            "device": number.to_string(),
            "network": reference("network", 0),
            "VM": reference("VM", index),
            "MAC": interface.mac,
            "MTU": 1500,
            "currently_attached": vm.host.is_some(),
        });
        (reference("VIF", part(index, number)), record("VIF", values))
    };
    vm.interfaces.iter().enumerate().map(vif).collect()
}

/// The disks, and an empty CD drive after them.
fn vbds(index: usize, vm: &XapiVm) -> Vec<(String, Value)> {
    let count = vm.disk_bytes.len();
    let vbd = |number: usize| {
        let is_cd = number == count;
        let device = format!("xvd{}", char::from(b'a' + u8::try_from(number).expect("few disks")));
        let mut values = json!({
            "VM": reference("VM", index),
            "device": if vm.host.is_some() { device } else { String::new() },
            "userdevice": number.to_string(),
            "type": if is_cd { "CD" } else { "Disk" },
            "mode": if is_cd { "RO" } else { "RW" },
            "empty": is_cd,
        });
        if !is_cd {
            values["VDI"] = json!(reference("VDI", part(index, number)));
        }
        (reference("VBD", part(index, number)), record("VBD", values))
    };
    (0..=count).map(vbd).collect()
}

fn vdis(index: usize, vm: &XapiVm) -> Vec<(String, Value)> {
    let vdi = |(number, bytes): (usize, &u64)| {
        let values = json!({
            "name_label": format!("{} {number}", vm.name),
            "virtual_size": bytes,
            "physical_utilisation": bytes / 2,
            "type": "User",
        });
        (reference("VDI", part(index, number)), record("VDI", values))
    };
    vm.disk_bytes.iter().enumerate().map(vdi).collect()
}
