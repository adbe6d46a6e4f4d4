//! What kube, hyper and rustls log below the module, at every level, holds no credential. The
//! program keeps their lines below `info` to itself; this shows that nothing hangs on that alone.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use gatherer_plugin_api::__private::abi_stable::std_types::{RErr, RResult, RStr, RString};
use gatherer_plugin_api::abi::Callbacks;
use gatherer_plugin_api::{Context, GatherError, Options};
use gatherer_plugin_kubernetes::client::{Client, ItemSink, Resource};
use gatherer_plugin_kubernetes::kubeconfig;
use gatherer_plugin_kubernetes::objects::node::{Node, NodeList};
use gatherer_plugin_support::run;
use gatherer_tests::fault_server::{
    Authority, ForwardProxy, NodeServer, Source, base64, kubeconfig as document, misdeed,
};
use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn keep(line: String) {
    LINES.lock().expect("no test panicked here").push(line);
}

/// Keeps everything that anybody says by `tracing` or `log`, the fields of spans too.
struct Keep;

impl Subscriber for Keep {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut line = Line(span.metadata().target().to_owned());
        span.record(&mut line);
        keep(line.0);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = Line(String::new());
        values.record(&mut line);
        keep(line.0);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().target().to_owned());
        event.record(&mut line);
        keep(line.0);
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

impl log::Log for Keep {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        keep(format!("{} {}", record.target(), record.args()));
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

struct Nobody;

impl ItemSink<NodeList> for Nobody {
    fn take(&self, _: Node<'_>) -> Result<(), GatherError> {
        Ok(())
    }

    fn start_over(&self) -> Result<(), GatherError> {
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
        client.list::<NodeList>(&Resource::nodes(), Arc::new(Nobody)).await
    })
}

#[test]
fn no_line_of_a_library_holds_a_credential() {
    tracing::subscriber::set_global_default(Keep).expect("the only test of this file");
    log::set_logger(&Keep).expect("the only test of this file");
    log::set_max_level(log::LevelFilter::Trace);

    let authority = Authority::new("The authority of this test");
    let identity = authority.identity(&["127.0.0.1"]);
    let source = Source::canned(&["n1", "n2", "n3"]);
    let good = NodeServer::of(&source).https(&identity);
    let refusing = NodeServer::of(&source)
        .wrong(2, usize::MAX, misdeed::status(401, "Unauthorized", "no"))
        .https(&identity);
    let broken = NodeServer::of(&source)
        .wrong(2, 1, misdeed::status(503, "ServiceUnavailable", "later"))
        .https(&identity);
    let proxy = ForwardProxy::with_authentication(good.address(), "Basic dXM6Y2FuYXJ5");
    let trusted = json!({ "certificate-authority-data": base64(authority.pem()) });
    let through = json!({
        "certificate-authority-data": base64(authority.pem()),
        "proxy-url": format!("http://us:canary@{}", proxy.address()),
    });
    let token = json!({ "token": "canary" });
    let basic = json!({ "username": "user", "password": "canary" });

    for user in [&token, &basic] {
        gather(&trusted, user, &good.url("")).expect("a list");
        gather(&trusted, user, &broken.url("")).expect("a list after a retry");
        gather(&trusted, user, &refusing.url("")).expect_err("no list");
        gather(&through, user, &good.url("")).expect("a list through the proxy");
        gather(&json!({}), user, &good.url("")).expect_err("an authority that nobody trusts");
    }

    let lines = LINES.lock().expect("no test panicked here");
    // Otherwise this looks at nothing.
    for library in ["hyper_util", "rustls"] {
        assert!(lines.iter().any(|line| line.starts_with(library)), "{library}: {lines:#?}");
    }
    // The word, and what basic authentication makes of it (`user:canary`, `us:canary`).
    for secret in ["canary", "dXNlcjpjYW5hcnk", "dXM6Y2FuYXJ5"] {
        let told: Vec<&String> = lines.iter().filter(|line| line.contains(secret)).collect();
        assert!(told.is_empty(), "{told:#?}");
    }
}
