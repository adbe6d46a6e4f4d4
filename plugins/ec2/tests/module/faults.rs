//! Faults in the middle of the list of instances.

use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_api::{ErrorKind, GatherError, Options, Policy};
use gatherer_plugin_ec2::AmazonEc2;
use gatherer_plugin_support::testing::{
    FaultyServer, PageFaults, ReceivedRequest, Script, ScriptedServer,
};
use gatherer_tests::JudgedGuest;
use gatherer_tests::fakes::ec2::{Ec2Fake, Ec2Fault, Ec2Inventory, Ec2Key, ImdsFake};
use jiff::SignedDuration;
use serde_json::json;

use super::credentials::OnMachine;
use super::scripted::{action, form};
use super::service::{Served, counts, parameters};

fn is_second_page(request: &ReceivedRequest) -> bool {
    action(request) == "DescribeInstances" && form(request, "NextToken").is_some()
}

fn gather(server: &FaultyServer, key: &Ec2Key) -> Result<Vec<JudgedGuest>, GatherError> {
    let mut key = key.clone();
    if server.wrong_password {
        "another/secret".clone_into(&mut key.secret);
    }
    let recorder = Recorder::new().options(server.options.clone());
    let parameters = parameters(server.address.port(), &key, &json!({}));
    let gathered = recorder.gather::<AmazonEc2>(parameters)?;
    Ok(JudgedGuest::all_of(&gathered.hosts, &gathered.detached_guests))
}

#[test]
fn each_fault_of_the_second_page_has_its_result() {
    let service = || {
        let mut fake = Ec2Fake::new(Ec2Inventory::sample());
        // Two pages.
        fake.page_size = 10;
        let script: Script = Box::new(move |request| fake.answer(request));
        script
    };
    let key = Ec2Fake::new(Ec2Inventory::sample()).key();
    let denied = gatherer_tests::fakes::ec2::Ec2Error::unauthorized("DescribeInstances").answer();
    let report = PageFaults::new(service, is_second_page)
        .permission_denied(denied)
        .check(|server| gather(server, &key));
    insta::assert_snapshot!(report);
}

fn with(fault: Ec2Fault) -> Served {
    Served::fake(Ec2Fake::new(Ec2Inventory::sample()).with(fault))
}

#[test]
fn unusual_pages_do_not_change_the_list() {
    let expected = counts(&Served::sample().gather().expect("complete"));
    for fault in [
        Ec2Fault::EmptyPageInBetween,
        Ec2Fault::SameItemTwice,
        Ec2Fault::EmptyToken,
        Ec2Fault::UnknownElements,
        Ec2Fault::NamespacePrefix,
    ] {
        let gathered = with(fault).gather().unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert_eq!(counts(&gathered), expected, "{fault:?}");
    }
    for page_size in [1, 1000] {
        let mut fake = Ec2Fake::new(Ec2Inventory::sample());
        fake.page_size = page_size;
        assert_eq!(counts(&Served::fake(fake).gather().expect("complete")), expected);
    }
}

#[test]
fn a_list_without_an_end_or_without_its_items_fails() {
    for fault in [Ec2Fault::TokenOfItself, Ec2Fault::EndlessPages, Ec2Fault::LastPageWithoutList] {
        let failure = with(fault).gather().expect_err("not a whole list");
        assert_eq!(failure.kind, ErrorKind::Protocol, "{fault:?}: {failure}");
    }
}

#[test]
fn an_instance_that_ends_in_between_is_left_out() {
    let gathered = with(Ec2Fault::InstanceGoneAfterFirstPage).gather().expect("complete");
    let count: usize = gathered.hosts.iter().map(|host| host.guests.len()).sum();
    assert!((16..=17).contains(&count), "{count}");
}

#[test]
fn old_answers_are_complete() {
    let gathered = with(Ec2Fault::OldInstances).gather().expect("complete");
    assert_eq!(gathered.hosts.iter().map(|host| host.guests.len()).sum::<usize>(), 17);
}

#[test]
fn a_token_that_is_not_accepted_any_more_starts_the_list_again() {
    let call = "DescribeInstances";
    let served = Served::script(Ec2Fake::new(Ec2Inventory::sample()), move |fake, request| {
        let is_first = fake.page_size == 4 && form(request, "NextToken").is_some();
        let mut request = request.clone();
        if action(&request) == call && is_first && request.number < 4 {
            // The signature is of another body, so answer directly.
            request.body.clear();
            return super::scripted::error(400, "InvalidParameterValue");
        }
        fake.answer(&request)
    });
    let gathered = served.gather().expect("complete");
    assert_eq!(gathered.hosts.iter().map(|host| host.guests.len()).sum::<usize>(), 17);

    let always = Served::script(Ec2Fake::new(Ec2Inventory::sample()), |fake, request| {
        if form(request, "NextToken").is_some() {
            return super::scripted::error(400, "InvalidParameterValue");
        }
        fake.answer(request)
    });
    let failure = always.gather().expect_err("never whole");
    assert!(failure.message.contains("restarted 3 times"), "{failure}");
}

#[test]
fn credentials_of_the_machine_that_expire_in_the_middle_are_renewed() {
    let fake =
        Ec2Fake::new(Ec2Inventory::sample()).with_times(Ec2Fault::KeyExpiresAfterFirstPage, 1);
    let keys = [1, 2].map(|hours| fake.issue_key(SignedDuration::from_hours(hours)));
    let metadata = ImdsFake::new(keys.to_vec());
    let metadata = ScriptedServer::http(move |request| metadata.answer(request));
    let served = Served::fake(fake);
    let ca_file = Some(served.server.ca_file().display().to_string());
    let policy = Policy { allow_machine_identity: true, ..Policy::default() };
    let options = Options { ca_file, retries: Some(0), policy, ..Options::default() };
    let recorder = Recorder::new().options(options);
    let parameters = json!({"region": "eu-central-1", "metadata": metadata.url("/"),
        "endpoint_url": format!("https://127.0.0.1:{}", served.server.port()), "dedicated_hosts": false});
    let gathered = recorder.gather::<OnMachine>(parameters).expect("complete");
    assert_eq!(gathered.hosts.iter().map(|host| host.guests.len()).sum::<usize>(), 17);
    let keys: Vec<_> = keys.iter().map(|key| key.id.clone()).collect();
    let used = |id: &String| {
        let uses = |request: &&ReceivedRequest| {
            request.header("authorization").is_some_and(|header| header.contains(id.as_str()))
        };
        served.server.received().iter().filter(uses).count()
    };
    assert!(keys.iter().all(|key| used(key) > 0), "both keys are used");
}
