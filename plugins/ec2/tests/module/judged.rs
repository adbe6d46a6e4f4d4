//! AWS's own client reads the fake and moto completely, and agrees with the module.

use gatherer_plugin_api::Options;
use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_ec2::AmazonEc2;
use gatherer_tests::fakes::ec2::{Ec2Fake, Ec2Inventory};
use gatherer_tests::servers::moto::{Moto, MotoContent};
use gatherer_tests::{Judge, JudgedGuest, skip};
use serde_json::json;

use super::service::Served;

#[test]
fn awss_own_client_agrees_instance_by_instance() {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    for (inventory, zone, count) in [
        (Ec2Inventory::sample(), None, 17),
        (Ec2Inventory::sample(), Some("eu-central-1b"), 3),
        (Ec2Inventory::of_size(500), None, 500),
    ] {
        let mut fake = Ec2Fake::new(inventory);
        fake.page_size = 7;
        let served = Served::fake(fake);
        let (url, key) = (format!("https://127.0.0.1:{}", served.server.port()), served.fake.key());
        let ca_file = served.server.ca_file().to_str().expect("a UTF-8 path");
        let mut arguments =
            vec![&*url, "eu-central-1", ca_file, "--key", &*key.id, &*key.secret, "--strict"];
        arguments.extend(zone.map(|zone| ["--zone", zone]).into_iter().flatten());
        let read = judge.read("ec2.py", &arguments);
        let gathered = served.gather_with(&json!({ "zone": zone })).expect("a complete answer");
        let ours = JudgedGuest::all_of(&gathered.hosts, &gathered.detached_guests);
        assert_eq!(read.len(), count, "{zone:?}");
        assert_eq!(ours, read, "{zone:?}");
    }
}

#[test]
fn awss_own_client_agrees_on_moto() {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    let moto = Moto::start(&judge, MotoContent::Sample);
    let arguments = moto.judge_arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let read = judge.read("ec2.py", &arguments);
    let options = Options { ca_file: Some(moto.ca_file()), ..Options::default() };
    let recorder = Recorder::new().options(options);
    let [id, secret] = &moto.setup.key;
    let parameters = json!({"access_key_id": id, "secret_access_key": secret,
        "region": "eu-central-1", "endpoint_url": moto.url(), "dedicated_hosts": true});
    let gathered = recorder.gather::<AmazonEc2>(parameters).expect("a complete answer");
    let ours = JudgedGuest::all_of(&gathered.hosts, &gathered.detached_guests);
    assert_eq!(read.len(), moto.setup.guests);
    assert_eq!(ours, read);
}

#[test]
fn moto_has_rights_and_zones() {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    let moto = Moto::start(&judge, MotoContent::Sample);
    let options = Options { ca_file: Some(moto.ca_file()), ..Options::default() };
    let recorder = Recorder::new().options(options);
    let gather = |key: &[String], zone: &str| {
        recorder.gather::<AmazonEc2>(json!({
            "access_key_id": key[0], "secret_access_key": key[1], "session_token": key.get(2),
            "region": "eu-central-1", "zone": zone, "endpoint_url": moto.url(),
            "dedicated_hosts": false,
        }))
    };
    let count = |key: &[String]| {
        let gathered = gather(key, "").expect("a complete answer");
        gathered.hosts.iter().map(|host| host.guests.len()).sum::<usize>()
    };
    assert_eq!(count(&moto.setup.temporary_key), moto.setup.guests);
    assert_eq!(recorder.warnings(), []);
    assert_eq!(count(&moto.setup.key_without_hosts), moto.setup.guests);
    assert_eq!(recorder.warnings().len(), 1, "dedicated hosts are unknown");
    let failure = gather(&moto.setup.key, "eu-central-1z").expect_err("no such zone");
    assert!(failure.message.contains("has no zone"), "{failure}");
}
