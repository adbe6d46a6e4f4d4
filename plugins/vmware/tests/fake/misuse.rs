//! Hostile documents instead of a page.

use std::time::{Duration, Instant};

use gatherer_plugin_api::testing::{Gathered, Recorder};
use gatherer_plugin_api::{ErrorKind, GatherError, Options};
use gatherer_plugin_support::testing::{Action, ReceivedRequest, TlsServer};
use gatherer_plugin_vmware::VMware;
use gatherer_tests::fakes::vcenter::{PASSWORD, Vcenter};

use super::parameters;

/// What the module makes of a server with this script.
pub fn gather_from(
    script: impl Fn(&ReceivedRequest) -> Action + Send + Sync + 'static,
) -> Result<Gathered, GatherError> {
    let server = TlsServer::start(script);
    let ca_file = Some(server.ca_file().display().to_string());
    let options =
        Options { ca_file, timeout_ms: Some(60_000), retries: Some(0), ..Options::default() };
    let port = server.port();
    let gathered = Recorder::new().options(options).gather::<VMware>(parameters(port, PASSWORD));
    gathered.map_err(|mut error| {
        error.message = error.message.replace(&port.to_string(), "[port]");
        error
    })
}

/// A page with this content in the place of the objects.
fn page(content: &str) -> String {
    format!(
        "<Envelope><Body><RetrievePropertiesExResponse><returnval>{content}</returnval>\
         </RetrievePropertiesExResponse></Body></Envelope>"
    )
}

#[test]
fn hostile_documents_fail_the_endpoint_in_time_and_in_bounded_memory() {
    let entities =
        "<!DOCTYPE a [<!ENTITY b \"c\"><!ENTITY d \"&b;&b;\">]>".to_owned() + &page("&d;");
    let file = "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]>".to_owned() + &page("&b;");
    let nested = page(&("<a>".repeat(10_000) + &"</a>".repeat(10_000)));
    let many = page(&"<objects/>".repeat(1_100_000));
    let large = page(&"x".repeat(33 << 20));
    for (case, action) in [
        ("entities", Action::answer(200, entities)),
        ("an entity of a file", Action::answer(200, file)),
        ("10,000 nested elements", Action::answer(200, nested)),
        ("1,100,000 elements", Action::answer(200, many)),
        ("33 MiB", Action::answer(200, large)),
        ("a compressed GiB", Action::gzip_bomb()),
        ("no text", Action::answer(200, vec![0xff; 100])),
        ("an empty answer", Action::answer(200, "")),
        ("an object without a reference", Action::answer(200, page("<objects/>"))),
        ("another answer", Action::answer(200, page("").replace("RetrieveProp", "Other"))),
    ] {
        let fake = Vcenter::default();
        let started = Instant::now();
        let error = gather_from(move |request| {
            let body = String::from_utf8_lossy(&request.body);
            if body.contains("<path>view</path>") { action.clone() } else { fake.answer(request) }
        });
        let error = error.expect_err(case);
        assert_eq!(error.kind, ErrorKind::Protocol, "{case}: {error}");
        assert!(error.message.len() < 1000, "{case}: {error}");
        assert!(started.elapsed() < Duration::from_secs(30), "{case}: {:?}", started.elapsed());
    }
}

#[test]
fn another_service_at_that_address_fails_the_endpoint_with_what_to_check() {
    let page = "<html><head/><body>Log in</body></html>";
    let mut messages = String::new();
    for (action, kind) in [
        (Action::answer(404, ""), ErrorKind::Configuration),
        (Action::answer(200, page), ErrorKind::Protocol),
        (Action::json(200, &serde_json::json!({})), ErrorKind::Protocol),
    ] {
        let error = gather_from(move |_| action.clone()).expect_err("another service");
        assert_eq!(error.kind, kind, "{error}");
        messages.extend([error.to_string(), "\n".to_owned()]);
    }
    insta::assert_snapshot!(messages);
}

#[test]
fn a_host_name_that_is_not_one_is_a_configuration_error() {
    let parameters = serde_json::json!({
        "hostname": "https://vcenter.example.com", "port": 443, "username": "u", "password": "p",
    });
    let error = Recorder::new().gather::<VMware>(parameters).expect_err("not a host name");
    assert_eq!(error.kind, ErrorKind::Configuration, "{error}");
    assert!(error.message.contains("hostname"), "{error}");
}
