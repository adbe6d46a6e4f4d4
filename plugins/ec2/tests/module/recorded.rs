//! Recorded answers of real accounts, which are not part of the repository.

use gatherer_plugin_ec2::AmazonEc2;
use gatherer_plugin_support::file;
use gatherer_plugin_support::testing::{Action, ScriptedServer};
use gatherer_tests::skip;

use super::scripted::{action, empty_list, parameters, recorder};
use super::service::counts;

#[test]
fn reads_recorded_answers_completely() {
    let Some(folder) = gatherer_tests::recorded("ec2") else {
        skip!("GATHERER_RECORDED names no folder of recorded answers");
    };
    for name in [
        "DescribeInstances-many.xml",
        "DescribeInstances-vpc.xml",
        "DescribeInstances-classic.xml",
        "libcloud-describe_instances.xml",
    ] {
        let bytes = file::read(&folder.join(name), 1024 * 1024).expect("it was recorded");
        let text = String::from_utf8(bytes).expect("UTF-8");
        let words = |word: &str| text.matches(word).count();
        let listed = words("<instanceId>") - words("<name>terminated</name>");
        assert!(listed > 0, "{name}");
        let server = ScriptedServer::http(move |request| match action(request).as_str() {
            "DescribeInstances" => Action::answer(200, text.clone()),
            other => empty_list(other),
        });
        let gathered = recorder(0).gather::<AmazonEc2>(parameters(&server, None));
        let gathered = gathered.unwrap_or_else(|error| panic!("{name}: {error}"));
        let guests: usize = counts(&gathered).iter().map(|(_, count)| count).sum();
        assert_eq!(guests, listed, "{name}");
        for guest in gathered.hosts.iter().flat_map(|host| &host.guests) {
            assert!(guest.state.is_some() && guest.architecture.is_some(), "{name}: {guest:?}");
        }
    }
}

#[test]
fn reads_recorded_zones() {
    let Some(folder) = gatherer_tests::recorded("ec2") else {
        skip!("GATHERER_RECORDED names no folder of recorded answers");
    };
    let file = folder.join("libcloud-describe_availability_zones.xml");
    let text = file::read(&file, 1024 * 1024).expect("it was recorded");
    let server = ScriptedServer::http(move |request| match action(request).as_str() {
        "DescribeAvailabilityZones" => Action::answer(200, text.clone()),
        other => empty_list(other),
    });
    let gather = |zone| recorder(0).gather::<AmazonEc2>(parameters(&server, Some(zone)));
    assert_eq!(gather("eu-west-1b").expect("the zone exists").hosts.len(), 1);
    assert!(gather("eu-west-1z").is_err());
}
