//! The HTTP client and the libraries below it log no credentials, at any level.

use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_api::{Options, ProxySettings, Secret};
use gatherer_plugin_support::http::{Client, Request};
use gatherer_plugin_support::testing::{Action, Authority, ForwardProxy, ScriptedServer, answers};
use gatherer_plugin_support::{retry, run};

#[test]
fn no_log_line_contains_a_credential() {
    let mut lines: Vec<String> = Vec::new();
    let plain = ScriptedServer::http(answers([Action::answer(500, ""), Action::answer(200, "{}")]));
    let identity = Authority::new("Untrusted").identity(&["inventory.test"]);
    let secure = ScriptedServer::https(&identity, |_| {
        Action::redirect("/b?q=canary").header("connection", "close")
    });
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
        let recorder = Recorder::new().options(options).record_every_log_line();
        let context = recorder.context();
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
        lines.extend(recorder.log_lines().iter().map(ToString::to_string));
    }

    assert!(lines.iter().any(|line| line.contains("trying again in")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("redirected to")), "{lines:#?}");
    // The password, and the encoded credentials of basic authentication (`user:canary`, `us:canary`).
    for secret in ["canary", "dXNlcjpjYW5hcnk", "dXM6Y2FuYXJ5"] {
        let leaks: Vec<&String> = lines.iter().filter(|line| line.contains(secret)).collect();
        assert!(leaks.is_empty(), "{leaks:#?}");
    }
}
