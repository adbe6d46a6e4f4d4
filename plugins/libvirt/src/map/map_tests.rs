//! Tests of the conversion to the model that the recorded hosts do not cover.

use super::{
    CpuCounts, HostFacts, NodeInfo, Stats, guest, guest_state, host, missing_uuid_warning,
};
use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_api::model::GuestState;

fn node(cpus: u32, nodes: u32, sockets: u32, cores: u32, threads: u32) -> NodeInfo {
    NodeInfo { cpus, nodes, sockets, cores, threads, ..NodeInfo::default() }
}

fn counts(node: &NodeInfo, cells: usize) -> (Option<u32>, Option<u32>, Option<u32>) {
    let counts = CpuCounts::default().or_from_node_info(Some(node), cells);
    (counts.sockets, counts.cores, counts.threads)
}

#[test]
fn node_info_is_multiplied_only_if_it_is_consistent() {
    assert_eq!(counts(&node(64, 2, 1, 16, 2), 2), (Some(2), Some(32), Some(64)));
    assert_eq!(counts(&node(8, 1, 1, 8, 1), 1), (Some(1), Some(8), Some(8)));
    // A topology that does not fit: the single socket is a placeholder.
    assert_eq!(counts(&node(8, 1, 1, 8, 1), 4), (None, None, Some(8)));
    // Two CPUs are offline.
    assert_eq!(counts(&node(6, 1, 1, 4, 2), 1), (Some(1), Some(4), Some(6)));
    // The product is below the number of CPUs.
    assert_eq!(counts(&node(12, 1, 1, 4, 2), 1), (None, None, Some(12)));
    assert_eq!(counts(&node(0, 0, 0, 0, 0), 0), (None, None, None));
}

#[test]
fn a_cpu_in_two_cells_is_counted_once() {
    let cell = "<cell><cpus><cpu id='0' socket_id='0' core_id='0'/>\
                <cpu id='1' socket_id='0' core_id='1'/></cpus></cell>";
    let xml = format!(
        "<capabilities><host><topology><cells>{cell}{cell}</cells></topology></host>\
         </capabilities>"
    );
    let facts = HostFacts { capabilities: Some(xml), ..HostFacts::default() };
    let cpu = host(&facts).expect("mapped").cpu;
    assert_eq!((cpu.sockets, cpu.cores, cpu.threads), (Some(1), Some(2), Some(2)));
}

#[test]
fn every_state_has_virshs_word_and_its_number() {
    let words: Vec<_> = (0..=7).filter_map(|number| guest_state(number).1).collect();
    let expected = "no state|running|idle|paused|in shutdown|shut off|crashed|pmsuspended";
    assert_eq!(words.join("|"), expected);
    for number in 0..=7_u8 {
        assert_eq!(guest_state(number.into()).0.virt_who_number(), number);
    }
}

#[test]
fn an_undefined_state_is_unknown_and_keeps_its_number() {
    let stats = Stats { state: Some(42), ..Stats::default() };
    let guest = guest("g".into(), [0; 16], stats);
    assert_eq!(guest.state, Some(GuestState::Unknown));
    assert_eq!(guest.source_state.as_deref(), Some("42"));
    assert_eq!((guest.cpus, guest.memory_bytes), (None, None));
}

#[test]
fn a_uuid_that_is_not_canonical_stays_the_id_verbatim() {
    let xml = "<capabilities><host><uuid>4C4C4544-0042-3510-8051-B4C04F4D3132</uuid></host>\
               </capabilities>";
    let facts = HostFacts {
        hostname: "kvm1".into(),
        capabilities: Some(xml.into()),
        ..HostFacts::default()
    };
    let host = host(&facts).expect("mapped");
    assert_eq!(host.id, "4C4C4544-0042-3510-8051-B4C04F4D3132");
    let canonical = host.identifiers.uuid.as_deref();
    assert_eq!(canonical, Some("4c4c4544-0042-3510-8051-b4c04f4d3132"));
    assert_eq!(host.identifiers.other["rawUuid"], host.id);
}

#[test]
fn capabilities_that_are_not_xml_are_a_protocol_error() {
    let facts = HostFacts { capabilities: Some("<host>".into()), ..HostFacts::default() };
    assert_eq!(host(&facts).expect_err("truncated").kind, ErrorKind::Protocol);
}

fn with_capabilities(xml: &str, driver: &str) -> HostFacts {
    HostFacts {
        hostname: "kvm1".into(),
        driver: driver.into(),
        capabilities: Some(xml.into()),
        ..HostFacts::default()
    }
}

#[test]
fn capabilities_must_describe_exactly_one_host() {
    let documents = [
        "<capabilities/>",
        "<html/>",
        "<domainCapabilities><host/></domainCapabilities>",
        "<host/>",
        "<capabilities><host><uuid>a</uuid></host><host><uuid>b</uuid></host></capabilities>",
    ];
    let errors = documents.map(|xml| {
        let error = host(&with_capabilities(xml, "QEMU")).expect_err(xml);
        assert_eq!(error.kind, ErrorKind::Protocol, "{xml}");
        format!("{xml}\n  {error}\n")
    });
    insta::assert_snapshot!(errors.concat());
}

#[test]
fn warns_about_a_host_without_a_uuid_except_with_the_test_driver() {
    let warning = |facts: &HostFacts| missing_uuid_warning(facts, &host(facts).expect("mapped"));
    let empty = "<capabilities><host><uuid/></host></capabilities>";
    let not_canonical = "<capabilities><host><uuid>ESX-7</uuid></host></capabilities>";
    insta::assert_snapshot!(warning(&with_capabilities(empty, "QEMU")).expect("a warning"));
    assert_eq!(host(&with_capabilities(empty, "QEMU")).expect("mapped").id, "kvm1");
    assert!(warning(&HostFacts { driver: "LXC".into(), ..HostFacts::default() }).is_some());
    assert_eq!(warning(&with_capabilities(empty, "TEST")), None);
    assert_eq!(warning(&with_capabilities(not_canonical, "ESX")), None);
}

#[test]
fn zero_and_impossible_amounts_are_unknown() {
    let stats = |number: u32| Stats {
        state: Some(1),
        vcpus: Some(number),
        max_memory_kib: Some(number.into()),
    };
    let known = |stats| {
        let guest = guest("g".into(), [0; 16], stats);
        (guest.cpus, guest.memory_bytes)
    };
    assert_eq!(known(stats(0)), (None, None));
    assert_eq!(known(stats(2)), (Some(2), Some(2048)));
    let unlimited = Stats { max_memory_kib: Some(u64::MAX), ..stats(2) };
    assert_eq!(known(unlimited), (Some(2), None));
}
