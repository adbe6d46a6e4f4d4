//! Reads a list that a server sends page by page: the whole list, or an error.

use std::collections::HashSet;
use std::hash::Hash;

use gatherer_plugin_api::{Context, GatherError};

/// How often a list is read again from its first page.
const MAX_RESTARTS: u32 = 3;

/// One page of a list.
#[derive(Debug)]
pub struct Page<Item, Marker> {
    /// The items. An empty page does not end the list. `None` if the answer lacks the member that lists
    /// them: such an answer is an error, not an empty page. If a server leaves the member out of an empty page,
    /// pass `Some` only where the rest of the answer proves that it is one.
    pub items: Option<Vec<Item>>,
    /// Where the next page starts: its link, marker, offset or token. `None` if this is the last page. A
    /// marker that repeats is an error; add the number of the page to tokens that a server uses again. Check
    /// that a link stays on the server before you send credentials to it.
    pub next: Option<Marker>,
    /// The number of items in the whole list, if the server announces it.
    pub total: Option<usize>,
}

/// Why a page could not be read. `?` turns a [`GatherError`] into [`Failed`](Self::Failed).
#[derive(Debug)]
pub enum PageError {
    /// The list cannot be continued, for example because its marker expired, but can be read again.
    StartOver(GatherError),
    /// The list cannot be read.
    Failed(GatherError),
}

impl From<GatherError> for PageError {
    fn from(error: GatherError) -> Self {
        Self::Failed(error)
    }
}

/// What it means that an item is listed twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DuplicateItems {
    /// Nothing: the first one is kept. For pages by link, marker or token, between which an item may move.
    Drop,
    /// Items moved to other pages, so another one may be missing: the list is read again. For pages by
    /// offset or number.
    StartOver,
}

/// The rules for reading a list.
///
/// The result is the whole list or an error, never a part. The list is read again from its first page, at
/// most three times, if the caller reports [`PageError::StartOver`], if the announced total changes or is not
/// the number of items, and as [`DuplicateItems`] says.
///
/// ```no_run
/// use gatherer_plugin_api::{Context, GatherError};
/// use gatherer_plugin_support::http::{Client, Url, parse_url};
/// use gatherer_plugin_support::paging::{Page, PageError, Paging};
/// use gatherer_plugin_support::retry;
///
/// #[derive(serde::Deserialize)]
/// struct Servers {
///     servers: Option<Vec<Server>>,
///     next: Option<String>,
/// }
///
/// #[derive(serde::Deserialize)]
/// struct Server {
///     id: String,
/// }
///
/// async fn servers(
///     context: &Context,
///     client: &Client,
///     first: &Url,
/// ) -> Result<Vec<Server>, GatherError> {
///     let page = async |next: Option<&Url>| {
///         let url = next.unwrap_or(first);
///         let response = retry::idempotent(context, || client.get(url)).await?;
///         let page: Servers = serde_json::from_slice(response.body())
///             .map_err(|_| GatherError::protocol("the list of servers is not valid"))?;
///         let next = page.next.map(|link| parse_url(&link)).transpose();
///         let next = next.map_err(GatherError::protocol)?;
///         Ok::<_, PageError>(Page { items: page.servers, next, total: None })
///     };
///     Paging::by_marker("servers").read(context, |server| server.id.clone(), page).await
/// }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Paging {
    /// The items in the plural, for messages and the progress display: `servers`.
    pub items: &'static str,
    /// What it means that an item is listed twice.
    pub duplicates: DuplicateItems,
    /// The maximum number of pages. 10,000 by default.
    pub max_pages: usize,
    /// The maximum number of items. 1,000,000 by default.
    pub max_items: usize,
}

impl Paging {
    /// The rules for pages by link, marker or token.
    pub const fn by_marker(items: &'static str) -> Self {
        Self { items, duplicates: DuplicateItems::Drop, max_pages: 10_000, max_items: 1_000_000 }
    }

    /// The rules for pages by offset or number.
    pub const fn by_offset(items: &'static str) -> Self {
        Self { duplicates: DuplicateItems::StartOver, ..Self::by_marker(items) }
    }

    /// Reads the whole list. `id` identifies an item in the list. `page` requests one page: the first one
    /// without a marker, each other one with the marker from the page before it. It retries by itself.
    pub async fn read<Item, Marker, Id>(
        self,
        context: &Context,
        id: impl Fn(&Item) -> Id,
        mut page: impl AsyncFnMut(Option<&Marker>) -> Result<Page<Item, Marker>, PageError>,
    ) -> Result<Vec<Item>, GatherError>
    where
        Marker: Eq + Hash + Clone,
        Id: Eq + Hash,
    {
        let mut restarts = 0;
        loop {
            match self.read_once(context, &id, &mut page).await {
                Ok(items) => return Ok(items),
                Err(PageError::Failed(error)) => return Err(error),
                Err(PageError::StartOver(error)) if restarts < MAX_RESTARTS => {
                    tracing::info!("{error}; restarting the list");
                    restarts += 1;
                }
                Err(PageError::StartOver(mut error)) => {
                    let message = error.message;
                    error.message = format!("{message} (the list was restarted {restarts} times)");
                    return Err(error);
                }
            }
        }
    }

    async fn read_once<Item, Marker, Id>(
        &self,
        context: &Context,
        id: impl Fn(&Item) -> Id,
        page: &mut impl AsyncFnMut(Option<&Marker>) -> Result<Page<Item, Marker>, PageError>,
    ) -> Result<Vec<Item>, PageError>
    where
        Marker: Eq + Hash + Clone,
        Id: Eq + Hash,
    {
        let (mut items, mut ids, mut markers) = (Vec::new(), HashSet::new(), HashSet::new());
        let (mut next, mut announced) = (None, None);
        for _ in 0..self.max_pages {
            context.check_cancelled()?;
            let page = page(next.as_ref()).await?;
            let found = page.items.ok_or_else(|| self.invalid("a page without its list"))?;
            let total = page.total.or(announced);
            if announced.is_some() && total != announced {
                return Err(self.changed("the announced total changed"));
            }
            announced = total;
            for item in found {
                if ids.insert(id(&item)) {
                    items.push(item);
                } else if self.duplicates == DuplicateItems::StartOver {
                    return Err(self.changed("an item is listed twice"));
                }
            }
            let read = items.len();
            if read > self.max_items {
                let limit = self.max_items;
                return Err(self.invalid(&format!("the list has more than {limit} items")).into());
            }
            if let Some(total) = total
                && read > total
            {
                // Or a list without an end would be read up to the limits above.
                let problem =
                    format!("the list has more than the {total} items that were announced");
                return Err(self.changed(&problem));
            }
            context.progress(&format!("{read} {} read", self.items));
            let Some(marker) = page.next else {
                return match total {
                    Some(total) if total != read => Err(self.changed(&format!(
                        "the list ended after {read} items, but {total} were announced"
                    ))),
                    _ => Ok(items),
                };
            };
            if !markers.insert(marker.clone()) {
                return Err(self.invalid("the list does not end: its marker is repeated").into());
            }
            next = Some(marker);
        }
        Err(self.invalid(&format!("the list does not end after {} pages", self.max_pages)).into())
    }

    fn invalid(&self, problem: &str) -> GatherError {
        GatherError::protocol(format!("{}: {problem}", self.items))
    }

    fn changed(&self, problem: &str) -> PageError {
        PageError::StartOver(self.invalid(problem))
    }
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::ErrorKind;
    use gatherer_plugin_api::testing::Recorder;

    use super::*;
    use crate::run;

    type Answer = Result<Page<u32, u32>, PageError>;

    fn page(items: &[u32], next: Option<u32>) -> Page<u32, u32> {
        Page { items: Some(items.to_vec()), next, total: None }
    }

    fn counted(items: &[u32], next: Option<u32>, total: usize) -> Page<u32, u32> {
        Page { total: Some(total), ..page(items, next) }
    }

    fn expired() -> PageError {
        PageError::StartOver(GatherError::configuration("the marker is not known"))
    }

    /// Reads a list from these answers. The second value has the marker of each request.
    fn read(
        paging: Paging,
        answers: Vec<Answer>,
    ) -> (Result<Vec<u32>, GatherError>, Vec<Option<u32>>) {
        let context = Recorder::new().context();
        let (mut answers, mut markers) = (answers.into_iter(), Vec::new());
        let fetch = async |marker: Option<&u32>| {
            markers.push(marker.copied());
            answers.next().expect("no further page is requested")
        };
        let list = run::block_on(&context, paging.read(&context, |item| *item, fetch));
        assert_eq!(answers.len(), 0, "every page is requested");
        (list, markers)
    }

    const BY_MARKER: Paging = Paging::by_marker("servers");
    const BY_OFFSET: Paging = Paging::by_offset("servers");

    #[test]
    fn reads_every_page_including_empty_ones() {
        let pages = vec![Ok(page(&[1, 2], Some(0))), Ok(page(&[], Some(7))), Ok(page(&[3], None))];
        let (list, markers) = read(BY_MARKER, pages);
        assert_eq!((list, markers), (Ok(vec![1, 2, 3]), vec![None, Some(0), Some(7)]));
        assert_eq!(read(BY_OFFSET, vec![Ok(counted(&[], None, 0))]).0, Ok(vec![]));
    }

    #[test]
    fn a_duplicate_is_dropped_or_restarts_the_list() {
        let pages = || vec![Ok(page(&[1, 2], Some(2))), Ok(page(&[2, 3], None))];
        assert_eq!(read(BY_MARKER, pages()).0, Ok(vec![1, 2, 3]));
        let restarted =
            pages().into_iter().chain([Ok(page(&[1, 2], Some(2))), Ok(page(&[3], None))]);
        let (list, markers) = read(BY_OFFSET, restarted.collect());
        assert_eq!((list, markers), (Ok(vec![1, 2, 3]), vec![None, Some(2), None, Some(2)]));
    }

    #[test]
    fn a_total_that_changes_or_is_not_the_number_of_items_restarts_the_list() {
        let changes = vec![Ok(counted(&[1], Some(1), 2)), Ok(counted(&[2], Some(2), 3))];
        let too_short = vec![Ok(counted(&[1], Some(1), 3)), Ok(page(&[2], None))];
        let too_long = vec![Ok(page(&[1, 2], Some(1))), Ok(counted(&[3], None, 2))];
        for pages in [changes, too_short, too_long] {
            let whole = [Ok(counted(&[1, 2], Some(2), 3)), Ok(counted(&[3], None, 3))];
            let (list, _) = read(BY_MARKER, pages.into_iter().chain(whole).collect());
            assert_eq!(list, Ok(vec![1, 2, 3]));
        }
    }

    #[test]
    fn a_list_with_more_items_than_announced_is_not_read_to_its_end() {
        let endless = || vec![Ok(counted(&[1], Some(1), 2)), Ok(counted(&[2, 3], Some(2), 2))];
        let (list, markers) = read(BY_MARKER, (0..4).flat_map(|_| endless()).collect());
        assert_eq!(list.expect_err("too many items").kind, ErrorKind::Protocol);
        assert_eq!(markers.len(), 8);
    }

    #[test]
    fn an_expired_marker_restarts_the_list() {
        let pages = vec![
            Ok(page(&[1], Some(1))),
            Err(expired()),
            Ok(page(&[2], Some(1))),
            Ok(page(&[3], None)),
        ];
        let (list, markers) = read(BY_MARKER, pages);
        assert_eq!((list, markers), (Ok(vec![2, 3]), vec![None, Some(1), None, Some(1)]));
    }

    #[test]
    fn any_other_error_is_returned_at_once() {
        let failed = GatherError::new(ErrorKind::Unavailable, "503");
        let pages = vec![Ok(page(&[1], Some(1))), Err(failed.clone().into())];
        assert_eq!(read(BY_MARKER, pages).0, Err(failed));
    }

    #[test]
    fn an_invalid_or_endless_list_is_an_error() {
        let small = Paging { max_pages: 3, max_items: 3, ..BY_MARKER };
        let missing = Ok(Page { items: None, next: None, total: None });
        let expired_always = (0..4).map(|_| Err(expired())).collect();
        let cases: [Vec<Answer>; 6] = [
            vec![Ok(page(&[1], Some(1))), missing],
            vec![Ok(page(&[1], Some(1))), Ok(page(&[2], Some(1)))],
            vec![Ok(page(&[], Some(1))), Ok(page(&[], Some(2))), Ok(page(&[], Some(3)))],
            vec![Ok(page(&[1, 2], Some(1))), Ok(page(&[3, 4], Some(2)))],
            (0..4).map(|_| Ok(counted(&[1], None, 2))).collect(),
            expired_always,
        ];
        let messages: Vec<String> = cases
            .into_iter()
            .map(|pages| {
                let error = read(small, pages).0.expect_err("the list is not whole");
                assert!(!error.retryable, "{error}");
                format!("{}: {error}", error.kind)
            })
            .collect();
        insta::assert_snapshot!(messages.join("\n"));
    }

    #[test]
    fn stops_when_the_gathering_is_cancelled() {
        let context = Recorder::new().cancel_after(0).context();
        let page = async |_: Option<&u32>| -> Answer { panic!("no page is requested") };
        let read = BY_MARKER.read(&context, |item| *item, page);
        assert!(run::block_on(&context, read).is_err());
    }
}
