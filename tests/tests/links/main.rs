//! Links between endpoints with the real program: from a pod to the physical host, and the machines that are not linked.

mod cases;
mod layers;
mod recorded_cloud;

use gatherer_tests::Outcome;
use serde_json::Value;

/// The links of a run that start from this object, each as `kind endpoint/name (id) by evidence value`.
fn links_of(inventory: &Value, endpoint: &str, name: &str) -> Vec<String> {
    let links = inventory["links"].as_array().into_iter().flatten();
    let own = links.filter(|link| {
        let from = &link["from"];
        from["endpoint"] == *endpoint && from["name"] == *name
    });
    own.map(shown).collect()
}

/// A link without the object that it starts from.
fn shown(link: &Value) -> String {
    let (to, evidence) = (&link["to"], &link["evidence"]);
    let words = [&link["kind"], &to["type"], &to["endpoint"], &to["name"], &to["id"]].map(text);
    let [kind, object, endpoint, name, id] = words;
    let (by, value) = (text(&evidence["by"]), text(&evidence["value"]));
    format!("{kind} {object} {endpoint}/{name} ({id}) by {by} {value}")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}"))
}

/// The warnings of an endpoint about an object, in the inventory. Each must also be in a line of the log.
#[track_caller]
fn warnings_of(outcome: &Outcome, endpoint: &str, object: &str) -> Vec<String> {
    let found = outcome.endpoint(endpoint);
    let warnings = found["warnings"].as_array().into_iter().flatten();
    let own = warnings.filter(|warning| warning["object"] == *object);
    let own: Vec<String> = own.map(|warning| text(&warning["message"]).to_owned()).collect();
    for message in &own {
        let start = format!("[{endpoint}] ");
        let is_logged = outcome.log.lines().any(|line| {
            line.contains("WARNING") && line.contains(&start) && line.contains(&message[..40])
        });
        assert!(is_logged, "{message} is not in the log:\n{}", outcome.log);
    }
    own
}
