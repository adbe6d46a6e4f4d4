//! A small service with scripted answers, and recorders for it.

use gatherer_plugin_api::testing::{Gathered, Recorder};
use gatherer_plugin_api::{GatherError, Options, Policy};
use gatherer_plugin_ec2::AmazonEc2;
use gatherer_plugin_support::testing::{Action, ReceivedRequest, ScriptedServer};
use serde_json::{Value, json};

/// The parameter of a form.
pub fn form(request: &ReceivedRequest, name: &str) -> Option<String> {
    let body = String::from_utf8(request.body.clone()).expect("a form");
    let url: gatherer_plugin_support::http::Url =
        format!("http://h/?{body}").parse().expect("a form");
    url.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}

/// The action of a call.
pub fn action(request: &ReceivedRequest) -> String {
    form(request, "Action").unwrap_or_default()
}

/// An empty list, as the answer to this call.
pub fn empty_list(action: &str) -> Action {
    let list = match action {
        "DescribeAvailabilityZones" => {
            "<availabilityZoneInfo><item><zoneName>eu-central-1a</zoneName></item></availabilityZoneInfo>"
        }
        "DescribeInstances" => "<reservationSet/>",
        "DescribeHosts" => "<hostSet/>",
        "DescribeInstanceTypes" => "<instanceTypeSet/>",
        other => panic!("the call {other:?}"),
    };
    Action::answer(200, format!("<{action}Response>{list}</{action}Response>").into_bytes())
}

/// A service that answers this call so, and every other one with an empty list.
pub fn service(call: &'static str, answer: Action) -> ScriptedServer {
    ScriptedServer::http(move |request| {
        let action = action(request);
        if action == call { answer.clone() } else { empty_list(&action) }
    })
}

/// An error of EC2.
pub fn error(status: u16, code: &str) -> Action {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code>\
         <Message>hunter2</Message></Error></Errors><RequestID>1</RequestID></Response>"
    );
    Action::answer(status, body.into_bytes())
}

pub fn recorder(retries: u32) -> Recorder {
    let policy = Policy { config_file: "/etc/vhg/config.toml".into(), ..Policy::default() };
    Recorder::new().endpoint("aws").options(Options {
        retries: Some(retries),
        policy,
        ..Options::default()
    })
}

/// The parameters of an endpoint with an access key.
pub fn parameters(server: &ScriptedServer, zone: Option<&str>) -> Value {
    json!({
        "access_key_id": "AKIAEXAMPLE", "secret_access_key": "hunter2-secret",
        "region": "eu-central-1", "zone": zone, "endpoint_url": server.url("/"),
        "dedicated_hosts": false,
    })
}

pub fn gather(server: &ScriptedServer, zone: Option<&str>) -> Result<Gathered, GatherError> {
    recorder(0).gather::<AmazonEc2>(parameters(server, zone))
}
