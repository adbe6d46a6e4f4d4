//! Answers that could be taken for shorter ones than they are.

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_support::testing::Action;
use gatherer_tests::fakes::ec2::{Ec2Fake, Ec2Inventory};

use super::scripted::{action, gather, service};
use super::service::Served;

const INSTANCE: &str = "<instanceId>i-1</instanceId>";

/// Gathers from a service with this content of an answer to DescribeInstances.
fn gather_instances(content: &str) -> Result<usize, gatherer_plugin_api::GatherError> {
    let body = format!("<DescribeInstancesResponse>{content}</DescribeInstancesResponse>");
    let gathered =
        gather(&service("DescribeInstances", Action::answer(200, body.as_bytes())), None);
    Ok(gathered?.hosts.iter().map(|host| host.guests.len()).sum())
}

#[test]
fn a_list_with_something_else_than_items_fails() {
    let reservation = |instances: &str| {
        format!("<item><ownerId>1</ownerId><instancesSet>{instances}</instancesSet></item>")
    };
    let one = reservation(&format!("<item>{INSTANCE}</item>"));
    let whole = format!("<reservationSet>{one}<!-- a comment --></reservationSet>");
    assert_eq!(gather_instances(&whole).expect("complete"), 1);
    for content in [
        format!("<reservationSet>{one}<member/></reservationSet>"),
        format!("<reservationSet>{}</reservationSet>", one.replace("item>", "member>")),
        format!("<reservationSet>{}</reservationSet>", reservation("<instance/>")),
        format!("<reservationSet>{one}and more</reservationSet>"),
        format!("<reservationSet/><reservationSet>{one}</reservationSet>"),
        format!(
            "<reservationSet>{}</reservationSet>",
            one.replace("<instancesSet>", "<instancesSet/><instancesSet>")
        ),
    ] {
        let failure = gather_instances(&content).expect_err(&content);
        assert_eq!(failure.kind, ErrorKind::Protocol, "{content}: {failure}");
    }
}

#[test]
fn a_list_of_zones_hosts_or_types_with_something_else_than_items_fails() {
    for (call, list) in [
        ("DescribeAvailabilityZones", "availabilityZoneInfo"),
        ("DescribeHosts", "hostSet"),
        ("DescribeInstanceTypes", "instanceTypeSet"),
    ] {
        let answer = format!("<{call}Response><{list}><member/></{list}></{call}Response>");
        let answer = Action::answer(200, answer.into_bytes());
        // There must be an instance, or no types are read.
        let mut fake = Ec2Fake::new(Ec2Inventory::sample());
        fake.page_size = 1000;
        let served = Served::script(fake, move |fake, request| {
            if action(request) == call { answer.clone() } else { fake.answer(request) }
        });
        let further = serde_json::json!({"zone": "eu-central-1a"});
        let failure = served.gather_with(&further).expect_err(call);
        assert_eq!(failure.kind, ErrorKind::Protocol, "{call}: {failure}");
    }
}

#[test]
fn a_token_that_cannot_be_read_does_not_end_the_list() {
    let with = |token: &str| gather_instances(&format!("<reservationSet/>{token}"));
    for token in
        ["", "<nextToken/>", "<nextToken> \n</nextToken>", "<nextToken><!-- --></nextToken>"]
    {
        assert_eq!(with(token).expect("the end of the list"), 0, "{token}");
    }
    for token in [
        // The same token again and again, in every notation.
        "<nextToken>t</nextToken>",
        "<nextToken><!-- a comment -->t</nextToken>",
        "<nextToken><![CDATA[t]]></nextToken>",
        "<nextToken><?instruction?>t</nextToken>",
        "<nextToken><value>t</value></nextToken>",
        "<nextToken/><nextToken>t</nextToken>",
    ] {
        let failure = with(token).expect_err(token);
        assert_eq!(failure.kind, ErrorKind::Protocol, "{token}: {failure}");
    }
}

#[test]
fn no_beginning_of_an_answer_is_a_whole_answer() {
    let body = {
        let served = Served::sample();
        let mut fake = Ec2Fake::new(Ec2Inventory::sample());
        fake.page_size = 1000;
        served.gather().expect("complete");
        let requests = served.server.received();
        let request = requests.iter().find(|request| action(request) == "DescribeInstances");
        match fake.answer(request.expect("it was called")) {
            Action::Answer { status: 200, body, .. } => String::from_utf8(body).expect("UTF-8"),
            other => panic!("{other:?}"),
        }
    };
    let ends: Vec<usize> = (0..body.len())
        .step_by(499)
        .chain([body.len() - 2])
        .filter(|end| body.is_char_boundary(*end))
        .collect();
    assert!(ends.len() > 50, "{}", body.len());
    for end in ends {
        let answer = Action::answer(200, &body.as_bytes()[..end]);
        let failure = gather(&service("DescribeInstances", answer), None).expect_err("cut");
        assert_eq!(failure.kind, ErrorKind::Protocol, "{end}: {failure}");
    }
}
