//! The HTTP client and the libraries below it log no credentials, at any level.

use std::fmt::Write as _;
use std::sync::Mutex;

use gatherer_plugin_api::__private::abi_stable::std_types::{RErr, RResult, RStr, RString};
use gatherer_plugin_api::abi::Callbacks;
use gatherer_plugin_api::{Context, Options, ProxySettings, Secret};
use gatherer_plugin_support::http::{Client, Request};
use gatherer_plugin_support::{retry, run};
use gatherer_tests::fault_server::{Authority, Fault, FaultServer, ForwardProxy};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Collects `tracing` events, the fields of spans and `log` records of every level.
struct LineCollector;

fn collect(line: String) {
    LINES.lock().expect("no test panicked here").push(line);
}

impl Subscriber for LineCollector {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut text = FieldText(span.metadata().target().to_owned());
        span.record(&mut text);
        collect(text.0);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut text = FieldText(String::new());
        values.record(&mut text);
        collect(text.0);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = FieldText(event.metadata().target().to_owned());
        event.record(&mut text);
        collect(text.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct FieldText(String);

impl Visit for FieldText {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {field}={value:?}").expect("a string takes everything");
    }
}

impl log::Log for LineCollector {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        collect(format!("{} {}", record.target(), record.args()));
    }

    fn flush(&self) {}
}

extern "C" fn emit(_: usize, _: RStr<'_>) -> i32 {
    0
}

extern "C" fn log_line(_: usize, _: u8, _: RStr<'_>, _: RStr<'_>) {}

extern "C" fn cancelled(_: usize) -> u8 {
    0
}

extern "C" fn call(_: usize, _: RStr<'_>, _: RStr<'_>) -> RResult<RString, RString> {
    RErr(RString::new())
}

#[test]
fn no_log_line_contains_a_credential() {
    tracing::subscriber::set_global_default(LineCollector).expect("the only test of this file");
    log::set_logger(&LineCollector).expect("the only test of this file");
    log::set_max_level(log::LevelFilter::Trace);

    let plain = FaultServer::http(Fault::StatusOnce(500), b"{}");
    let identity = Authority::new("Untrusted").identity(&["inventory.test"]);
    let secure = FaultServer::https(Fault::RedirectTo("/b?q=canary".to_owned()), b"{}", &identity);
    for (server, url) in [
        (&plain, "http://user:canary@inventory.test/a?q=canary"),
        (&secure, "https://user:canary@inventory.test/a?q=canary"),
    ] {
        let proxy = ForwardProxy::with_authentication(server.address(), "Basic dXM6Y2FuYXJ5");
        let address = format!("http://us:canary@{}", proxy.address());
        let options = Options {
            insecure: true,
            proxy: ProxySettings { all: Some(Secret::new(address)), ..ProxySettings::default() },
            ..Options::default()
        };
        let callbacks = Callbacks { context: 0, emit, log: log_line, cancelled, call };
        let context = Context::new(callbacks, "e".to_owned(), "Module".to_owned(), options);
        let client = Client::new(&context).expect("a client");
        let request = Request::get(url.parse().expect("a URL")).header("x-auth-token", "canary");
        let outcome = run::block_on(&context, async {
            retry::idempotent(&context, async || {
                client.send(request.clone()).await?.error_for_status()
            })
            .await
        });
        // The second server redirects forever.
        assert_eq!(outcome.is_ok(), server.address() == plain.address());
        assert!(proxy.received().len() > 1 && !server.received().is_empty());
    }

    let lines = LINES.lock().expect("no test panicked here");
    assert!(lines.iter().any(|line| line.contains("trying again in")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("redirected to")), "{lines:#?}");
    // The password, and the encoded credentials of basic authentication (`user:canary`, `us:canary`).
    for secret in ["canary", "dXNlcjpjYW5hcnk", "dXM6Y2FuYXJ5"] {
        let leaks: Vec<&String> = lines.iter().filter(|line| line.contains(secret)).collect();
        assert!(leaks.is_empty(), "{leaks:#?}");
    }
}
