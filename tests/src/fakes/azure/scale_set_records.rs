//! Scale sets and their instances as the Resource Manager shows them.

use serde_json::{Value, json};

use super::records::{self, COMPUTE};
use super::{AzureFake, AzureOrchestration, AzureScaleSet, AzureVm};

fn set_id(fake: &AzureFake, set: &AzureScaleSet) -> String {
    let group = set.group.to_uppercase();
    records::id(fake, &group, &format!("{COMPUTE}/virtualMachineScaleSets"), set.name)
}

/// An entry of the list of scale sets.
pub(super) fn set(fake: &AzureFake, set: &AzureScaleSet, version: &str) -> Value {
    let mut properties = json!({
        "singlePlacementGroup": true,
        "upgradePolicy": {"mode": "Manual"},
        "virtualMachineProfile": {
            "osProfile": {"computerNamePrefix": set.name, "adminUsername": "operator"},
            "priority": "Regular",
        },
        "provisioningState": "Succeeded",
        "overprovision": true,
        "uniqueId": "5e75e700-0000-4000-8000-000000000008",
    });
    let orchestration = match set.orchestration {
        AzureOrchestration::Unnamed => None,
        AzureOrchestration::Uniform => Some("Uniform"),
        AzureOrchestration::Flexible => Some("Flexible"),
    };
    // Earlier versions do not have the member.
    if let Some(orchestration) = orchestration
        && version >= "2020-12-01"
    {
        properties["orchestrationMode"] = json!(orchestration);
    }
    json!({
        "sku": {"name": "Standard_B1ls", "tier": "Standard", "capacity": fake.inventory.capacity(set)},
        "properties": properties,
        "type": "Microsoft.Compute/virtualMachineScaleSets",
        "location": set.location,
        "id": set_id(fake, set),
        "name": set.name,
    })
}

/// An entry of the list of a scale set's instances. It has the run time status if the client asked for that.
pub(super) fn instance(
    fake: &AzureFake,
    set: &AzureScaleSet,
    (number, vm): &(u32, AzureVm),
    version: &str,
    has_view: bool,
) -> Value {
    let computer_name = format!("{}{number:06}", set.name);
    let mut properties = json!({
        "latestModelApplied": true,
        "modelDefinitionApplied": "VirtualMachineScaleSet",
        "networkProfileConfiguration": {"networkInterfaceConfigurations": []},
        "vmId": vm.vm_id,
        "hardwareProfile": {},
        "storageProfile": records::storage_profile(fake, vm),
        "osProfile": records::os_profile(vm, &computer_name),
        "networkProfile": network_profile(fake, set, *number, vm),
        "provisioningState": "Succeeded",
    });
    if version >= "2021-11-01" {
        properties["timeCreated"] = json!(records::created(vm));
    }
    if has_view {
        properties["instanceView"] = records::instance_view(fake, vm);
    }
    let mut record = json!({
        "name": vm.name,
        "instanceId": number.to_string(),
        "id": format!("{}/virtualMachines/{number}", set_id(fake, set)),
        "type": "Microsoft.Compute/virtualMachineScaleSets/virtualMachines",
        "location": vm.location,
        "tags": records::tags(vm),
        "sku": {"name": vm.size, "tier": "Standard"},
        "properties": properties,
    });
    if let Some(zone) = vm.zone {
        record["zones"] = json!([zone]);
    }
    record
}

/// The interfaces of an instance are parts of the scale set.
fn network_profile(fake: &AzureFake, set: &AzureScaleSet, number: u32, vm: &AzureVm) -> Value {
    let interfaces: Vec<Value> = vm
        .interfaces
        .iter()
        .map(|name| {
            let id =
                format!("{}/virtualMachines/{number}/networkInterfaces/{name}", set_id(fake, set));
            json!({"id": id})
        })
        .collect();
    json!({"networkInterfaces": interfaces})
}
