//! Lists of several pages.

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_support::testing::{Action, TlsServer};
use serde_json::{Value, json};

use super::{Cloud, Served, names, state, vm};

/// The entries of a page and the link to the next one.
fn page(entries: &Value, next: impl Into<Value>) -> Action {
    let next: Value = next.into();
    Action::json(200, &json!({"value": entries, "nextLink": next}))
}

fn all_states() -> Value {
    json!([state("web", &["PowerState/running"]), state("db", &["PowerState/running"])])
}

#[test]
fn reads_every_page_including_empty_ones() {
    let web = json!([vm("web", "eastus", 1)]);
    for last in [
        json!({"value": []}),
        json!({"value": [], "nextLink": null}),
        json!({"value": [], "nextLink": ""}),
    ] {
        let served = Cloud::new()
            .with(
                "machines",
                page(&json!([]), json!("BASE/x?page=p2&api-version=1&$skiptoken=1!/a%2Fb")),
            )
            .with("p2", page(&web, json!("BASE/x?page=p3")))
            .with(
                "p3",
                page(
                    &json!([vm("db", "eastus", 2), vm("web", "eastus", 1)]),
                    json!("BASE/x?page=p4"),
                ),
            )
            .with_json("p4", last)
            .with_list("states", all_states())
            .serve();
        let gathered = served.gather().expect("a complete answer");
        assert_eq!(names(&gathered), ["db", "pool_0", "web"]);
        // A link is followed as it is.
        let target = "/x?page=p2&api-version=1&$skiptoken=1!/a%2Fb";
        assert!(served.server.received().iter().any(|request| request.target == target));
    }
}

#[test]
fn a_page_without_its_list_fails_whatever_was_read_before() {
    for body in [json!({}), json!({"nextLink": "BASE/x?page=p3"}), json!({"error": {}})] {
        let served = Cloud::new()
            .with("machines", page(&json!([vm("web", "eastus", 1)]), json!("BASE/x?page=p2")))
            .with_json("p2", body)
            .serve();
        assert_eq!(served.gather().expect_err("no list").kind, ErrorKind::Protocol);
    }
}

#[test]
fn a_link_to_itself_fails() {
    let itself = page(&json!([vm("web", "eastus", 1)]), json!("BASE/x?page=p2"));
    let served = Cloud::new().with("machines", itself.clone()).with("p2", itself).serve();
    let error = served.gather().expect_err("an endless list");
    assert_eq!(error.kind, ErrorKind::Protocol);
    assert!(served.server.received().len() < 10);
}

#[test]
fn a_link_of_another_type_fails() {
    for link in
        [json!(7), json!([]), json!("x"), json!("/x?page=p2"), json!("http://"), json!("BASE/\tx")]
    {
        let served = Cloud::new().with("machines", page(&json!([]), link.clone())).serve();
        let error = served.gather().expect_err("not a link");
        assert_eq!(error.kind, ErrorKind::Protocol, "{link}: {error}");
    }
}

#[test]
fn the_token_is_never_sent_to_another_server() {
    let other = TlsServer::start(|_| Action::json(200, &json!({"value": []})));
    let other_port = other.port();
    for link in [
        other.url("/x?page=p2"),
        format!("https://localhost:{other_port}/x?page=p2"),
        "http://HOST/x?page=p2".to_owned(),
        "https://user:password@HOST/x?page=p2".to_owned(),
        "https://HOST@127.0.0.1:1/x?page=p2".to_owned(),
        "https:\\\\HOST\\x?page=p2".to_owned(),
        "ftp://HOST/x?page=p2".to_owned(),
    ] {
        let link = link.replace("https://HOST@", "https://management.azure.com@");
        let served = Cloud::new().with("p2", page(&json!([]), Value::Null)).serve();
        let host = format!("127.0.0.1:{}", served.server.port());
        let link = link.replace("HOST", &host);
        let served = Cloud::new()
            .with("machines", page(&json!([]), json!(link)))
            .with("p2", page(&json!([]), Value::Null))
            .serve();
        let error = served.gather().expect_err("a foreign link");
        assert_eq!(error.kind, ErrorKind::Protocol, "{link}: {error}");
        assert!(!served.requests().contains(&"p2".to_owned()), "{link}");
    }
    assert_eq!(other.received().len(), 0);
}

#[test]
fn the_default_port_may_be_written_out() {
    // The URLs of the public cloud have no port, and its links have `:443`.
    let link = "https://management.azure.com:443/x".parse::<gatherer_plugin_support::http::Url>();
    let base = "https://management.azure.com/".parse::<gatherer_plugin_support::http::Url>();
    assert_eq!(link.expect("a URL").origin(), base.expect("a URL").origin());
}

/// A cloud in which this request is redirected to the same server by its other name, which is another origin.
fn redirecting(request_name: &'static str, status: u16) -> Served {
    let cloud = Cloud::new().with_json("p2", json!({"value": [], "access_token": "token-1"}));
    Served::script(move |request| {
        if super::name(request) == request_name {
            let host = request.header("host").expect("a host").replace("127.0.0.1", "localhost");
            let url = format!("https://{host}/x?page=p2");
            return Action::answer(status, "").header("location", &url);
        }
        cloud.answer(request)
    })
}

#[test]
fn a_redirect_to_another_origin_fails_and_gets_no_credential() {
    for list in ["machines", "states", "sets", "instances of pool"] {
        let served = redirecting(list, 302);
        // The list of the other server is not the subscription's.
        let error = served.gather_with(json!({"reader_confirmed": true})).expect_err(list);
        assert_eq!(error.kind, ErrorKind::Protocol, "{list}: {error}");
        let received = served.server.received();
        let mut redirected = received.iter().filter(|request| super::name(request) == "p2");
        let request = redirected.next().expect("the redirect was followed");
        assert_eq!(request.header("authorization"), None, "{list}");
    }
    for status in [302, 307, 308] {
        let served = redirecting("login", status);
        let error = served.gather().expect_err("the login went to another host");
        assert_eq!(error.kind, ErrorKind::Protocol, "{status}: {error}");
        let received = served.server.received();
        let redirected = received.iter().filter(|request| super::name(request) == "p2");
        assert!(redirected.into_iter().all(|request| request.body.is_empty()), "{status}");
    }
}
