//! Hostile documents instead of a page.

use std::time::{Duration, Instant};

use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_api::{ErrorKind, Options};
use gatherer_plugin_support::testing::{Action, Authority, ScriptedServer};
use gatherer_plugin_vmware::VMware;
use gatherer_tests::fakes::vcenter::{PASSWORD, Vcenter};

use super::parameters;

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
        let authority = Authority::new("The authority of a hostile server");
        let ca_file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(ca_file.path(), authority.pem()).expect("the file is writable");
        let server = ScriptedServer::https(&authority.identity(&["127.0.0.1"]), move |request| {
            let body = String::from_utf8_lossy(&request.body);
            if body.contains("<path>view</path>") { action.clone() } else { fake.answer(request) }
        });
        let ca_file = Some(ca_file.path().display().to_string());
        let options = Options { ca_file, timeout_ms: Some(60_000), ..Options::default() };
        let started = Instant::now();
        let error = Recorder::new()
            .options(options)
            .gather::<VMware>(parameters(server.address().port(), PASSWORD))
            .expect_err(case);
        assert_eq!(error.kind, ErrorKind::Protocol, "{case}: {error}");
        assert!(error.message.len() < 1000, "{case}: {error}");
        assert!(started.elapsed() < Duration::from_secs(30), "{case}: {:?}", started.elapsed());
    }
}
