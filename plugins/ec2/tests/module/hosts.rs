//! Zones, dedicated hosts and instance types.

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_ec2::AmazonEc2;
use gatherer_tests::fakes::ec2::{Ec2Fake, Ec2Fault, Ec2Inventory};
use serde_json::json;

use super::service::{Served, counts, guest, host};

fn with(fault: Ec2Fault) -> Served {
    Served::fake(Ec2Fake::new(Ec2Inventory::sample()).with(fault))
}

#[test]
fn each_zone_with_guests_has_a_host_and_dedicated_hosts_are_represented() {
    let gathered = Served::sample().gather().expect("complete");
    let expected = [
        ("cloud/eu-central-1-ham-1a", 1),
        ("cloud/eu-central-1a", 11),
        ("cloud/eu-central-1b", 3),
        ("h-0f00000000000001a", 2),
        ("h-0f00000000000002b", 0),
    ];
    assert_eq!(counts(&gathered), expected.map(|(id, count)| (id.to_owned(), count)));
    let dedicated = host(&gathered, "h-0f00000000000001a");
    assert_eq!(dedicated.represented_by.as_deref(), Some("cloud/eu-central-1a"));
    assert_eq!(dedicated.name, "licences & keys");
    assert_eq!((dedicated.cpu.sockets, dedicated.cpu.cores), (Some(2), Some(48)));
    assert_eq!(host(&gathered, "cloud/eu-central-1a").represented_by, None);
}

#[test]
fn an_endpoint_with_a_zone_has_one_pseudo_host_with_its_id() {
    let zone = |zone: &str| {
        let gathered = Served::sample().gather_with(&json!({ "zone": zone })).expect("complete");
        counts(&gathered)
    };
    let of = |list: &[(&str, usize)]| {
        list.iter().map(|(id, count)| ((*id).to_owned(), *count)).collect::<Vec<_>>()
    };
    assert_eq!(zone("eu-central-1a"), of(&[("cloud", 11), ("h-0f00000000000001a", 2)]));
    assert_eq!(zone("eu-central-1-ham-1a"), of(&[("cloud", 1)]));
    assert_eq!(zone("eu-central-1c"), of(&[("cloud", 0)]));
}

#[test]
fn a_manager_gets_dedicated_hosts_only_if_the_endpoint_wants_them() {
    let gathered = Served::sample().gather_with(&json!({"dedicated_hosts": true}));
    let gathered = gathered.expect("complete");
    assert!(gathered.hosts.iter().all(|host| host.represented_by.is_none()));
    assert_eq!(gathered.hosts.iter().map(|host| host.guests.len()).sum::<usize>(), 17);
}

#[test]
fn without_the_right_to_dedicated_hosts_their_instances_are_on_the_pseudo_host() {
    let served = with(Ec2Fault::Denied("DescribeHosts"));
    let gathered = served.gather().expect("complete");
    assert_eq!(gathered.hosts.iter().map(|host| host.guests.len()).sum::<usize>(), 17);
    assert!(gathered.hosts.iter().all(|host| host.synthetic));
    let warnings = served.recorder.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].message.contains("ec2:DescribeHosts"), "{warnings:?}");

    let failure = served.gather_with(&json!({"dedicated_hosts": true}));
    let failure = failure.expect_err("a Manager would remove the hosts");
    assert_eq!(failure.kind, ErrorKind::Permission);
    assert!(failure.hint.expect("a hint").contains("ec2:DescribeHosts"));
}

#[test]
fn unknown_types_and_a_missing_right_leave_cpus_unknown() {
    for fault in [Ec2Fault::Denied("DescribeInstanceTypes"), Ec2Fault::NoTypes] {
        let served = with(fault);
        let gathered = served.gather().expect("complete");
        let (_, metal) = guest(&gathered, "guest 14");
        assert_eq!((metal.cpus, metal.memory_bytes), (None, None));
        let (_, web) = guest(&gathered, "guest 10");
        assert_eq!(web.cpus, Some(2), "it has CPU options");
        let is_denied = fault != Ec2Fault::NoTypes;
        assert_eq!(served.recorder.warnings().len(), usize::from(is_denied), "{fault:?}");
    }
    let gathered = Served::sample().gather().expect("complete");
    let (_, classic) = guest(&gathered, "guest 15");
    assert_eq!((classic.cpus, classic.memory_bytes), (None, None), "t1.micro is not a listed type");
    assert_eq!(classic.architecture.as_deref(), Some("i686"));
}

#[test]
fn managed_spot_and_hidden_instances_are_guests() {
    let gathered = Served::sample().gather().expect("complete");
    let (_, hidden) = guest(&gathered, "eks auto node");
    assert!(hidden.agent);
    assert_eq!(hidden.attributes["managedBy"], "eks.amazonaws.com");
    let (_, spot) = guest(&gathered, "guest 9");
    assert_eq!(spot.attributes["instanceLifecycle"], "spot");
    assert_eq!(spot.architecture.as_deref(), Some("aarch64"));
    let (_, fewer) = guest(&gathered, "guest 11");
    assert_eq!((fewer.cpus, fewer.memory_bytes), (Some(4), Some(32 << 30)));
}

#[test]
fn guests_have_the_members_that_the_documentation_lists() {
    let gathered = Served::sample().gather().expect("complete");
    gatherer_tests::assert_guest_members("AmazonEC2", &gathered.hosts, &gathered.detached_guests);
}

#[test]
fn types_are_asked_for_in_chunks_of_100() {
    let mut inventory = Ec2Inventory::of_size(250);
    for (number, instance) in inventory.instances.iter_mut().enumerate() {
        instance.instance_type = format!("m{number}.large");
    }
    let mut fake = Ec2Fake::new(inventory);
    fake.page_size = 1000;
    let served = Served::fake(fake);
    assert_eq!(counts(&served.gather().expect("complete")).len(), 5);
    let chunks = served.actions().into_iter().filter(|action| action == "DescribeInstanceTypes");
    assert_eq!(chunks.count(), 3);
}

#[test]
fn a_check_has_a_step_for_each_right() {
    let steps = |served: &Served, further| {
        let steps = served.recorder.check::<AmazonEc2>(served.parameters(&further));
        let lines =
            steps.iter().map(|step| format!("{}: {:?}: {}", step.name, step.status, step.message));
        lines.collect::<Vec<_>>().join("\n").replace(&served.server.port().to_string(), "PORT")
    };
    let good = steps(&Served::sample(), json!({"zone": "eu-central-1a"}));
    let bad = steps(&with(Ec2Fault::Denied("DescribeHosts")), json!({}));
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d+ days", "[number] days");
    settings.bind(|| insta::assert_snapshot!(format!("{good}\n\n{bad}")));
}
