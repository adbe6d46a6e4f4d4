//! The cases of wrong optional collections.

use gatherer_plugin_api::abi::Callbacks;
use gatherer_plugin_api::model::{Pod, Service};
use gatherer_plugin_api::{Context, ErrorKind, GatherError, RECORD_MAX_BYTES};

fn pod(name: &str) -> Pod {
    let (namespace, uid) = ("n".to_owned(), format!("uid-of-{name}"));
    Pod { namespace, name: name.to_owned(), uid, ..Pod::default() }
}

/// Sends the items of a case.
pub fn send(case: &str, callbacks: Callbacks, context: &Context) -> Result<(), GatherError> {
    let emit = |record: &str| (callbacks.emit)(callbacks.context, record.into());
    match case {
        "items-without-end" => context.item(pod("a"))?,
        "items-after-end" => {
            context.item(pod("a"))?;
            context.collection_end("pods", Ok(()))?;
            context.item(pod("b"))?;
        }
        "fewer-items-than-counted" => {
            context.item(pod("a"))?;
            emit(r#"{"record":"collectionEnd","name":"pods","items":2}"#);
        }
        "more-items-than-counted" => {
            context.item(pod("a"))?;
            context.item(pod("b"))?;
            emit(r#"{"record":"collectionEnd","name":"pods","items":1}"#);
        }
        "rest-of-no-item" => {
            emit(
                r#"{"record":"item","more":true,"item":{"service":{"namespace":"","name":"","uid":"u","pods":[]}}}"#,
            );
            context.collection_end("services", Ok(()))?;
        }
        "unknown-item" => {
            emit(r#"{"record":"item","item":{"surprise":{"name":"a","uid":"u"}}}"#);
        }
        "oversized-item" => {
            let mut big = pod("big");
            big.labels.insert("big".into(), "b".repeat(RECORD_MAX_BYTES));
            context.item(Service { uid: "u".into(), ..Service::default() })?;
            context.collection_end("services", Ok(()))?;
            context.item(pod("a"))?;
            match context.item(big) {
                Err(error) if error.item_too_long => context.collection_end("pods", Err(error))?,
                other => other?,
            }
        }
        "oversized-record-of-an-item" => {
            let name = "b".repeat(RECORD_MAX_BYTES);
            emit(&format!(
                r#"{{"record":"item","item":{{"pod":{{"namespace":"","name":"{name}","uid":"u"}}}}}}"#
            ));
            let lost = GatherError::protocol("a pod is too long");
            context.collection_end("pods", Err(lost))?;
        }
        "endless-items" => loop {
            context.item(pod("a"))?;
        },
        "items-of-a-lost-collection" => {
            context.item(pod("lost"))?;
            context.item(Service { uid: "u".into(), ..Service::default() })?;
            context.collection_end("services", Ok(()))?;
            let refused = GatherError::new(ErrorKind::Permission, "listing pods: 403");
            context.collection_end("pods", Err(refused))?;
        }
        "starts-items-over" => {
            context.item(pod("gone"))?;
            context.start_collection_over("pods")?;
            context.item(pod("a"))?;
            context.collection_end("pods", Ok(()))?;
        }
        other => crate::objects::send(other, callbacks, context)?,
    }
    Ok(())
}
