//! Reads a list page by page: the result is the whole list or an error.
//!
//! All pages of one list have the same `resourceVersion`, which the first page contains
//! (<https://kubernetes.io/docs/reference/using-api/api-concepts/>, "Retrieving large results sets
//! in chunks"). If the server no longer has that version (410), or a page has another version, the
//! list is restarted from its first page. The items received so far are discarded, because mixing
//! versions would give a list that the cluster never had. A duplicate item or a repeated continue
//! token is a server fault that a restart would not fix, so it fails the list at once.

use std::collections::HashSet;
use std::future::poll_fn;
use std::hash::{BuildHasher as _, RandomState};
use std::pin::Pin;
use std::time::Duration;

use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use gatherer_plugin_support::run;

use super::connect::Connection;
use super::page::{FetchOutcome, Page};
use super::page_parser::{self, ListHead, MOST_ITEMS, PageSink};
use super::prefetch::PageFetch;
use crate::objects::Resource;
use crate::objects::kinds::Listed;

/// The largest list, all pages together.
const LIST_BYTES: usize = 4 * 1024 * 1024 * 1024;

/// The most pages of one list, in case a server never sends a last page.
const MOST_PAGES: usize = 100_000;

/// How often a list is restarted before it fails.
const MOST_RESTARTS: u32 = 5;

/// The wait before the first restart; it doubles each time.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// Receives the items of a list, each as soon as it is parsed.
pub trait ItemSink: Send + 'static {
    /// The type of the list.
    type List: Listed;
    /// Receives one item. An error fails the list.
    fn take(&mut self, item: <Self::List as Listed>::Item<'_>) -> Result<(), GatherError>;
    /// Discards all items received so far, because the list is restarted.
    fn start_over(&mut self) -> Result<(), GatherError>;
}

/// Reads whole lists as one, restarting them together if necessary: the sink can only discard all of its
/// items. Returns the sink with every item; each list is of one `resourceVersion`.
pub(super) async fn list<S: ItemSink>(
    connection: &Connection<'_>,
    resources: &[Resource],
    page_size: u32,
    mut sink: S,
) -> Result<S, GatherError> {
    let mut restarts = 0;
    'restart: loop {
        for resource in resources {
            check_time(connection.context, resource.plural)?;
            let outcome;
            (sink, outcome) = walk_pages(connection, resource, page_size, sink).await?;
            if let WalkOutcome::Outdated(error) = outcome {
                wait_for_restart(connection.context, error, restarts).await?;
                restarts += 1;
                sink.start_over()?;
                continue 'restart;
            }
        }
        return Ok(sink);
    }
}

/// Fails if the run was cancelled or the endpoint's time is over. `objects` names the objects that would be
/// requested next.
pub(super) fn check_time(context: &Context, objects: &str) -> Result<(), GatherError> {
    context.check_cancelled()?;
    if run::operation_remaining(context) == Some(Duration::ZERO) {
        let limit = run::timeout_text(context);
        return Err(GatherError::new(
            ErrorKind::Timeout,
            format!("{objects} were not requested within the endpoint's {limit}"),
        )
        .with_hint("raise the endpoint's `timeout`, or collect less"));
    }
    Ok(())
}

/// Waits before an outdated list is restarted, or fails if it was restarted too often already.
async fn wait_for_restart(
    context: &Context,
    mut error: GatherError,
    restarts: u32,
) -> Result<(), GatherError> {
    let wait = FIRST_WAIT * (1 << restarts);
    let in_time = run::operation_remaining(context).is_none_or(|left| wait < left);
    if restarts == MOST_RESTARTS || !in_time {
        error.message = format!("{} (the list was restarted {restarts} times)", error.message);
        return Err(error.with_hint(
            "the cluster changes faster than its list can be read: set a larger page_size",
        ));
    }
    tracing::info!("{error}; restarting the list");
    context.count_retry();
    tokio::time::sleep(wait).await;
    Ok(())
}

/// How one pass over the pages of a list ended.
enum WalkOutcome {
    /// All pages were read.
    Complete,
    /// The list's version is no longer available: the list must be restarted.
    Outdated(GatherError),
}

/// Reads the pages of a list from the first to the last.
async fn walk_pages<S: ItemSink>(
    connection: &Connection<'_>,
    resource: &Resource,
    page_size: u32,
    mut sink: S,
) -> Result<(S, WalkOutcome), GatherError> {
    let context = connection.context;
    let path = resource.path();
    let mut progress = ListProgress::default();
    let mut page = PageFetch::start(connection, resource, page_size, 1, None, LIST_BYTES);
    for number in 1..=MOST_PAGES {
        let prefetch = |token: &str| {
            let bytes_left = LIST_BYTES.saturating_sub(progress.bytes);
            let token = progress.is_new_token(token).then(|| token.to_owned())?;
            let next = number + 1;
            Some(PageFetch::start(connection, resource, page_size, next, Some(token), bytes_left))
        };
        let (outcome, mut prefetched) = page.with_prefetch(prefetch).await?;
        let received = match outcome {
            FetchOutcome::Page(page) => page,
            FetchOutcome::Expired(mut error) => {
                // The request is valid; only this version of the list is no longer available.
                error.kind = ErrorKind::Unavailable;
                error.retryable = true;
                return Ok((sink, WalkOutcome::Outdated(error)));
            }
        };
        progress.bytes += received.bytes.len();
        let request = connection.request_text(&path, number);
        let resource_copy = resource.clone();
        let page_task =
            PageTask { page: received, progress, sink, resource: resource_copy, request, number };
        let next_step;
        (progress, sink, next_step) =
            page_task.parse_in_thread(connection, prefetched.as_mut()).await?;
        report_progress(context, progress.items, resource);
        let next = match next_step {
            NextStep::Page(token) => token,
            NextStep::End(outcome) => return Ok((sink, outcome)),
        };
        page = match prefetched {
            Some(prefetched) if prefetched.begins_at(&next) => prefetched,
            _ => {
                let bytes_left = LIST_BYTES.saturating_sub(progress.bytes);
                let number = number + 1;
                PageFetch::start(connection, resource, page_size, number, Some(next), bytes_left)
            }
        };
    }
    Err(GatherError::protocol(format!(
        "{}: the list does not end after {MOST_PAGES} pages",
        connection.request_text(&path, 1)
    )))
}

/// How the list continues after a page.
enum NextStep {
    /// Another page follows, at this continue token.
    Page(String),
    /// This was the last page, or the list must be restarted.
    End(WalkOutcome),
}

/// A received page, and the state of the list before it.
struct PageTask<S> {
    page: Page,
    progress: ListProgress,
    sink: S,
    resource: Resource,
    /// The request, for messages.
    request: String,
    number: usize,
}

impl<S: ItemSink> PageTask<S> {
    /// Parses the page in a blocking thread, while the current thread polls the next page's request.
    async fn parse_in_thread(
        mut self,
        connection: &Connection<'_>,
        mut prefetched: Option<&mut PageFetch<'_>>,
    ) -> Result<(ListProgress, S, NextStep), GatherError> {
        #[expect(clippy::disallowed_methods, reason = "the closure starts no process")]
        let mut parsing = tokio::task::spawn_blocking(move || {
            let step = self.parse();
            (step, self)
        });
        let parsed = poll_fn(|cx| {
            if let Some(prefetched) = &mut prefetched {
                prefetched.poll(cx);
            }
            Pin::new(&mut parsing).poll(cx)
        });
        let (step, Self { page, progress, sink, resource, .. }) =
            parsed.await.map_err(|_| GatherError::internal("parsing a page did not finish"))?;
        // Freed memory is overwritten, so a buffer with secrets is freed and not reused.
        if resource.is_secret {
            drop(page.bytes);
        } else {
            connection.buffer.set(page.bytes);
        }
        Ok((progress, sink, step?))
    }

    fn parse(&mut self) -> Result<NextStep, GatherError> {
        let (bytes, request_text) = (&self.page.bytes, &self.page.request_text);
        let is_first = self.number == 1;
        let (progress, one) = (&mut self.progress, self.resource.one);
        let sink = &mut self.sink;
        let mut checks = ItemChecks { progress, request: &self.request, one, is_first, sink };
        let head = match page_parser::parse(bytes, &self.resource, request_text, &mut checks) {
            Ok(head) => head,
            Err(PageStop::Outdated(error)) => {
                return Ok(NextStep::End(WalkOutcome::Outdated(error)));
            }
            Err(PageStop::Failed(error)) => return Err(error),
        };
        if is_first {
            let more = head.remaining.unwrap_or(0);
            self.progress.announced = self.progress.items.saturating_add(more);
        }
        match head.next {
            None => Ok(NextStep::End(self.progress.finish(&self.request))),
            Some(token) => {
                self.progress.add_token(&token, &self.request)?;
                Ok(NextStep::Page(token))
            }
        }
    }
}

/// Why parsing stopped in the middle of a page.
enum PageStop {
    /// The list has failed.
    Failed(GatherError),
    /// The page has another `resourceVersion` than the first page.
    Outdated(GatherError),
}

impl From<GatherError> for PageStop {
    fn from(error: GatherError) -> Self {
        Self::Failed(error)
    }
}

/// Checks the items of one page and passes them to the sink.
struct ItemChecks<'a, S> {
    progress: &'a mut ListProgress,
    /// The request, for messages.
    request: &'a str,
    /// One item with its article, for messages.
    one: &'a str,
    is_first: bool,
    sink: &'a mut S,
}

impl<S: ItemSink> PageSink for ItemChecks<'_, S> {
    type Stop = PageStop;
    type List = S::List;

    fn begin(&mut self, head: &ListHead) -> Result<(), PageStop> {
        if self.is_first {
            self.progress.version.clone_from(&head.version);
        } else if self.progress.version != head.version {
            return Err(PageStop::Outdated(GatherError::protocol(format!(
                "{}: the page has another resourceVersion than the pages before it",
                self.request
            ))));
        }
        Ok(())
    }

    fn take(&mut self, item: <S::List as Listed>::Item<'_>) -> Result<(), PageStop> {
        let (_, uid) = S::List::identity(&item);
        self.progress.count_item(uid, self.one, self.request)?;
        Ok(self.sink.take(item)?)
    }
}

fn report_progress(context: &Context, items: usize, resource: &Resource) {
    let noun = if items == 1 {
        resource.one.split_once(' ').map_or(resource.one, |(_, noun)| noun)
    } else {
        resource.plural
    };
    context.progress(&format!("{items} {noun} read"));
}

/// The state of a list between two pages.
#[derive(Default)]
struct ListProgress {
    /// How many items were received.
    items: usize,
    /// Hashes of the uids and of the continue tokens received so far. Only hashes are kept, because
    /// the texts may be long; they are keyed at random.
    uids: HashSet<u64>,
    tokens: HashSet<u64>,
    hasher: RandomState,
    /// The `resourceVersion` of the first page.
    version: String,
    bytes: usize,
    /// How many items the list has according to its first page.
    announced: usize,
}

impl ListProgress {
    fn is_new_token(&self, token: &str) -> bool {
        !self.tokens.contains(&self.hasher.hash_one(token))
    }

    /// Counts an item, and rejects a duplicate.
    fn count_item(&mut self, uid: &str, one: &str, request: &str) -> Result<(), GatherError> {
        let invalid = |why: &str| Err(GatherError::protocol(format!("{request}: {why}")));
        if !self.uids.insert(self.hasher.hash_one(uid)) {
            return invalid(&format!("{one} appears twice in the list (duplicate uid)"));
        }
        if self.items == MOST_ITEMS {
            return invalid("the list has more than 1000000 items");
        }
        self.items += 1;
        Ok(())
    }

    /// Checks the number of items after the last page. The API does not require
    /// `remainingItemCount` to be exact. In practice every server that sends it sends the exact
    /// number for the list's version; if it differs because the cluster changed, a restarted list is
    /// right.
    fn finish(&self, request: &str) -> WalkOutcome {
        let (items, announced) = (self.items, self.announced);
        if items < announced {
            return WalkOutcome::Outdated(GatherError::protocol(format!(
                "{request}: the list ended after {items} items, but {announced} were announced"
            )));
        }
        WalkOutcome::Complete
    }

    /// Remembers the continue token of the next page, and rejects one that was used before.
    fn add_token(&mut self, token: &str, request: &str) -> Result<(), GatherError> {
        if !self.tokens.insert(self.hasher.hash_one(token)) {
            return Err(GatherError::protocol(format!(
                "{request}: the list does not end: its continue token is repeated"
            )));
        }
        Ok(())
    }
}
