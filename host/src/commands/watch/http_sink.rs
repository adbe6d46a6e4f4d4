//! Sends events to a web service, in batches of CloudEvents over HTTP
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md>).
//!
//! One thread sends one batch at a time, and repeats it until the service accepts it. The threads that have events wait as
//! long, so that nothing is lost and nothing piles up.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use abi_stable::std_types::{RResult, RStr, RString};
use gatherer_plugin_api::abi::Callbacks;
use gatherer_plugin_api::{Context, ErrorKind, GatherError, Options};
use gatherer_plugin_support::http::{
    CertificateHints, Client, HeaderName, HeaderValue, Method, Request, Timeouts, TlsSettings, Url,
    display_url, parse_url,
};
use gatherer_plugin_support::run;
use tokio::sync::{mpsc, oneshot};

use super::outputs::NotWritten;
use crate::cli::Watch;
use crate::request::proxies_of_environment;

/// The content type of a batch.
const CONTENT_TYPE: &str = "application/cloudevents-batch+json";

/// A batch takes pieces of other threads that are ready, up to these limits.
const BATCH_EVENTS: usize = 1000;
const BATCH_BYTES: usize = 1024 * 1024;

/// The delay before a batch is repeated. It doubles up to [`DELAY_MAX`].
const DELAY_MIN: Duration = Duration::from_millis(500);
const DELAY_MAX: Duration = Duration::from_secs(30);

/// The longest time for which a service can make the sink wait with `Retry-After`.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(5);

/// The time limit for sending a batch and receiving the whole answer. A service that sends one byte now and then could
/// otherwise stop the sink.
const SEND_LIMIT: Duration = Duration::from_mins(5);

/// The maximum size of the file of headers, and of the service's answer, in bytes.
const HEADERS_MAX_BYTES: usize = 64 * 1024;
const ANSWER_MAX_BYTES: usize = 1024 * 1024;

/// Whether the thread is to end.
static GIVEN_UP: AtomicBool = AtomicBool::new(false);

/// Makes the sink give up events that it cannot send. They are sent again after the next start.
pub fn give_up() {
    GIVEN_UP.store(true, Ordering::Relaxed);
}

/// Where the sink is, and how it is reached.
pub struct SinkSettings {
    url: Url,
    headers_file: Option<PathBuf>,
    authorities: Option<PathBuf>,
}

impl SinkSettings {
    /// The settings on the command line. The error is a message.
    pub fn new(url: &str, options: &Watch) -> Result<Self, String> {
        let url = parse_url(url).map_err(|why| format!("--sink: the URL {why}"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err("--sink: the URL must begin with http:// or https:// and a host".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("--sink: the URL must not contain a user or password, because every user of this machine can \
                 see the command line; write a line `Authorization: ...` into the file of --sink-headers"
                .to_owned());
        }
        let absolute = |path: &Option<PathBuf>| {
            path.as_ref().map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()))
        };
        let settings = Self {
            url,
            headers_file: absolute(&options.sink_headers),
            authorities: absolute(&options.sink_ca),
        };
        settings.headers().map_err(|error| format!("--sink-headers: {error}"))?;
        Ok(settings)
    }

    /// Reads the file of headers.
    fn headers(&self) -> Result<Vec<(HeaderName, HeaderValue)>, GatherError> {
        let Some(path) = &self.headers_file else { return Ok(Vec::new()) };
        let shown = path.display();
        let failed = |why: String| GatherError::configuration(format!("{shown}: {why}"));
        let bytes = gatherer_file_reader::read(path, HEADERS_MAX_BYTES)
            .map_err(|error| failed(error.to_string()))?;
        let lines = bytes.split(|byte| *byte == b'\n').enumerate();
        let lines = lines.map(|(index, line)| (index, line.trim_ascii()));
        // The message does not quote the line, which may be a secret.
        let header = |(index, line): (usize, &[u8])| {
            let colon = memchr::memchr(b':', line)?;
            let name = HeaderName::from_bytes(line[..colon].trim_ascii()).ok();
            let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok();
            Some((index, name?, value?))
        };
        let mut headers = Vec::new();
        for (index, line) in lines.filter(|(_, line)| !line.is_empty()) {
            let parsed = header((index, line)).ok_or_else(|| {
                failed(format!("line {} is not a header of the form `Name: value`", index + 1))
            })?;
            headers.push((parsed.1, parsed.2));
        }
        Ok(headers)
    }
}

/// Events that one thread waits for.
struct Piece {
    events: Vec<Vec<u8>>,
    sent: oneshot::Sender<()>,
}

/// A web service that receives events. Shared by threads.
pub struct HttpSink {
    pieces: mpsc::Sender<Piece>,
}

impl HttpSink {
    /// Starts the thread that sends.
    pub fn start(settings: SinkSettings) -> io::Result<Self> {
        let (pieces, queue) = mpsc::channel(1);
        std::thread::Builder::new()
            .name("sink".to_owned())
            .spawn(move || send_all(&settings, queue))?;
        Ok(Self { pieces })
    }

    /// Sends events. Waits until the service has accepted them.
    pub fn send(&self, events: Vec<Vec<u8>>) -> Result<(), NotWritten> {
        let (sent, wait) = oneshot::channel();
        self.pieces.blocking_send(Piece { events, sent }).map_err(|_| NotWritten)?;
        wait.blocking_recv().map_err(|_| NotWritten)
    }
}

/// The context and the client of a sink.
fn connect(settings: &SinkSettings) -> (Context, Client) {
    let options = Options {
        proxy: proxies_of_environment(),
        ca_file: settings.authorities.as_ref().map(|path| path.display().to_string()),
        ..Options::default()
    };
    let callbacks = Callbacks { context: 0, emit, log, cancelled, call };
    let context = Context::new(callbacks, "sink".to_owned(), "sink".to_owned(), options);
    let hints = CertificateHints {
        untrusted: "name the authority's certificate in --sink-ca, or add it to the trusted certificates of this machine",
        other_name: "use a name from the certificate in --sink",
    };
    let client = Client::with_tls(&context, Timeouts::default(), TlsSettings::default(), hints);
    (context, client)
}

/// Sends all pieces, until the program ends.
fn send_all(settings: &SinkSettings, mut queue: mpsc::Receiver<Piece>) {
    let (context, client) = connect(settings);
    let ended: Result<(), GatherError> = run::block_on(&context, async {
        let sink = Sink { settings, client, send_limit: SEND_LIMIT };
        while let Some(first) = queue.recv().await {
            let mut waiting = vec![first.sent];
            let mut batch = first.events;
            let mut bytes: usize = batch.iter().map(Vec::len).sum();
            while batch.len() < BATCH_EVENTS && bytes < BATCH_BYTES {
                let Ok(piece) = queue.try_recv() else { break };
                bytes += piece.events.iter().map(Vec::len).sum::<usize>();
                batch.extend(piece.events);
                waiting.push(piece.sent);
            }
            sink.deliver(batch).await;
            for sent in waiting {
                // The receiver is gone if the program ends.
                let _ = sent.send(());
            }
        }
        Ok(())
    });
    if let Err(error) = ended
        && !GIVEN_UP.load(Ordering::Relaxed)
    {
        tracing::error!("no more events are sent to the sink: {error}");
    }
}

struct Sink<'a> {
    settings: &'a SinkSettings,
    client: Client,
    send_limit: Duration,
}

impl Sink<'_> {
    /// Sends a batch, and repeats that until the service accepts it. A batch that is too large for the service is
    /// divided.
    async fn deliver(&self, batch: Vec<Vec<u8>>) {
        let mut batches = VecDeque::from([batch]);
        let mut delay = DELAY_MIN;
        let mut last_problem = None;
        while let Some(batch) = batches.front() {
            let error = match self.send(batch).await {
                Ok(()) => {
                    batches.pop_front();
                    delay = DELAY_MIN;
                    continue;
                }
                Err(SendError::TooLarge) if batch.len() > 1 => {
                    let mut first = batches.pop_front().unwrap_or_default();
                    let second = first.split_off(first.len() / 2);
                    batches.push_front(second);
                    batches.push_front(first);
                    continue;
                }
                Err(SendError::TooLarge) => {
                    GatherError::protocol("413 Payload Too Large for a single event")
                        .with_hint("raise the size limit of the service")
                }
                Err(SendError::Failed(error)) => error,
            };
            let problem = error.to_string();
            if last_problem.as_ref() != Some(&problem) {
                tracing::error!(
                    json.kind = error.kind.as_str(),
                    "the sink {} did not accept events, which are sent again until it does: {problem}",
                    display_url(&self.settings.url)
                );
                last_problem = Some(problem);
            }
            tokio::time::sleep(pause(delay, error.retry_after_ms)).await;
            delay = (delay * 2).min(DELAY_MAX);
        }
        if last_problem.is_some() {
            tracing::info!("the sink {} accepts events again", display_url(&self.settings.url));
        }
    }

    /// Sends a batch once.
    async fn send(&self, batch: &[Vec<u8>]) -> Result<(), SendError> {
        let mut body = vec![b'['];
        for (index, event) in batch.iter().enumerate() {
            if index > 0 {
                body.push(b',');
            }
            body.extend_from_slice(event);
        }
        body.push(b']');
        let mut request = Request::new(Method::POST, self.settings.url.clone())
            .header("content-type", CONTENT_TYPE)
            .without_redirects()
            .max_body_bytes(ANSWER_MAX_BYTES);
        for (name, value) in self.settings.headers().map_err(SendError::Failed)? {
            request = request.set_header(name, value);
        }
        let sent = request.description();
        let sending = tokio::time::timeout(self.send_limit, self.client.send(request.body(body)));
        let response = sending.await.map_err(|_| {
            let limit = run::seconds(self.send_limit);
            let message = format!("{sent}: the answer did not end within {limit}");
            SendError::Failed(GatherError::new(ErrorKind::Timeout, message))
        })?;
        let response = response.map_err(SendError::Failed)?;
        match response.status().as_u16() {
            200..=299 => Ok(()),
            413 => Err(SendError::TooLarge),
            301 | 302 | 303 | 307 | 308 => {
                let location = response.headers().get("location");
                let location = location.and_then(|value| value.to_str().ok());
                let location = location.and_then(|location| self.settings.url.join(location).ok());
                let to = location.map_or_else(|| "nowhere".to_owned(), |url| display_url(&url));
                Err(SendError::Failed(
                    GatherError::configuration(format!("{sent}: redirected to {to}"))
                        .with_hint("name the service's own URL in --sink"),
                ))
            }
            _ => Err(SendError::Failed(response.status_error())),
        }
    }
}

/// How long to wait before a batch is repeated.
fn pause(delay: Duration, retry_after_ms: Option<u64>) -> Duration {
    let requested = retry_after_ms.map(Duration::from_millis).unwrap_or_default();
    delay.max(requested.min(RETRY_AFTER_MAX))
}

enum SendError {
    TooLarge,
    Failed(GatherError),
}

// The HTTP client is made for plugins, so it needs the functions that the worker gives to one. The sink has no records.

extern "C" fn emit(_: usize, _: RStr<'_>) -> i32 {
    0
}

extern "C" fn log(_: usize, _: u8, _: RStr<'_>, _: RStr<'_>) {}

extern "C" fn cancelled(_: usize) -> u8 {
    u8::from(GIVEN_UP.load(Ordering::Relaxed))
}

extern "C" fn call(_: usize, method: RStr<'_>, _: RStr<'_>) -> RResult<RString, RString> {
    let error = GatherError::new(ErrorKind::Unsupported, format!("no method {method}"));
    RResult::RErr(serde_json::to_string(&error).unwrap_or_default().into())
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::ErrorKind;
    use gatherer_plugin_support::http::parse_url;
    use gatherer_plugin_support::run;
    use gatherer_plugin_support::testing::{Action, ScriptedServer};

    use super::{Duration, RETRY_AFTER_MAX, SendError, Sink, SinkSettings, connect, pause};

    #[test]
    fn a_slow_answer_does_not_stop_the_sink() {
        for slow in [Action::DripHead, Action::Pause, Action::BlackHole] {
            let server = ScriptedServer::http(move |_| slow.clone());
            let url = parse_url(&server.url("/")).expect("a URL");
            let settings = SinkSettings { url, headers_file: None, authorities: None };
            let (context, client) = connect(&settings);
            let send_limit = Duration::from_millis(200);
            let sink = Sink { settings: &settings, client, send_limit };
            let sent = run::block_on(&context, async { Ok(sink.send(&[b"{}".to_vec()]).await) });
            let Ok(Err(SendError::Failed(error))) = sent else { panic!("not an error") };
            assert_eq!(error.kind, ErrorKind::Timeout, "{error}");
            assert!(error.message.ends_with("the answer did not end within 0.2 s"), "{error}");
        }
    }

    #[test]
    fn a_service_cannot_stop_the_sink_with_retry_after() {
        let delay = Duration::from_secs(2);
        for (retry_after_ms, expected) in [
            (None, delay),
            (Some(0), delay),
            (Some(4000), Duration::from_secs(4)),
            (Some(u64::MAX), RETRY_AFTER_MAX),
        ] {
            assert_eq!(pause(delay, retry_after_ms), expected);
        }
    }
}
