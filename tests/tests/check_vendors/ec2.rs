//! Module AmazonEC2, with a fake of EC2.

use gatherer_plugin_support::testing::TlsServer;
use gatherer_tests::assert_message;
use gatherer_tests::fakes::ec2::{Ec2Fake, Ec2Fault, Ec2Inventory};
use jiff::SignedDuration;
use serde_json::json;

use super::{Cases, with};

#[test]
fn each_right_or_setting_that_is_missing_has_its_step() {
    let mut cases = Cases::new("ec2");
    let rights = |instances: &str, hosts: &str, types: &str, objects: &str| {
        format!(
            "right: ec2:DescribeInstances {instances}, right: ec2:DescribeHosts {hosts}, \
             right: ec2:DescribeInstanceTypes {types}, objects {objects}"
        )
    };
    let untried = rights("not-tried", "not-tried", "not-tried", "not-tried");
    let no_login = format!("login failed, {untried}");
    let zones = "right: ec2:DescribeAvailabilityZones";
    let no_fault: &[Ec2Fault] = &[];
    for (case, faults, members, expected) in [
        ("good", no_fault, json!({}), format!("login ok, {}", rights("ok", "ok", "ok", "ok"))),
        (
            "good, with a zone",
            no_fault,
            json!({"zone": "eu-central-1a"}),
            format!("login ok, {zones} ok, zone ok, {}", rights("ok", "ok", "ok", "ok")),
        ),
        (
            "the authority of the certificate",
            no_fault,
            json!({"ca_file": null}),
            format!("tls failed, {}", no_login.replace("failed", "not-tried")),
        ),
        ("the secret key", no_fault, json!({"secret_access_key": "wrong"}), no_login.clone()),
        ("the key id", no_fault, json!({"access_key_id": "AKIAEXAMPLEUNKNOWN1"}), no_login.clone()),
        ("the region of the key", no_fault, json!({"region": "us-east-1"}), no_login.clone()),
        (
            "the zone",
            no_fault,
            json!({"zone": "eu-central-1x"}),
            format!("login ok, {zones} ok, zone failed, {untried}"),
        ),
        (
            "the right to zones",
            &[Ec2Fault::Denied("DescribeAvailabilityZones")],
            json!({"zone": "eu-central-1a"}),
            format!("login ok, {zones} failed, zone not-tried, {untried}"),
        ),
        (
            "the right to instances",
            &[Ec2Fault::Denied("DescribeInstances")],
            json!({}),
            format!("login ok, {}", rights("failed", "not-tried", "not-tried", "not-tried")),
        ),
        (
            "the right to dedicated hosts",
            &[Ec2Fault::Denied("DescribeHosts")],
            json!({}),
            format!("login ok, {}", rights("ok", "warning", "ok", "ok")),
        ),
        (
            "the right to dedicated hosts, which a Manager gets",
            &[Ec2Fault::Denied("DescribeHosts")],
            json!({"dedicated_hosts": "true"}),
            format!("login ok, {}", rights("ok", "failed", "not-tried", "not-tried")),
        ),
        (
            "the right to instance types",
            &[Ec2Fault::Denied("DescribeInstanceTypes")],
            json!({}),
            format!("login ok, {}", rights("ok", "ok", "warning", "ok")),
        ),
        (
            "a service that answers",
            &[Ec2Fault::Fails("DescribeInstances", 503, "Unavailable")],
            json!({}),
            no_login.clone(),
        ),
    ] {
        let mut fake = Ec2Fake::new(Ec2Inventory::sample());
        for fault in faults {
            fake = fake.with(*fault);
        }
        add(&mut cases, case, fake, members, &expected);
    }
    let mut late = Ec2Fake::new(Ec2Inventory::sample());
    late.clock_skew = SignedDuration::from_hours(1);
    add(&mut cases, "the right time", late, json!({}), &no_login);
    assert_message!(cases.table);
}

fn add(cases: &mut Cases, case: &str, fake: Ec2Fake, members: serde_json::Value, expected: &str) {
    let key = fake.key();
    let server = TlsServer::start(move |request| fake.answer(request));
    let endpoint = json!({
        "id": "cloud", "module": "AmazonEC2", "region": "eu-central-1",
        "access_key_id": key.id, "secret_access_key": key.secret, "retries": "0",
        "endpoint_url": format!("https://127.0.0.1:{}", server.port()),
        "ca_file": server.ca_file(),
    });
    cases.add(case, &with(&endpoint, members), expected);
}
