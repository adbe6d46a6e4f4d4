//! Page after page to a whole list, or none.
//!
//! All pages of one list show the same moment of the cluster, which the first page names by its
//! `resourceVersion` (<https://kubernetes.io/docs/reference/using-api/api-concepts/>, "Retrieving
//! large results sets in chunks"). Where the server has forgotten that moment (410), or
//! shows another one, the list is started again from its beginning: what came before is dropped,
//! because put together with the rest it would be true at no moment. That a node stands twice in
//! one list, or that the list goes on where it has been before, is a fault of the server that no
//! new start mends, and ends it.

use std::collections::HashSet;
use std::future::poll_fn;
use std::hash::{BuildHasher as _, RandomState};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use gatherer_plugin_support::{retry, run};

use super::connect::Connection;
use super::document::{self, List, MOST_NODES};
use super::page::{self, Answer, Page, Wanted};
use crate::node::Node;

/// The largest list, all pages together.
const LIST_BYTES: usize = 1024 * 1024 * 1024;

/// The most pages: a server that always has another one is not waited for.
const MOST_PAGES: usize = 100_000;

/// How often a list is started again.
const MOST_RESTARTS: u32 = 5;

/// The wait before the first new start; it doubles each time.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// Who is given the nodes of a list, each page's as soon as it is read.
pub trait Taker: Send + Sync {
    /// Takes a node.
    fn take(&self, node: Node) -> Result<(), GatherError>;
    /// Forgets every node until now: the list begins anew.
    fn start_over(&self) -> Result<(), GatherError>;
}

/// Gives all nodes, as they were at one moment, if it does not fail.
pub(super) async fn nodes(
    connection: &Connection<'_>,
    page_size: u32,
    taker: &Arc<dyn Taker>,
) -> Result<(), GatherError> {
    let context = connection.context;
    let mut restarts = 0;
    loop {
        let Walk::Outdated(mut error) = walk(connection, page_size, taker).await? else {
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
        log::info!("{error}; starting the list again");
        context.count_retry();
        restarts += 1;
        tokio::time::sleep(wait).await;
        taker.start_over()?;
    }
}

enum Walk {
    Whole,
    /// The list cannot be finished as it was begun.
    Outdated(GatherError),
}

/// From the first page to the last.
async fn walk(
    connection: &Connection<'_>,
    page_size: u32,
    taker: &Arc<dyn Taker>,
) -> Result<Walk, GatherError> {
    let context = connection.context;
    let mut progress = Progress::default();
    let mut answer = ask(connection, page_size, 1, None, LIST_BYTES).await?;
    for number in 1..=MOST_PAGES {
        let page = match answer {
            Answer::Page(page) => page,
            Answer::Expired(mut error) => {
                // Nothing is wrong with what was asked for: the server cannot give it now.
                error.kind = ErrorKind::Unavailable;
                error.retryable = true;
                return Ok(Walk::Outdated(error));
            }
        };
        progress.bytes += page.bytes.len();
        let bytes_left = LIST_BYTES - progress.bytes;
        let likely = document::next_at_a_glance(&page.bytes).filter(|token| progress.is_new(token));
        // The server makes the next page while this one is read.
        let mut ahead = pin!(async {
            match &likely {
                Some(token) => {
                    ask(connection, page_size, number + 1, Some(token), bytes_left).await
                }
                None => std::future::pending().await,
            }
        });
        let read = Reading { page, progress, what: connection.what(number), number };
        let (step, came);
        (progress, step, came) = read.beside(connection, taker, ahead.as_mut()).await?;
        tell(context, progress.nodes);
        let next = match step {
            Step::Next(next) => next,
            Step::End(walk) => return Ok(walk),
        };
        answer = match came {
            Some(came) if likely.as_ref() == Some(&next) => came?,
            None if likely.as_ref() == Some(&next) => ahead.await?,
            _ => ask(connection, page_size, number + 1, Some(&next), bytes_left).await?,
        };
    }
    Err(GatherError::protocol(format!(
        "{}: the list does not end after {MOST_PAGES} pages",
        connection.what(1)
    )))
}

/// Asks for one page until it comes or there is no point in it any more.
async fn ask(
    connection: &Connection<'_>,
    size: u32,
    number: usize,
    token: Option<&str>,
    bytes_left: usize,
) -> Result<Answer, GatherError> {
    let wanted = Wanted { size, number, token, bytes_left };
    retry::idempotent(connection.context, || page::fetch(connection, wanted)).await
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
    /// The request, for messages.
    what: String,
    number: usize,
}

impl Reading {
    /// Reads the page on a thread of its own, while this one goes on with `ahead`. Also gives what
    /// came of that meanwhile, if anything did.
    async fn beside<Ahead: Future>(
        mut self,
        connection: &Connection<'_>,
        taker: &Arc<dyn Taker>,
        mut ahead: Pin<&mut Ahead>,
    ) -> Result<(Progress, Step, Option<Ahead::Output>), GatherError> {
        let taker = Arc::clone(taker);
        #[expect(clippy::disallowed_methods, reason = "what runs there starts no process")]
        let mut reading = tokio::task::spawn_blocking(move || {
            let step = self.read(&*taker);
            (step, self)
        });
        let mut came = None;
        let read = poll_fn(|cx| {
            if came.is_none()
                && let Poll::Ready(answer) = ahead.as_mut().poll(cx)
            {
                came = Some(answer);
            }
            Pin::new(&mut reading).poll(cx)
        });
        let (step, Self { page, progress, .. }) =
            read.await.map_err(|_| GatherError::internal("a page could not be read to its end"))?;
        connection.buffer.set(page.bytes);
        Ok((progress, step?, came))
    }

    fn read(&mut self, taker: &dyn Taker) -> Result<Step, GatherError> {
        let list = document::read(&self.page.bytes, &self.page.what)?;
        if self.number == 1 {
            self.progress.begin(&list);
        } else if self.progress.version != list.version {
            return Ok(Step::End(Walk::Outdated(GatherError::protocol(format!(
                "{}: the page shows another moment of the cluster than those before it",
                self.what
            )))));
        }
        self.progress.take(list.items, &self.what, taker)?;
        match list.next {
            None => Ok(Step::End(self.progress.end(&self.what))),
            Some(next) => {
                self.progress.go_on(&next, &self.what)?;
                Ok(Step::Next(next))
            }
        }
    }
}

fn tell(context: &Context, nodes: usize) {
    let what = if nodes == 1 { "node" } else { "nodes" };
    context.progress(&format!("{nodes} {what} read"));
}

/// What was read of a list so far.
#[derive(Default)]
struct Progress {
    /// How many nodes have come.
    nodes: usize,
    /// Hashes of the uids and of the continue tokens, keyed at random: they themselves may be long.
    uids: HashSet<u64>,
    tokens: HashSet<u64>,
    hasher: RandomState,
    version: String,
    bytes: usize,
    /// How many nodes there are by the first page's word.
    announced: usize,
}

impl Progress {
    fn begin(&mut self, first: &List) {
        self.version.clone_from(&first.version);
        self.announced = first.items.len().saturating_add(first.remaining.unwrap_or(0));
    }

    fn is_new(&self, token: &str) -> bool {
        !self.tokens.contains(&self.hasher.hash_one(token))
    }

    fn take(&mut self, items: Vec<Node>, what: &str, taker: &dyn Taker) -> Result<(), GatherError> {
        for node in items {
            let wrong = |why: &str| Err(GatherError::protocol(format!("{what}: {why}")));
            if !self.uids.insert(self.hasher.hash_one(&node.metadata.uid)) {
                return wrong("a node stands in the list twice (its uid does)");
            }
            if self.nodes == MOST_NODES {
                return wrong("the list has more nodes than fit a gatherer's memory");
            }
            self.nodes += 1;
            taker.take(node)?;
        }
        Ok(())
    }

    /// After the last page. The number that the first one announces need not be exact by the API's
    /// rules; it is at the moment of the list in all servers that say it, and where it is a
    /// little off because the cluster changes, the next list is right.
    fn end(&self, what: &str) -> Walk {
        let (came, announced) = (self.nodes, self.announced);
        if came < announced {
            return Walk::Outdated(GatherError::protocol(format!(
                "{what}: the list ends after {came} nodes, and {announced} were announced"
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
