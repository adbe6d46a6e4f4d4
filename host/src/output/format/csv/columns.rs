//! The columns of the tables. Their names are those of the inventory's members, except for the keys: `endpoint`, `host_id`
//! and so on. A new column is added at the end, so that a reader by position keeps working.

use gatherer_plugin_api::model::{EndpointResult, EndpointStatus, Link};

use super::cell::{Column, flag, json, known, shown, text, word};
use super::{GuestRow, HostRow, PodRow};
use crate::output::inventory::pods::complete_pods;
use crate::output::inventory::{are_guests_known, missing_collections};

/// The columns of endpoints.
pub fn endpoints<'a>() -> Vec<Column<'a, &'a EndpointResult>> {
    /// A number that is known only if the endpoint is complete.
    fn count(endpoint: &EndpointResult, number: usize) -> Option<usize> {
        (endpoint.status == EndpointStatus::Complete).then_some(number)
    }
    vec![
        Column::new("endpoint", |row| text(&row.id)),
        Column::new("module", |row| known(row.module.as_ref())),
        Column::new("plugin_name", |row| known(row.plugin.as_ref().map(|plugin| &plugin.name))),
        Column::new("plugin_version", |row| {
            known(row.plugin.as_ref().and_then(|plugin| plugin.version.as_ref()))
        }),
        Column::new("status", |row| word(Some(&row.status))),
        Column::new("error_kind", |row| shown(row.error.as_ref().map(|error| error.kind))),
        Column::new("error_message", |row| known(row.error.as_ref().map(|error| &error.message))),
        Column::new("error_hint", |row| {
            known(row.error.as_ref().and_then(|error| error.hint.as_ref()))
        }),
        Column::new("hosts", |row| shown(count(row, row.hosts.len()))),
        Column::new("guests", |row| {
            let on_hosts: usize = row.hosts.iter().map(|host| host.guests.len()).sum();
            let number = count(row, on_hosts + row.detached_guests.len());
            shown(number.filter(|_| are_guests_known(row)))
        }),
        Column::new("pods", |row| shown(complete_pods(row).ok().map(<[_]>::len))),
        Column::new("missing_collections", |row| json(&missing_collections(row))),
        Column::new("warnings", |row| shown(Some(row.warnings.len()))),
        Column::new("started_at", |row| shown(row.run.as_ref().map(|run| run.started_at))),
        Column::new("duration_ms", |row| shown(row.run.as_ref().map(|run| run.duration_ms))),
    ]
}

/// The columns of hosts.
pub fn hosts<'a>() -> Vec<Column<'a, HostRow<'a>>> {
    vec![
        Column::new("endpoint", |row| text(&row.endpoint.id)),
        Column::new("module", |row| known(row.endpoint.module.as_ref())),
        Column::new("host_id", |row| text(&row.host.id)),
        Column::new("host_number", |row| shown(Some(row.number))),
        Column::new("host", |row| text(&row.host.name)),
        Column::new("short_name", |row| known(row.host.short_name.as_ref())),
        Column::new("hypervisor_type", |row| {
            known(row.host.hypervisor.as_ref().map(|hypervisor| &hypervisor.kind))
        }),
        Column::new("hypervisor_version", |row| {
            known(row.host.hypervisor.as_ref().and_then(|hypervisor| hypervisor.version.as_ref()))
        }),
        Column::new("software_name", |row| {
            known(row.host.software.as_ref().map(|software| &software.name))
        }),
        Column::new("software_version", |row| {
            known(row.host.software.as_ref().and_then(|software| software.version.as_ref()))
        }),
        Column::new("os_name", |row| known(row.host.os.as_ref().and_then(|os| os.name.as_ref()))),
        Column::new("os_version", |row| {
            known(row.host.os.as_ref().and_then(|os| os.version.as_ref()))
        }),
        Column::new("state", |row| word(row.host.state.as_ref())),
        Column::new("source_state", |row| known(row.host.source_state.as_ref())),
        Column::new("cpu_architecture", |row| known(row.host.cpu.architecture.as_ref())),
        Column::new("cpu_vendor", |row| known(row.host.cpu.vendor.as_ref())),
        Column::new("cpu_model", |row| known(row.host.cpu.model.as_ref())),
        Column::new("cpu_frequency_mhz", |row| shown(row.host.cpu.frequency_mhz.as_ref())),
        Column::new("cpu_sockets", |row| shown(row.host.cpu.sockets)),
        Column::new("cpu_cores", |row| shown(row.host.cpu.cores)),
        Column::new("cpu_threads", |row| shown(row.host.cpu.threads)),
        Column::new("cpu_millicores", |row| shown(row.host.cpu.millicores)),
        Column::new("memory_bytes", |row| shown(row.host.memory_bytes)),
        Column::new("datacenter", |row| known(row.host.location.datacenter.as_ref())),
        Column::new("cluster", |row| known(row.host.location.cluster.as_ref())),
        Column::new("folder", |row| known(row.host.location.folder.as_ref())),
        Column::new("provider_name", |row| {
            known(row.host.provider.as_ref().map(|provider| &provider.name))
        }),
        Column::new("provider_instance_id", |row| {
            known(row.host.provider.as_ref().and_then(|provider| provider.instance_id.as_ref()))
        }),
        Column::new("provider_region", |row| {
            known(row.host.provider.as_ref().and_then(|provider| provider.region.as_ref()))
        }),
        Column::new("provider_zone", |row| {
            known(row.host.provider.as_ref().and_then(|provider| provider.zone.as_ref()))
        }),
        Column::new("synthetic", |row| flag(row.host.synthetic)),
        Column::new("represented_by", |row| known(row.host.represented_by.as_ref())),
        Column::new("created_at", |row| shown(row.host.created_at)),
        Column::new("guests", |row| {
            shown(are_guests_known(row.endpoint).then_some(row.host.guests.len()))
        }),
        Column::new("identifiers", |row| json(&row.host.identifiers)),
        Column::new("addresses", |row| json(&row.host.addresses)),
        Column::new("labels", |row| json(&row.host.labels)),
        Column::new("taints", |row| json(&row.host.taints)),
        Column::new("roles", |row| json(&row.host.roles)),
        Column::new("conditions", |row| json(&row.host.conditions)),
        Column::new("capacity", |row| json(&row.host.capacity)),
        Column::new("allocatable", |row| json(&row.host.allocatable)),
        Column::new("versions", |row| json(&row.host.versions)),
        Column::new("images", |row| json(&row.host.images)),
    ]
}

/// The columns of guests.
pub fn guests<'a>() -> Vec<Column<'a, GuestRow<'a>>> {
    vec![
        Column::new("endpoint", |row| text(&row.endpoint.id)),
        Column::new("module", |row| known(row.endpoint.module.as_ref())),
        Column::new("host_id", |row| known(row.host.map(|row| &row.host.id))),
        Column::new("host_number", |row| shown(row.host.map(|row| row.number))),
        Column::new("host", |row| known(row.host.map(|row| &row.host.name))),
        Column::new("guest_id", |row| known(row.guest.id.as_ref())),
        Column::new("guest", |row| text(&row.guest.name)),
        Column::new("uuid", |row| known(row.guest.uuid.as_ref())),
        Column::new("state", |row| word(row.guest.state.as_ref())),
        Column::new("source_state", |row| known(row.guest.source_state.as_ref())),
        Column::new("cpus", |row| shown(row.guest.cpus)),
        Column::new("desired_cpus", |row| shown(row.guest.desired_cpus)),
        Column::new("memory_bytes", |row| shown(row.guest.memory_bytes)),
        Column::new("desired_memory_bytes", |row| shown(row.guest.desired_memory_bytes)),
        Column::new("architecture", |row| known(row.guest.architecture.as_ref())),
        Column::new("os_name", |row| known(row.guest.os.as_ref().and_then(|os| os.name.as_ref()))),
        Column::new("os_version", |row| {
            known(row.guest.os.as_ref().and_then(|os| os.version.as_ref()))
        }),
        Column::new("host_name", |row| known(row.guest.host_name.as_ref())),
        Column::new("datacenter", |row| known(row.guest.location.datacenter.as_ref())),
        Column::new("cluster", |row| known(row.guest.location.cluster.as_ref())),
        Column::new("folder", |row| known(row.guest.location.folder.as_ref())),
        Column::new("template", |row| flag(row.guest.template)),
        Column::new("agent", |row| flag(row.guest.agent)),
        Column::new("created_at", |row| shown(row.guest.created_at)),
        Column::new("identifiers", |row| json(&row.guest.identifiers)),
        Column::new("addresses", |row| json(&row.guest.addresses)),
        Column::new("interfaces", |row| json(&row.guest.interfaces)),
        Column::new("disks", |row| json(&row.guest.disks)),
        Column::new("labels", |row| json(&row.guest.labels)),
        Column::new("attributes", |row| json(&row.guest.attributes)),
    ]
}

/// The columns of pods.
pub fn pods<'a>() -> Vec<Column<'a, PodRow<'a>>> {
    vec![
        Column::new("endpoint", |row| text(&row.endpoint.id)),
        Column::new("module", |row| known(row.endpoint.module.as_ref())),
        Column::new("host_id", |row| {
            known(row.pod.host.as_ref().and_then(|host| host.id.as_ref()))
        }),
        Column::new("host", |row| known(row.pod.host.as_ref().map(|host| &host.name))),
        Column::new("namespace", |row| text(&row.pod.namespace)),
        Column::new("pod", |row| text(&row.pod.name)),
        Column::new("pod_uid", |row| text(&row.pod.uid)),
        Column::new("phase", |row| known(row.pod.phase.as_ref())),
        Column::new("service_account", |row| known(row.pod.service_account.as_ref())),
        Column::new("controller_kind", |row| {
            known(row.pod.controller.as_ref().map(|controller| &controller.kind))
        }),
        Column::new("controller_name", |row| {
            known(row.pod.controller.as_ref().map(|controller| &controller.name))
        }),
        Column::new("controller_uid", |row| {
            known(row.pod.controller.as_ref().map(|controller| &controller.uid))
        }),
        Column::new("bare", |row| flag(row.pod.bare)),
        Column::new("static", |row| flag(row.pod.is_static)),
        Column::new("created_at", |row| shown(row.pod.created_at)),
        Column::new("deletion_timestamp", |row| shown(row.pod.deletion_timestamp)),
        Column::new("pod_ips", |row| json(&row.pod.pod_ips)),
        Column::new("host_ips", |row| json(&row.pod.host_ips)),
        Column::new("owners", |row| json(&row.pod.owners)),
        Column::new("labels", |row| json(&row.pod.labels)),
        Column::new("containers", |row| json(&row.pod.containers)),
        Column::new("image_volumes", |row| json(&row.pod.image_volumes)),
    ]
}

/// The columns of links.
pub fn links<'a>() -> Vec<Column<'a, &'a Link>> {
    vec![
        Column::new("from_endpoint", |row| text(&row.from.endpoint)),
        Column::new("from_type", |row| word(Some(&row.from.kind))),
        Column::new("from_id", |row| known(row.from.id.as_ref())),
        Column::new("from_name", |row| text(&row.from.name)),
        Column::new("kind", |row| word(Some(&row.kind))),
        Column::new("to_endpoint", |row| text(&row.to.endpoint)),
        Column::new("to_type", |row| word(Some(&row.to.kind))),
        Column::new("to_id", |row| known(row.to.id.as_ref())),
        Column::new("to_name", |row| text(&row.to.name)),
        Column::new("evidence_by", |row| word(Some(&row.evidence.by))),
        Column::new("evidence_value", |row| text(&row.evidence.value)),
    ]
}
