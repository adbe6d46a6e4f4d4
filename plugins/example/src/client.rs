//! I/O: requests the pages of the service's list.

use gatherer_plugin_api::{Context, GatherError, Secret};
use gatherer_plugin_support::http::{Client, Request, parse_url};
use gatherer_plugin_support::paging::{Page, Paging};
use gatherer_plugin_support::{json, retry};

use crate::map::{GuestReply, PageReply};

/// The maximum size of a page.
const MAX_PAGE_BYTES: usize = 16 * 1024 * 1024;

/// Reads the whole list. Each request is repeated within the endpoint's budget of retries.
pub async fn guests(
    url: &str,
    token: Option<&Secret<String>>,
    context: &Context,
) -> Result<Vec<GuestReply>, GatherError> {
    let url = parse_url(url).map_err(|why| {
        GatherError::configuration(format!("the parameter url {why}"))
            .with_hint("it must begin with http:// or https://")
    })?;
    let client = Client::new(context)?;
    let page = async |after: Option<&String>| {
        let mut url = url.clone();
        if let Some(after) = after {
            url.query_pairs_mut().append_pair("after", after);
        }
        let mut request = Request::get(url).max_body_bytes(MAX_PAGE_BYTES);
        if let Some(token) = token {
            request = request.header("authorization", &format!("Bearer {}", token.expose()));
        }
        let attempt = async || client.send(request.clone()).await?.error_for_status();
        let response = retry::idempotent(context, attempt).await?;
        let page: PageReply = json::read(response.body(), response.description())?;
        Ok(Page { items: page.guests, next: page.next, total: None })
    };
    Paging::by_marker("guests").read(context, |guest| guest.uuid.clone(), page).await
}
