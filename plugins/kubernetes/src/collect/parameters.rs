//! The parameters of an endpoint, and the selection that they make.

use gatherer_plugin_api::{COLLECTIONS, GatherError, did_you_mean};
use serde::Deserialize;

/// The module's parameters, as declared in `manifest.json`.
#[derive(Deserialize)]
pub struct Parameters {
    /// The path or the text of a kubeconfig.
    pub kubeconfig: String,
    /// The context of the kubeconfig.
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

/// What is collected besides the nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the collections are independent of each other")]
pub struct Selection {
    pub namespaces: bool,
    pub service_accounts: bool,
    pub controllers: bool,
    pub pods: bool,
    pub services: bool,
    pub config_maps: bool,
    pub secrets: bool,
    pub virtual_machines: bool,
    /// The namespaces to collect, sorted; empty for all namespaces.
    pub only_namespaces: Vec<String>,
    /// The label selector for the objects in namespaces.
    pub label_selector: Option<String>,
}

impl Selection {
    /// Whether anything that is in a namespace is collected.
    pub fn has_namespaced(&self) -> bool {
        self.service_accounts
            || self.controllers
            || self.pods
            || self.services
            || self.config_maps
            || self.secrets
            || self.virtual_machines
    }
}

impl Parameters {
    /// The number of objects per page.
    pub fn page_size(&self) -> Result<u32, GatherError> {
        u32::try_from(self.page_size).ok().filter(|size| (1..=5000).contains(size)).ok_or_else(
            || {
                GatherError::configuration("page_size must be a number from 1 to 5000")
                    .with_hint("leave it out to use 500")
            },
        )
    }

    /// What to collect.
    pub fn selection(&self) -> Result<Selection, GatherError> {
        let mut selection = Selection::default();
        for word in self.collect.iter().map(|word| word.trim()).filter(|word| !word.is_empty()) {
            match word {
                "nodes" => {}
                "all" => {
                    // Without the objects that contain secrets: the right to list them is the right to
                    // read them, so the operator must name them.
                    selection.namespaces = true;
                    selection.service_accounts = true;
                    selection.controllers = true;
                    selection.pods = true;
                    selection.services = true;
                    selection.virtual_machines = true;
                }
                "namespaces" => selection.namespaces = true,
                "service-accounts" => selection.service_accounts = true,
                "controllers" => selection.controllers = true,
                "pods" => selection.pods = true,
                "services" => selection.services = true,
                "config-maps" => selection.config_maps = true,
                "secrets" => selection.secrets = true,
                "virtual-machines" => selection.virtual_machines = true,
                _ => {
                    // The word is not quoted, because it may be a secret in the wrong place.
                    let known = COLLECTIONS.iter().copied().chain(["nodes", "all"]);
                    let problem =
                        format!("collect has an unknown word{}", did_you_mean(word, known));
                    return Err(GatherError::configuration(problem).with_hint(format!(
                        "the words are nodes, {}, and all, which does not include secrets and \
                             config-maps",
                        COLLECTIONS.join(", ")
                    )));
                }
            }
        }
        let names = self.namespaces.iter().map(|name| name.trim()).filter(|name| !name.is_empty());
        for name in names {
            if !is_label(name) {
                return Err(GatherError::configuration(
                    "namespaces has an entry that is not a valid name of a namespace",
                )
                .with_hint("a name has up to 63 lower-case letters, digits and hyphens"));
            }
            selection.only_namespaces.push(name.to_owned());
        }
        selection.only_namespaces.sort();
        selection.only_namespaces.dedup();
        let selector = self.label_selector.trim();
        selection.label_selector = (!selector.is_empty()).then(|| selector.to_owned());
        Ok(selection)
    }
}

/// Whether the text is a DNS label (RFC 1123), as the names of namespaces are.
fn is_label(text: &str) -> bool {
    text.len() <= 63
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::{COLLECTIONS, ErrorKind, GatherError};
    use serde_json::{Value, json};

    use super::{Parameters, Selection};

    fn parameters(members: &Value) -> Parameters {
        let mut all = json!({"kubeconfig": "k"});
        let members = members.as_object().expect("an object").clone();
        all.as_object_mut().expect("an object").extend(members);
        serde_json::from_value(all).expect("parameters")
    }

    fn selection(members: &Value) -> Selection {
        parameters(members).selection().expect("a valid selection")
    }

    #[test]
    fn selects_only_nodes_by_default() {
        assert_eq!(selection(&json!({})), Selection::default());
        assert_eq!(selection(&json!({"collect": ["nodes", " "]})), Selection::default());
        assert!(!Selection::default().has_namespaced());
    }

    #[test]
    fn all_does_not_include_secrets_and_config_maps() {
        let all = selection(&json!({"collect": ["all"]}));
        assert!(all.pods && all.controllers && all.services && all.virtual_machines);
        assert!(all.namespaces && all.service_accounts && !all.secrets && !all.config_maps);
        let each = selection(&json!({"collect": COLLECTIONS}));
        assert_eq!(each, selection(&json!({"collect": ["all", "secrets", "config-maps"]})));
        assert_ne!(each, all);
    }

    #[test]
    fn every_collection_but_namespaces_is_namespaced() {
        for &name in COLLECTIONS {
            let selection = selection(&json!({"collect": [name]}));
            assert_eq!(selection.has_namespaced(), name != "namespaces", "{name}");
        }
    }

    #[test]
    fn names_of_namespaces_are_trimmed_sorted_and_unique() {
        let some = json!({"namespaces": ["b", "a", " b "], "label_selector": " app=x "});
        let some = selection(&some);
        assert_eq!(some.only_namespaces, ["a", "b"]);
        assert_eq!(some.label_selector.as_deref(), Some("app=x"));
    }

    #[test]
    fn rejects_invalid_values_without_quoting_them() {
        let refusal = |result: Result<Selection, GatherError>| result.expect_err("invalid");
        let mut errors = vec![
            refusal(parameters(&json!({"collect": ["pods", "hunter2"]})).selection()),
            refusal(parameters(&json!({"collect": ["configmaps"]})).selection()),
            parameters(&json!({"page_size": 0})).page_size().expect_err("too small"),
        ];
        for name in ["..", "a/b", "A", "-a", "hunter2/", &"a".repeat(64)] {
            errors.push(refusal(parameters(&json!({"namespaces": [name]})).selection()));
        }
        let mut messages: Vec<String> = errors
            .into_iter()
            .map(|error| {
                assert_eq!(error.kind, ErrorKind::Configuration, "{error}");
                assert!(!error.to_string().contains("hunter2"), "{error}");
                error.to_string()
            })
            .collect();
        messages.dedup();
        insta::assert_snapshot!(messages.join("\n"));
    }
}
