//! Tests of sessions, rate limits and paging, each alone and all together, against a scripted service.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_api::{Context, ErrorKind, GatherError, Options};
use gatherer_plugin_support::http::{Client, Method, Request, Response, StatusCode, Url};
use gatherer_plugin_support::paging::{Page, PageError, Paging};
use gatherer_plugin_support::rate_limit::RateLimits;
use gatherer_plugin_support::session::Session;
use gatherer_plugin_support::testing::{Action, ReceivedRequest, ScriptedServer, answers};
use gatherer_plugin_support::{retry, run};
use serde_json::{Value, json};

const LIMITS: RateLimits =
    RateLimits { statuses: &[413], codes: &["Throttling"], delay_headers: &["x-retry-after-ms"] };

/// What a plugin has for one service.
struct Service {
    context: Context,
    client: Client,
    server: ScriptedServer,
    session: Session<String>,
}

impl Service {
    fn new(options: Options, server: ScriptedServer) -> Self {
        let context = Recorder::new().options(options).context();
        let client = Client::new(&context).expect("a client");
        Self { context, client, server, session: Session::default() }
    }

    /// A service with sessions. `get` answers a request for which there is a valid token. The token of each
    /// login is its number, and `ended` has the number of the last token that is no longer valid.
    fn with_sessions(
        ended: impl Fn() -> u32 + Send + Sync + 'static,
        get: impl Fn(&ReceivedRequest) -> Action + Send + Sync + 'static,
    ) -> Self {
        let logins = AtomicU32::new(0);
        let server = ScriptedServer::http(move |request| match request.header("x-token") {
            None => Action::answer(201, (logins.fetch_add(1, Ordering::SeqCst) + 1).to_string()),
            Some(token) if token.parse().is_ok_and(|token: u32| token > ended()) => get(request),
            Some(_) => Action::answer(401, ""),
        });
        Self::new(Options::default(), server)
    }

    fn url(&self, path: &str) -> Url {
        self.server.url(path).parse().expect("a valid URL")
    }

    async fn login(&self) -> Result<String, GatherError> {
        let request = Request::new(Method::POST, self.url("/login")).body(b"password".to_vec());
        let response = self.client.send(request).await?.error_for_status()?;
        Ok(String::from_utf8_lossy(response.body()).into_owned())
    }

    async fn get(&self, path: &str) -> Result<Response, GatherError> {
        let attempt = async |token: &String| {
            let request = Request::get(self.url(path)).header("x-token", token);
            let response = self.client.send(request).await?;
            // A marker that expired is not an error of the request.
            if response.status() == StatusCode::GONE {
                Ok(response)
            } else {
                LIMITS.check(response, code)
            }
        };
        retry::idempotent(&self.context, || self.session.run(|| self.login(), &attempt)).await
    }

    fn run<T>(
        &self,
        future: impl Future<Output = Result<T, GatherError>>,
    ) -> Result<T, GatherError> {
        run::block_on(&self.context, future)
    }

    /// The requests that the server received, without its address.
    fn requests(&self) -> Vec<String> {
        self.server.received().into_iter().map(|request| request.target).collect()
    }
}

fn code(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    Some(body["code"].as_str()?.to_owned())
}

/// An answer of no interest.
fn found(_: &ReceivedRequest) -> Action {
    Action::answer(200, "found")
}

#[test]
fn requests_at_once_share_one_login_and_the_next_one_if_the_session_ends() {
    // The last token that is not valid, the logins, and the requests with a token.
    for (ended, logins, requests) in [(0, 1, 3), (1, 2, 6)] {
        let service = Service::with_sessions(move || ended, found);
        let get =
            async || tokio::try_join!(service.get("/a"), service.get("/a"), service.get("/a"));
        service.run(get()).expect("three answers");
        let targets = service.requests();
        let count = |path: &str| targets.iter().filter(|target| *target == path).count();
        assert_eq!((count("/login"), count("/a")), (logins, requests), "{targets:?}");
    }
}

#[test]
fn a_request_is_repeated_once_and_then_fails_with_an_authentication_error() {
    let service = Service::with_sessions(|| u32::MAX, found);
    let error = service.run(service.get("/a")).map(|_| ()).expect_err("no token is valid");
    assert_eq!(error.kind, ErrorKind::Authentication);
    assert_eq!(service.requests(), ["/login", "/a", "/login", "/a"]);
}

#[test]
fn a_refused_password_is_sent_once() {
    let server = ScriptedServer::http(|_| Action::answer(401, ""));
    let service = Service::new(Options::default(), server);
    for _ in 0..2 {
        let error = service.run(service.get("/a")).map(|_| ()).expect_err("no login");
        assert_eq!(error.kind, ErrorKind::Authentication);
    }
    assert_eq!(service.requests(), ["/login"]);
}

#[test]
fn a_login_that_the_server_could_not_answer_is_repeated() {
    let script =
        answers([Action::answer(503, ""), Action::answer(201, "7"), Action::answer(200, "")]);
    let service = Service::new(Options::default(), ScriptedServer::http(script));
    service.run(service.get("/a")).expect("an answer");
    assert_eq!(service.requests(), ["/login", "/login", "/a"]);
    assert_eq!(service.session.into_token().as_deref(), Some("7"));
}

/// The error for these answers to GET requests of a session, and how many of them the service sent.
fn limited(
    options: Options,
    script: impl IntoIterator<Item = Action>,
) -> (Result<(), GatherError>, usize) {
    let script = answers([Action::answer(201, "1")].into_iter().chain(script).collect::<Vec<_>>());
    let service = Service::new(options, ScriptedServer::http(script));
    let outcome = service.run(service.get("/a")).map(|_| ());
    (outcome, service.requests().len() - 1)
}

#[test]
fn a_rate_limit_by_code_or_status_is_waited_for() {
    let limits = [
        Action::json(403, &json!({"code": "Throttling"})),
        Action::answer(413, "too many requests").header("x-retry-after-ms", "600"),
        Action::answer(429, ""),
    ];
    for limit in limits {
        let (outcome, requests) = limited(Options::default(), [limit, Action::answer(200, "")]);
        assert_eq!((outcome, requests), (Ok(()), 2));
    }
}

#[test]
fn a_rate_limit_ends_with_the_retries_or_the_deadline() {
    let limit = Action::json(400, &json!({"code": "Throttling"}));
    let options = Options { retries: Some(1), ..Options::default() };
    let (outcome, requests) = limited(options, [limit.clone()]);
    let error = outcome.expect_err("the limit stays");
    assert_eq!((error.kind, requests), (ErrorKind::RateLimited, 2));
    assert!(error.message.contains("Throttling"), "{error}");

    let options = Options { timeout_ms: Some(20_000), ..Options::default() };
    let limit = limit.header("x-retry-after-ms", "60000").header("retry-after", "1");
    let (outcome, requests) = limited(options, [limit]);
    let error = outcome.expect_err("the delay is too long");
    assert_eq!((error.kind, requests), (ErrorKind::RateLimited, 1));
    assert_eq!(error.retry_after_ms, Some(60_000));
}

#[test]
fn another_code_is_the_error_of_its_status() {
    let denied = Action::json(403, &json!({"code": "AuthorizationFailed"}));
    let (outcome, requests) = limited(Options::default(), [denied]);
    let error = outcome.expect_err("permission denied");
    assert_eq!((error.kind, requests), (ErrorKind::Permission, 1));
}

/// Answers pages of one list: the ids 1 and 2, then 3. The first three requests for the second page fail: the
/// session ended (`ended` is then the token's number), the rate is limited, the marker expired.
fn pages(ended: &AtomicU32, failures: &AtomicU32, request: &ReceivedRequest) -> Action {
    if request.query("marker").is_none() {
        return Action::json(200, &json!({"ids": [1, 2], "next": "second"}));
    }
    match failures.fetch_add(1, Ordering::SeqCst) {
        0 => {
            ended.store(1, Ordering::SeqCst);
            Action::answer(401, "")
        }
        1 => Action::answer(429, "").header("retry-after", "0"),
        2 => Action::answer(410, ""),
        _ => Action::json(200, &json!({"ids": [3]})),
    }
}

#[test]
fn a_list_is_whole_if_a_session_a_limit_and_a_marker_interrupt_it() {
    let ended = Arc::new(AtomicU32::new(0));
    let failures = AtomicU32::new(0);
    let last_ended = Arc::clone(&ended);
    let service = Service::with_sessions(
        move || last_ended.load(Ordering::SeqCst),
        move |request| pages(&ended, &failures, request),
    );
    let page = async |marker: Option<&String>| {
        let query = marker.map(|marker| format!("?marker={marker}"));
        let response = service.get(&format!("/ids{}", query.unwrap_or_default())).await?;
        if response.status() == StatusCode::GONE {
            return Err(PageError::StartOver(response.status_error()));
        }
        let body: Value = serde_json::from_slice(response.body()).expect("the page is JSON");
        let next = body["next"].as_str().map(str::to_owned);
        Ok(Page { items: body["ids"].as_array().cloned(), next, total: None })
    };
    let list = Paging::by_marker("ids").read(&service.context, Value::clone, page);
    assert_eq!(service.run(list), Ok(vec![json!(1), json!(2), json!(3)]));
    let (first, second) = ("/ids", "/ids?marker=second");
    let expected = ["/login", first, second, "/login", second, second, first, second];
    assert_eq!(service.requests(), expected);
}
