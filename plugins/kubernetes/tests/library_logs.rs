//! Test that kube and hyper log no credential at any level. The program also discards their
//! lines below `info`, but safety must not depend on that alone.

use std::fmt::Write as _;
use std::sync::Mutex;

use gatherer_plugin_api::__private::abi_stable::std_types::{RErr, RResult, RStr, RString};
use gatherer_plugin_api::abi::Callbacks;
use gatherer_plugin_api::{Context, GatherError, Options};
use gatherer_plugin_kubernetes::client::{Client, ItemSink};
use gatherer_plugin_kubernetes::kubeconfig;
use gatherer_plugin_kubernetes::objects::Node;
use gatherer_plugin_kubernetes::objects::kinds::{NODES, NodeList};
use gatherer_plugin_support::run;
use gatherer_plugin_support::testing::{Authority, ForwardProxy};
use gatherer_tests::scripted_cluster::{
    NodeServer, Source, base64, faults, kubeconfig as document,
};
use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn add_line(line: String) {
    LINES.lock().expect("no thread panicked").push(line);
}

/// Records every event of `tracing` and `log`, and the fields of spans.
struct LineRecorder;

impl Subscriber for LineRecorder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut line = Line(span.metadata().target().to_owned());
        span.record(&mut line);
        add_line(line.0);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = Line(String::new());
        values.record(&mut line);
        add_line(line.0);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().target().to_owned());
        event.record(&mut line);
        add_line(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {field}={value:?}").expect("a string takes everything");
    }
}

impl log::Log for LineRecorder {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        add_line(format!("{} {}", record.target(), record.args()));
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

/// Ignores all nodes.
struct IgnoringSink;

impl ItemSink for IgnoringSink {
    type List = NodeList;

    fn take(&mut self, _: Node<'_>) -> Result<(), GatherError> {
        Ok(())
    }

    fn start_over(&mut self) -> Result<(), GatherError> {
        Ok(())
    }
}

fn gather(cluster: &Value, user: &Value, url: &str) -> Result<(), GatherError> {
    let callbacks = Callbacks { context: 0, emit, log: log_line, cancelled, call };
    let options = Options { timeout_ms: Some(20_000), retries: Some(1), ..Options::default() };
    let context = Context::new(callbacks, "e".to_owned(), "Kubernetes".to_owned(), options);
    let access = kubeconfig::read(&document(url, cluster, user).to_string(), None, &context)?;
    run::block_on(&context, async {
        let client = Client::new(&access, 2, &context).await?;
        client.list(&NODES, IgnoringSink).await.map(drop)
    })
}

#[test]
fn no_library_logs_a_credential() {
    tracing::subscriber::set_global_default(LineRecorder).expect("the only test of this file");
    log::set_logger(&LineRecorder).expect("the only test of this file");
    log::set_max_level(log::LevelFilter::Trace);

    let authority = Authority::new("The authority of this test");
    let identity = authority.identity(&["127.0.0.1"]);
    let source = Source::canned(&["n1", "n2", "n3"]);
    let working = NodeServer::of(&source).https(&identity);
    let refusing = NodeServer::of(&source)
        .wrong(2, usize::MAX, faults::status(401, "Unauthorized", "no"))
        .https(&identity);
    let broken = NodeServer::of(&source)
        .wrong(2, 1, faults::status(503, "ServiceUnavailable", "later"))
        .https(&identity);
    let proxy = ForwardProxy::with_authentication(working.address(), "Basic dXM6Y2FuYXJ5");
    let trusted = json!({ "certificate-authority-data": base64(authority.pem()) });
    let through = json!({
        "certificate-authority-data": base64(authority.pem()),
        "proxy-url": format!("http://us:canary@{}", proxy.address()),
    });
    let token = json!({ "token": "canary" });
    let basic = json!({ "username": "user", "password": "canary" });

    for user in [&token, &basic] {
        gather(&trusted, user, &working.url("")).expect("a list");
        gather(&trusted, user, &broken.url("")).expect("a list after a retry");
        gather(&trusted, user, &refusing.url("")).expect_err("no list");
        gather(&through, user, &working.url("")).expect("a list through the proxy");
        gather(&json!({}), user, &working.url("")).expect_err("an untrusted authority");
    }

    let lines = LINES.lock().expect("no thread panicked");
    // Make sure that lines were recorded at all.
    assert!(lines.iter().any(|line| line.starts_with("hyper_util")), "{lines:#?}");
    // The secret itself, and its forms in basic authentication (`user:canary`, `us:canary`).
    for secret in ["canary", "dXNlcjpjYW5hcnk", "dXM6Y2FuYXJ5"] {
        let leaks: Vec<&String> = lines.iter().filter(|line| line.contains(secret)).collect();
        assert!(leaks.is_empty(), "{leaks:#?}");
    }
}
