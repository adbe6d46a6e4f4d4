//! An inventory document, of which only the pods are read. A later minor version may have words
//! that this release does not know; none of them is a reason to refuse it.

use std::collections::BTreeMap;

use gatherer_plugin_api::model::PodHost;
use serde::Deserialize;

use super::json_file;
use super::sources::{Identity, Running, Said, Source};
use crate::output::inventory::pods::Incomplete;

/// The longest document, in bytes.
pub const MAX_BYTES: u64 = 1024 * 1024 * 1024;

const EXPECTED: &str = "a document of --format inventory";

/// The major version that is read.
const MAJOR: u64 = 1;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: String,
    endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    id: String,
    module: Option<String>,
    status: String,
    error: Option<Problem>,
    #[serde(default)]
    collections: BTreeMap<String, Collection>,
    #[serde(default)]
    workloads: Workloads,
}

#[derive(Deserialize)]
struct Collection {
    status: String,
    error: Option<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    kind: String,
    message: String,
    hint: Option<String>,
}

#[derive(Deserialize, Default)]
struct Workloads {
    #[serde(default)]
    pods: Vec<Pod>,
}

#[derive(Deserialize)]
struct Pod {
    namespace: String,
    name: String,
    uid: String,
    host: Option<PodHost>,
    #[serde(default)]
    containers: Vec<Container>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Container {
    name: String,
    kind: String,
    state: Option<String>,
    image: Option<String>,
    image_id: Option<String>,
    image_digest: Option<String>,
    image_config_digest: Option<String>,
    image_repository: Option<String>,
    image_tag: Option<String>,
}

/// Reads a document: one sentence where that cannot be done.
pub fn read(bytes: &[u8]) -> Result<Vec<Source>, String> {
    // An error about a member of another version would mislead.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Versioned {
        schema_version: String,
    }
    let version = json_file::parse::<Versioned>(bytes, EXPECTED)?.schema_version;
    if version.split('.').next().and_then(|major| major.parse().ok()) != Some(MAJOR) {
        return Err(format!(
            "is not of schema version {MAJOR}.x, which this program reads; gather anew"
        ));
    }
    let document: Document = json_file::parse(bytes, EXPECTED)?;
    debug_assert_eq!(document.schema_version, version);
    Ok(document.endpoints.into_iter().map(source).collect())
}

fn source(endpoint: Endpoint) -> Source {
    let Endpoint { id, module, status, error, mut collections, workloads } = endpoint;
    let containers = match lacks(&status, error) {
        Some(why) => Err(Incomplete::Endpoint(why)),
        None => match collections.remove("pods").map(|pods| lacks(&pods.status, pods.error)) {
            None => Err(Incomplete::NotGathered),
            Some(Some(why)) => Err(Incomplete::Pods(why)),
            Some(None) => Ok(workloads.pods.into_iter().flat_map(containers).collect()),
        },
    };
    Source { endpoint: id, module, containers }
}

/// Why something is not whole, if it is not. What says that it is and has an error is not believed.
fn lacks(status: &str, error: Option<Problem>) -> Option<String> {
    match (status, error) {
        ("complete", None) => None,
        ("complete", error) => {
            Some(format!("it says that it is complete, and why it is not: {}", why(error)))
        }
        (_, error) => Some(why(error)),
    }
}

fn why(error: Option<Problem>) -> String {
    match error {
        None => "no reason is known".to_owned(),
        Some(Problem { kind, message, hint: None }) => format!("{kind}: {message}"),
        Some(Problem { kind, message, hint: Some(hint) }) => format!("{kind}: {message} ({hint})"),
    }
}

fn containers(pod: Pod) -> impl Iterator<Item = Running> {
    let Pod { namespace, name, uid, host, containers } = pod;
    containers.into_iter().map(move |container| {
        let identity = Identity::of(&Said {
            image: container.image.as_deref(),
            image_id: container.image_id.as_deref(),
            digest: container.image_digest.as_deref(),
            config_digest: container.image_config_digest.as_deref(),
            repository: container.image_repository.as_deref(),
            tag: container.image_tag.as_deref(),
        });
        Running {
            namespace: namespace.clone(),
            pod: name.clone(),
            pod_uid: uid.clone(),
            host: host.clone(),
            container: container.name,
            kind: container.kind,
            state: container.state,
            image: container.image,
            image_id: container.image_id,
            identity,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::output::inventory::pods::Incomplete;

    fn incomplete(endpoint: &str) -> Option<Incomplete> {
        let text = format!(r#"{{"schemaVersion": "1.0", "endpoints": [{endpoint}]}}"#);
        let mut sources = read(text.as_bytes()).expect("a document");
        sources.pop().expect("an endpoint").containers.err()
    }

    #[test]
    fn any_minor_version_is_read_with_members_and_words_that_nobody_knows_yet() {
        let text = r#"{"schemaVersion": "1.99", "later": {}, "endpoints": [{"id": "e",
            "status": "complete", "hosts": [7], "collections": {"pods": {"status": "complete"}},
            "workloads": {"gadgets": 1, "pods": [{"namespace": "n", "name": "p", "uid": "u",
            "containers": [{"name": "c", "kind": "sidecar", "state": "frozen"}]}]}}]}"#;
        let sources = read(text.as_bytes()).expect("readable");
        let containers = sources[0].containers.as_ref().expect("whole");
        assert_eq!(containers[0].kind, "sidecar");
        assert_eq!(containers[0].state.as_deref(), Some("frozen"));
    }

    #[test]
    fn another_major_version_is_refused_before_anything_else_of_it_is_read() {
        for version in ["2.0", "0.9", "one", ""] {
            let text = format!(r#"{{"schemaVersion": "{version}", "endpoints": 7}}"#);
            let problem = read(text.as_bytes()).expect_err("refused");
            assert!(problem.contains("is not of schema version 1.x"), "{problem}");
        }
    }

    #[test]
    fn pods_are_whole_only_where_the_document_says_so() {
        let error = r#""error": {"kind": "permission", "message": "no", "hint": "do"}"#;
        let failed = format!(r#"{{"id": "e", "status": "failed", {error}}}"#);
        let why = "permission: no (do)".to_owned();
        assert_eq!(incomplete(&failed), Some(Incomplete::Endpoint(why.clone())));
        let pods = |status: &str| {
            format!(
                r#"{{"id": "e", "status": "complete", "collections": {{"pods":
                {{"status": "{status}", {error}}}}}}}"#
            )
        };
        assert_eq!(incomplete(&pods("failed")), Some(Incomplete::Pods(why.clone())));
        assert_eq!(incomplete(&pods("partly")), Some(Incomplete::Pods(why)));
        let contradiction =
            "it says that it is complete, and why it is not: permission: no (do)".to_owned();
        assert_eq!(incomplete(&pods("complete")), Some(Incomplete::Pods(contradiction.clone())));
        let both = format!(
            r#"{{"id": "e", "status": "complete", {error}, "collections": {{"pods":
            {{"status": "complete"}}}}}}"#
        );
        assert_eq!(incomplete(&both), Some(Incomplete::Endpoint(contradiction)));
        let without = r#"{"id": "e", "status": "complete"}"#;
        assert_eq!(incomplete(without), Some(Incomplete::NotGathered));
    }
}
