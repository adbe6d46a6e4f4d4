//! Tests of reading lists from servers that follow the API's rules for paging, and from others.

use gatherer_plugin_api::testing::{Event, Recorder};
use gatherer_plugin_api::{ErrorKind, GatherError, Options};
use serde_json::{Value, json};

use crate::client::testing::{
    ApiRequest, ReceivedRequest, Server, answer, kubeconfig, nodes, ok, page,
};

fn failure(answer: impl Fn(&ReceivedRequest) -> Vec<u8> + Send + Sync + 'static) -> GatherError {
    Server::new(answer).nodes().map(|nodes| nodes.len()).expect_err("no list")
}

/// Three pages of one list. The first continue token needs escaping.
fn three_pages(request: &ReceivedRequest) -> Vec<u8> {
    ok(&match request.token() {
        None => page(&["n4", "n0"], "a+/=&1", "7"),
        Some("a%2B%2F%3D%261") => page(&["n3"], "b", "7"),
        Some("b") => page(&["n2", "n1"], "", "7"),
        Some(_) => panic!("no such token"),
    })
}

fn status(code: u16, reason: &str, message: &str) -> Vec<u8> {
    json!({"kind": "Status", "status": "Failure", "code": code, "reason": reason,
        "message": message})
    .to_string()
    .into_bytes()
}

#[test]
fn joins_the_pages_of_a_list() {
    let server = Server::new(three_pages);
    assert_eq!(server.nodes().expect("a list"), ["n0", "n1", "n2", "n3", "n4"]);
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[0].target, "/api/v1/nodes?&limit=2");
    for request in requests {
        assert!(request.head().contains("\r\naccept: application/json\r\n"), "{request:?}");
        assert!(request.head().contains("authorization: bearer a-good-token"), "{request:?}");
        assert!(!request.head().contains("accept-encoding"), "{request:?}");
    }
}

#[test]
fn accepts_the_metadata_before_and_after_the_items() {
    let document = page(&["n1", "n0"], "", "7");
    let (metadata, items) = (&document["metadata"], &document["items"]);
    let before =
        format!(r#"{{"metadata":{metadata},"items":{items},"kind":"NodeList","apiVersion":"v1"}}"#);
    let after =
        format!(r#"{{"kind":"NodeList","apiVersion":"v1","items":{items},"metadata":{metadata}}}"#);
    for text in [before, after] {
        let server = Server::new(move |_| answer("200 OK", "", text.as_bytes()));
        assert_eq!(server.nodes().expect("a list"), ["n0", "n1"]);
    }
}

#[test]
fn a_page_of_another_version_can_repeat_items() {
    let server = Server::new(|request| match request.number {
        0 => ok(&page(&["n0"], "b", "6")),
        1 => ok(&page(&["n0"], "", "7")),
        _ => ok(&page(&["n1"], "", "7")),
    });
    assert_eq!(server.nodes().expect("a list"), ["n1"]);
}

#[test]
fn accepts_an_empty_list() {
    let server = Server::new(|_| ok(&page(&[], "", "7")));
    assert_eq!(server.nodes().expect("a list"), [""; 0]);
}

#[test]
fn a_path_in_the_servers_url_is_the_prefix_of_every_path() {
    let server = Server::new(three_pages);
    let text = kubeconfig(&format!("{}/k8s/clusters/c1/", server.url()), "");
    let recorder = Recorder::new();
    assert_eq!(nodes(&text, &recorder.context()).expect("a list").len(), 5);
    assert_eq!(server.requests()[0].target, "/k8s/clusters/c1/api/v1/nodes?&limit=2");
}

#[test]
fn reports_secrets_before_the_first_request_and_progress_after_each_page() {
    let server = Server::new(three_pages);
    let recorder = Recorder::new();
    let user = "{username: us, password: hunter2-password}";
    nodes(&kubeconfig(&server.url(), user), &recorder.context()).expect("a list");
    let events = recorder.events();
    let position =
        |event: Event| events.iter().position(|known| *known == event).expect("it was sent");
    let progress = |text: &str| position(Event::Progress(text.to_owned()));
    let encoded = "dXM6aHVudGVyMi1wYXNzd29yZA==";
    let first = progress("2 nodes read");
    assert!(position(Event::Secret("hunter2-password".to_owned())) < first, "{events:?}");
    assert!(position(Event::Secret(encoded.to_owned())) < first, "{events:?}");
    assert!(
        first < progress("3 nodes read") && progress("3 nodes read") < progress("5 nodes read")
    );
    let sent = &server.requests()[0].head();
    assert!(sent.contains(&format!("authorization: basic {}", encoded.to_lowercase())), "{sent}");
}

#[test]
fn sends_impersonation_headers() {
    let server = Server::new(three_pages);
    let user = "{token: a-good-token, as: bob, as-groups: [g1]}";
    let recorder = Recorder::new();
    nodes(&kubeconfig(&server.url(), user), &recorder.context()).expect("a list");
    let head = &server.requests()[0].head();
    assert!(head.contains("impersonate-user: bob") && head.contains("impersonate-group: g1"));
}

#[test]
fn restarts_a_list_that_expires() {
    let recorder = Recorder::new();
    let server = Server::new(|request| match request.number {
        1 => answer("410 Gone", "", &status(410, "Expired", "too old")),
        // Some servers put the 410 only into the Status object.
        3 => answer("400 Bad Request", "", &status(410, "Expired", "too old")),
        _ => three_pages(request),
    });
    let list = nodes(&kubeconfig(&server.url(), ""), &recorder.context()).expect("a list");
    assert_eq!(list, ["n0", "n1", "n2", "n3", "n4"]);
    let tokens: Vec<_> =
        server.requests().iter().map(|request| request.token().is_some()).collect();
    assert_eq!(tokens, [false, true, false, true, false, true, true]);
}

#[test]
fn restarts_count_as_retries_and_are_limited() {
    let recorder =
        Recorder::new().options(Options { timeout_ms: Some(1500), ..Options::default() });
    let context = recorder.context();
    let server = Server::new(|request| match request.token() {
        Some(_) => answer("410 Gone", "", &status(410, "Expired", "too old")),
        None => three_pages(request),
    });
    let error = nodes(&kubeconfig(&server.url(), ""), &context).expect_err("never complete");
    // The waits are 0.2 s and 0.4 s; another wait of 0.8 s would exceed the timeout.
    assert!(error.message.contains(", page 2: 410 Gone: too old ("), "{error}");
    assert!(error.message.contains("2 times"), "{error}");
    assert!(error.hint.expect("a hint").contains("page_size"));
    assert_eq!(context.retries(), 2);
}

#[test]
fn a_410_to_the_first_page_does_not_restart_the_list() {
    let error = failure(|_| answer("410 Gone", "", &status(410, "Expired", "too old")));
    assert_eq!(error.kind, ErrorKind::Configuration);
}

#[test]
fn restarts_a_list_whose_pages_have_different_versions() {
    let server = Server::new(|request| match request.number {
        0 => ok(&page(&["old"], "b", "6")),
        _ => three_pages(request),
    });
    assert_eq!(server.nodes().expect("a list"), ["n0", "n1", "n2", "n3", "n4"]);
}

#[test]
fn rejects_repeated_tokens_and_duplicate_nodes() {
    let repeated_token =
        failure(|request| ok(&page(&[&format!("n{}", request.number)], "again", "7")));
    let duplicate_node = failure(|request| match request.number {
        0 => ok(&page(&["n0"], "b", "7")),
        _ => ok(&page(&["n0"], "", "7")),
    });
    let mut messages = Vec::new();
    for error in [repeated_token, duplicate_node] {
        assert_eq!(error.kind, ErrorKind::Protocol);
        messages.push(after_url(&error));
    }
    insta::assert_snapshot!(messages.join("\n"));
}

/// The error without the server's address, which contains a port.
fn after_url(error: &GatherError) -> String {
    let text = error.to_string();
    let (_, rest) = text.split_once("/api/v1/nodes").unwrap_or_else(|| panic!("{text}"));
    rest.to_owned()
}

fn without(member: &str) -> Value {
    let mut page = page(&["hunter2"], "", "7");
    page.as_object_mut().expect("an object").remove(member);
    page
}

fn with(member: &str, value: Value) -> Value {
    let mut page = page(&["hunter2"], "", "7");
    page[member] = value;
    page
}

/// A Node with this beside its name.
fn node(mut more: Value) -> Value {
    more["metadata"] = json!({"name": "hunter2", "uid": "u"});
    more
}

/// A page with a duplicate of this member.
fn with_duplicate(member: &str) -> String {
    let document = page(&["hunter2"], "", "7").to_string();
    assert!(document.contains(member), "{document}");
    let name = member.split(':').next().unwrap_or_default();
    let first = if name.contains("items") { "[]" } else { "{}" };
    document.replacen('{', &format!("{{{name}:{first},"), 1)
}

#[test]
fn rejects_invalid_pages_without_quoting_them() {
    let nested = "[".repeat(10_000);
    let half = page(&["hunter2"], "", "7").to_string();
    let half = &half[..half.len() - 20];
    let text = |text: &str| answer("200 OK", "", text.as_bytes());
    let more = json!({"remainingItemCount": 1});
    let mut messages = Vec::new();
    for (name, bytes) in [
        ("a web page", text("<html>hunter2</html>")),
        ("an empty body", text("")),
        ("text", text("hunter2")),
        ("a truncated page", text(half)),
        ("nested arrays", text(&nested)),
        ("nested items", text(&page(&["n"], "", "7").to_string().replace('[', &nested))),
        ("invalid UTF-8", answer("200 OK", "", b"{\"kind\": \"hunter2\xff\"}")),
        ("an array", text("[]")),
        ("a duplicate kind", text("{\"kind\": \"NodeList\", \"kind\": \"hunter2\"}")),
        ("a list of pods", ok(&with("kind", json!("PodList")))),
        ("another kind with invalid items", ok(&json!({"kind": "hunter2", "items": [7]}))),
        ("another version", ok(&with("apiVersion", json!("hunter2")))),
        ("no items", ok(&without("items"))),
        ("items null", ok(&with("items", Value::Null))),
        ("items an object", ok(&with("items", json!({"hunter2": 1})))),
        ("an item null", ok(&with("items", json!([Value::Null])))),
        ("an item without uid", ok(&with("items", json!([{"metadata": {"name": "hunter2"}}])))),
        ("an item without name", ok(&with("items", json!([{"metadata": {"uid": "hunter2"}}])))),
        ("no metadata", ok(&without("metadata"))),
        ("more items, but no token", ok(&with("metadata", more))),
        ("compressed", answer("200 OK", "content-encoding: gzip\r\n", b"hunter2")),
        // The implementations that serde derives would accept these arrays as objects.
        (
            "an array instead of the list",
            text("[\"NodeList\", \"v1\", {\"resourceVersion\": \"7\"}, []]"),
        ),
        ("an array instead of metadata", ok(&with("metadata", json!(["", "7"])))),
        ("an item of another kind", ok(&with("items", json!([node(json!({"kind": "Pod"}))])))),
        ("an item whose kind is a number", ok(&with("items", json!([node(json!({"kind": 7}))])))),
        ("duplicate items", text(&with_duplicate("\"items\":"))),
        ("duplicate metadata", text(&with_duplicate("\"metadata\":{\"cont"))),
    ] {
        let error = failure(move |_| bytes.clone());
        assert_eq!(error.kind, ErrorKind::Protocol, "{name}");
        let text = error.to_string();
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.starts_with("GET http://127.0.0.1:"), "{text}");
        messages.push(format!("{name}\n    {}", after_url(&error)));
    }
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn deep_nesting_in_an_ignored_field_needs_no_stack() {
    let nested = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let document = page(&["n0"], "", "7").to_string();
    let document = document.replace("\"spec\":{}", &format!("\"spec\":{{\"x\":{nested}}}"));
    assert!(document.contains("[[[["));
    let server = Server::new(move |_| answer("200 OK", "", document.as_bytes()));
    assert_eq!(server.nodes().expect("a list"), ["n0"]);
}

#[test]
fn an_error_contains_the_servers_message_and_a_hint() {
    let user = "nodes is forbidden: User \"bob\" cannot list resource \"nodes\"";
    let anonymous = "nodes is forbidden: User \"system:anonymous\" cannot list resource \"nodes\"";
    let path = "forbidden: User \"bob\" cannot get path \"/x/api/v1/nodes\"";
    let mut messages = Vec::new();
    for (head, code, kind, message) in [
        ("403 Forbidden", 403, ErrorKind::Permission, user),
        ("403 Forbidden", 403, ErrorKind::Permission, anonymous),
        ("403 Forbidden", 403, ErrorKind::Permission, path),
        ("401 Unauthorized", 401, ErrorKind::Authentication, "Unauthorized"),
        ("404 Not Found", 404, ErrorKind::Configuration, "page not found"),
        ("409 Conflict", 409, ErrorKind::Configuration, "busy"),
    ] {
        let error = failure(move |_| answer(head, "", &status(code, "x", message)));
        let credential = "the server does not accept the token of the kubeconfig's user \"u\"";
        let detail = if head.ends_with(message) { credential } else { message };
        let expected = format!("{head}: {detail}");
        assert!(error.message.ends_with(&format!("/api/v1/nodes: {expected}")), "{error}");
        assert_eq!(error.kind, kind);
        messages.push(after_url(&error));
    }
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn shortens_a_long_message_of_the_server() {
    let message = "x".repeat(100_000);
    let error = failure(move |_| answer("403 Forbidden", "", &status(403, "x", &message)));
    assert!(error.message.len() < 1200, "{}", error.message.len());
    let error = failure(|_| answer("403 Forbidden", "", &status(403, "x", &"xyz ".repeat(9000))));
    assert!(error.message.ends_with("xyz xyz..."), "{error}");
}

#[test]
fn does_not_cut_a_message_within_a_word_that_may_be_a_secret() {
    let message = format!("{} {} end", "x".repeat(990), "a-good-token".repeat(20));
    let error = failure(move |_| answer("403 Forbidden", "", &status(403, "x", &message)));
    assert!(error.message.ends_with("xxx..."), "{error}");
    assert!(!error.message.contains("a-good"), "{error}");
    let error = failure(|_| answer("403 Forbidden", "", &status(403, "x", &"x".repeat(40_000))));
    assert!(error.message.ends_with("403 Forbidden: ..."), "{error}");
}

#[test]
fn retries_temporary_failures() {
    let server = Server::new(|request| match request.number {
        0 => answer("503 Service Unavailable", "", b""),
        1 => answer("429 Too Many Requests", "retry-after: 0\r\n", b""),
        // A truncated body.
        2 => b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"kind\"".to_vec(),
        _ => three_pages(request),
    });
    assert_eq!(server.nodes().expect("a list").len(), 5);
}

#[test]
fn limits_the_size_of_a_page_and_of_a_head() {
    let error = failure(|_| {
        b"HTTP/1.1 200 OK\r\ncontent-length: 67108865\r\nconnection: close\r\n\r\n".to_vec()
    });
    assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
    assert!(error.message.contains("64 MiB"), "{error}");
    assert!(error.hint.expect("a hint").contains("page_size"));
    let huge = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(1_000_000));
    let error = failure(move |_| huge.clone().into_bytes());
    assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
    assert!(error.message.contains("head"), "{error}");
}

#[test]
fn restarts_a_list_that_ends_too_early_and_then_fails() {
    let announced = |number: usize| {
        let mut first = page(&["n0"], "b", "7");
        first["metadata"]["remainingItemCount"] = number.into();
        first
    };
    let server = Server::new(move |request| match (request.number, request.token()) {
        (0, None) => ok(&announced(2)),
        (_, None) => ok(&announced(1)),
        _ => ok(&page(&["n1"], "", "7")),
    });
    assert_eq!(server.nodes().expect("a list"), ["n0", "n1"]);
    assert_eq!(server.requests().len(), 4);

    let recorder =
        Recorder::new().options(Options { timeout_ms: Some(1500), ..Options::default() });
    let server = Server::new(move |request| match request.token() {
        None => ok(&announced(2)),
        _ => ok(&page(&["n1"], "", "7")),
    });
    let error = nodes(&kubeconfig(&server.url(), ""), &recorder.context()).expect_err("incomplete");
    insta::assert_snapshot!(after_url(&error));
    // More items than announced are accepted: some servers announce "at least one more".
    let server = Server::new(move |request| match request.token() {
        None => ok(&announced(1)),
        _ => ok(&page(&["n1", "n2"], "", "7")),
    });
    assert_eq!(server.nodes().expect("a list").len(), 3);
}

#[test]
fn ignores_empty_entries_and_limits_the_others() {
    let empty = format!("[{}{{}}]", "{},null,".repeat(500_000));
    let list = |status: &str| {
        let document = page(&["n0"], "", "7").to_string();
        assert!(document.contains("\"status\":{}"));
        document.replace("\"status\":{}", &format!("\"status\":{status}"))
    };
    let document = list(&format!("{{\"conditions\":{empty}}}"));
    let server = Server::new(move |_| answer("200 OK", "", document.as_bytes()));
    assert_eq!(server.nodes().expect("a list"), ["n0"]);

    let many = "{\"type\":\"x\"},".repeat(10_000);
    let too_many = list(&format!("{{\"conditions\":[{many}{{\"type\":\"x\"}}]}}"));
    let duplicate = list("{\"capacity\":{\"cpu\":\"1\",\"cpu\":\"2\"}}");
    let empty_items = page(&[], "", "7").to_string().replace("[]", &empty);
    let mut messages = Vec::new();
    for document in [too_many, duplicate, empty_items] {
        let error = failure(move |_| answer("200 OK", "", document.as_bytes()));
        assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
        messages.push(after_url(&error));
    }
    insta::assert_snapshot!(messages.join("\n"));
}
