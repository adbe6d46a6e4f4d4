//! A page that is on its way, which can be waited for beside other work.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use gatherer_plugin_api::GatherError;
use gatherer_plugin_support::retry;

use super::connect::Connection;
use super::page::{self, Answer, Wanted};
use super::resource::Resource;

type Work<'c> = Pin<Box<dyn Future<Output = Result<Answer, GatherError>> + 'c>>;

/// A page that was asked for. Nothing happens unless it is polled.
pub(super) struct Fetching<'c> {
    /// Where the page begins; the first one has none.
    token: Option<String>,
    next: Rc<RefCell<Option<String>>>,
    state: State<'c>,
}

enum State<'c> {
    Working(Work<'c>),
    Came(Result<Answer, GatherError>),
}

impl<'c> Fetching<'c> {
    /// Asks for a page until it comes or there is no point in it any more. `number` is from 1.
    pub fn start(
        connection: &'c Connection<'c>,
        resource: &'c Resource,
        size: u32,
        number: usize,
        token: Option<String>,
        bytes_left: usize,
    ) -> Self {
        let next = Rc::new(RefCell::new(None));
        let (begins, told) = (token.clone(), Rc::clone(&next));
        let work = Box::pin(async move {
            let fetch = || {
                let tell = |token| *told.borrow_mut() = Some(token);
                let token = begins.as_deref();
                let wanted = Wanted { resource, size, number, token, bytes_left };
                page::fetch(connection, wanted, tell)
            };
            retry::idempotent(connection.context, fetch).await
        });
        Self { token, next, state: State::Working(work) }
    }

    /// Whether the page begins there.
    pub fn begins_at(&self, token: &str) -> bool {
        self.token.as_deref() == Some(token)
    }

    /// Goes on; whether the page, or why there is none, has come.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        if let State::Working(work) = &mut self.state
            && let Poll::Ready(answer) = work.as_mut().poll(cx)
        {
            self.state = State::Came(answer);
        }
        matches!(self.state, State::Came(_))
    }

    /// Waits for the page. As soon as its beginning says where the next page begins, `ask` may ask
    /// for that: the server makes it while this one is on its way.
    pub async fn beside_next(
        mut self,
        mut ask: impl FnMut(&str) -> Option<Self>,
    ) -> Result<(Answer, Option<Self>), GatherError> {
        let mut ahead: Option<Self> = None;
        std::future::poll_fn(|cx| {
            let done = self.poll(cx);
            if let Some(next) = self.next.borrow().as_deref()
                // It says another one if it had to be asked for again.
                && !ahead.as_ref().is_some_and(|ahead| ahead.begins_at(next))
            {
                ahead = ask(next);
            }
            if let Some(ahead) = &mut ahead {
                ahead.poll(cx);
            }
            if done { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        match self.state {
            State::Came(answer) => Ok((answer?, ahead)),
            State::Working(_) => Err(GatherError::internal("a page was not waited for")),
        }
    }
}
