//! The VMs of the v4 lists, on AHV and on ESXi.

use serde_json::{Value, json};

use super::v4_object::{ipv4, list, object};
use super::{NutanixGuest, NutanixGuestKind, NutanixPower};

/// What Prism Central sends for what the user may not see.
const REDACTED: &str = "$REDACTED";

/// A VM on AHV.
pub(super) fn ahv_vm(guest: &NutanixGuest, is_redacted: bool) -> Value {
    let power = match guest.power {
        _ if is_redacted => REDACTED,
        NutanixPower::On => "ON",
        NutanixPower::Off => "OFF",
        NutanixPower::Paused => "PAUSED",
        NutanixPower::Undetermined => "UNDETERMINED",
    };
    let cdrom = guest.has_cdrom.then(|| {
        let address = json!({"busType": "IDE", "index": 0});
        let id = part_id(guest, 'd', 0);
        list([object(
            "vmm.v4.ahv.config.CdRom",
            json!({
                "extId": id,
                "diskAddress": object("vmm.v4.ahv.config.CdRomAddress", address),
                "backingInfo": ahv_backing(guest, &id, 376_832),
                "isoType": "OTHER",
            }),
        )])
    });
    object(
        "vmm.v4.ahv.config.Vm",
        json!({
            "extId": guest.id,
            "createTime": "2026-03-01T08:00:00.123456Z",
            "updateTime": "2026-03-02T08:00:00.123456Z",
            "isLiveMigrateCapable": true,
            "isCrossClusterMigrationInProgress": false,
            "bootConfig": boot_config(guest),
            "name": guest.name,
            "description": guest.description,
            "numSockets": guest.sockets,
            "numCoresPerSocket": guest.cores_per_socket,
            "numThreadsPerCore": guest.threads_per_core,
            "numNumaNodes": 0,
            "memorySizeBytes": guest.memory_bytes,
            "isVcpuHardPinningEnabled": false,
            "isCpuPassthroughEnabled": false,
            "isMemoryOvercommitEnabled": false,
            "isGpuConsoleEnabled": false,
            "isCpuHotplugEnabled": true,
            "isScsiControllerEnabled": true,
            "generationUuid": part_id(guest, 'f', 1),
            "biosUuid": guest.id,
            "ownershipInfo": ownership("ahv"),
            "host": reference("vmm.v4.ahv.config.HostReference", guest.host.as_deref()),
            "cluster": reference("vmm.v4.ahv.config.ClusterReference", Some(&guest.cluster)),
            "hardwareClockTimezone": "UTC",
            "isBrandingEnabled": true,
            "isVgaConsoleEnabled": true,
            "machineType": "PC",
            "powerState": power,
            "vtpmConfig":
                object("vmm.v4.ahv.config.VtpmConfig", json!({"isVtpmEnabled": false})),
            "isAgentVm": guest.kind == NutanixGuestKind::Agent,
            "apcConfig": object("vmm.v4.ahv.config.ApcConfig", json!({"isApcEnabled": false})),
            "disks": disks(guest, "ahv"),
            "cdRoms": cdrom,
            "nics": ahv_nics(guest),
            "protectionType": "UNPROTECTED",
            "source": (guest.kind == NutanixGuestKind::Ordinary).then(|| {
                let source = json!({"extId": part_id(guest, 'f', 2), "entityType": "VM"});
                object("vmm.v4.ahv.config.VmSourceReference", source)
            }),
        }),
    )
}

/// A VM on ESXi. The shape is that of the vendor's client, since no answer was recorded.
pub(super) fn esxi_vm(guest: &NutanixGuest, is_redacted: bool) -> Value {
    let power = match guest.power {
        _ if is_redacted => REDACTED,
        NutanixPower::On => "ON",
        NutanixPower::Off => "OFF",
        NutanixPower::Paused => "SUSPENDED",
        NutanixPower::Undetermined => "UNDETERMINED",
    };
    object(
        "vmm.v4.esxi.config.Vm",
        json!({
            "extId": guest.id,
            "name": guest.name,
            "description": guest.description,
            "cluster": reference("vmm.v4.esxi.config.ClusterReference", Some(&guest.cluster)),
            "host": reference("vmm.v4.esxi.config.HostReference", guest.host.as_deref()),
            "ownershipInfo": ownership("esxi"),
            "powerState": power,
            "memorySizeBytes": guest.memory_bytes,
            "numCoresPerSocket": guest.cores_per_socket,
            "numCpus": guest.cpus(),
            "guestOsName": "SUSE Linux Enterprise 15 (64-bit)",
            "virtualHardwareVersion": 19,
            "disks": disks(guest, "esxi"),
            "nics": esxi_nics(guest),
        }),
    )
}

/// Every second guest boots with UEFI.
fn boot_config(guest: &NutanixGuest) -> Value {
    let boot = if guest.has_cdrom { "UefiBoot" } else { "LegacyBoot" };
    let order = json!({"bootOrder": ["CDROM", "DISK", "NETWORK"]});
    let mut config = object(&format!("vmm.v4.ahv.config.{boot}"), order);
    if guest.has_cdrom {
        let original = json!({"diskExtId": part_id(guest, 'f', 4)});
        let original = object("vmm.v4.ahv.config.VmDiskReference", original);
        let source = object("vmm.v4.ahv.config.DataSource", json!({"reference": original}));
        let nvram = json!({"diskExtId": part_id(guest, 'f', 3), "dataSource": source});
        let nvram = object("vmm.v4.ahv.config.VmDisk", nvram);
        config["isSecureBootEnabled"] = json!(false);
        config["nvramDevice"] =
            object("vmm.v4.ahv.config.NvramDevice", json!({"backingStorageInfo": nvram}));
    }
    config
}

fn disks(guest: &NutanixGuest, hypervisor: &str) -> Value {
    let name = |name: &str| format!("vmm.v4.{hypervisor}.config.{name}");
    list(guest.disk_bytes.iter().enumerate().map(|(index, bytes)| {
        let id = part_id(guest, 'd', 1 + index);
        let backing = match hypervisor {
            "ahv" => ahv_backing(guest, &id, *bytes),
            _ => object(&name("VmDisk"), json!({"diskSizeBytes": bytes})),
        };
        let address = json!({"busType": "SCSI", "index": index});
        object(
            &name("Disk"),
            json!({
                "extId": id,
                "backingInfo": backing,
                "diskAddress": object(&name("DiskAddress"), address),
            }),
        )
    }))
}

/// What a disk or CD-ROM drive on AHV is made of: a copy of an image.
fn ahv_backing(guest: &NutanixGuest, id: &str, bytes: u64) -> Value {
    let container = json!({"extId": part_id(guest, 'd', 100)});
    let image = json!({"imageExtId": part_id(guest, 'd', 200)});
    let image = object("vmm.v4.ahv.config.ImageReference", image);
    let source = object("vmm.v4.ahv.config.DataSource", json!({"reference": image}));
    object(
        "vmm.v4.ahv.config.VmDisk",
        json!({
            "diskExtId": id,
            "isMigrationInProgress": false,
            "diskSizeBytes": bytes,
            "storageContainer": object("vmm.v4.ahv.config.VmDiskContainerReference", container),
            "dataSource": source,
        }),
    )
}

/// The first address of an interface was learned if the guest has a CD-ROM drive, else configured, as both occur.
fn ahv_nics(guest: &NutanixGuest) -> Value {
    list(guest.nics.iter().enumerate().map(|(index, nic)| {
        let addresses = list(nic.addresses.iter().map(|address| ipv4(address)));
        let learned = (guest.has_cdrom && !nic.addresses.is_empty()).then(|| {
            object("vmm.v4.ahv.config.Ipv4Info", json!({"learnedIpAddresses": addresses}))
        });
        let configured = nic.addresses.first().filter(|_| !guest.has_cdrom).map(|address| {
            object("vmm.v4.ahv.config.Ipv4Config", json!({"ipAddress": ipv4(address)}))
        });
        let network = json!({
            "nicType": "NORMAL_NIC",
            "subnet": reference("vmm.v4.ahv.config.SubnetReference", Some(&nic.subnet)),
            "vlanMode": "ACCESS",
            "ipv4Info": learned,
            "ipv4Config": configured,
        });
        let backing = json!({"macAddress": nic.mac, "isConnected": true, "numQueues": 1});
        object(
            "vmm.v4.ahv.config.Nic",
            json!({
                "extId": part_id(guest, 'c', index),
                "backingInfo": object("vmm.v4.ahv.config.EmulatedNic", backing),
                "networkInfo": object("vmm.v4.ahv.config.NicNetworkInfo", network),
            }),
        )
    }))
}

fn esxi_nics(guest: &NutanixGuest) -> Value {
    let name = |name: &str| format!("vmm.v4.esxi.config.{name}");
    list(guest.nics.iter().enumerate().map(|(index, nic)| {
        let addresses = json!({
            "ipv4Addresses": list(nic.addresses.iter().map(|address| ipv4(address))),
        });
        let network = json!({
            "portGroupInfo": object(&name("PortGroupInfo"), json!({"name": nic.subnet_name})),
            "ipAddressInfo": object(&name("IpAddressInfo"), addresses),
        });
        let backing = json!({"macAddress": nic.mac, "isConnected": true, "adapterType": "VMXNET3"});
        object(
            &name("Nic"),
            json!({
                "extId": part_id(guest, 'c', index),
                "backingInfo": object(&name("NicBackingInfo"), backing),
                "networkInfo": object(&name("NicNetworkInfo"), network),
            }),
        )
    }))
}

fn ownership(hypervisor: &str) -> Value {
    let owner = json!({"extId": "00000000-0000-0000-0000-000000000000"});
    let owner = object(&format!("vmm.v4.{hypervisor}.config.OwnerReference"), owner);
    object(&format!("vmm.v4.{hypervisor}.config.OwnershipInfo"), json!({"owner": owner}))
}

/// A reference, or null.
fn reference(object_type: &str, id: Option<&str>) -> Value {
    id.map_or(Value::Null, |id| object(object_type, json!({"extId": id})))
}

/// The UUID of a part of a guest.
fn part_id(guest: &NutanixGuest, kind: char, number: usize) -> String {
    let own = &guest.id[guest.id.len() - 8..];
    format!("0d5c1e00-{kind}{kind}00-4000-8000-{number:04x}{own}")
}
