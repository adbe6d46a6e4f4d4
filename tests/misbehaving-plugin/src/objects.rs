//! The cases of hosts, guests and items that a plugin must not send, and of a context that outlives the gathering.

use gatherer_plugin_api::abi::Callbacks;
use gatherer_plugin_api::model::{Guest, Host, Pod};
use gatherer_plugin_api::{Context, GatherError, Gatherer};
use serde_json::{Map, Value};

/// Sends the objects of a case.
pub fn send(case: &str, callbacks: Callbacks, context: &Context) -> Result<(), GatherError> {
    match case {
        "empty-ids" => {
            let host = context.host(Host::new("", "nameless"))?;
            context.guest(&host, Guest::new(" ", "blank"))?;
            context.item(Pod { name: "pod".into(), ..Pod::default() })?;
            context.collection_end("pods", Ok(()))?;
        }
        "repeated-ids" => {
            let host = context.host(Host::new("bad", "again"))?;
            context.guest(&host, Guest::new("bad-guest", "again"))?;
        }
        "misspells-a-collection" => {
            // The result is ignored, as it should not be.
            drop(context.collection_end("pod", Ok(())));
        }
        "restarts-an-unknown-collection" => drop(context.start_collection_over("pod")),
        "unfit-member" => {
            let host = r#"{"record":"host","hostRef":"1","host":{"id":"i","name":"n","memoryBytes":"lots"}}"#;
            (callbacks.emit)(callbacks.context, host.into());
        }
        other => return Err(GatherError::configuration(format!("unknown case {other}"))),
    }
    Ok(())
}

/// Puts a secret into a label of a host.
pub fn copy_secret(secret: &str, context: &Context) -> Result<(), GatherError> {
    let mut host = Host::new("copy", "copy");
    host.labels.insert("login".into(), format!("inventory:{secret}"));
    context.host(host).map(drop)
}

/// A module with a thread that still has a context when `gather` has returned.
pub struct Leaky;

impl Gatherer for Leaky {
    type Parameters = Map<String, Value>;

    fn gather(_: Self::Parameters, context: &Context) -> Result<(), GatherError> {
        let context = context.clone();
        std::thread::spawn(move || {
            while !context.cancelled() {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        });
        Ok(())
    }
}
