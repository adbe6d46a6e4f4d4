//! Test of the records that the module sends when a list is restarted.

use gatherer_plugin_api::Gatherer as _;
use gatherer_plugin_api::testing::Recorder;
use serde_json::json;

use crate::Kubernetes;
use crate::client::testing::{ApiRequest, Server, answer, kubeconfig, ok, page};
use crate::collect::Parameters;

#[test]
fn a_restarted_list_keeps_no_hosts_or_warnings_of_the_first_try() {
    let server = Server::new(|request| match (request.number, request.token()) {
        (0, _) => ok(&page(&["gone", "n0"], "a", "6")),
        (1, _) => answer("410 Gone", "", b""),
        (_, None) => ok(&page(&["n0"], "a", "7")),
        _ => ok(&page(&["n1"], "", "7")),
    });
    let recorder = Recorder::new();
    let parameters = json!({"kubeconfig": kubeconfig(&server.url(), ""), "page_size": 2});
    let parameters: Parameters = serde_json::from_value(parameters).expect("parameters");
    Kubernetes::gather(parameters, &recorder.context()).expect("a list");
    let text = |record| serde_json::to_string(record).expect("a record can be written as JSON");
    let output: Vec<String> = recorder.records().iter().map(text).collect();
    let lines = |part: &str| output.iter().filter(|line| line.contains(part)).count();
    assert_eq!(lines("\"startOver\""), 1, "{output:?}");
    // Hosts are sent each time. Warnings are sent once, and only about hosts of the final list.
    assert_eq!(
        (lines("\"host\":{\"id\":\"uid-n0\""), lines("\"host\":{\"id\":\"uid-gone\"")),
        (2, 1)
    );
    let warnings = |name: &str| lines(&format!("\"object\":\"{name}\""));
    assert_eq!((warnings("n0"), warnings("n1"), warnings("gone")), (1, 1, 0), "{output:?}");
}
