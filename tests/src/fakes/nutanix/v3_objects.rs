//! The entities of the v3 lists.

use serde_json::{Value, json};

use super::{
    NutanixCluster, NutanixGuest, NutanixGuestKind, NutanixHost, NutanixInventory, NutanixPower,
};

/// A VM.
pub(super) fn vm(inventory: &NutanixInventory, guest: &NutanixGuest) -> Value {
    let cluster = inventory.clusters.iter().find(|cluster| cluster.id == guest.cluster);
    let cluster = json!({
        "kind": "cluster",
        "name": cluster.map(|cluster| &cluster.name),
        "uuid": guest.cluster,
    });
    let resources = vm_resources(guest);
    let mut status_resources = resources.clone();
    status_resources["hypervisor_type"] = json!("AHV");
    status_resources["storage_config"] = json!({});
    status_resources["protection_type"] = json!("UNPROTECTED");
    if let Some(id) = &guest.host {
        let host = inventory.hosts.iter().find(|host| host.id == *id);
        let name = host.map(|host| format!("203.0.113.{}", host.number));
        status_resources["host_reference"] = json!({"kind": "host", "name": name, "uuid": id});
    }
    let mut metadata = metadata("vm", &guest.id);
    metadata["entity_version"] = json!("2");
    metadata["owner_reference"] =
        json!({"kind": "user", "name": "admin", "uuid": "00000000-0000-0000-0000-000000000000"});
    metadata["project_reference"] = json!({"kind": "project", "name": "default", "uuid": "0d5c1e00-dddd-4000-8000-000000000001"});
    let mut entity = json!({
        "metadata": metadata,
        "spec": {
            "cluster_reference": cluster,
            "name": guest.name,
            "resources": resources,
        },
        "status": {
            "cluster_reference": cluster,
            "execution_context": {"task_uuids": ["0d5c1e00-ffff-4000-8000-000000000001"]},
            "name": guest.name,
            "resources": status_resources,
            "state": "COMPLETE",
        },
    });
    if let Some(description) = &guest.description {
        entity["spec"]["description"] = json!(description);
        entity["status"]["description"] = json!(description);
    }
    entity
}

/// What the specification and the status of a VM have in common.
fn vm_resources(guest: &NutanixGuest) -> Value {
    let power = match guest.power {
        NutanixPower::On => "ON",
        NutanixPower::Off => "OFF",
        NutanixPower::Paused => "PAUSED",
        NutanixPower::Undetermined => "UNKNOWN",
    };
    let disk = |(index, bytes): (usize, &u64)| {
        json!({
            "uuid": format!("{}-disk-{index}", guest.id),
            "disk_size_bytes": bytes,
            "disk_size_mib": bytes >> 20,
            "device_properties": {
                "device_type": "DISK",
                "disk_address": {"adapter_type": "SCSI", "device_index": index},
            },
        })
    };
    let mut disks: Vec<_> = guest.disk_bytes.iter().enumerate().map(disk).collect();
    if guest.has_cdrom {
        disks.push(json!({
            "uuid": format!("{}-cdrom", guest.id),
            "device_properties": {
                "device_type": "CDROM",
                "disk_address": {"adapter_type": "IDE", "device_index": 0},
            },
        }));
    }
    let nic = |nic: &super::NutanixNic| {
        let address = |ip: &String| json!({"ip": ip, "type": "ASSIGNED"});
        json!({
            "ip_endpoint_list": nic.addresses.iter().map(address).collect::<Vec<_>>(),
            "is_connected": true,
            "mac_address": nic.mac,
            "nic_type": "NORMAL_NIC",
            "secondary_ip_address_list": [],
            "subnet_reference": {"kind": "subnet", "name": nic.subnet_name, "uuid": nic.subnet},
            "trunked_vlan_list": [],
            "uuid": format!("{}-nic", guest.id),
            "vlan_mode": "ACCESS",
        })
    };
    json!({
        "boot_config": {
            "boot_device_order_list": ["CDROM", "DISK", "NETWORK"],
            "boot_type": "LEGACY",
        },
        "disk_list": disks,
        "gpu_list": [],
        "hardware_clock_timezone": "UTC",
        "hardware_virtualization_enabled": false,
        "is_agent_vm": guest.kind == NutanixGuestKind::Agent,
        "machine_type": "PC",
        "memory_size_mib": guest.memory_bytes >> 20,
        "nic_list": guest.nics.iter().map(nic).collect::<Vec<_>>(),
        "num_sockets": guest.sockets,
        "num_threads_per_core": guest.threads_per_core,
        "num_vcpus_per_socket": guest.cores_per_socket,
        "power_state": power,
        "power_state_mechanism": {
            "guest_transition_config": {
                "enable_script_exec": false,
                "should_fail_on_script_failure": false,
            },
            "mechanism": "HARD",
        },
        "serial_port_list": [],
        "vga_console_enabled": true,
        "vnuma_config": {"num_vnuma_nodes": 0},
    })
}

/// The hosts, with Prism Central itself, which has no name, no CPU and no hypervisor.
pub(super) fn hosts(inventory: &NutanixInventory) -> Vec<Value> {
    let centrals = inventory.clusters.iter().filter(|cluster| cluster.hypervisor.is_none());
    let centrals = centrals.map(|cluster| {
        host_entity(&format!("{}-node", cluster.id), &cluster.id, &common_host_resources(""))
    });
    let hosts = inventory.hosts.iter().map(|host| {
        let mut resources = common_host_resources(&format!("OURS{:04}", host.number));
        let own = host_resources(inventory, host);
        for (name, value) in own.as_object().into_iter().flatten() {
            resources[name] = value.clone();
        }
        let mut entity = host_entity(&host.id, &host.cluster, &resources);
        entity["spec"]["name"] = json!(host.name);
        entity["status"]["name"] = json!(host.name);
        entity
    });
    centrals.chain(hosts).collect()
}

fn host_entity(id: &str, cluster: &str, resources: &Value) -> Value {
    let mut metadata = metadata("host", id);
    metadata["spec_hash"] = json!("00000000000000000000000000000000000000000000000000");
    json!({
        "metadata": metadata,
        "spec": {
            "resources": {"controller_vm": resources["controller_vm"]},
        },
        "status": {
            "cluster_reference": {"kind": "cluster", "uuid": cluster},
            "resources": resources,
            "state": "COMPLETE",
        },
    })
}

/// What Prism Central's own host has too.
fn common_host_resources(serial: &str) -> Value {
    json!({
        "block": {"block_model": "null", "block_serial_number": "null"},
        "controller_vm": {
            "ip": "203.0.113.200",
            "oplog_usage": {"oplog_disk_pct": 0, "oplog_disk_size": 0},
        },
        "gpu_list": [],
        "host_disks_reference_list":
            [{"kind": "disk", "uuid": "0d5c1e00-ffff-4000-8000-0000000000d1"}],
        "host_nics_id_list": [],
        "host_type": "HYPER_CONVERGED",
        "rackable_unit_reference":
            {"kind": "rackable_unit", "uuid": "0d5c1e00-ffff-4000-8000-0000000000e1"},
        "serial_number": serial,
    })
}

/// What only a real host has.
fn host_resources(inventory: &NutanixInventory, host: &NutanixHost) -> Value {
    json!({
        "cpu_capacity_hz": host.cpu_hz * u64::from(host.cpu_cores),
        "cpu_model": host.cpu_model,
        "hypervisor": {
            "hypervisor_full_name": host.hypervisor_full_name,
            "ip": format!("203.0.113.{}", host.number),
            "num_vms": inventory.guests_on(&host.id),
        },
        "ipmi": {"ip": format!("203.0.113.{}", host.number + 50)},
        "memory_capacity_mib": host.memory_bytes >> 20,
        "monitoring_state": "MONITORED",
        "num_cpu_cores": host.cpu_cores,
        "num_cpu_sockets": host.cpu_sockets,
    })
}

/// The clusters, with that of Prism Central itself.
pub(super) fn clusters(inventory: &NutanixInventory) -> Vec<Value> {
    let cluster = |cluster: &NutanixCluster| {
        let service = if cluster.hypervisor.is_some() { "AOS" } else { "PRISM_CENTRAL" };
        let hosts = inventory.hosts.iter().filter(|host| host.cluster == cluster.id);
        let servers = hosts.map(|host| {
            json!({
                "ip": format!("203.0.113.{}", host.number),
                "type": match inventory.hypervisor(&host.cluster) {
                    Some(super::NutanixHypervisor::Esxi) => "VMWARE",
                    _ => "AHV",
                },
                "version": host.hypervisor_full_name,
            })
        });
        json!({
            "metadata": metadata("cluster", &cluster.id),
            "spec": {"name": cluster.name, "resources": {}},
            "status": {
                "name": cluster.name,
                "resources": {
                    "config": {
                        "cluster_arch": "X86_64",
                        "is_available": cluster.is_available,
                        "operation_mode": "NORMAL",
                        "service_list": [service],
                    },
                    "nodes": {"hypervisor_server_list": servers.collect::<Vec<_>>()},
                },
                "state": "COMPLETE",
            },
        })
    };
    inventory.clusters.iter().map(cluster).collect()
}

fn metadata(kind: &str, id: &str) -> Value {
    json!({
        "categories": {},
        "categories_mapping": {},
        "creation_time": "2026-03-01T08:00:00Z",
        "kind": kind,
        "last_update_time": "2026-03-01T08:00:00Z",
        "spec_version": 0,
        "uuid": id,
    })
}
