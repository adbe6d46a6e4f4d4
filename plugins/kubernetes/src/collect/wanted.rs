//! What an endpoint asks for: its parameters, checked.

use gatherer_plugin_api::{COLLECTIONS, GatherError};
use serde::Deserialize;

/// The module's parameters, as `manifest.json` lists them.
#[derive(Deserialize)]
pub struct Parameters {
    /// A path, or the document itself.
    pub kubeconfig: String,
    /// Which of its contexts.
    pub context: Option<String>,
    #[serde(default = "default_page_size")]
    page_size: i64,
    #[serde(default)]
    collect: Vec<String>,
    #[serde(default)]
    namespaces: Vec<String>,
    #[serde(default)]
    label_selector: String,
}

fn default_page_size() -> i64 {
    500
}

/// What is read besides the nodes, and how much of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each stands for itself")]
pub struct Wanted {
    pub namespaces: bool,
    pub service_accounts: bool,
    pub controllers: bool,
    pub pods: bool,
    pub services: bool,
    pub config_maps: bool,
    pub secrets: bool,
    pub machines: bool,
    /// The namespaces that are looked into; all, if it is empty.
    pub within: Vec<String>,
    /// Which labels the objects in them have to have.
    pub label_selector: Option<String>,
}

impl Parameters {
    /// How many items are asked for at a time.
    pub fn page_size(&self) -> Result<u32, GatherError> {
        u32::try_from(self.page_size).ok().filter(|size| (1..=5000).contains(size)).ok_or_else(
            || {
                GatherError::configuration("page_size is out of range")
                    .with_hint("give a number from 1 to 5000; 500 if it is left out")
            },
        )
    }

    /// What is to be read.
    pub fn wanted(&self) -> Result<Wanted, GatherError> {
        let mut wanted = Wanted::default();
        for word in self.collect.iter().map(|word| word.trim()).filter(|word| !word.is_empty()) {
            match word {
                "nodes" => {}
                "all" => {
                    // Not what holds secrets: the right to list them is the right to read them.
                    wanted.namespaces = true;
                    wanted.service_accounts = true;
                    wanted.controllers = true;
                    wanted.pods = true;
                    wanted.services = true;
                    wanted.machines = true;
                }
                "namespaces" => wanted.namespaces = true,
                "service-accounts" => wanted.service_accounts = true,
                "controllers" => wanted.controllers = true,
                "pods" => wanted.pods = true,
                "services" => wanted.services = true,
                "config-maps" => wanted.config_maps = true,
                "secrets" => wanted.secrets = true,
                "virtual-machines" => wanted.machines = true,
                _ => {
                    return Err(GatherError::configuration(
                        "collect names something that cannot be collected",
                    )
                    .with_hint(format!(
                        "the words are nodes, {}, and all, which leaves out secrets and config-maps",
                        COLLECTIONS.join(", ")
                    )));
                }
            }
        }
        let names = self.namespaces.iter().map(|name| name.trim()).filter(|name| !name.is_empty());
        for name in names {
            if !is_label(name) {
                return Err(GatherError::configuration(
                    "namespaces holds what is no namespace's name",
                )
                .with_hint("a name has up to 63 lower-case letters, digits and hyphens"));
            }
            wanted.within.push(name.to_owned());
        }
        wanted.within.sort();
        wanted.within.dedup();
        let selector = self.label_selector.trim();
        wanted.label_selector = (!selector.is_empty()).then(|| selector.to_owned());
        Ok(wanted)
    }
}

/// Whether it is a DNS label (RFC 1123), as the names of namespaces are.
fn is_label(text: &str) -> bool {
    text.len() <= 63
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use gatherer_plugin_api::COLLECTIONS;

    use super::{Parameters, Wanted};

    fn wanted(parameters: &Value) -> Result<Wanted, String> {
        let mut all = json!({"kubeconfig": "k"});
        let members = parameters.as_object().expect("an object").clone();
        all.as_object_mut().expect("an object").extend(members);
        let parameters: Parameters = serde_json::from_value(all).expect("parameters");
        parameters.wanted().map_err(|error| error.to_string())
    }

    #[test]
    fn nodes_alone_are_read_unless_more_is_asked_for() {
        assert_eq!(wanted(&json!({})), Ok(Wanted::default()));
        assert_eq!(wanted(&json!({"collect": ["nodes", " "]})), Ok(Wanted::default()));
    }

    #[test]
    fn all_leaves_out_what_holds_secrets() {
        let all = wanted(&json!({"collect": ["all"]})).expect("words");
        assert!(all.pods && all.controllers && all.services && all.machines);
        assert!(all.namespaces && all.service_accounts && !all.secrets && !all.config_maps);
        let each = wanted(&json!({"collect": COLLECTIONS})).expect("words");
        let more = wanted(&json!({"collect": ["all", "secrets", "config-maps"]})).expect("words");
        assert_eq!(each, more);
        assert_ne!(each, all);
    }

    #[test]
    fn what_cannot_be_collected_is_said_with_what_can() {
        let error = wanted(&json!({"collect": ["pods", "hunter2"]})).expect_err("no such word");
        assert!(
            error.contains("virtual-machines, and all") && !error.contains("hunter2"),
            "{error}"
        );
    }

    #[test]
    fn namespaces_are_names_and_each_is_read_once() {
        let some = wanted(&json!({"namespaces": ["b", "a", " b "], "label_selector": " app=x "}));
        let some = some.expect("names");
        assert_eq!(some.within, ["a", "b"]);
        assert_eq!(some.label_selector.as_deref(), Some("app=x"));
        for name in ["..", "a/b", "A", "-a", &"a".repeat(64)] {
            assert!(wanted(&json!({"namespaces": [name]})).is_err(), "{name}");
        }
    }
}
