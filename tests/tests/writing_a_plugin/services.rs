//! An optional collection: the services of the machine database, page by page.

use gatherer_plugin_api::model::Service;
use gatherer_plugin_api::{Context, GatherError};
use gatherer_plugin_support::{http, json, retry};
use serde::Deserialize;

/// If this collection cannot be read, the hosts and the other collections remain.
pub async fn services(list: &http::Request, context: &Context) -> Result<(), GatherError> {
    let client = http::Client::new(context)?;
    let mut after = String::new();
    loop {
        let page = match page(&client, list, &after, context).await {
            Ok(page) => page,
            Err(error) => return context.collection_end("services", Err(error)),
        };
        if page.expired {
            // The list changed while it was read, so services of earlier pages may be gone.
            context.start_collection_over("services")?;
            after.clear();
            continue;
        }
        for service in page.services {
            match context.item(item(service)) {
                // The service is too long for a record, so the list would not be whole.
                Err(error) if error.item_too_long => {
                    return context.collection_end("services", Err(error));
                }
                result => result?,
            }
        }
        match page.next {
            Some(next) => after = next,
            None => return context.collection_end("services", Ok(())),
        }
    }
}

async fn page(
    client: &http::Client,
    list: &http::Request,
    after: &str,
    context: &Context,
) -> Result<Page, GatherError> {
    let request = list.clone().header("x-after", after);
    let attempt = async || client.send(request.clone()).await?.error_for_status();
    let answer = retry::idempotent(context, attempt).await?;
    json::read(answer.body(), answer.description())
}

#[derive(Deserialize)]
struct Page {
    services: Vec<Entry>,
    #[serde(default)]
    expired: bool,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    project: String,
    name: String,
    id: String,
}

/// Pure: from the reply of the database to the model.
fn item(entry: Entry) -> Service {
    Service { namespace: entry.project, name: entry.name, uid: entry.id, ..Service::default() }
}

#[cfg(test)]
mod tests {
    #[test]
    fn maps_an_entry_to_a_service() {
        let reply = r#"{"services": [{"project": "shop", "name": "web", "id": "7"}]}"#;
        let mut page: super::Page = serde_json::from_str(reply).expect("the reply is valid");
        assert!(!page.expired && page.next.is_none());
        let service = super::item(page.services.remove(0));
        assert_eq!((&*service.namespace, &*service.name, &*service.uid), ("shop", "web", "7"));
    }

    #[test]
    fn services_compiles() {
        let _ = super::services;
    }
}
