//! The hosts, clusters and controller VMs of the v4 lists.

use serde_json::{Value, json};

use super::v4_object::{ip_address, list, object};
use super::{NutanixCluster, NutanixGuestKind, NutanixHost, NutanixHypervisor, NutanixInventory};

/// A type of the configuration of clusters.
fn name(name: &str) -> String {
    format!("clustermgmt.v4.config.{name}")
}

fn hypervisor_type(hypervisor: Option<NutanixHypervisor>) -> &'static str {
    match hypervisor {
        Some(NutanixHypervisor::Ahv) => "AHV",
        Some(NutanixHypervisor::Esxi) => "ESX",
        None => "$UNKNOWN",
    }
}

/// A host. Prism Central itself is none.
pub(super) fn host(inventory: &NutanixInventory, host: &NutanixHost) -> Value {
    let address = |offset: u8| ip_address(&format!("203.0.113.{}", host.number + offset));
    let cluster = inventory.clusters.iter().find(|cluster| cluster.id == host.cluster);
    let hypervisor = json!({
        "externalAddress": address(0),
        "userName": "root",
        "fullName": host.hypervisor_full_name,
        "type": hypervisor_type(inventory.hypervisor(&host.cluster)),
        "numberOfVms": inventory.guests_on(&host.id),
        "state":
            if host.is_in_maintenance { "ENTERED_MAINTENANCE_MODE" } else { "ACROPOLIS_NORMAL" },
        "acropolisConnectionState": if host.is_connected { "CONNECTED" } else { "DISCONNECTED" },
    });
    let controller_vm = json!({
        "externalAddress": address(100),
        "backplaneAddress": address(100),
        "isInMaintenanceMode": false,
    });
    let disk = |number: u8| {
        object(
            &name("DiskReference"),
            json!({
                "uuid": format!("0d5c1e00-dddd-4000-8000-00000000{:02x}{number:02x}", host.number),
                "mountPath": format!("/home/nutanix/data/stargate-storage/disks/OURS{number}"),
                "sizeInBytes": 1_600_000_000_000_u64,
                "serialId": format!("OURS{number}"),
                "storageTier": "SATA_SSD",
            }),
        )
    };
    object(
        &name("Host"),
        json!({
            "extId": host.id,
            "hostName": host.name,
            "hostType": "HYPER_CONVERGED",
            "hypervisor": object(&name("HypervisorReference"), hypervisor),
            "cluster": object(
                &name("ClusterReference"),
                json!({"name": cluster.map(|cluster| &cluster.name), "uuid": host.cluster}),
            ),
            "controllerVm": object(&name("ControllerVmReference"), controller_vm),
            "disk": list([disk(1), disk(2)]),
            "isSecureBooted": false,
            "isHardwareVirtualized": false,
            "hasCsr": false,
            "numberOfCpuCores": host.cpu_cores,
            "numberOfCpuThreads": host.cpu_threads,
            "numberOfCpuSockets": host.cpu_sockets,
            "cpuFrequencyHz": host.cpu_hz,
            "cpuModel": host.cpu_model,
            "bootTimeUsecs": 1_748_000_000_000_000_u64,
            "memorySizeBytes": host.memory_bytes,
            "blockSerial": "OURSBLOCK",
            "blockModel": "NX-OURS",
            "maintenanceState":
                if host.is_in_maintenance { "in_maintenance" } else { "normal" },
            "nodeStatus": "NORMAL",
            "ipmi": object(
                &name("IpmiReference"),
                json!({"ip": address(50), "username": "ADMIN"}),
            ),
            "rackableUnitUuid": "0d5c1e00-ffff-4000-8000-0000000000e1",
        }),
    )
}

/// A cluster, or that of Prism Central itself, which does not count VMs.
pub(super) fn cluster(inventory: &NutanixInventory, cluster: &NutanixCluster) -> Value {
    let is_central = cluster.hypervisor.is_none();
    let hosts = inventory.hosts.iter().filter(|host| host.cluster == cluster.id);
    let node = |host: &NutanixHost| {
        let number = host.number;
        object(
            &name("NodeListItemReference"),
            json!({
                "nodeUuid": host.id,
                "controllerVmIp": ip_address(&format!("203.0.113.{}", number + 100)),
                "hostIp": ip_address(&format!("203.0.113.{number}")),
            }),
        )
    };
    let mut nodes: Vec<_> = hosts.map(node).collect();
    if is_central {
        let node = json!({
            "nodeUuid": "0d5c1e00-bbbb-4000-8000-000000000909",
            "controllerVmIp": ip_address("203.0.113.200"),
        });
        nodes.push(object(&name("NodeListItemReference"), node));
    }
    let nodes = json!({"numberOfNodes": nodes.len(), "nodeList": list(nodes)});
    let guests = inventory.guests.iter().filter(|guest| guest.cluster == cluster.id);
    object(
        &name("Cluster"),
        json!({
            "extId": cluster.id,
            "vmCount": (!is_central).then_some(guests.count()),
            "backupEligibilityScore": (!is_central).then_some(4),
            "name": cluster.name,
            "nodes": object(&name("NodeReference"), nodes),
            "config": config(cluster),
            "network": network(),
            "upgradeStatus": (!is_central).then_some("SUCCEEDED"),
        }),
    )
}

fn config(cluster: &NutanixCluster) -> Value {
    let is_central = cluster.hypervisor.is_none();
    let function = if is_central { "PRISM_CENTRAL" } else { "AOS" };
    let version = if is_central { "2024.3" } else { "7.0" };
    let software = |software: &str, version: &str| {
        let members = json!({"softwareType": software, "version": version});
        object(&name("SoftwareMapReference"), members)
    };
    let product = if is_central { "PRISM_CENTRAL" } else { "NOS" };
    let build = json!({
        "buildType": "release",
        "version": version,
        "fullVersion": format!("el8.5-release-ours-{version}-stable"),
        "commitId": "0123456789abcdef0123456789abcdef01234567",
        "shortCommitId": "012345",
    });
    let tolerance = json!({
        "currentMaxFaultTolerance": 1,
        "desiredMaxFaultTolerance": 1,
        "domainAwarenessLevel": "NODE",
        "currentClusterFaultTolerance": "CFT_1N_OR_1D",
        "desiredClusterFaultTolerance": "CFT_1N_OR_1D",
    });
    let key = json!({"name": "operator", "key": "ssh-ed25519 AAAA"});
    object(
        &name("ClusterConfigReference"),
        json!({
            "incarnationId": 1_748_000_000_000_000_u64,
            "hypervisorTypes": [hypervisor_type(cluster.hypervisor)],
            "timezone": "UTC",
            "clusterSoftwareMap": list([software("NCC", "ncc-5.1.1"), software(product, version)]),
            "isRemoteSupportEnabled": false,
            "isLts": (!is_central).then_some(false),
            "isPasswordRemoteLoginEnabled": true,
            "isAvailable": cluster.is_available,
            "buildInfo": object(&name("BuildReference"), build),
            "clusterFunction": [function],
            "authorizedPublicKeyList": list([object(&name("PublicKey"), key)]),
            "redundancyFactor": 2,
            "clusterArch": "X86_64",
            "faultToleranceState": object(&name("FaultToleranceState"), tolerance),
            "operationMode": (!is_central).then_some("NORMAL"),
            "pulseStatus": object(&name("PulseStatus"), json!({"isEnabled": true})),
        }),
    )
}

fn network() -> Value {
    let name_server = json!({"ipv4": super::v4_object::ipv4("203.0.113.253")});
    let time_server = object("common.v1.config.FQDN", json!({"value": "ntp.example.com"}));
    let backplane = json!({"isSegmentationEnabled": false});
    object(
        &name("ClusterNetworkReference"),
        json!({
            "externalSubnet": "203.0.113.0/255.255.255.0",
            "internalSubnet": "192.168.5.0/255.255.255.128",
            "externalAddress": ip_address("203.0.113.254"),
            "externalDataServiceIp": ip_address("203.0.113.252"),
            "nameServerIpList":
                list([object("common.v1.config.IPAddressOrFQDN", name_server)]),
            "ntpServerIpList": list([object(
                "common.v1.config.IPAddressOrFQDN",
                json!({"fqdn": time_server}),
            )]),
            "backplane": object(&name("BackplaneNetworkParams"), backplane),
        }),
    )
}

/// The controller VMs of a cluster. The shape is that of the vendor's client, since no answer was recorded.
pub(super) fn controller_vms(inventory: &NutanixInventory, cluster: &str) -> Vec<Value> {
    let guests = inventory.guests.iter().filter(|guest| guest.cluster == cluster);
    let cvms = guests.filter(|guest| guest.kind == NutanixGuestKind::ControllerVm);
    cvms.map(|guest| {
        object(
            &name("Cvm"),
            json!({
                "extId": guest.id,
                "name": guest.name,
                "clusterExtId": guest.cluster,
                "nodeExtId": guest.host,
                "numVcpus": guest.cpus(),
                "memorySizeBytes": guest.memory_bytes,
                "hypervisorType": hypervisor_type(inventory.hypervisor(cluster)),
                "ipAddress": guest.nics.first().and_then(|nic| nic.addresses.first())
                    .map(|address| ip_address(address)),
            }),
        )
    })
    .collect()
}
