//! Tests of the format `table`.

use gatherer_plugin_api::model::{
    CollectionStatus, Completeness, EndpointResult, EndpointStatus, Guest, GuestState, Host,
    HostState, Hypervisor, Inventory, Pod, SCHEMA_VERSION, Service, Software, Version, Warning,
    Workloads,
};
use gatherer_plugin_api::{ErrorKind, GatherError};
use proptest::prelude::*;

use super::super::TableStyle;
use super::text_width::width;
use crate::output::terminal::UNLIMITED;

const PLAIN: TableStyle = TableStyle { width: 100, color: false };

fn endpoint(id: &str, module: &str, hosts: Vec<Host>) -> EndpointResult {
    EndpointResult {
        status: EndpointStatus::Complete,
        hosts,
        ..EndpointResult::new(id.into(), Some(module.into()), None)
    }
}

fn inventory(endpoints: Vec<EndpointResult>) -> Inventory {
    Inventory {
        schema_version: SCHEMA_VERSION.into(),
        generator: Software { name: "virtual-host-gatherer".into(), version: None },
        run: None,
        endpoints,
        shard: None,
        links: Vec::new(),
    }
}

fn guest(number: u32, name: &str, state: GuestState, cpus: u32, memory: u64) -> Guest {
    let mut guest = Guest::new(format!("4c4c4544-0042-3510-8052-{number:012}"), name);
    guest.state = Some(state);
    guest.cpus = Some(cpus);
    guest.memory_bytes = Some(memory << 20);
    guest
}

fn sample() -> Inventory {
    let mut esx = Host::new("93ce9d1d-06b9-4f0e-a3d6-0c84efb2b1a4", "esx1.example.com");
    esx.hypervisor = Some(Hypervisor { kind: "vmware".into(), version: None });
    esx.os = Some(Version { name: Some("VMware ESXi".into()), version: Some("7.0.3".into()) });
    esx.state = Some(HostState::Maintenance);
    (esx.cpu.cores, esx.cpu.threads) = (Some(16), Some(32));
    esx.memory_bytes = Some(256 << 30);
    esx.guests = vec![
        guest(2, "web", GuestState::Stopped, 2, 1536),
        guest(1, "web", GuestState::Running, 16, 4096),
        guest(3, "evil\u{1b}[2J\u{202e}", GuestState::Crashed, 1, 512),
    ];
    let mut node = Host::new("0a1b2c3d4e5f", "node-1");
    node.hypervisor = Some(Hypervisor { kind: "kubernetes".into(), version: None });
    node.state = Some(HostState::Up);
    node.cpu.millicores = Some(3920);

    let mut cluster = endpoint("cluster", "Kubernetes", vec![node]);
    cluster.collections.insert(
        "pods".into(),
        CollectionStatus {
            status: Completeness::Failed,
            error: Some(GatherError::new(ErrorKind::Permission, "GET /api/v1/pods: 403 Forbidden")),
        },
    );
    let mut failed = endpoint("kvm", "Libvirt", Vec::new());
    failed.status = EndpointStatus::Failed;
    failed.error = Some(
        GatherError::new(
            ErrorKind::Connection,
            "cannot reach qemu+tcp://kvm.example.com/system: 192.0.2.7 port 16509: connection refused",
        )
        .with_hint("is libvirtd running there, and does it listen on TCP?"),
    );
    let mut center = endpoint("vcenter", "VMware", vec![esx]);
    center.warnings =
        vec![Warning { object: "web".into(), message: "two guests of one name".into() }];
    inventory(vec![center, failed, cluster])
}

fn render(inventory: &Inventory, style: TableStyle) -> String {
    super::render(inventory, style).text
}

#[test]
fn shows_endpoints_hosts_guests_and_errors_on_a_wide_terminal() {
    insta::assert_snapshot!(render(&sample(), PLAIN));
}

#[test]
fn fits_a_narrow_terminal() {
    insta::assert_snapshot!(render(&sample(), TableStyle { width: 60, color: false }));
}

#[test]
fn elsewhere_than_on_a_terminal_nothing_is_cut_and_each_line_has_its_host_and_endpoint() {
    insta::assert_snapshot!(render(&sample(), TableStyle { width: UNLIMITED, color: false }));
}

#[test]
fn counts_items_and_shows_guests_without_a_host() {
    let node = Host::new("0a1b2c3d4e5f", "node-1");
    let mut cluster = endpoint("cluster", "Kubernetes", vec![node]);
    cluster.detached_guests = vec![
        guest(2, "vm-b", GuestState::PoweringOn, 2, 2048),
        guest(1, "vm-a", GuestState::PoweringOn, 1, 1024),
    ];
    cluster.workloads = Workloads {
        pods: vec![Pod::default(); 312],
        services: vec![Service::default()],
        ..Workloads::default()
    };
    let mut empty = endpoint("empty", "Kubernetes", Vec::new());
    empty.detached_guests = vec![guest(3, "vm-c", GuestState::PoweringOn, 1, 512)];
    insta::assert_snapshot!(render(&inventory(vec![cluster, empty]), PLAIN));
}

#[test]
fn prints_only_the_summary_without_endpoints() {
    assert_eq!(render(&inventory(Vec::new()), PLAIN), "0 endpoints; 0 hosts, 0 guests\n");
}

#[test]
fn colors_do_not_change_the_text() {
    let plain = render(&sample(), PLAIN);
    assert!(!plain.contains('\u{1b}'));
    let colored = render(&sample(), TableStyle { color: true, ..PLAIN });
    assert!(colored.contains("\u{1b}[31mfailed\u{1b}[0m"));
    let mut stripped = String::new();
    let mut rest = colored.as_str();
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        stripped.push_str(before);
        rest = after.split_once('m').expect("every escape sequence ends").1;
    }
    stripped.push_str(rest);
    assert_eq!(stripped, plain);
}

#[test]
fn escapes_terminal_control_characters() {
    let text = render(&sample(), TableStyle { width: 140, ..PLAIN });
    assert!(text.contains("evil\\u{1b}[2J\\u{202e}"), "{text}");
}

#[test]
fn shows_all_guests_of_a_long_list() {
    let mut host = Host::new("h", "kvm");
    host.guests = (0..3000).map(|number| guest(number, "web", GuestState::Running, 1, 1)).collect();
    let text = render(&inventory(vec![endpoint("e", "Libvirt", vec![host])]), PLAIN);
    assert_eq!(text.matches("web").count(), 3000);
    assert!(text.ends_with("1 endpoint: 1 complete; 1 host, 3000 guests\n"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_line_fits_the_terminal_and_has_no_control_characters(
        terminal_width in 20_usize..140,
        names in prop::collection::vec(".{0,60}", 1..5),
        id in ".{0,60}",
        message in "[ -~]{0,200}",
    ) {
        let mut inventory = sample();
        for endpoint in &mut inventory.endpoints {
            endpoint.id.clone_from(&id);
            if let Some(error) = &mut endpoint.error {
                error.message.clone_from(&message);
            }
            for host in &mut endpoint.hosts {
                host.name.clone_from(&names[0]);
                for (guest, name) in host.guests.iter_mut().zip(&names) {
                    guest.name.clone_from(name);
                    guest.id = Some(id.clone());
                }
            }
        }
        let text = render(&inventory, TableStyle { width: terminal_width, color: false });
        prop_assert!(text.ends_with('\n'));
        for line in text.lines() {
            prop_assert!(width(line) <= terminal_width, "{line:?} at {terminal_width}");
            prop_assert!(!line.chars().any(char::is_control));
        }
    }
}
