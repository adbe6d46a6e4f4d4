//! The errors of EC2.

use std::fmt::Write as _;

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_ec2::AmazonEc2;
use gatherer_plugin_support::testing::{Action, ScriptedServer};

use super::scripted::{action, empty_list, error, form, gather, parameters, recorder, service};

#[test]
fn each_code_has_its_kind_and_sentence() {
    let mut report = String::new();
    for (status, code, kind) in [
        (401, "AuthFailure", ErrorKind::Authentication),
        (403, "SignatureDoesNotMatch", ErrorKind::Authentication),
        (400, "RequestExpired", ErrorKind::Authentication),
        (403, "InvalidClientTokenId", ErrorKind::Authentication),
        (400, "ExpiredToken", ErrorKind::Authentication),
        (403, "UnauthorizedOperation", ErrorKind::Permission),
        (401, "OptInRequired", ErrorKind::Permission),
        (400, "Blocked", ErrorKind::Permission),
        (400, "PendingVerification", ErrorKind::Unavailable),
        (400, "InvalidAction", ErrorKind::Unsupported),
        (400, "InvalidParameterValue", ErrorKind::Configuration),
        (503, "RequestLimitExceeded", ErrorKind::RateLimited),
        (503, "EC2ThrottledException", ErrorKind::RateLimited),
        (400, "Throttling", ErrorKind::RateLimited),
        (400, "ThrottlingException", ErrorKind::RateLimited),
        (400, "RequestThrottledException", ErrorKind::RateLimited),
        (503, "Unavailable", ErrorKind::Unavailable),
        (500, "InternalError", ErrorKind::Unavailable),
        // A service may also send an error with this status.
        (200, "AuthFailure", ErrorKind::Authentication),
        (200, "NeverHeardOf", ErrorKind::Unavailable),
    ] {
        let server = service("DescribeInstances", error(status, code));
        let failure = gather(&server, None).expect_err(code);
        assert_eq!(failure.kind, kind, "{code}: {failure}");
        assert!(!format!("{failure:?}").contains("hunter2"), "{failure:?}");
        let message = failure.message.replace(&server.url("/"), "URL/");
        let hint = failure.hint.unwrap_or_default();
        let _ = writeln!(report, "{status}: {kind:?}: {message}; {hint}");
    }
    insta::assert_snapshot!(report);
}

#[test]
fn another_service_or_half_an_answer_is_a_protocol_error() {
    for body in [
        "<!DOCTYPE html><html><body>Sign in</body></html>",
        "<html><body>Sign in</body></html>",
        "{}",
        "",
        "<DescribeInstancesResponse><reservationSet>",
        "<DescribeInstancesResponse/>",
        "<DescribeHostsResponse><hostSet/></DescribeHostsResponse>",
        "<DescribeInstancesResponse><reservationSet><item/></reservationSet></DescribeInstancesResponse>",
        "<DescribeInstancesResponse><reservationSet><item><instancesSet><item/></instancesSet></item>\
         </reservationSet></DescribeInstancesResponse>",
        "\u{feff}\u{0}",
    ] {
        let server = service("DescribeInstances", Action::answer(200, body.as_bytes()));
        let failure = gather(&server, None).expect_err(body);
        assert_eq!(failure.kind, ErrorKind::Protocol, "{body}: {failure}");
    }
}

#[test]
fn the_clock_is_named_if_it_is_the_cause() {
    for code in ["RequestExpired", "SignatureDoesNotMatch"] {
        let answer = error(400, code).header("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        let failure = gather(&service("DescribeInstances", answer), None).expect_err(code);
        assert!(failure.message.contains("ahead of that of the server"), "{failure}");
        assert_eq!(failure.hint.as_deref(), Some("set the clock of this machine"));
    }
}

#[test]
fn a_rate_limit_is_retried_by_its_code() {
    for (status, code) in [(503, "RequestLimitExceeded"), (400, "Throttling")] {
        let calls = std::sync::atomic::AtomicUsize::new(0);
        let server = ScriptedServer::http(move |request| {
            let action = action(request);
            let is_first = action == "DescribeInstances"
                && calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
            if is_first { error(status, code) } else { empty_list(&action) }
        });
        let gathered = recorder(1).gather::<AmazonEc2>(parameters(&server, None));
        assert_eq!(gathered.expect("a complete answer").hosts.len(), 0, "{code}");
    }
}

#[test]
fn a_zone_that_the_region_lacks_is_a_configuration_error() {
    let server = service("", Action::answer(200, ""));
    assert_eq!(gather(&server, Some("eu-central-1a")).expect("the zone exists").hosts.len(), 1);
    let failure = gather(&server, Some("eu-central-1b")).expect_err("no such zone");
    assert_eq!(failure.kind, ErrorKind::Configuration);
    assert_eq!(failure.message, "the region eu-central-1 has no zone \"eu-central-1b\"");
    assert_eq!(failure.hint.as_deref(), Some("its zones are eu-central-1a"));
    for answer in [
        error(400, "InvalidParameterValue"),
        Action::answer(
            200,
            "<DescribeAvailabilityZonesResponse><availabilityZoneInfo/></DescribeAvailabilityZonesResponse>",
        ),
    ] {
        let server = service("DescribeAvailabilityZones", answer);
        let failure = gather(&server, Some("eu-central-1a")).expect_err("no zones");
        assert_eq!(failure.kind, ErrorKind::Configuration, "{failure}");
        assert_eq!(server.received().len(), 1, "no instances are read");
    }
}

#[test]
fn requests_ask_for_everything_within_the_limits() {
    let server = service("", Action::answer(200, ""));
    gather(&server, Some("eu-central-1a")).expect("complete");
    let received = server.received();
    let actions: Vec<String> = received.iter().map(action).collect();
    assert_eq!(actions, ["DescribeAvailabilityZones", "DescribeInstances", "DescribeHosts"]);
    let of = |index: usize, name| form(&received[index], name);
    assert_eq!(of(0, "AllAvailabilityZones").as_deref(), Some("true"));
    assert_eq!(of(1, "IncludeManagedResources").as_deref(), Some("true"));
    assert_eq!(of(1, "MaxResults").as_deref(), Some("1000"));
    assert_eq!(of(1, "Filter.1.Name").as_deref(), Some("availability-zone"));
    assert_eq!(of(1, "Filter.1.Value.1").as_deref(), Some("eu-central-1a"));
    for request in &received {
        assert_eq!(form(request, "Version").as_deref(), Some("2016-11-15"));
        assert_eq!(request.method, "POST");
        let signature = request.header("authorization").expect("a signature");
        assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/"), "{signature}");
        assert!(signature.contains("/eu-central-1/ec2/aws4_request"), "{signature}");
        let body = String::from_utf8_lossy(&request.body).into_owned();
        assert!(!format!("{body}{signature}").contains("hunter2"));
    }
}
