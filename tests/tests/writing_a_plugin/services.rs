//! A collection beside the hosts: the services of the machine database, page by page.

use gatherer_plugin_api::model::Service;
use gatherer_plugin_api::{Context, GatherError};
use gatherer_plugin_support::{http, json, retry};
use serde::Deserialize;

/// A collection of its own: that it cannot be read loses neither the hosts nor another collection.
pub async fn services(list: &http::Request, context: &Context) -> Result<(), GatherError> {
    let client = http::Client::new(context)?;
    let mut after = String::new();
    loop {
        let page = match page(&client, list, &after, context).await {
            Ok(page) => page,
            Err(error) => return context.collection_end("services", Err(error)),
        };
        if page.expired {
            // The list has changed under us: what was handed over of it may be gone.
            context.start_collection_over("services")?;
            after.clear();
            continue;
        }
        for service in page.services {
            match context.item(item(service)) {
                // It is too long to be handed over, so this cannot be the whole list.
                Err(error) if error.item_too_long => {
                    return context.collection_end("services", Err(error));
                }
                handed_over => handed_over?,
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
    let ask = async || client.send(request.clone()).await?.error_for_status();
    let answer = retry::idempotent(context, ask).await?;
    json::read(answer.body(), answer.what())
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

/// Pure: what the database says, in the model's words.
fn item(entry: Entry) -> Service {
    Service { namespace: entry.project, name: entry.name, uid: entry.id, ..Service::default() }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_service_is_known_by_its_id() {
        let reply = r#"{"services": [{"project": "shop", "name": "web", "id": "7"}]}"#;
        let mut page: super::Page = serde_json::from_str(reply).expect("JSON");
        assert!(!page.expired && page.next.is_none());
        let service = super::item(page.services.remove(0));
        assert_eq!((&*service.namespace, &*service.name, &*service.uid), ("shop", "web", "7"));
    }

    #[test]
    fn the_list_is_read_by_a_future_that_any_module_can_wait_for() {
        let _ = super::services;
    }
}
