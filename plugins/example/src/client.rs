//! I/O: requests the pages of the service's list.

use gatherer_plugin_api::{CheckStep, Context, GatherError, Secret};
use gatherer_plugin_support::http::{Client, Request, Response, Url, connection_steps, parse_url};
use gatherer_plugin_support::paging::{Page, Paging};
use gatherer_plugin_support::{json, retry};

use crate::map::{GuestReply, PageReply};

/// The maximum size of a page.
const MAX_PAGE_BYTES: usize = 16 * 1024 * 1024;

/// Reads the whole list.
pub async fn guests(
    url: &str,
    token: Option<&Secret<String>>,
    context: &Context,
) -> Result<Vec<GuestReply>, GatherError> {
    let url = service_url(url)?;
    let client = Client::new(context)?;
    let page = async |after: Option<&String>| {
        let mut url = url.clone();
        if let Some(after) = after {
            url.query_pairs_mut().append_pair("after", after);
        }
        let (page, _) = read_page(&client, url, token, context).await?;
        Ok(Page { items: page.guests, next: page.next, total: None })
    };
    Paging::by_marker("guests").read(context, |guest| guest.uuid.clone(), page).await
}

/// Checks the connection, the token, and the first page.
pub async fn check(
    url: &str,
    token: Option<&Secret<String>>,
    context: &Context,
) -> Result<(), GatherError> {
    let url = service_url(url)?;
    context.check_plan(connection_steps(&url).into_iter().chain(["login", "objects"]));
    let client = Client::new(context)?;
    client.check_connection(&url).await?;
    let (page, response) = read_page(&client, url, token, context).await?;
    context.check_step(response.login_step(context));
    let guests =
        page.guests.ok_or_else(|| GatherError::protocol("the page has no list of guests"))?;
    let more = if page.next.is_some() { " or more" } else { "" };
    context.check_step(CheckStep::ok("objects", format!("{} guests{more}", guests.len())));
    Ok(())
}

/// Requests a page. The request is repeated within the endpoint's budget of retries.
async fn read_page(
    client: &Client,
    url: Url,
    token: Option<&Secret<String>>,
    context: &Context,
) -> Result<(PageReply, Response), GatherError> {
    let mut request = Request::get(url).max_body_bytes(MAX_PAGE_BYTES);
    if let Some(token) = token {
        request = request.header("authorization", &format!("Bearer {}", token.expose()));
    }
    let attempt = async || client.send(request.clone()).await?.error_for_status();
    let response = retry::idempotent(context, attempt).await?;
    Ok((json::read(response.body(), response.description())?, response))
}

fn service_url(url: &str) -> Result<Url, GatherError> {
    parse_url(url).map_err(|why| {
        GatherError::configuration(format!("the parameter url {why}"))
            .with_hint("it must begin with http:// or https://")
    })
}
