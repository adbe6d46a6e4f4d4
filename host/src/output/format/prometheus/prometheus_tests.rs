//! Tests of the metrics of hosts, guests and endpoints.

use gatherer_plugin_api::model::{
    CollectionStatus, Completeness, EndpointResult, EndpointRun, EndpointStatus, Guest, GuestState,
    Host, HostState, Hypervisor, Timestamp, Warning,
};
use gatherer_plugin_api::{Collection, ErrorKind, Expiry, GatherError};

use super::render;
use crate::output::inventory::assemble;

fn complete(id: &str, hosts: Vec<Host>) -> EndpointResult {
    let mut endpoint = EndpointResult::new(id.to_owned(), Some("M".to_owned()), None);
    endpoint.status = EndpointStatus::Complete;
    endpoint.hosts = hosts;
    endpoint
}

fn samples(endpoints: Vec<EndpointResult>) -> Vec<String> {
    let run = gatherer_plugin_api::model::RunInfo {
        started_at: Timestamp::UNIX_EPOCH,
        finished_at: Timestamp::UNIX_EPOCH,
    };
    let text = render(&assemble(endpoints, Some(run))).text;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.replace("virtual_host_gatherer_", "")).collect()
}

fn hypervisor() -> Host {
    let mut host = Host::new("h1", "kvm1");
    host.hypervisor = Some(Hypervisor { kind: "qemu".to_owned(), version: Some("9.1".to_owned()) });
    host.state = Some(HostState::Up);
    host.memory_bytes = Some(1 << 40);
    (host.cpu.sockets, host.cpu.cores, host.cpu.threads) = (Some(2), Some(32), Some(64));
    host.location.cluster = Some("east".to_owned());
    host.guests = vec![
        Guest {
            state: Some(GuestState::ShuttingDown),
            cpus: Some(4),
            memory_bytes: Some(1 << 32),
            ..Guest::new("g1", "web")
        },
        Guest { template: true, ..Guest::new("g2", "golden") },
    ];
    host
}

#[test]
fn hosts_and_guests_have_an_info_and_their_known_numbers() {
    let lines = samples(vec![complete("e", vec![hypervisor()])]);
    let expected = r#"
endpoint_up{endpoint="e",module="M"} 1
endpoint_objects{endpoint="e",module="M",kind="hosts"} 1
endpoint_objects{endpoint="e",module="M",kind="guests"} 2
endpoint_warnings{endpoint="e",module="M"} 0
host_info{endpoint="e",host_id="h1",host="kvm1",module="M",type="qemu",version="9.1",cluster="east"} 1
host_state{endpoint="e",host_id="h1",host="kvm1",state="up"} 1
host_memory_bytes{endpoint="e",host_id="h1",host="kvm1"} 1099511627776
host_cpus{endpoint="e",host_id="h1",host="kvm1"} 64
host_cpu_cores{endpoint="e",host_id="h1",host="kvm1"} 32
host_cpu_sockets{endpoint="e",host_id="h1",host="kvm1"} 2
host_guests{endpoint="e",host_id="h1",host="kvm1"} 2
guest_info{endpoint="e",guest_id="g1",guest="web",host_id="h1",host="kvm1",cluster="east"} 1
guest_info{endpoint="e",guest_id="g2",guest="golden",host_id="h1",host="kvm1",cluster="east",template="true"} 1
guest_state{endpoint="e",guest_id="g1",guest="web",state="shuttingDown"} 1
guest_memory_bytes{endpoint="e",guest_id="g1",guest="web"} 4294967296
guest_cpus{endpoint="e",guest_id="g1",guest="web"} 4"#;
    assert_eq!(lines.join("\n"), expected.trim_start());
}

#[test]
fn a_node_also_has_the_labels_of_kube_node_info() {
    let mut node = Host::new("machine-id", "worker-1");
    node.identifiers.kubernetes_uid = Some("uid".to_owned());
    node.identifiers.other.insert("providerId".to_owned(), "aws:///a/i-1".to_owned());
    node.versions.insert("kubelet".to_owned(), "v1.33.1".to_owned());
    node.roles = vec!["etcd".to_owned(), "worker".to_owned()];
    node.cpu.millicores = Some(1500);
    let lines = samples(vec![complete("e", vec![node, Host::new("h", "kvm1")])]);
    let of = |name: &str| lines.iter().filter(|line| line.starts_with(name)).collect::<Vec<_>>();
    assert_eq!(
        of("node_info"),
        [
            r#"node_info{endpoint="e",host_id="machine-id",host="worker-1",node="worker-1",kubelet_version="v1.33.1",provider_id="aws:///a/i-1",roles="etcd,worker"} 1"#
        ]
    );
    assert_eq!(of("host_info").len(), 2);
    let cpus = r#"host_cpus{endpoint="e",host_id="machine-id",host="worker-1"} 1.5"#;
    assert_eq!(of("host_cpus"), [cpus]);
}

#[test]
fn a_failed_endpoint_is_down_and_has_no_numbers() {
    let mut failed = EndpointResult::new("e".to_owned(), None, None);
    failed.error = Some(GatherError::new(ErrorKind::Timeout, "late"));
    assert_eq!(
        samples(vec![failed]),
        [r#"endpoint_up{endpoint="e"} 0"#, r#"endpoint_failing{endpoint="e",kind="timeout"} 1"#]
    );
    let text = render(&assemble(Vec::new(), None)).text;
    assert_eq!(text, "# no endpoints\n");
}

#[test]
fn if_guests_are_not_all_known_there_is_no_number_of_guests() {
    let mut endpoint = complete("e", vec![Host::new("h", "node")]);
    let failed = CollectionStatus { status: Completeness::Failed, error: None };
    endpoint.collections.insert(Collection::VirtualMachines.into(), failed);
    let lines = samples(vec![endpoint]);
    assert!(!lines.iter().any(|line| line.contains("guests")), "{lines:#?}");
    let missing =
        r#"endpoint_missing_collection{endpoint="e",module="M",collection="virtual-machines"} 1"#;
    assert!(lines.iter().any(|line| line == missing), "{lines:#?}");
}

#[test]
fn the_samples_of_a_run_are_those_of_watch() {
    let second = |second| Timestamp::from_second(second).expect("in range");
    let mut endpoint = complete("e", Vec::new());
    endpoint.warnings =
        vec![Warning { object: "web".to_owned(), message: "is duplicated".to_owned() }];
    endpoint.run = Some(EndpointRun {
        started_at: second(100),
        duration_ms: 1500,
        retries: None,
        expiries: vec![Expiry::new("the token", second(3000))],
    });
    let lines = samples(vec![endpoint]);
    for line in [
        r#"endpoint_last_success_timestamp_seconds{endpoint="e",module="M"} 101.5"#,
        r#"endpoint_last_duration_seconds{endpoint="e",module="M"} 1.5"#,
        r#"endpoint_warnings{endpoint="e",module="M"} 1"#,
        r#"endpoint_expiry_timestamp_seconds{endpoint="e",module="M",what="the token"} 3000"#,
    ] {
        assert!(lines.iter().any(|found| found == line), "{line}\n{lines:#?}");
    }
}

#[test]
fn hosts_and_guests_with_equal_ids_and_names_are_numbered() {
    let clone = Host { guests: vec![Guest::new("g", "web")], ..Host::new("h", "kvm") };
    let mut endpoint = complete("e", vec![clone.clone(), clone]);
    endpoint.detached_guests = vec![Guest::new("g", "web")];
    let lines = samples(vec![endpoint]);
    let of = |name: &str| lines.iter().filter(|line| line.starts_with(name)).collect::<Vec<_>>();
    assert_eq!(
        of("host_guests"),
        [
            r#"host_guests{endpoint="e",host_id="h",host="kvm"} 1"#,
            r#"host_guests{endpoint="e",host_id="h",host="kvm",duplicate="2"} 1"#,
        ]
    );
    assert_eq!(
        of("guest_info"),
        [
            r#"guest_info{endpoint="e",guest_id="g",guest="web",host_id="h",host="kvm"} 1"#,
            r#"guest_info{endpoint="e",guest_id="g",guest="web",duplicate="2",host_id="h",host="kvm"} 1"#,
            r#"guest_info{endpoint="e",guest_id="g",guest="web",duplicate="3"} 1"#,
        ]
    );
}
