//! The JSON objects of Compute Engine, made of the inventory.

use serde_json::{Value, json};

use super::{GceDisk, GceInstance, GceInterface, GceInventory, GceMachineType};

/// The URL of an object of the service, as answers have it: never the address of the fake.
pub(super) fn url(path: &str) -> String {
    format!("https://www.googleapis.com/compute/v1/{path}")
}

/// A bytes member with a value that changes when the object does.
fn fingerprint(number: u64) -> String {
    use base64::Engine as _;

    base64::engine::general_purpose::STANDARD.encode(number.to_be_bytes())
}

/// An instance. Which members it has depends on its state and its age.
pub(super) fn instance(inventory: &GceInventory, instance: &GceInstance) -> Value {
    let project = format!("projects/{}", inventory.project);
    let zone = url(&format!("{project}/zones/{}", instance.zone));
    let has_started = !matches!(instance.status, "PROVISIONING" | "STAGING" | "PENDING");
    let (interfaces, disks) = (instance.interfaces.iter(), instance.disks.iter());
    let interfaces = interfaces.enumerate();
    let disks = disks.enumerate();
    let mut object = json!({
        "kind": "compute#instance",
        "id": instance.id.to_string(),
        "creationTimestamp": instance.created,
        "name": instance.name,
        "description": instance.description,
        "tags": {"fingerprint": fingerprint(1)},
        "machineType": format!("{zone}/machineTypes/{}", instance.machine_type),
        "status": instance.status,
        "zone": zone,
        "canIpForward": false,
        "networkInterfaces":
            interfaces.map(|(place, it)| interface(inventory, place, it)).collect::<Vec<_>>(),
        "disks": disks.map(|(place, it)| disk(&zone, place, it)).collect::<Vec<_>>(),
        "metadata": {
            "kind": "compute#metadata",
            "fingerprint": fingerprint(2),
            "items": [{"key": "enable-oslogin", "value": "true"}],
        },
        "serviceAccounts": [{
            "email": "workload@example-project.iam.gserviceaccount.com",
            "scopes": ["https://www.googleapis.com/auth/devstorage.read_only"],
        }],
        "selfLink": format!("{zone}/instances/{}", instance.name),
        "scheduling": {
            "onHostMaintenance": "MIGRATE",
            "automaticRestart": true,
            "preemptible": false,
            "provisioningModel": "STANDARD",
        },
        "cpuPlatform": if has_started { "Intel Broadwell" } else { "Unknown CPU Platform" },
        "labelFingerprint": fingerprint(3),
        "startRestricted": false,
        "deletionProtection": false,
        "reservationAffinity": {"consumeReservationType": "ANY_RESERVATION"},
        "displayDevice": {"enableDisplay": false},
        "shieldedInstanceConfig": {
            "enableSecureBoot": false,
            "enableVtpm": true,
            "enableIntegrityMonitoring": true,
        },
        "shieldedInstanceIntegrityPolicy": {"updateAutoLearnPolicy": true},
        "confidentialInstanceConfig": {"enableConfidentialCompute": false},
        "fingerprint": fingerprint(instance.id),
        "satisfiesPzi": true,
        "keyRevocationActionType": "NONE",
        "resourceStatus": {"scheduling": {}, "physicalHostTopology": {}},
    });
    if has_started {
        object["lastStartTimestamp"] = json!("2026-03-02T01:00:00.000-08:00");
    }
    if matches!(instance.status, "TERMINATED" | "STOPPED") {
        object["lastStopTimestamp"] = json!("2026-03-03T01:00:00.000-08:00");
    }
    if instance.status == "SUSPENDED" {
        object["lastSuspendedTimestamp"] = json!("2026-03-03T01:00:00.000-08:00");
    }
    if let Some(hostname) = instance.hostname {
        object["hostname"] = json!(hostname);
    }
    if !instance.tags.is_empty() {
        object["tags"]["items"] = json!(instance.tags);
    }
    for (name, value) in &instance.labels {
        object["labels"][*name] = json!(value);
    }
    object
}

fn interface(inventory: &GceInventory, place: usize, interface: &GceInterface) -> Value {
    let project = format!("projects/{}", inventory.project);
    let network = interface.network;
    let has_ipv6 = interface.ipv6_address.is_some() || interface.external_ipv6_address.is_some();
    let subnetwork = format!("{project}/regions/us-central1/subnetworks/{network}-1");
    let mut object = json!({
        "kind": "compute#networkInterface",
        "network": url(&format!("{project}/global/networks/{network}")),
        "subnetwork": url(&subnetwork),
        "name": format!("nic{place}"),
        "fingerprint": fingerprint(4),
        "stackType": if has_ipv6 { "IPV4_IPV6" } else { "IPV4_ONLY" },
    });
    if let Some(address) = &interface.address {
        object["networkIP"] = json!(address);
    }
    if let Some(address) = &interface.ipv6_address {
        object["ipv6Address"] = json!(address);
        object["internalIpv6PrefixLength"] = json!(96);
        object["ipv6AccessType"] = json!("INTERNAL");
    }
    if let Some(address) = &interface.external_ipv6_address {
        object["ipv6AccessType"] = json!("EXTERNAL");
        object["ipv6AccessConfigs"] = json!([{
            "kind": "compute#accessConfig",
            "type": "DIRECT_IPV6",
            "name": "external-ipv6",
            "externalIpv6": address,
            "externalIpv6PrefixLength": 96,
            "networkTier": "PREMIUM",
        }]);
    }
    if place == 0 {
        // An instance that is off keeps the configuration without an address.
        object["accessConfigs"] = json!([{
            "kind": "compute#accessConfig",
            "type": "ONE_TO_ONE_NAT",
            "name": "External NAT",
            "networkTier": "PREMIUM",
        }]);
        if let Some(address) = &interface.external_address {
            object["accessConfigs"][0]["natIP"] = json!(address);
        }
    }
    object
}

fn disk(zone: &str, place: usize, disk: &GceDisk) -> Value {
    let mut object = json!({
        "kind": "compute#attachedDisk",
        "type": if disk.name.is_some() { "PERSISTENT" } else { "SCRATCH" },
        "mode": "READ_WRITE",
        "deviceName": disk.device,
        "index": place,
        "boot": place == 0,
        "autoDelete": true,
        "interface": if disk.name.is_some() { "SCSI" } else { "NVME" },
    });
    if let Some(name) = &disk.name {
        object["source"] = json!(format!("{zone}/disks/{name}"));
    }
    if let Some(size) = disk.size_gb {
        object["diskSizeGb"] = json!(size.to_string());
    }
    if !disk.licenses.is_empty() {
        let licenses = disk.licenses.iter().map(|path| url(&format!("projects/{path}")));
        object["licenses"] = licenses.collect();
    }
    if place == 0 {
        let mut features = vec![json!({"type": "UEFI_COMPATIBLE"})];
        if disk.licenses.iter().any(|path| path.contains("windows")) {
            features.push(json!({"type": "WINDOWS"}));
        }
        object["guestOsFeatures"] = json!(features);
        object["architecture"] = json!("X86_64");
    }
    object
}

/// A machine type. A custom one has no time of creation.
pub(super) fn machine_type(inventory: &GceInventory, zone: &str, own: &GceMachineType) -> Value {
    let is_custom = own.name.contains("custom-");
    let base = url(&format!("projects/{}/zones/{zone}/machineTypes", inventory.project));
    let description = if is_custom {
        "Custom created machine type.".to_owned()
    } else {
        format!("{} vCPUs, {} GB RAM", own.cpus, own.memory_mb / 1024)
    };
    let id = own.memory_mb * 1_000 + u64::from(own.cpus);
    let mut object = json!({
        "kind": "compute#machineType",
        "id": id.to_string(),
        "name": own.name,
        "description": description,
        "guestCpus": own.cpus,
        "memoryMb": own.memory_mb,
        "maximumPersistentDisks": 16,
        "maximumPersistentDisksSizeGb": "3072",
        "zone": zone,
        "selfLink": format!("{base}/{}", own.name),
        "isSharedCpu": own.is_shared,
    });
    if let Some(architecture) = own.architecture {
        object["architecture"] = json!(architecture);
    }
    if !is_custom {
        object["creationTimestamp"] = json!("1969-12-31T16:00:00.000-08:00");
        object["imageSpaceGb"] = json!(0);
    }
    if own.is_deprecated {
        object["deprecated"] = json!({
            "state": "DEPRECATED",
            "deprecated": "2025-12-02T20:00:00-08:00",
            "replacement": format!("{base}/n1-standard-8"),
        });
    }
    object
}

/// A zone.
pub(super) fn zone(inventory: &GceInventory, name: &str) -> Value {
    let project = format!("projects/{}", inventory.project);
    let (region, _) = name.rsplit_once('-').expect("a zone is a region and a letter");
    json!({
        "kind": "compute#zone",
        "id": "2000",
        "creationTimestamp": "1969-12-31T16:00:00.000-08:00",
        "name": name,
        "description": name,
        "status": "UP",
        "region": url(&format!("{project}/regions/{region}")),
        "selfLink": url(&format!("{project}/zones/{name}")),
    })
}
