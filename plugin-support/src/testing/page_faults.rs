//! Faults in the middle of a list: the table of what can happen to the request for the second page, and what a module must
//! make of it.

use std::fmt::{Debug, Write as _};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use gatherer_plugin_api::{ErrorKind, GatherError, Options};

use super::{Action, Authority, Identity, ReceivedRequest, ScriptedServer};

/// Answers the requests of a server.
pub type Script = Box<dyn Fn(&ReceivedRequest) -> Action + Send + Sync>;

/// The server that a module must gather from.
#[derive(Debug)]
pub struct FaultyServer {
    /// The address on 127.0.0.1. The server speaks TLS, and its certificate is for `127.0.0.1` and `localhost`.
    pub address: SocketAddr,
    /// The options of the endpoint: the authority of the certificate, and one retry.
    pub options: Options,
    /// Whether to gather with a wrong password.
    pub wrong_password: bool,
}

/// The faults in the middle of a list, for a module and a fake of its service.
///
/// A module must be complete and right in spite of a fault that passes. It must fail with the right kind of error, and
/// never with a part of the list, if the fault stays.
///
/// ```no_run
/// use gatherer_plugin_support::testing::{Action, PageFaults};
/// # fn fake(_: &gatherer_plugin_support::testing::ReceivedRequest) -> Action { unimplemented!() }
/// # fn gather(_: &gatherer_plugin_support::testing::FaultyServer)
/// #     -> Result<Vec<String>, gatherer_plugin_api::GatherError> { unimplemented!() }
///
/// let report = PageFaults::new(
///     || Box::new(fake),
///     |request| request.query("page").as_deref() == Some("1"),
/// )
/// .permission_denied(Action::answer(403, r#"{"error": "forbidden"}"#))
/// .session_expired(Action::answer(401, ""), |request| request.path() == "/login")
/// .check(gather);
/// // Compare the report with a snapshot: it has a line for each fault, with the error's sentence.
/// assert!(report.contains("503 always: unavailable"));
/// ```
pub struct PageFaults {
    service: Box<dyn Fn() -> Script>,
    is_second_page: Matcher,
    permission_denied: Option<Action>,
    session_expired: Option<(Action, Matcher)>,
    wrong_password: bool,
}

/// Recognizes a kind of request.
type Matcher = fn(&ReceivedRequest) -> bool;

/// What happens to the requests for the second page.
#[derive(Clone)]
enum Fault {
    /// This answer, the first time only.
    Once(Action),
    /// This answer, every time.
    Always(Action),
    /// The right answer without its second half, with the length of the whole, the first time only.
    CutOnce,
    /// The same every time.
    CutAlways,
    /// The first half of the right answer, as if it were the whole.
    Half,
    /// From then on the server resets every connection.
    Dies,
    /// No fault in the middle of the list.
    None,
}

/// What the module must make of a fault.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    Complete,
    Fails(ErrorKind),
}

use Expected::{Complete, Fails};

/// The certificate of the server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Certificate {
    Trusted,
    OfAnotherAuthority,
    Expired,
}

impl PageFaults {
    /// The faults that every service can have. `service` starts a new fake of the service, which answers correctly.
    pub fn new(
        service: impl Fn() -> Script + 'static,
        is_second_page: fn(&ReceivedRequest) -> bool,
    ) -> Self {
        Self {
            service: Box::new(service),
            is_second_page,
            permission_denied: None,
            session_expired: None,
            wrong_password: true,
        }
    }

    /// Adds the service's answer to a user that may not read the list.
    #[must_use]
    pub fn permission_denied(mut self, answer: Action) -> Self {
        self.permission_denied = Some(answer);
        self
    }

    /// Adds the service's answer to a request of a session that has ended, and which requests log in.
    #[must_use]
    pub fn session_expired(
        mut self,
        answer: Action,
        is_login: fn(&ReceivedRequest) -> bool,
    ) -> Self {
        self.session_expired = Some((answer, is_login));
        self
    }

    /// Leaves out the wrong password, for a service without passwords.
    #[must_use]
    pub fn without_password(mut self) -> Self {
        self.wrong_password = false;
        self
    }

    /// Runs the module with each fault. Returns a report with a line for each: `complete`, or the error.
    ///
    /// # Panics
    ///
    /// If a fault does not have the expected result, with all such faults.
    pub fn check<T: PartialEq + Debug>(
        &self,
        gather: impl Fn(&FaultyServer) -> Result<T, GatherError>,
    ) -> String {
        let run = |fault, certificate, wrong_password| {
            self.run(&gather, fault, certificate, wrong_password)
        };
        let (complete, second_pages, _) = run(Fault::None, Certificate::Trusted, false);
        let complete = complete.expect("a complete answer without a fault");
        assert!(second_pages > 0, "the list must have a second page");

        let (mut report, mut wrong) = (String::new(), Vec::new());
        let mut compare = |case: &str, result: Result<T, GatherError>, expected: Expected| {
            let line = match &result {
                Ok(_) => "complete".to_owned(),
                Err(error) => format!("{}: {error}", error.kind),
            };
            let is_right = match &result {
                Ok(gathered) => expected == Complete && *gathered == complete,
                Err(error) => expected == Fails(error.kind),
            };
            if !is_right {
                wrong.push(format!("{case}: {line}"));
            }
            writeln!(report, "{case}: {line}").expect("writing to a string");
        };
        for (case, fault, expected) in self.faults() {
            let (result, _, logins) = run(fault, Certificate::Trusted, false);
            compare(case, result, expected);
            // A fixed number of logins: a module must not repeat them until the service locks the account.
            assert!(logins <= 2, "{case}: {logins} logins");
        }
        for (case, certificate) in [
            ("a certificate of another authority", Certificate::OfAnotherAuthority),
            ("an expired certificate", Certificate::Expired),
        ] {
            let (result, _, _) = run(Fault::None, certificate, false);
            compare(case, result, Fails(ErrorKind::Tls));
        }
        if self.wrong_password {
            let (result, second_pages, _) = run(Fault::None, Certificate::Trusted, true);
            compare("a wrong password", result, Fails(ErrorKind::Authentication));
            assert_eq!(second_pages, 0, "a wrong password: the list was read");
        }
        assert!(wrong.is_empty(), "unexpected results:\n{}", wrong.join("\n"));
        report
    }

    fn faults(&self) -> Vec<(&'static str, Fault, Expected)> {
        let answer = |status| Action::answer(status, "");
        let page = Action::answer(200, "<!DOCTYPE html><html><body>Please log in</body></html>")
            .header("content-type", "text/html");
        let mut faults = vec![
            (
                "429 with Retry-After once",
                Fault::Once(answer(429).header("retry-after", "1")),
                Complete,
            ),
            ("429 without Retry-After once", Fault::Once(answer(429)), Complete),
            ("429 always", Fault::Always(answer(429)), Fails(ErrorKind::RateLimited)),
            ("500 once", Fault::Once(answer(500)), Complete),
            ("502 once", Fault::Once(answer(502)), Complete),
            ("503 once", Fault::Once(answer(503)), Complete),
            ("500 always", Fault::Always(answer(500)), Fails(ErrorKind::Unavailable)),
            ("502 always", Fault::Always(answer(502)), Fails(ErrorKind::Unavailable)),
            ("503 always", Fault::Always(answer(503)), Fails(ErrorKind::Unavailable)),
            ("cut once", Fault::CutOnce, Complete),
            ("cut always", Fault::CutAlways, Fails(ErrorKind::Connection)),
            ("half a document", Fault::Half, Fails(ErrorKind::Protocol)),
            ("an HTML page with status 200", Fault::Always(page), Fails(ErrorKind::Protocol)),
            ("the service dies", Fault::Dies, Fails(ErrorKind::Connection)),
        ];
        if let Some(answer) = &self.permission_denied {
            let fault = Fault::Always(answer.clone());
            faults.push(("no permission", fault, Fails(ErrorKind::Permission)));
        }
        if let Some((answer, _)) = &self.session_expired {
            faults.push(("the session expired once", Fault::Once(answer.clone()), Complete));
            let always = Fault::Always(answer.clone());
            faults.push(("the session expires always", always, Fails(ErrorKind::Authentication)));
        }
        faults
    }

    /// Runs the module once. Also returns how many second pages and logins it requested.
    fn run<T>(
        &self,
        gather: &impl Fn(&FaultyServer) -> Result<T, GatherError>,
        fault: Fault,
        certificate: Certificate,
        wrong_password: bool,
    ) -> (Result<T, GatherError>, usize, usize) {
        let authority = Authority::new("Page faults");
        let names = ["127.0.0.1", "localhost"];
        let identity: Identity = match certificate {
            Certificate::Trusted => authority.identity(&names),
            Certificate::OfAnotherAuthority => Authority::new("Another").identity(&names),
            Certificate::Expired => authority.expired_identity(&names),
        };
        let ca_file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(ca_file.path(), authority.pem()).expect("the file is writable");

        let (second_pages, logins) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let script = {
            let (service, is_second_page) = ((self.service)(), self.is_second_page);
            let is_login = self.session_expired.as_ref().map(|(_, is_login)| *is_login);
            let (second_pages, logins) = (Arc::clone(&second_pages), Arc::clone(&logins));
            let (dead, fault) = (AtomicBool::new(false), Mutex::new(fault));
            move |request: &ReceivedRequest| {
                if dead.load(Ordering::Relaxed) {
                    return Action::Reset;
                }
                if is_login.is_some_and(|is_login| is_login(request)) {
                    logins.fetch_add(1, Ordering::Relaxed);
                }
                if !is_second_page(request) {
                    return service(request);
                }
                second_pages.fetch_add(1, Ordering::Relaxed);
                let mut fault = fault.lock().expect("no test panics while it holds the lock");
                match fault.clone() {
                    Fault::Once(action) => {
                        *fault = Fault::None;
                        action
                    }
                    Fault::Always(action) => action,
                    Fault::CutOnce => {
                        *fault = Fault::None;
                        cut(&service(request))
                    }
                    Fault::CutAlways => cut(&service(request)),
                    Fault::Half => half(service(request)),
                    Fault::Dies => {
                        dead.store(true, Ordering::Relaxed);
                        Action::Reset
                    }
                    Fault::None => service(request),
                }
            }
        };
        let server = ScriptedServer::https(&identity, script);
        let target = FaultyServer {
            address: server.address(),
            options: Options {
                ca_file: Some(ca_file.path().display().to_string()),
                retries: Some(1),
                timeout_ms: Some(60_000),
                ..Options::default()
            },
            wrong_password,
        };
        let result = gather(&target).map_err(|mut error| {
            let address = server.address().to_string();
            error.message = error.message.replace(&address, "[server]");
            error
        });
        (result, second_pages.load(Ordering::Relaxed), logins.load(Ordering::Relaxed))
    }
}

/// The answer without the second half of its body, which ends the connection.
fn cut(answer: &Action) -> Action {
    let Action::Answer { body, .. } = answer else { panic!("a fault of the fake: {answer:?}") };
    Action::with_length(body.len() as u64, &body[..body.len() / 2])
}

/// The answer with the first half of its body.
fn half(answer: Action) -> Action {
    match answer {
        Action::Answer { status, headers, mut body } => {
            body.truncate(body.len() / 2);
            Action::Answer { status, headers, body }
        }
        other => panic!("a fault of the fake: {other:?}"),
    }
}
