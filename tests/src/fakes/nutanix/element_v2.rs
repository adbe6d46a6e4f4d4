//! REST v2.0 of Prism Element, for the inventory's first cluster.

use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use serde_json::{Value, json};

use super::{NutanixFake, NutanixGuest, NutanixGuestKind, NutanixHost, NutanixPower};

/// Answers a request for a path below `/PrismGateway/services/rest/v2.0/`.
pub(super) fn answer(fake: &NutanixFake, request: &ReceivedRequest, path: &str) -> Action {
    if request.method != "GET" {
        return Action::answer(405, "");
    }
    let (known, position): (&[&str], _) = match path {
        "hosts" => (&["page", "count"], "page"),
        "vms" => {
            (&["offset", "length", "include_vm_disk_config", "include_vm_nic_config"], "offset")
        }
        "cluster" | "clusters" => (&[], ""),
        _ => return Action::answer(404, ""),
    };
    let query = request.query_pairs();
    if let Some((name, _)) = query.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        return error(&format!("the query parameter {name} is unknown"));
    }
    let value =
        |wanted: &str| query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
    let mut numbers = Vec::new();
    for name in [position, "count", "length"] {
        match value(name).map(|value| value.parse::<usize>()) {
            None => numbers.push(None),
            Some(Ok(number)) => numbers.push(Some(number)),
            Some(Err(_)) => return error(&format!("the query parameter {name} is not a number")),
        }
    }
    let cluster = &fake.inventory.clusters[0];
    match path {
        "hosts" => {
            let hosts = fake.inventory.hosts.iter().filter(|host| host.cluster == cluster.id);
            let hosts: Vec<_> = hosts.map(|host| host_entity(fake, host)).collect();
            let page = numbers[0].unwrap_or(1);
            if page == 0 {
                return error("the first page is 1");
            }
            let count = numbers[1].unwrap_or(usize::MAX).min(fake.page_size);
            let start = (page - 1) * count;
            let slice = fake.slice(&hosts, start, count);
            let sent = slice.items.len();
            let metadata = json!({
                "grand_total_entities": slice.total,
                "total_entities": slice.total,
                "filter_criteria": "",
                "sort_criteria": "",
                "page": page,
                "count": sent,
                "start_index": start + 1,
                "end_index": start + sent,
            });
            Action::json(200, &json!({"metadata": metadata, "entities": slice.items}))
        }
        "vms" => {
            let is_on = |name| value(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
            let disks = is_on("include_vm_disk_config");
            let nics = is_on("include_vm_nic_config");
            let guests = fake.listed_guests(super::NutanixHypervisor::Ahv);
            let guests = guests.into_iter().filter(|guest| guest.cluster == cluster.id);
            let guests: Vec<_> = guests.map(|guest| guest_entity(guest, disks, nics)).collect();
            let start = numbers[0].unwrap_or(0);
            let count = numbers[2].unwrap_or(usize::MAX).min(fake.page_size);
            let slice = fake.slice(&guests, start, count);
            let sent = slice.items.len();
            let metadata = json!({
                "grand_total_entities": slice.total,
                "total_entities": slice.total,
                "count": sent,
                "start_index": start,
                "end_index": start + sent,
            });
            Action::json(200, &json!({"metadata": metadata, "entities": slice.items}))
        }
        _ => {
            let entity = json!({
                "id": format!("{}::1", cluster.id),
                "uuid": cluster.id,
                "name": cluster.name,
                "version": "6.5.5.7",
                "hypervisor_types": ["kKvm"],
                "num_nodes": fake.inventory.hosts.iter().filter(|host| host.cluster == cluster.id).count(),
            });
            if path == "cluster" {
                return Action::json(200, &entity);
            }
            let metadata = json!({"grand_total_entities": 1, "total_entities": 1, "count": 1});
            Action::json(200, &json!({"metadata": metadata, "entities": [entity]}))
        }
    }
}

/// A refused request.
fn error(message: &str) -> Action {
    let body = json!({"error_code": {"code": 1202}, "message": message, "detailed_message": null});
    Action::json(422, &body)
}

fn host_entity(fake: &NutanixFake, host: &NutanixHost) -> Value {
    let number = host.number;
    let mut entity = json!({
        "service_vmid": format!("{}::{number}", host.cluster),
        "uuid": host.id,
        "name": host.name,
        "service_vmexternal_ip": format!("203.0.113.{}", number + 100),
        "hypervisor_key": format!("203.0.113.{number}"),
        "hypervisor_address": format!("203.0.113.{number}"),
        "hypervisor_username": "root",
        "hypervisor_password": null,
        "controller_vm_backplane_ip": format!("203.0.113.{}", number + 100),
        "management_server_name": format!("203.0.113.{number}"),
        "ipmi_address": null,
        "monitored": true,
        "position": {"ordinal": number, "name": "", "physical_position": null},
        "serial": format!("OURS{number:04}"),
        "block_serial": "OURSBLOCK",
        "block_model": "UseLayout",
        "block_model_name": "NX-OURS",
        "host_maintenance_mode_reason": null,
        "hypervisor_state":
            if host.is_in_maintenance { "kEnteredMaintenanceMode" } else { "kAcropolisNormal" },
        "metadata_store_status": "kNormalMode",
        "state": "NORMAL",
        "dynamic_ring_changing_node": null,
        "removal_status": ["NA"],
        "vzone_name": "",
    });
    let numbers = json!({
        "cpu_model": host.cpu_model,
        "num_cpu_cores": host.cpu_cores,
        "num_cpu_threads": host.cpu_threads,
        "num_cpu_sockets": host.cpu_sockets,
        "cpu_frequency_in_hz": host.cpu_hz,
        "cpu_capacity_in_hz": host.cpu_hz * u64::from(host.cpu_cores),
        "memory_capacity_in_bytes": host.memory_bytes,
        "hypervisor_full_name": host.hypervisor_full_name,
        "hypervisor_type": "kKvm",
        "num_vms": fake.inventory.guests_on(&host.id),
        "boot_time_in_usecs": 1_748_000_000_000_000_u64,
        "is_degraded": false,
        "reboot_pending": false,
        "bios_version": null,
        "cluster_uuid": host.cluster,
        "stats": {"hypervisor_cpu_usage_ppm": "20000", "num_io": "7"},
        "has_csr": false,
        "host_nic_ids": [],
        "host_gpus": null,
        "host_type": "HYPER_CONVERGED",
        "host_in_maintenance_mode": host.is_in_maintenance.then_some(true),
    });
    for (name, value) in numbers.as_object().into_iter().flatten() {
        entity[name] = value.clone();
    }
    entity
}

fn guest_entity(guest: &NutanixGuest, with_disks: bool, with_nics: bool) -> Value {
    let power = match guest.power {
        NutanixPower::On => "on",
        NutanixPower::Off => "off",
        NutanixPower::Paused => "paused",
        NutanixPower::Undetermined => "unknown",
    };
    let mut entity = json!({
        "allow_live_migrate": true,
        "gpus_assigned": false,
        "ha_priority": 0,
        "host_uuid": guest.host,
        "memory_mb": guest.memory_bytes >> 20,
        "name": guest.name,
        "num_cores_per_vcpu": guest.cores_per_socket,
        "num_vcpus": guest.sockets,
        "power_state": power,
        "timezone": "UTC",
        "uuid": guest.id,
        "vm_features": {
            "AGENT_VM": guest.kind == NutanixGuestKind::Agent,
            "VGA_CONSOLE": true,
        },
        "vm_logical_timestamp": 3,
    });
    if let Some(description) = &guest.description {
        entity["description"] = json!(description);
    }
    if with_disks {
        let disk = |(index, size): (usize, &u64)| {
            json!({
                "disk_address": {"device_bus": "scsi", "device_index": index, "disk_label": format!("scsi.{index}")},
                "is_cdrom": false,
                "is_empty": false,
                "size": size,
            })
        };
        let mut disks: Vec<_> = guest.disk_bytes.iter().enumerate().map(disk).collect();
        if guest.has_cdrom {
            disks.push(json!({
                "disk_address": {"device_bus": "ide", "device_index": 0, "disk_label": "ide.0"},
                "is_cdrom": true,
                "is_empty": true,
            }));
        }
        entity["vm_disk_info"] = json!(disks);
    }
    if with_nics {
        let nics = guest.nics.iter().map(|nic| {
            let mut entity = json!({
                "mac_address": nic.mac,
                "network_uuid": nic.subnet,
                "model": "",
                "is_connected": true,
            });
            if let Some(address) = nic.addresses.first() {
                entity["ip_address"] = json!(address);
            }
            entity
        });
        entity["vm_nics"] = nics.collect();
    }
    entity
}
