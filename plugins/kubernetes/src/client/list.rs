//! Page after page to a whole list, or none.
//!
//! All pages of one list show the same moment of the cluster, which the first page names by its
//! `resourceVersion` (<https://kubernetes.io/docs/reference/using-api/api-concepts/>, "Retrieving
//! large results sets in chunks"). Where the server has forgotten that moment (410), or
//! shows another one, the list is started again from its beginning: what came before is dropped,
//! because put together with the rest it would be true at no moment. That an item stands twice in
//! one list, or that the list goes on where it has been before, is a fault of the server that no
//! new start mends, and ends it.

use std::collections::HashSet;
use std::future::poll_fn;
use std::hash::{BuildHasher as _, RandomState};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use gatherer_plugin_support::run;

use super::connect::Connection;
use super::document::{self, Head, MOST_ITEMS};
use super::fetching::Fetching;
use super::page::{Answer, Page};
use super::resource::{Listed, Resource};

/// The largest list, all pages together.
const LIST_BYTES: usize = 4 * 1024 * 1024 * 1024;

/// The most pages: a server that always has another one is not waited for.
const MOST_PAGES: usize = 100_000;

/// How often a list is started again.
const MOST_RESTARTS: u32 = 5;

/// The wait before the first new start; it doubles each time.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// Who is given the items of a list, each as soon as it is read.
pub trait ItemSink<L: Listed>: Send + Sync {
    /// Takes an item.
    fn take(&self, item: L::Item<'_>) -> Result<(), GatherError>;
    /// Forgets every item of the list until now: it begins anew.
    fn start_over(&self) -> Result<(), GatherError>;
}

/// Gives all items, as they were at one moment, if it does not fail.
pub(super) async fn list<L: Listed>(
    connection: &Connection<'_>,
    resource: &Resource,
    page_size: u32,
    sink: &Arc<dyn ItemSink<L>>,
) -> Result<(), GatherError> {
    let context = connection.context;
    let mut restarts = 0;
    loop {
        let Walk::Outdated(mut error) = walk(connection, resource, page_size, sink).await? else {
            return Ok(());
        };
        let wait = FIRST_WAIT * (1 << restarts);
        let in_time = run::operation_remaining(context).is_none_or(|left| wait < left);
        if restarts == MOST_RESTARTS || !in_time {
            error.message =
                format!("{} (the list was started again {restarts} times)", error.message);
            return Err(error.with_hint(
                "the cluster changes faster than its list can be read: set a larger page_size",
            ));
        }
        tracing::info!("{error}; starting the list again");
        context.count_retry();
        restarts += 1;
        tokio::time::sleep(wait).await;
        sink.start_over()?;
    }
}

enum Walk {
    Whole,
    /// The list cannot be finished as it was begun.
    Outdated(GatherError),
}

/// From the first page to the last.
async fn walk<L: Listed>(
    connection: &Connection<'_>,
    resource: &Resource,
    page_size: u32,
    sink: &Arc<dyn ItemSink<L>>,
) -> Result<Walk, GatherError> {
    let context = connection.context;
    let path = resource.path();
    let mut progress = Progress::default();
    let mut page = Fetching::start(connection, resource, page_size, 1, None, LIST_BYTES);
    for number in 1..=MOST_PAGES {
        let ask = |token: &str| {
            let left = LIST_BYTES.saturating_sub(progress.bytes);
            Fetching::start(
                connection,
                resource,
                page_size,
                number + 1,
                Some(token.to_owned()),
                left,
            )
        };
        let ask_ahead = |token: &str| progress.is_new(token).then(|| ask(token));
        let (answer, mut ahead) = page.beside_next(ask_ahead).await?;
        let whole = match answer {
            Answer::Page(page) => page,
            Answer::Expired(mut error) => {
                // Nothing is wrong with what was asked for: the server cannot give it now.
                error.kind = ErrorKind::Unavailable;
                error.retryable = true;
                return Ok(Walk::Outdated(error));
            }
        };
        progress.bytes += whole.bytes.len();
        let what = connection.what(&path, number);
        let read = Reading { page: whole, progress, resource: resource.clone(), what, number };
        let step;
        (progress, step) = read.beside(connection, sink, ahead.as_mut()).await?;
        tell(context, progress.items, resource);
        let next = match step {
            Step::Next(next) => next,
            Step::End(walk) => return Ok(walk),
        };
        page = match ahead {
            Some(ahead) if ahead.begins_at(&next) => ahead,
            _ => {
                let left = LIST_BYTES.saturating_sub(progress.bytes);
                Fetching::start(connection, resource, page_size, number + 1, Some(next), left)
            }
        };
    }
    Err(GatherError::protocol(format!(
        "{}: the list does not end after {MOST_PAGES} pages",
        connection.what(&path, 1)
    )))
}

/// What a page says of the list.
enum Step {
    /// It goes on there.
    Next(String),
    /// It ends, one way or the other.
    End(Walk),
}

/// A page that came, with what is known of those before it.
struct Reading {
    page: Page,
    progress: Progress,
    resource: Resource,
    /// The request, for messages.
    what: String,
    number: usize,
}

impl Reading {
    /// Reads the page on a thread of its own, while this one goes on with the next page.
    async fn beside<L: Listed>(
        mut self,
        connection: &Connection<'_>,
        sink: &Arc<dyn ItemSink<L>>,
        mut ahead: Option<&mut Fetching<'_>>,
    ) -> Result<(Progress, Step), GatherError> {
        let sink = Arc::clone(sink);
        #[expect(clippy::disallowed_methods, reason = "what runs there starts no process")]
        let mut reading = tokio::task::spawn_blocking(move || {
            let step = self.read(&*sink);
            (step, self)
        });
        let read = poll_fn(|cx| {
            if let Some(ahead) = &mut ahead {
                ahead.poll(cx);
            }
            Pin::new(&mut reading).poll(cx)
        });
        let (step, Self { page, progress, resource, .. }) =
            read.await.map_err(|_| GatherError::internal("a page could not be read to its end"))?;
        // What is given back is overwritten, and what is kept is not.
        if resource.is_secret {
            drop(page.bytes);
        } else {
            connection.buffer.set(page.bytes);
        }
        Ok((progress, step?))
    }

    fn read<L: Listed>(&mut self, sink: &dyn ItemSink<L>) -> Result<Step, GatherError> {
        let (bytes, what) = (&self.page.bytes, &self.page.what);
        let first = self.number == 1;
        let (progress, one) = (&mut self.progress, self.resource.one);
        let mut reader = PageReader { progress, what: &self.what, one, first, sink };
        let head = match document::read(bytes, &self.resource, what, &mut reader) {
            Ok(head) => head,
            Err(Stop::Outdated(error)) => return Ok(Step::End(Walk::Outdated(error))),
            Err(Stop::Failed(error)) => return Err(error),
        };
        if first {
            let more = head.remaining.unwrap_or(0);
            self.progress.announced = self.progress.items.saturating_add(more);
        }
        match head.next {
            None => Ok(Step::End(self.progress.end(&self.what))),
            Some(next) => {
                self.progress.go_on(&next, &self.what)?;
                Ok(Step::Next(next))
            }
        }
    }
}

/// Why a page is not read to its end.
enum Stop {
    /// The list has failed.
    Failed(GatherError),
    /// The page shows another moment than those before it.
    Outdated(GatherError),
}

impl From<GatherError> for Stop {
    fn from(error: GatherError) -> Self {
        Self::Failed(error)
    }
}

/// Passes on the nodes of one page.
struct PageReader<'a, L: Listed> {
    progress: &'a mut Progress,
    what: &'a str,
    /// What an item is called.
    one: &'a str,
    first: bool,
    sink: &'a dyn ItemSink<L>,
}

impl<L: Listed> document::Reader for PageReader<'_, L> {
    type Stop = Stop;
    type Listed = L;

    fn begin(&mut self, head: &Head) -> Result<(), Stop> {
        if self.first {
            self.progress.version.clone_from(&head.version);
        } else if self.progress.version != head.version {
            return Err(Stop::Outdated(GatherError::protocol(format!(
                "{}: the page shows another moment of the cluster than those before it",
                self.what
            ))));
        }
        Ok(())
    }

    fn take(&mut self, item: L::Item<'_>) -> Result<(), Stop> {
        let (_, uid) = L::identity(&item);
        self.progress.count(uid, self.one, self.what)?;
        Ok(self.sink.take(item)?)
    }
}

fn tell(context: &Context, items: usize, resource: &Resource) {
    let what = if items == 1 {
        resource.one.split_once(' ').map_or(resource.one, |(_, noun)| noun)
    } else {
        resource.plural
    };
    context.progress(&format!("{items} {what} read"));
}

/// What was read of a list so far.
#[derive(Default)]
struct Progress {
    /// How many items have come.
    items: usize,
    /// Hashes of the uids and of the continue tokens, keyed at random: they themselves may be long.
    uids: HashSet<u64>,
    tokens: HashSet<u64>,
    hasher: RandomState,
    version: String,
    bytes: usize,
    /// How many items there are by the first page's word.
    announced: usize,
}

impl Progress {
    fn is_new(&self, token: &str) -> bool {
        !self.tokens.contains(&self.hasher.hash_one(token))
    }

    /// An item that may be in the list.
    fn count(&mut self, uid: &str, one: &str, what: &str) -> Result<(), GatherError> {
        let wrong = |why: &str| Err(GatherError::protocol(format!("{what}: {why}")));
        if !self.uids.insert(self.hasher.hash_one(uid)) {
            return wrong(&format!("{one} stands in the list twice (its uid does)"));
        }
        if self.items == MOST_ITEMS {
            return wrong("the list has more items than fit a gatherer's memory");
        }
        self.items += 1;
        Ok(())
    }

    /// After the last page. The number that the first one announces need not be exact by the API's
    /// rules; it is at the moment of the list in all servers that say it, and where it is a
    /// little off because the cluster changes, the next list is right.
    fn end(&self, what: &str) -> Walk {
        let (came, announced) = (self.items, self.announced);
        if came < announced {
            return Walk::Outdated(GatherError::protocol(format!(
                "{what}: the list ends after {came} items, and {announced} were announced"
            )));
        }
        Walk::Whole
    }

    fn go_on(&mut self, next: &str, what: &str) -> Result<(), GatherError> {
        if !self.tokens.insert(self.hasher.hash_one(next)) {
            return Err(GatherError::protocol(format!(
                "{what}: the list goes on where it has been before (its continue token repeats)"
            )));
        }
        Ok(())
    }
}
