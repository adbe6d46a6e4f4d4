//! Reads a list page by page: the result is the whole list or an error.
//!
//! All pages of one list have the same `resourceVersion`, which the first page contains
//! (<https://kubernetes.io/docs/reference/using-api/api-concepts/>, "Retrieving large results sets
//! in chunks"). If the server no longer has that version (410), or a page has another version, the
//! list is restarted from its first page. The items received so far are discarded, because mixing
//! versions would give a list that the cluster never had. A duplicate item or a repeated continue
//! token is a server fault that a restart would not fix, so it fails the list at once.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use gatherer_plugin_support::{retry, run};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::connect::Connection;
use super::page::{self, FetchOutcome, Page, PageRequest};
use super::page_parser;
use crate::objects::Resource;
use crate::objects::kinds::Listed;

/// The largest list, all pages together.
const LIST_BYTES: usize = 4 * 1024 * 1024 * 1024;

/// The most items of one list. The largest clusters have 150,000 pods.
const MOST_ITEMS: usize = 1_000_000;

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
    connection: &Arc<Connection>,
    resources: &[Resource],
    page_size: u32,
    mut sink: S,
) -> Result<S, GatherError> {
    let mut restarts = 0;
    'restart: loop {
        for resource in resources {
            check_time(&connection.context, resource.plural)?;
            let outcome;
            (sink, outcome) = walk_pages(connection, resource, page_size, sink).await?;
            if let WalkOutcome::Outdated(error) = outcome {
                wait_for_restart(&connection.context, error, restarts).await?;
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

/// Reads the pages of a list from the first to the last. While a page is received and parsed, the next one
/// is requested.
async fn walk_pages<S: ItemSink>(
    connection: &Arc<Connection>,
    resource: &Resource,
    page_size: u32,
    mut sink: S,
) -> Result<(S, WalkOutcome), GatherError> {
    let page_bytes = Arc::new(AtomicUsize::new(0));
    let next = |number, token, bytes| PageRequest {
        resource: resource.clone(),
        size: page_size,
        number,
        token,
        bytes_left: LIST_BYTES.saturating_sub(bytes),
        page_bytes: Arc::clone(&page_bytes),
    };
    let mut page = PageFetch::start(connection, next(1, None, 0));
    let mut progress = ListProgress::default();
    for number in 2..=MOST_PAGES + 1 {
        // The bytes of the page that is being received are not counted yet.
        let bytes = progress.bytes;
        let ahead = page
            .next_token()
            .await
            .map(|token| PageFetch::start(connection, next(number, Some(token), bytes)));
        let outcome = page.outcome().await;
        let outcome = outcome.map_err(|error| {
            progress.explain_timeout(error, resource, connection.context.options().timeout_ms)
        });
        let received = match outcome? {
            FetchOutcome::Page(page) => page,
            FetchOutcome::Expired(mut error) => {
                // The request is valid; only this version of the list is no longer available.
                error.kind = ErrorKind::Unavailable;
                error.retryable = true;
                return Ok((sink, WalkOutcome::Outdated(error)));
            }
        };
        let parse = move |resource: &Resource| {
            let step = progress.add_page(&received, resource, &mut sink);
            (progress, sink, step)
        };
        let step;
        (progress, sink, step) = if ahead.is_some() {
            parse_in_thread(resource.clone(), parse).await
        } else {
            parse(resource)
        };
        report_progress(&connection.context, progress.items, resource);
        page = match (step?, ahead) {
            (NextStep::End(outcome), _) => return Ok((sink, outcome)),
            (NextStep::Page(token), Some(ahead)) if ahead.begins_at(&token) => ahead,
            (NextStep::Page(token), _) => {
                PageFetch::start(connection, next(number, Some(token), progress.bytes))
            }
        };
    }
    Err(GatherError::protocol(format!(
        "{}: the list does not end after {MOST_PAGES} pages",
        connection.request_text(&resource.path(), 1)
    )))
}

/// Parses a page in a second thread, while this one receives the next page.
async fn parse_in_thread<T: Send + 'static>(
    resource: Resource,
    parse: impl FnOnce(&Resource) -> T + Send + 'static,
) -> T {
    #[expect(clippy::disallowed_methods, reason = "the closure starts no process")]
    let parsing = tokio::task::spawn_blocking(move || parse(&resource));
    parsing.await.unwrap_or_else(|error| resume_unwind(error.into_panic()))
}

/// The request for one page, with retries, in a task of its own. Dropping it cancels the request.
struct PageFetch {
    /// The continue token that the page begins at; `None` for the first page.
    token: Option<String>,
    /// Receives the continue token of the next page, which may be long before the page is complete.
    next_token: mpsc::UnboundedReceiver<String>,
    task: JoinHandle<Result<FetchOutcome, GatherError>>,
}

impl PageFetch {
    fn start(connection: &Arc<Connection>, request: PageRequest) -> Self {
        let token = request.token.clone();
        let (tokens, next_token) = mpsc::unbounded_channel();
        let connection = Arc::clone(connection);
        let task = tokio::spawn(async move {
            let fetch = || page::fetch(&connection, &request, &tokens);
            retry::idempotent(&connection.context, fetch).await
        });
        Self { token, next_token, task }
    }

    fn begins_at(&self, token: &str) -> bool {
        self.token.as_deref() == Some(token)
    }

    /// The continue token of the next page, if the page contains it before its items.
    async fn next_token(&mut self) -> Option<String> {
        self.next_token.recv().await
    }

    async fn outcome(&mut self) -> Result<FetchOutcome, GatherError> {
        (&mut self.task).await.unwrap_or_else(|error| resume_unwind(error.into_panic()))
    }
}

impl Drop for PageFetch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How the list continues after a page.
enum NextStep {
    /// Another page follows, at this continue token.
    Page(String),
    /// This was the last page, or the list must be restarted.
    End(WalkOutcome),
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
struct ListProgress {
    /// How many items were received.
    items: usize,
    /// Hashes of the uids and of the continue tokens received so far. Only hashes are kept, because
    /// the texts may be long; they are keyed at random.
    uids: HashSet<u64>,
    tokens: HashSet<u64>,
    hasher: RandomState,
    bytes: usize,
    /// The `resourceVersion` of the first page.
    version: Option<String>,
    /// How many items the list has according to its first page.
    announced: usize,
    /// When the first page was requested.
    started: Instant,
}

impl Default for ListProgress {
    fn default() -> Self {
        Self {
            items: 0,
            uids: HashSet::new(),
            tokens: HashSet::new(),
            hasher: RandomState::new(),
            bytes: 0,
            version: None,
            announced: 0,
            started: Instant::now(),
        }
    }
}

impl ListProgress {
    /// Adds to the error of a page that did not arrive in time how much of the list arrived, and how much time all of
    /// it needs at that rate.
    fn explain_timeout(
        &self,
        mut error: GatherError,
        resource: &Resource,
        timeout_ms: Option<u64>,
    ) -> GatherError {
        if error.kind != ErrorKind::Timeout || self.items == 0 {
            return error;
        }
        let (items, plural, took) = (self.items, resource.plural, self.started.elapsed());
        if self.announced <= items {
            error.message =
                format!("{}; {items} {plural} were read in {}", error.message, run::seconds(took));
            return error;
        }
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let needed = took.mul_f64(self.announced as f64 / items as f64);
        error.message = format!(
            "{}; {items} of {} {plural} were read in {}; all need about {:.0} s",
            error.message,
            self.announced,
            run::seconds(took),
            needed.as_secs_f64().ceil()
        );
        let timeout = Duration::from_millis(timeout_ms.unwrap_or(0));
        // The time before this list, and half as much again for lists that follow it and slower days.
        let enough = (timeout.saturating_sub(took) + needed).mul_f64(1.5).as_secs_f64().ceil();
        error.with_hint(format!(
            "raise the endpoint's `timeout` to {enough:.0} s or more, or find out why the server is slow"
        ))
    }

    /// Parses a page, and passes its items to the sink.
    fn add_page<S: ItemSink>(
        &mut self,
        page: &Page,
        resource: &Resource,
        sink: &mut S,
    ) -> Result<NextStep, GatherError> {
        let Page { bytes, request_text } = page;
        let invalid = |why: &str| GatherError::protocol(format!("{request_text}: {why}"));
        let mut has_duplicate = false;
        let head = page_parser::parse::<S::List>(bytes, resource, request_text, |item| {
            let (_, uid) = S::List::identity(&item);
            has_duplicate |= !self.uids.insert(self.hasher.hash_one(uid));
            if self.items == MOST_ITEMS {
                return Err(invalid("the list has more than 1000000 items"));
            }
            self.items += 1;
            sink.take(item)
        })?;
        self.bytes += bytes.len();
        if self.version.is_none() {
            self.announced = self.items.saturating_add(head.remaining.unwrap_or(0));
        }
        // This is checked before duplicates: a page of another version can repeat items.
        if *self.version.get_or_insert_with(|| head.version.clone()) != head.version {
            return Ok(NextStep::End(WalkOutcome::Outdated(invalid(
                "the page has another resourceVersion than the pages before it",
            ))));
        }
        if has_duplicate {
            let one = resource.one;
            return Err(invalid(&format!("{one} appears twice in the list (duplicate uid)")));
        }
        let Some(token) = head.next else {
            return Ok(NextStep::End(self.finish(request_text)));
        };
        if !self.tokens.insert(self.hasher.hash_one(&token)) {
            return Err(invalid("the list does not end: its continue token is repeated"));
        }
        Ok(NextStep::Page(token))
    }

    /// Checks the number of items after the last page. The API does not require
    /// `remainingItemCount` to be exact. In practice every server that sends it sends the exact
    /// number for the list's version; if it differs because the cluster changed, a restarted list is
    /// right.
    fn finish(&self, request_text: &str) -> WalkOutcome {
        let (items, announced) = (self.items, self.announced);
        if items < announced {
            return WalkOutcome::Outdated(GatherError::protocol(format!(
                "{request_text}: the list ended after {items} items, but {announced} were announced"
            )));
        }
        WalkOutcome::Complete
    }
}
