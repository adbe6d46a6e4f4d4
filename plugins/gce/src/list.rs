//! I/O: the list of all instances, page by page.

use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use gatherer_plugin_support::paging::{Page, PageError, Paging};

use crate::client::Compute;
use crate::failure::Wanted;
use crate::map::instance::Instance;
use crate::map::page::{self, Scope};

/// The number of instances that are requested at once: the most that the API allows.
const PAGE_LENGTH: &str = "500";

/// Reads the instances of the zone, or of all zones.
///
/// The parameter `returnPartialSuccess` is never sent: with it, the list lacks the instances of zones that do not answer.
pub async fn instances(
    compute: &Compute<'_>,
    context: &Context,
) -> Result<Vec<Instance>, GatherError> {
    let zone = compute.settings().zone.as_deref();
    let (first, scope) = match zone {
        Some(zone) => (compute.url(&["zones", zone, "instances"]), Scope::Zone(zone)),
        None => (compute.url(&["aggregated", "instances"]), Scope::AllZones),
    };
    let read = async |token: Option<&String>| {
        let mut url = first.clone();
        url.query_pairs_mut().append_pair("maxResults", PAGE_LENGTH);
        if let Some(token) = token {
            url.query_pairs_mut().append_pair("pageToken", token);
        }
        let wanted = Wanted::Instances { zone };
        let page = compute.read(&url, wanted, |json, request| page::parse(json, scope, request));
        match page.await {
            Ok(Some(page)) => {
                Ok(Page { items: Some(page.instances), next: page.next, total: None })
            }
            Ok(None) => Err(GatherError::internal("a list is not a machine type").into()),
            // The first page has shown that project and zone exist, so the token is not valid any more.
            Err(error) if token.is_some() && error.kind == ErrorKind::Configuration => {
                Err(PageError::StartOver(error))
            }
            Err(error) => Err(error.into()),
        }
    };
    Paging::by_marker("instances").read(context, |instance| instance.id.clone(), read).await
}
