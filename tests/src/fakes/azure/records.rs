//! The objects of a subscription as the Resource Manager shows them.

use serde_json::{Value, json};

use super::{AzureFake, AzureSize, AzureVm};

pub(super) const COMPUTE: &str = "Microsoft.Compute";

pub(super) fn subscription(fake: &AzureFake) -> Value {
    json!({
        "id": format!("/subscriptions/{}", fake.subscription_id),
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": fake.subscription_id,
        "tenantId": fake.tenant_id,
        "displayName": "Example",
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    })
}

pub(super) fn location(fake: &AzureFake, (name, shown): (&str, &str)) -> Value {
    let metadata = json!({
        "regionType": "Physical",
        "regionCategory": "Recommended",
        "geography": "Example",
        "geographyGroup": "Example",
    });
    location_with(fake, name, shown, &metadata)
}

/// A part of the world, which the list of locations has beside the regions.
pub(super) fn logical_location(fake: &AzureFake, (name, shown): (&str, &str)) -> Value {
    location_with(fake, name, shown, &json!({"regionType": "Logical", "regionCategory": "Other"}))
}

fn location_with(fake: &AzureFake, name: &str, shown: &str, metadata: &Value) -> Value {
    json!({
        "id": format!("/subscriptions/{}/locations/{name}", fake.subscription_id),
        "name": name,
        "type": "Region",
        "displayName": shown,
        "regionalDisplayName": format!("(Example) {shown}"),
        "metadata": metadata,
    })
}

/// The id of an object in a resource group. Lists of virtual machines have the group in upper case.
pub(super) fn id(fake: &AzureFake, group: &str, kind: &str, name: &str) -> String {
    let subscription = &fake.subscription_id;
    format!("/subscriptions/{subscription}/resourceGroups/{group}/providers/{kind}/{name}")
}

fn vm_id(fake: &AzureFake, vm: &AzureVm) -> String {
    let group = vm.group.to_uppercase();
    id(fake, &group, "Microsoft.Compute/virtualMachines", &vm.name)
}

/// An entry of the plain list.
pub(super) fn vm(fake: &AzureFake, vm: &AzureVm, version: &str) -> Value {
    let mut properties = json!({
        "vmId": vm.vm_id,
        "hardwareProfile": {"vmSize": vm.size},
        "storageProfile": storage_profile(fake, vm),
        "osProfile": os_profile(vm, &vm.name),
        "networkProfile": network_profile(fake, vm),
        "diagnosticsProfile": {
            "bootDiagnostics": {"enabled": true, "storageUri": "https://diagnostics.example.com/"},
        },
        "provisioningState": "Succeeded",
    });
    if let Some((cpus, per_core)) = vm.constrained_cpus
        && version >= "2021-07-01"
    {
        let size = json!({"vCPUsAvailable": cpus, "vCPUsPerCore": per_core});
        properties["hardwareProfile"]["vmSizeProperties"] = size;
    }
    if version >= "2021-11-01" {
        properties["timeCreated"] = json!(created(vm));
    }
    if let Some(set) = vm.flexible_set {
        let set = id(fake, &vm.group, &format!("{COMPUTE}/virtualMachineScaleSets"), set);
        properties["virtualMachineScaleSet"] = json!({"id": set});
    }
    let mut record = json!({
        "properties": properties,
        "type": "Microsoft.Compute/virtualMachines",
        "location": vm.location,
        "id": vm_id(fake, vm),
        "name": vm.name,
        "resources": [{"id": format!("{}/extensions/script", vm_id(fake, vm))}],
    });
    if !vm.tags.is_empty() {
        record["tags"] = tags(vm);
    }
    if let Some(zone) = vm.zone {
        record["zones"] = json!([zone]);
    }
    record
}

/// An entry of the list with `statusOnly=true`: it has no tags and no network profile.
pub(super) fn statuses_of_vm(fake: &AzureFake, vm: &AzureVm) -> Value {
    let mut id = vm_id(fake, vm);
    if fake.happens(&super::AzureFault::IdsInUpperCase) {
        id = id.to_uppercase();
    }
    json!({
        "properties": {"instanceView": instance_view(fake, vm)},
        "type": "Microsoft.Compute/virtualMachines",
        "location": vm.location,
        "id": id,
        "name": vm.name,
    })
}

/// The time at which a virtual machine was created, which is the same for all.
pub(super) fn created(_vm: &AzureVm) -> &'static str {
    "2025-03-14T09:26:53.5897932+00:00"
}

pub(super) fn tags(vm: &AzureVm) -> Value {
    vm.tags.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
}

pub(super) fn storage_profile(fake: &AzureFake, vm: &AzureVm) -> Value {
    let disk = |number: usize| {
        let name = match number {
            0 => format!("{}_OsDisk_1_0a1b2c3d", vm.name),
            number => format!("{}_DataDisk_{}", vm.name, number - 1),
        };
        let id = id(fake, &vm.group, "Microsoft.Compute/disks", &name);
        json!({
            "name": name,
            "createOption": if number == 0 { "FromImage" } else { "Attach" },
            "caching": "ReadWrite",
            "managedDisk": {"storageAccountType": "Premium_LRS", "id": id},
            "diskSizeGB": vm.disks_gib[number],
        })
    };
    let mut os_disk = disk(0);
    os_disk["osType"] = json!(if vm.is_windows { "Windows" } else { "Linux" });
    // The size of a disk that is not attached now is not shown.
    if vm.power == Some("deallocated") {
        os_disk.as_object_mut().expect("an object").remove("diskSizeGB");
    }
    let data_disks: Vec<Value> = (1..vm.disks_gib.len())
        .map(|number| {
            let mut disk = disk(number);
            disk["lun"] = json!(number - 1);
            disk["toBeDetached"] = json!(false);
            disk
        })
        .collect();
    let image = if vm.has_own_image {
        json!({"id": id(fake, "images", "Microsoft.Compute/images", "example")})
    } else if vm.is_windows {
        json!({
            "publisher": "MicrosoftWindowsServer",
            "offer": "WindowsServer",
            "sku": "2022-datacenter",
            "version": "latest",
            "exactVersion": "20348.2700.240905",
        })
    } else {
        json!({
            "publisher": "SUSE",
            "offer": "sles-15-sp6",
            "sku": "gen2",
            "version": "latest",
            "exactVersion": "2024.06.27",
        })
    };
    json!({"imageReference": image, "osDisk": os_disk, "dataDisks": data_disks})
}

pub(super) fn os_profile(vm: &AzureVm, computer_name: &str) -> Value {
    let mut profile = json!({
        "computerName": computer_name,
        "adminUsername": "operator",
        "secrets": [],
        "allowExtensionOperations": true,
    });
    if vm.is_windows {
        profile["windowsConfiguration"] =
            json!({"provisionVMAgent": true, "enableAutomaticUpdates": true});
    } else {
        let key =
            json!({"path": "/home/operator/.ssh/authorized_keys", "keyData": "ssh-ed25519 AAAA"});
        profile["linuxConfiguration"] = json!({
            "disablePasswordAuthentication": true,
            "provisionVMAgent": true,
            "patchSettings": {"patchMode": "ImageDefault"},
            "ssh": {"publicKeys": [key]},
        });
    }
    profile
}

pub(super) fn network_profile(fake: &AzureFake, vm: &AzureVm) -> Value {
    let interfaces: Vec<Value> = vm
        .interfaces
        .iter()
        .enumerate()
        .map(|(number, name)| {
            let id = id(fake, "networking", "Microsoft.Network/networkInterfaces", name);
            json!({"id": id, "properties": {"primary": number == 0}})
        })
        .collect();
    json!({"networkInterfaces": interfaces})
}

/// The run time status of a virtual machine.
pub(super) fn instance_view(fake: &AzureFake, vm: &AzureVm) -> Value {
    let mut statuses = vec![json!({
        "code": "ProvisioningState/succeeded",
        "level": "Info",
        "displayStatus": "Provisioning succeeded",
        "time": "2026-11-27T20:15:00.1234567+00:00",
    })];
    if vm.is_generalized {
        statuses.push(json!({
            "code": "OSState/generalized",
            "level": "Info",
            "displayStatus": "VM generalized",
        }));
    }
    if let Some(power) = vm.power
        && !fake.happens(&super::AzureFault::NoPowerStates)
    {
        statuses.push(json!({
            "code": format!("PowerState/{power}"),
            "level": "Info",
            "displayStatus": format!("VM {power}"),
        }));
    }
    let mut view = json!({"statuses": statuses});
    if vm.power == Some("running") {
        view["computerName"] = json!(vm.name);
        view["osName"] = json!(if vm.is_windows { "Windows Server 2022" } else { "sles" });
        view["osVersion"] = json!(if vm.is_windows { "10.0.20348.2700" } else { "15.6" });
        view["vmAgent"] = json!({"vmAgentVersion": "2.12.0.2", "statuses": [{
            "code": "ProvisioningState/succeeded",
            "level": "Info",
            "displayStatus": "Ready",
            "message": "Guest Agent is running",
            "time": "2026-11-28T11:59:00+00:00",
        }]});
    }
    view
}

/// An entry of the list of sizes.
pub(super) fn size(size: &AzureSize) -> Value {
    json!({
        "name": size.name,
        "numberOfCores": size.cpus,
        "osDiskSizeInMB": 1_047_552,
        "resourceDiskSizeInMB": 16_384,
        "memoryInMB": size.memory_mib,
        "maxDataDiskCount": 4,
    })
}

/// An entry of the list of stock keeping units.
pub(super) fn sku(size: &AzureSize, location: &str) -> Value {
    let memory = match size.memory_mib {
        whole if whole.is_multiple_of(1024) => (whole / 1024).to_string(),
        _ => "0.5".to_owned(),
    };
    let capability = |name: &str, value: &str| json!({"name": name, "value": value});
    json!({
        "resourceType": "virtualMachines",
        "name": size.name,
        "tier": "Standard",
        "size": size.name.trim_start_matches("Standard_"),
        "family": "standardFamily",
        "locations": [location],
        "locationInfo": [{"location": location, "zones": ["1", "2", "3"], "zoneDetails": []}],
        "capabilities": [
            capability("vCPUs", &size.cpus.to_string()),
            capability("MemoryGB", &memory),
            capability("CpuArchitectureType", size.architecture),
        ],
        "restrictions": [],
    })
}
