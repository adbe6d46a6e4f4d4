//! The format `prometheus`: metrics of endpoints, hosts and guests for the textfile collector of node_exporter.

#[cfg(test)]
mod prometheus_properties;
#[cfg(test)]
mod prometheus_tests;

use gatherer_plugin_api::model::{EndpointResult, EndpointStatus, Guest, Host, Inventory, Warning};

use super::{Note, Rendered};
use crate::output::exposition::{
    self, AnswerSamples, EndpointSamples, Family, LABEL_MAX_BYTES, Labels, UniqueLabels, count,
};
use crate::output::filters::state_word;
use crate::output::inventory::{are_guests_known, finished_at, missing_collections, object_counts};

/// A host with the labels of all its samples.
struct HostSamples<'a> {
    labels: Labels,
    endpoint: &'a EndpointResult,
    host: &'a Host,
}

/// A guest with the labels of all its samples, and its host.
struct GuestSamples<'a> {
    labels: Labels,
    guest: &'a Guest,
    host: Option<&'a Host>,
}

/// Renders the metrics, in the inventory's order. A failed endpoint has `endpoint_up 0` and no other number.
pub fn render(inventory: &Inventory) -> Rendered {
    let mut unique = UniqueLabels::default();
    let endpoints: Vec<_> = inventory
        .endpoints
        .iter()
        .map(|endpoint| endpoint_samples(endpoint, &mut unique))
        .collect();
    let mut text = String::new();
    exposition::write_endpoints(&mut text, &endpoints);
    write_hosts(&mut text, &hosts(inventory));
    write_guests(&mut text, &guests(inventory));
    if text.is_empty() {
        // Without endpoints there are no samples, but a file has at least one line.
        text.push_str("# no endpoints\n");
    }
    let mut notes: Vec<_> = inventory.endpoints.iter().filter_map(note_of_cut_labels).collect();
    notes.sort();
    Rendered { text, notes }
}

fn endpoint_samples<'a>(
    endpoint: &'a EndpointResult,
    unique: &mut UniqueLabels,
) -> EndpointSamples<'a> {
    let is_up = endpoint.status == EndpointStatus::Complete && endpoint.error.is_none();
    let kind = endpoint.error.as_ref().map_or("internal", |error| error.kind.as_str());
    EndpointSamples {
        labels: unique.unique(Labels::of_endpoint(&endpoint.id, endpoint.module.as_deref())),
        is_up,
        failing: (!is_up).then_some(kind),
        last_success: finished_at(endpoint).filter(|_| is_up),
        duration_ms: endpoint.run.as_ref().map(|run| run.duration_ms),
        answer: is_up.then(|| AnswerSamples {
            objects: object_counts(endpoint).collect(),
            missing: missing_collections(endpoint),
            warnings: endpoint.warnings.len(),
            expiries: endpoint.run.as_ref().map_or(&[], |run| &run.expiries),
        }),
    }
}

/// The hosts of all endpoints. A failed endpoint has none.
fn hosts(inventory: &Inventory) -> Vec<HostSamples<'_>> {
    let mut unique = UniqueLabels::default();
    let mut hosts = Vec::new();
    for endpoint in &inventory.endpoints {
        hosts.extend(endpoint.hosts.iter().map(|host| {
            let labels = Labels::default().and("endpoint", &endpoint.id);
            HostSamples { labels: unique.unique(with_host(labels, host)), endpoint, host }
        }));
    }
    hosts
}

/// The guests of all endpoints.
fn guests(inventory: &Inventory) -> Vec<GuestSamples<'_>> {
    let mut unique = UniqueLabels::default();
    let mut guests = Vec::new();
    for endpoint in &inventory.endpoints {
        let on_hosts = endpoint.hosts.iter().flat_map(|host| {
            let guests = host.guests.iter();
            guests.map(move |guest| (guest, Some(host)))
        });
        let detached = endpoint.detached_guests.iter().map(|guest| (guest, None));
        guests.extend(on_hosts.chain(detached).map(|(guest, host)| {
            let labels = Labels::default().and("endpoint", &endpoint.id);
            let labels = labels.and_some("guest_id", guest.id.as_deref()).and("guest", &guest.name);
            GuestSamples { labels: unique.unique(labels), guest, host }
        }));
    }
    guests
}

/// Adds the labels that identify a host.
fn with_host(labels: Labels, host: &Host) -> Labels {
    labels.and("host_id", &host.id).and("host", &host.name)
}

fn write_hosts(text: &mut String, hosts: &[HostSamples<'_>]) {
    let gauge = |text: &mut String, name, help, value: &dyn Fn(&HostSamples<'_>) -> Option<f64>| {
        let samples = hosts.iter().filter_map(|host| Some((&host.labels, value(host)?)));
        Family::gauge(name, help).write(text, samples);
    };
    Family::gauge("host_info", "A host: a hypervisor, a node, or the pseudo-host of a cloud.")
        .write(text, hosts.iter().map(|host| (host_info(host), 1.0)));
    Family::gauge(
        "node_info",
        "A host that is a node of a cluster, with the versions of its parts.",
    )
    .write(text, hosts.iter().filter_map(|host| Some((node_info(host)?, 1.0))));
    Family::gauge("host_state", "The state of the host: up, maintenance, down or disconnected.")
        .write(
            text,
            hosts.iter().filter_map(|host| {
                let state = state_word(&host.host.state?);
                Some((host.labels.clone().and("state", &state), 1.0))
            }),
        );
    gauge(text, "host_memory_bytes", "The memory of the host.", &|host| {
        host.host.memory_bytes.map(number)
    });
    gauge(text, "host_cpus", "The CPUs that the operating system of the host sees.", &|host| {
        let cpu = &host.host.cpu;
        let whole = cpu.threads.or(cpu.cores).map(f64::from);
        whole.or_else(|| cpu.millicores.map(|millicores| number(millicores) / 1000.0))
    });
    gauge(text, "host_cpu_cores", "The physical cores of the host.", &|host| {
        host.host.cpu.cores.map(f64::from)
    });
    gauge(text, "host_cpu_sockets", "The physical packages of the host.", &|host| {
        host.host.cpu.sockets.map(f64::from)
    });
    gauge(text, "host_guests", "The guests on the host.", &|host| {
        are_guests_known(host.endpoint).then(|| count(host.host.guests.len()))
    });
}

fn write_guests(text: &mut String, guests: &[GuestSamples<'_>]) {
    let gauge = |text: &mut String, name, help, value: &dyn Fn(&Guest) -> Option<f64>| {
        let samples = guests.iter().filter_map(|guest| Some((&guest.labels, value(guest.guest)?)));
        Family::gauge(name, help).write(text, samples);
    };
    Family::gauge("guest_info", "A guest: a virtual machine or an instance.")
        .write(text, guests.iter().map(|guest| (guest_info(guest), 1.0)));
    Family::gauge("guest_state", "The state of the guest.").write(
        text,
        guests.iter().filter_map(|guest| {
            let state = state_word(&guest.guest.state?);
            Some((guest.labels.clone().and("state", &state), 1.0))
        }),
    );
    gauge(text, "guest_memory_bytes", "The memory of the guest.", &|guest| {
        guest.memory_bytes.map(number)
    });
    gauge(text, "guest_cpus", "The virtual CPUs of the guest.", &|guest| guest.cpus.map(f64::from));
}

fn host_info(HostSamples { labels, endpoint, host }: &HostSamples<'_>) -> Labels {
    let hypervisor = host.hypervisor.as_ref();
    let software = host.software.as_ref();
    let os = host.os.as_ref();
    let labels = labels.clone().and_some("module", endpoint.module.as_deref());
    let labels = labels
        .and_some("type", hypervisor.map(|hypervisor| hypervisor.kind.as_str()))
        .and_some("version", hypervisor.and_then(|hypervisor| hypervisor.version.as_deref()))
        .and_some("software", software.map(|software| software.name.as_str()))
        .and_some("software_version", software.and_then(|software| software.version.as_deref()))
        .and_some("os", os.and_then(|os| os.name.as_deref()))
        .and_some("os_version", os.and_then(|os| os.version.as_deref()))
        .and_some("architecture", host.cpu.architecture.as_deref())
        .and_some("cpu_model", host.cpu.model.as_deref())
        .and_some("uuid", host.identifiers.uuid.as_deref())
        .and_some("system_uuid", host.identifiers.system_uuid.as_deref())
        .and_some("datacenter", host.location.datacenter.as_deref())
        .and_some("cluster", host.location.cluster.as_deref());
    flag(labels, "synthetic", host.synthetic)
}

/// The labels of a host that is a node of a Kubernetes cluster. Their names are those of `kube_node_info`.
fn node_info(HostSamples { labels, host, .. }: &HostSamples<'_>) -> Option<Labels> {
    host.identifiers.kubernetes_uid.as_ref()?;
    let version = |name| host.versions.get(name).map(String::as_str);
    let provider_id = host.identifiers.other.get("providerId");
    Some(
        labels
            .clone()
            .and("node", &host.name)
            .and_some("kubelet_version", version("kubelet"))
            .and_some("kernel_version", version("kernel"))
            .and_some("container_runtime_version", version("containerRuntime"))
            .and_some("os_image", host.os.as_ref().and_then(|os| os.name.as_deref()))
            .and_some("system_uuid", host.identifiers.system_uuid.as_deref())
            .and_some("provider_id", provider_id.map(String::as_str))
            .and("roles", &host.roles.join(",")),
    )
}

fn guest_info(GuestSamples { labels, guest, host }: &GuestSamples<'_>) -> Labels {
    let labels = match host {
        Some(host) => with_host(labels.clone(), host),
        None => labels.clone(),
    };
    // A guest without a location is where its host is.
    let datacenter = guest.location.datacenter.as_deref();
    let datacenter =
        datacenter.or_else(|| host.and_then(|host| host.location.datacenter.as_deref()));
    let cluster = guest.location.cluster.as_deref();
    let cluster = cluster.or_else(|| host.and_then(|host| host.location.cluster.as_deref()));
    let labels = labels
        .and_some("uuid", guest.uuid.as_deref())
        .and_some("os", guest.os.as_ref().and_then(|os| os.name.as_deref()))
        .and_some("datacenter", datacenter)
        .and_some("cluster", cluster);
    flag(flag(labels, "template", guest.template), "agent", guest.agent)
}

/// Adds a label if the flag is set.
fn flag(labels: Labels, name: &str, is_set: bool) -> Labels {
    if is_set { labels.and(name, "true") } else { labels }
}

/// The note about an endpoint whose ids and names are longer than a label.
fn note_of_cut_labels(endpoint: &EndpointResult) -> Option<Note> {
    let is_cut = |text: &&str| text.len() > LABEL_MAX_BYTES;
    let texts = endpoint.hosts.iter().flat_map(|host| [host.id.as_str(), host.name.as_str()]);
    let guests = endpoint.hosts.iter().flat_map(|host| &host.guests);
    let texts = texts.chain(
        guests
            .chain(&endpoint.detached_guests)
            .flat_map(|guest| [guest.id.as_deref().unwrap_or_default(), guest.name.as_str()]),
    );
    let number = texts.filter(is_cut).count();
    (number > 0).then(|| {
        let message = format!(
            "ids and names that are longer than {LABEL_MAX_BYTES} bytes are cut in labels: {number}"
        );
        Note {
            endpoint: endpoint.id.clone(),
            warning: Warning { object: endpoint.id.clone(), message },
        }
    })
}

#[expect(clippy::cast_precision_loss, reason = "the inventory has no number above 2^53")]
fn number(value: u64) -> f64 {
    value as f64
}
