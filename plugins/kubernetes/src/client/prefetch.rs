//! Fetching one page while the previous one is still being received or parsed.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use gatherer_plugin_api::GatherError;
use gatherer_plugin_support::retry;

use super::connect::Connection;
use super::page::{self, FetchOutcome, PageRequest};
use crate::objects::Resource;

type FetchFuture<'c> = Pin<Box<dyn Future<Output = Result<FetchOutcome, GatherError>> + 'c>>;

/// The request for one page. It makes progress only while it is polled.
pub(super) struct PageFetch<'c> {
    /// The continue token that the page begins at; `None` for the first page.
    token: Option<String>,
    /// The continue token of the following page, set as soon as the page's beginning contains it.
    next: Rc<RefCell<Option<String>>>,
    state: FetchState<'c>,
}

enum FetchState<'c> {
    Pending(FetchFuture<'c>),
    Done(Result<FetchOutcome, GatherError>),
}

impl<'c> PageFetch<'c> {
    /// Requests a page, with retries. `number` counts from 1.
    pub fn start(
        connection: &'c Connection<'c>,
        resource: &'c Resource,
        size: u32,
        number: usize,
        token: Option<String>,
        bytes_left: usize,
    ) -> Self {
        let next = Rc::new(RefCell::new(None));
        let (own_token, next_token) = (token.clone(), Rc::clone(&next));
        let future = Box::pin(async move {
            let fetch = || {
                let on_next_token = |token| *next_token.borrow_mut() = Some(token);
                let token = own_token.as_deref();
                let request = PageRequest { resource, size, number, token, bytes_left };
                page::fetch(connection, request, on_next_token)
            };
            retry::idempotent(connection.context, fetch).await
        });
        Self { token, next, state: FetchState::Pending(future) }
    }

    /// Whether this is the page that begins at the token.
    pub fn begins_at(&self, token: &str) -> bool {
        self.token.as_deref() == Some(token)
    }

    /// Makes progress. Returns whether the page, or the reason why it failed, has arrived.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        if let FetchState::Pending(future) = &mut self.state
            && let Poll::Ready(outcome) = future.as_mut().poll(cx)
        {
            self.state = FetchState::Done(outcome);
        }
        matches!(self.state, FetchState::Done(_))
    }

    /// Waits for the page. As soon as its beginning contains the token of the next page, `request`
    /// may request that page, so that the server prepares it while this one is still arriving.
    pub async fn with_prefetch(
        mut self,
        mut request: impl FnMut(&str) -> Option<Self>,
    ) -> Result<(FetchOutcome, Option<Self>), GatherError> {
        let mut ahead: Option<Self> = None;
        std::future::poll_fn(|cx| {
            let done = self.poll(cx);
            if let Some(next) = self.next.borrow().as_deref()
                // A retry of this page may return another token than the failed attempt did.
                && !ahead.as_ref().is_some_and(|ahead| ahead.begins_at(next))
            {
                ahead = request(next);
            }
            if let Some(ahead) = &mut ahead {
                ahead.poll(cx);
            }
            if done { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        match self.state {
            FetchState::Done(outcome) => Ok((outcome?, ahead)),
            FetchState::Pending(_) => Err(GatherError::internal("a page was not waited for")),
        }
    }
}
