//! The list of hypervisors, whose members differ with the microversion.

use gatherer_plugin_support::testing::Action;
use serde_json::{Value, json};

use super::OpenstackFault;
use super::inventory::{OpenstackHypervisor, OpenstackPolicy};
use super::nova::{Call, unexpected};
use super::sample::uuid;

pub(super) fn list(call: &Call<'_>) -> Action {
    if let Err(refusal) = call.require(OpenstackPolicy::Hypervisors) {
        return refusal;
    }
    let known = ["limit", "marker", "hypervisor_hostname_pattern", "with_servers"];
    if call.minor >= 53
        && let Err(refusal) = call.refuse_others(&known)
    {
        return refusal;
    }
    let with_servers = match call.flag("with_servers") {
        Ok(flag) => call.minor >= 53 && flag == Some(true),
        Err(refusal) if call.minor >= 53 => return refusal,
        Err(_) => false,
    };
    if call.minor >= 53 && call.request.query("hypervisor_hostname_pattern").is_some() {
        return Action::answer(501, "");
    }
    if call.inventory.hypervisors.iter().any(|hypervisor| call.is_down(&hypervisor.cell)) {
        return unexpected("oslo_db.exception.DBConnectionError");
    }
    if call.minor >= 88 && call.fake.has(OpenstackFault::UptimeFails) {
        return unexpected("oslo_messaging.exceptions.MessagingTimeout");
    }
    let mut hypervisors: Vec<_> = call.inventory.hypervisors.iter().collect();
    if call.fake.has(OpenstackFault::NoHypervisors) {
        hypervisors.clear();
    } else if call.fake.has(OpenstackFault::HypervisorMissing) {
        hypervisors.remove(0);
    }
    let render = |index: usize| render(call, hypervisors[index], with_servers);
    if call.minor < 33 {
        // Without pages, and with no regard to their parameters.
        let all: Vec<_> = (0..hypervisors.len()).map(render).collect();
        return Action::json(200, &json!({"hypervisors": all}));
    }
    let numbers: Vec<_> = hypervisors.iter().map(|it| it.number.to_string()).collect();
    let uuids = hypervisors.iter().map(|it| it.uuid.as_str());
    let ids: Vec<_> = if call.minor >= 53 {
        uuids.collect()
    } else {
        numbers.iter().map(String::as_str).collect()
    };
    call.page("hypervisors", "os-hypervisors/detail", &ids, render, Vec::new())
}

fn render(call: &Call<'_>, hypervisor: &OpenstackHypervisor, with_servers: bool) -> Value {
    let minor = call.minor;
    let service = hypervisor.number + 100;
    let mut rendered = json!({
        "id": if minor >= 53 { json!(hypervisor.uuid) } else { json!(hypervisor.number) },
        "hypervisor_hostname": hypervisor.name,
        "state": if hypervisor.is_up { "up" } else { "down" },
        "status": if hypervisor.is_enabled { "enabled" } else { "disabled" },
        "hypervisor_type": hypervisor.kind,
        "hypervisor_version": hypervisor.version,
        "host_ip": format!("192.0.2.{}", hypervisor.number % 250),
        "service": {
            "id": if minor >= 53 { json!(uuid('5', service)) } else { json!(service) },
            "host": hypervisor.service,
            "disabled_reason": (!hypervisor.is_enabled).then_some("maintenance"),
        },
    });
    // With those that are deleted and can be restored.
    let on = call.inventory.servers.iter().filter(|server| {
        server.host.as_ref().is_some_and(|place| place.hypervisor == hypervisor.name)
    });
    if minor >= 88 {
        let uptime = " 07:51:07 up 12 days, 1 user, load average: 0.10, 0.12, 0.09";
        rendered["uptime"] = json!(hypervisor.is_up.then_some(uptime));
    } else {
        let count = call.inventory.servers_on(&hypervisor.name);
        let numbers = json!({
            "vcpus": hypervisor.vcpus,
            "vcpus_used": 2 * count,
            "memory_mb": hypervisor.memory_mb,
            "memory_mb_used": 512,
            "local_gb": 1000,
            "local_gb_used": 20 * count,
            "free_ram_mb": hypervisor.memory_mb.saturating_sub(512),
            "free_disk_gb": 900,
            "disk_available_least": 800,
            "current_workload": 0,
            "running_vms": count,
        });
        for (name, number) in numbers.as_object().expect("an object") {
            rendered[name] = number.clone();
        }
        // Text before 2.28, and empty if the driver has none.
        rendered["cpu_info"] = match (&hypervisor.cpu_info, minor >= 28) {
            (Some(info), true) => info.clone(),
            (Some(info), false) => json!(info.to_string()),
            (None, true) => json!({}),
            (None, false) => json!(""),
        };
    }
    if with_servers {
        let servers: Vec<_> =
            on.map(|server| json!({"name": server.name, "uuid": server.id})).collect();
        if minor >= 75 || !servers.is_empty() {
            rendered["servers"] = json!(servers);
        }
    }
    rendered
}
