//! Tests of the steps before the login, and of the expiries that connections report.

use std::time::Duration;

use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_api::{
    CheckStep, Context, GatherError, Gatherer, Options, ProxySettings, Secret, StepStatus,
};
use serde::Deserialize;
use serde_json::json;

use super::{Client, Timeouts, connection_steps};
use crate::run;
use crate::testing::{
    Action, Authority, ForwardProxy, FullPort, Identity, KeyForm, ScriptedServer, answers,
    closed_port,
};

/// A module that checks the connection to a URL.
struct Connecting;

#[derive(Deserialize)]
struct Parameters {
    url: String,
}

impl Gatherer for Connecting {
    type Parameters = Parameters;

    fn gather(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        let url = parameters.url.parse().expect("a URL");
        run::block_on(context, async { Client::new(context)?.get(&url).await.map(drop) })
    }

    fn check(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        let url = parameters.url.parse().expect("a URL");
        context.check_plan(connection_steps(&url));
        let timeouts = Timeouts { connect: Duration::from_millis(500), ..Timeouts::default() };
        run::block_on(context, async {
            Client::with_timeouts(context, timeouts)?.check_connection(&url).await
        })
    }
}

/// One line for each step after `parameters`.
fn lines(steps: &[CheckStep]) -> String {
    let line = |step: &CheckStep| {
        let hint = step.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{} {}: {}{hint}\n", step.status.as_str(), step.name, step.message)
    };
    steps[1..].iter().map(line).collect()
}

fn statuses(steps: &[CheckStep]) -> Vec<(&str, StepStatus)> {
    steps[1..].iter().map(|step| (step.name.as_str(), step.status)).collect()
}

fn check(url: &str, options: Options) -> Vec<CheckStep> {
    Recorder::new().options(options).check::<Connecting>(json!({ "url": url }))
}

fn https(identity: &Identity) -> ScriptedServer {
    ScriptedServer::https(identity, answers([Action::answer(200, "{}")]))
}

#[test]
fn each_step_of_a_connection_has_its_sentence() {
    use StepStatus::{Failed, NotTried, Ok, Warning};
    let authority = Authority::new("An authority");
    let other_authority = Authority::new("Another authority");
    let write = |text: &str| {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), text).expect("the file can be written");
        file
    };
    let (trusted, other) = (write(authority.pem()), write(other_authority.pem()));
    let trusting = |file: &tempfile::NamedTempFile| Options {
        ca_file: Some(file.path().display().to_string()),
        ..Options::default()
    };
    let mut text = String::new();
    let mut add = |case: &str, steps: &[CheckStep], expected: &[(&str, StepStatus)]| {
        assert_eq!(statuses(steps), expected, "{case}");
        text.extend(["[", case, "]\n", &lines(steps)]);
    };
    let all_ok = [("name", Ok), ("port", Ok), ("tls", Ok)];
    let failed_tls = [("name", Ok), ("port", Ok), ("tls", Failed)];

    let server = https(&authority.identity(&["127.0.0.1", "localhost"]));
    add("good", &check(&server.url("/"), trusting(&trusted)), &all_ok);
    let named = format!("https://localhost:{}", server.address().port());
    add("good, by name", &check(&named, trusting(&trusted)), &all_ok);
    add("untrusted", &check(&server.url("/"), trusting(&other)), &failed_tls);
    let insecure = Options { insecure: true, ..Options::default() };
    let not_verified = [("name", Ok), ("port", Ok), ("tls", Warning)];
    add("insecure", &check(&server.url("/"), insecure), &not_verified);
    let missing = Options { ca_file: Some("/nonexistent.pem".to_owned()), ..Options::default() };
    add("the ca_file is missing", &check(&server.url("/"), missing), &failed_tls);

    let soon = https(&authority.identity_valid_for(&["127.0.0.1"], Duration::from_hours(60)));
    add("expires soon", &check(&soon.url("/"), trusting(&trusted)), &not_verified);
    let expired = https(&authority.expired_identity(&["127.0.0.1"]));
    add("expired", &check(&expired.url("/"), trusting(&trusted)), &failed_tls);
    let wrong = https(&authority.identity(&["vcenter.example.com"]));
    add("wrong name", &check(&wrong.url("/"), trusting(&trusted)), &failed_tls);

    let plain = ScriptedServer::http(answers([Action::answer(200, "")]));
    let no_tls = format!("https://{}", plain.address());
    add("no TLS", &check(&no_tls, trusting(&trusted)), &failed_tls);
    add("http", &check(&plain.url("/"), Options::default()), &[("name", Ok), ("port", Ok)]);
    let closed = format!("http://{}", closed_port());
    let refused = [("name", Ok), ("port", Failed)];
    add("refused", &check(&closed, Options::default()), &refused);
    let full = FullPort::open();
    let silent = format!("https://{}", full.address());
    let silent_steps = [("name", Ok), ("port", Failed), ("tls", NotTried)];
    add("no answer", &check(&silent, Options::default()), &silent_steps);
    let unknown = check("http://server.invalid", Options::default());
    assert_eq!(statuses(&unknown), [("name", Failed), ("port", NotTried)]);

    let proxy = ForwardProxy::open(server.address());
    let through = |proxy: std::net::SocketAddr, secret: &str| {
        let url = format!("http://{secret}{proxy}");
        let proxy = ProxySettings { all: Some(Secret::new(url)), ..ProxySettings::default() };
        Options { proxy, ..trusting(&trusted) }
    };
    let by_proxy = format!("https://localhost:{}", server.address().port());
    let steps = check(&by_proxy, through(proxy.address(), ""));
    add("through a proxy", &steps, &all_ok);
    let strict = ForwardProxy::with_authentication(server.address(), "Basic dTpw");
    let refused = [("name", Ok), ("port", Failed), ("tls", NotTried)];
    let steps = check(&by_proxy, through(strict.address(), "user:hunter2@"));
    assert!(!lines(&steps).contains("hunter2"), "{}", lines(&steps));
    add("the proxy requires a password", &steps, &refused);

    let client = authority.client(KeyForm::Pkcs8).expect("a certificate");
    let with_client = Options {
        client_cert: Some(Secret::new(client.certificate)),
        client_key: Some(Secret::new(client.key)),
        ..trusting(&trusted)
    };
    let with_certificate = [("name", Ok), ("port", Ok), ("tls", Ok), ("client certificate", Ok)];
    add("client certificate", &check(&server.url("/"), with_client), &with_certificate);

    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"127\.0\.0\.1:\d+|localhost:\d+", "[server]");
    settings.add_filter(r"/[\w/.]*/\.tmp\w+", "[file]");
    settings.add_filter(r"\d{4,7}-\d\d-\d\dT[\d:]+Z", "[time]");
    settings.add_filter(r"\d+ days", "[number] days");
    settings.bind(|| insta::assert_snapshot!(text));
}

#[test]
fn a_check_sends_no_request() {
    let server = ScriptedServer::http(answers([Action::answer(200, "")]));
    let steps = check(&server.url("/"), Options::default());
    assert_eq!(statuses(&steps), [("name", StepStatus::Ok), ("port", StepStatus::Ok)]);
    assert_eq!(server.received().len(), 0);
}

#[test]
fn a_gathering_reports_once_when_the_certificate_of_the_server_expires() {
    let authority = Authority::new("An authority");
    let server = https(&authority.identity_valid_for(&["127.0.0.1"], Duration::from_hours(60)));
    let recorder = Recorder::new().options(Options { insecure: true, ..Options::default() });
    for _ in 0..2 {
        let parameters = json!({"url": server.url("/")});
        recorder.gather::<Connecting>(parameters).expect("an answer");
        let expiries = recorder.expiries();
        assert_eq!(expiries.len(), 1, "{expiries:?}");
        assert_eq!(expiries[0].what, "the certificate of 127.0.0.1");
    }
}
