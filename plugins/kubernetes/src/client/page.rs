//! One page of a list: asked for, and received whole. `document` reads what is in it.

use std::error::Error as StdError;

use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::http::{Advice, Place, Stage, causes};
use gatherer_plugin_support::run;
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_ENCODING, HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use kube::client::{AuthError, Body};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::{Duration, Instant};

use super::connect::Connection;
use super::resource::Resource;
use super::status::{Refusal, Subject, TOO_LONG, find};
use super::{LONGEST_REQUEST, document};

/// The largest page. 5,000 nodes of 10 KB each are 50 MB.
const PAGE_BYTES: usize = 64 * 1024 * 1024;

/// The most items of a page whose items may be large: a release of helm's is a secret of 150 KB
/// and more, and a secret or a config map may have 1 MiB.
const SECRETS_A_PAGE: u32 = 250;

/// The longest URL that can be sent: the types of HTTP hold no longer one.
const LONGEST_URL: usize = 65_534;

/// The largest document that is no list.
const DOCUMENT_BYTES: usize = 4 * 1024 * 1024;

/// How much of a page may come before it says where the next one begins.
const BEGINNING_BYTES: usize = 64 * 1024;

/// How much of an answer that is an error anyway is read, and for how long.
const ERROR_BODY_BYTES: usize = 64 * 1024;
const ERROR_BODY_WAIT: Duration = Duration::from_secs(2);

/// What to do about a server that takes too long.
const TOO_SLOW: &str = "raise the endpoint's `timeout`, or find out what keeps the server, or a \
                        proxy before it";

/// Which page is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// Of which list.
    pub resource: &'a Resource,
    /// How many items.
    pub size: u32,
    /// From 1, for messages.
    pub number: usize,
    /// Where the page before said that this one begins.
    pub token: Option<&'a str>,
    /// How many bytes the list may still have.
    pub bytes_left: usize,
}

/// What came.
pub(super) enum Answer {
    /// The page as it came.
    Page(Page),
    /// The list is too old to be continued.
    Expired(GatherError),
}

/// A page that has come whole.
pub(super) struct Page {
    pub bytes: Vec<u8>,
    /// The request and its proxy, for messages.
    pub what: String,
}

/// Asks for one page, once. `tell` is told where the next one begins, as soon as this one says it.
pub(super) async fn fetch(
    connection: &Connection<'_>,
    wanted: Wanted<'_>,
    tell: impl FnOnce(String),
) -> Result<Answer, GatherError> {
    let authorization = connection.authorization().await?;
    let wait = run::operation_remaining(connection.context).unwrap_or(LONGEST_REQUEST);
    let attempt = Attempt {
        connection,
        place: connection.place(&wanted.resource.path(), wanted.number),
        end: Instant::now() + wait,
    };
    let request = attempt.request(wanted, authorization)?;
    let answer = attempt.send(request).await?;
    let (head, mut body) = answer.into_parts();
    if head.status != StatusCode::OK {
        let said = attempt.read_what_comes(&mut body).await;
        let subject = Subject::List(wanted.resource);
        let refusal = Refusal::new(&attempt.place, subject, head.status, &head.headers, &said);
        let again = refusal.expired && wanted.token.is_some();
        return if again { Ok(Answer::Expired(refusal.error)) } else { Err(refusal.error) };
    }
    attempt.refuse_encoding(&head.headers)?;
    let mut bytes = connection.buffer.take();
    bytes.clear();
    attempt.read(&mut body, PAGE_BYTES.min(wanted.bytes_left), &mut bytes, tell).await?;
    Ok(Answer::Page(Page { bytes, what: attempt.place.where_text() }))
}

/// Asks for a small document of the API's discovery, once.
pub(super) async fn fetch_document(
    connection: &Connection<'_>,
    path: &str,
) -> Result<Vec<u8>, GatherError> {
    fetch_object(connection, path).await?.map_err(|refusal| refusal.error)
}

/// Asks once whether an object is there.
pub(super) async fn is_there(connection: &Connection<'_>, path: &str) -> Result<bool, GatherError> {
    match fetch_object(connection, path).await? {
        Ok(_) => Ok(true),
        Err(refusal) if refusal.missing => Ok(false),
        Err(refusal) => Err(refusal.error),
    }
}

async fn fetch_object(
    connection: &Connection<'_>,
    path: &str,
) -> Result<Result<Vec<u8>, Refusal>, GatherError> {
    let authorization = connection.authorization().await?;
    let wait = run::operation_remaining(connection.context).unwrap_or(LONGEST_REQUEST);
    let attempt =
        Attempt { connection, place: connection.place(path, 1), end: Instant::now() + wait };
    let mut request = Request::get(path);
    if let Some(value) = authorization {
        request = request.header(AUTHORIZATION, value);
    }
    let request = request
        .body(Body::empty())
        .map_err(|_| GatherError::internal("a path of the API cannot be sent"))?;
    let (head, mut body) = attempt.send(request).await?.into_parts();
    if head.status != StatusCode::OK {
        let said = attempt.read_what_comes(&mut body).await;
        let subject = Subject::Discovery;
        return Ok(Err(Refusal::new(&attempt.place, subject, head.status, &head.headers, &said)));
    }
    attempt.refuse_encoding(&head.headers)?;
    let mut bytes = Vec::new();
    attempt.read(&mut body, DOCUMENT_BYTES, &mut bytes, |_| {}).await?;
    Ok(Ok(bytes))
}

struct Attempt<'a> {
    connection: &'a Connection<'a>,
    place: Place,
    end: Instant,
}

impl Attempt<'_> {
    fn request(
        &self,
        wanted: Wanted<'_>,
        authorization: Option<HeaderValue>,
    ) -> Result<Request<Body>, GatherError> {
        let token = wanted.token.map_or_else(String::new, |token| {
            format!("&continue={}", utf8_percent_encode(token, NON_ALPHANUMERIC))
        });
        let (path, query) = (wanted.resource.path(), wanted.resource.query());
        let most = if wanted.resource.is_secret { SECRETS_A_PAGE } else { u32::MAX };
        let size = wanted.size.min(most);
        let first = format!("{path}?limit={size}{query}");
        let room = LONGEST_URL.saturating_sub(self.connection.access.server.to_string().len());
        let fits = |target: &str| target.len() <= room;
        if !fits(&first) && wanted.resource.label_selector.is_some() {
            let message = "label_selector is too long to be sent";
            return Err(GatherError::configuration(message).with_hint(TOO_LONG));
        }
        let target = first + &token;
        if !fits(&target) {
            return Err(self.cannot_go_on());
        }
        let mut request = Request::get(target);
        if wanted.resource.is_secret {
            // What the connection has in its buffers goes with it.
            request = request.header(CONNECTION, "close");
        }
        if let Some(value) = authorization {
            request = request.header(AUTHORIZATION, value);
        }
        request.body(Body::empty()).map_err(|_| self.cannot_go_on())
    }

    fn cannot_go_on(&self) -> GatherError {
        self.wrong("the page before it says that the list goes on with what cannot be sent")
    }

    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, GatherError> {
        let connection = self.connection;
        match tokio::time::timeout_at(self.end, connection.client.send(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.failure(&error)),
            Err(_) if !connection.has_credentials() => {
                Err(connection.source.too_slow(connection.context))
            }
            Err(_) => {
                let limit = self.limit_text();
                let message = format!("{}: no answer within {limit}", self.place.where_text());
                Err(GatherError::new(ErrorKind::Timeout, message).with_hint(TOO_SLOW))
            }
        }
    }

    /// No head of an answer came.
    fn failure(&self, error: &(dyn StdError + 'static)) -> GatherError {
        if let Some(error) = find::<AuthError>(error) {
            return self.connection.source.failure(error);
        }
        let connecting = find::<hyper_util::client::legacy::Error>(error)
            .is_some_and(hyper_util::client::legacy::Error::is_connect);
        let mut place = self.place.clone();
        let texts: Vec<String> = causes(error).iter().map(ToString::to_string).collect();
        let proxy =
            |what: &str| place.proxy.is_some() && texts.iter().any(|text| text.starts_with(what));
        if proxy("SOCKS error") && texts.iter().any(|text| text.contains("credentials")) {
            let message = format!("{}: it does not accept our credentials", place.where_text());
            return GatherError::new(ErrorKind::Authentication, message)
                .with_hint("check user and password in the proxy's URL");
        }
        if proxy("tunnel error") {
            // The certificate is the proxy's own.
            place.advice = Advice::default();
        } else {
            place.subject = self.connection.subject();
        }
        place.failure(error, if connecting { Stage::Connecting } else { Stage::Waiting })
    }

    /// Nobody asked for a compressed answer, and a bomb would be one.
    fn refuse_encoding(&self, headers: &HeaderMap) -> Result<(), GatherError> {
        let values = headers.get_all(CONTENT_ENCODING).iter();
        let plain = |name: &str| name.is_empty() || name.eq_ignore_ascii_case("identity");
        let mut names = values.map(|value| String::from_utf8_lossy(value.as_bytes()));
        if names.all(|names| names.split(',').all(|name| plain(name.trim()))) {
            return Ok(());
        }
        let error = self.wrong("the answer is compressed, which was not asked for");
        Err(error.with_hint(document::NOT_THE_SERVERS))
    }

    /// Reads the whole body. Anything less is an error.
    async fn read(
        &self,
        body: &mut Body,
        most: usize,
        bytes: &mut Vec<u8>,
        tell: impl FnOnce(String),
    ) -> Result<(), GatherError> {
        let mut tell = Some(tell);
        if let Some(announced) = body.size_hint().exact() {
            let announced = usize::try_from(announced).unwrap_or(usize::MAX);
            if announced > most {
                return Err(self.too_large(most));
            }
            // Only a help against copying: without the room it goes on as without the length.
            let _ = bytes.try_reserve_exact(announced);
        }
        loop {
            let frame = match tokio::time::timeout_at(self.end, body.frame()).await {
                Ok(None) => return Ok(()),
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => {
                    return Err(self.place.failure(&error, Stage::Body(bytes.len())));
                }
                Err(_) => {
                    let message = format!(
                        "{}: the answer was not whole within {}: {} bytes had come",
                        self.place.where_text(),
                        self.limit_text(),
                        bytes.len()
                    );
                    return Err(GatherError::new(ErrorKind::Timeout, message).with_hint(TOO_SLOW));
                }
            };
            // Trailers say nothing that is needed.
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > most {
                return Err(self.too_large(most));
            }
            bytes.extend_from_slice(&data);
            let is_beginning = bytes.len() <= BEGINNING_BYTES || bytes.len() == data.len();
            if is_beginning
                && tell.is_some()
                && let Some(token) = document::next_at_a_glance(bytes)
                && let Some(tell) = tell.take()
            {
                tell(token);
            }
        }
    }

    /// Reads what an error's answer says, as far as it comes at once.
    async fn read_what_comes(&self, body: &mut Body) -> Vec<u8> {
        let end = self.end.min(Instant::now() + ERROR_BODY_WAIT);
        let mut bytes = Vec::new();
        while let Ok(Some(Ok(frame))) = tokio::time::timeout_at(end, body.frame()).await {
            let Ok(data) = frame.into_data() else { continue };
            let room = ERROR_BODY_BYTES - bytes.len();
            bytes.extend_from_slice(&data[..data.len().min(room)]);
            if data.len() >= room {
                break;
            }
        }
        bytes
    }

    fn too_large(&self, most: usize) -> GatherError {
        if most == DOCUMENT_BYTES {
            return self.wrong("the answer is more than 4 MiB");
        }
        if most < PAGE_BYTES {
            return self.wrong("the whole list is more than 4 GiB");
        }
        self.wrong("the page is more than 64 MiB").with_hint("set a smaller page_size")
    }

    fn wrong(&self, why: &str) -> GatherError {
        GatherError::protocol(format!("{}: {why}", self.place.where_text()))
    }

    fn limit_text(&self) -> String {
        match self.connection.context.deadline() {
            Some(_) => format!("the endpoint's {}", run::timeout_text(self.connection.context)),
            None => format!("the limit of {}", run::seconds(LONGEST_REQUEST)),
        }
    }
}
