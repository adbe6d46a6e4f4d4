//! What the whole module hands over where a list starts again.

use gatherer_plugin_api::{Gatherer as _, Options};
use serde_json::json;

use crate::Kubernetes;
use crate::client::testing::{Recorder, Server, answer, kubeconfig, ok, page};
use crate::collect::Parameters;

#[test]
fn of_a_list_that_starts_again_no_warning_stays() {
    let server = Server::new(|asked| match (asked.number, asked.token()) {
        (0, _) => ok(&page(&["gone", "n0"], "a", "6")),
        (1, _) => answer("410 Gone", "", b""),
        (_, None) => ok(&page(&["n0"], "a", "7")),
        _ => ok(&page(&["n1"], "", "7")),
    });
    let recorder = Recorder::new(Options::default());
    let parameters = json!({"kubeconfig": kubeconfig(&server.url(), ""), "page_size": 2});
    let parameters: Parameters = serde_json::from_value(parameters).expect("parameters");
    Kubernetes::gather(parameters, &recorder.context()).expect("a list");
    let said = recorder.said();
    let lines = |part: &str| said.iter().filter(|said| said.contains(part)).count();
    assert_eq!(lines("\"startOver\""), 1, "{said:?}");
    // A host each time it was handed over; a warning once, and of what is there alone.
    assert_eq!(
        (lines("\"host\":{\"id\":\"uid-n0\""), lines("\"host\":{\"id\":\"uid-gone\"")),
        (2, 1)
    );
    let warnings = |name: &str| lines(&format!("\"object\":\"{name}\""));
    assert_eq!((warnings("n0"), warnings("n1"), warnings("gone")), (1, 1, 0), "{said:?}");
}
