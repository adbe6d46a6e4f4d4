//! What the client makes of servers that keep the rules of lists, and of those that do not.

use gatherer_plugin_api::{ErrorKind, GatherError, Options};
use serde_json::{Value, json};

use crate::client::testing::{Asked, Recorder, Server, answer, kubeconfig, nodes, ok, page};

fn failure(answer: impl Fn(&Asked) -> Vec<u8> + Send + 'static) -> GatherError {
    Server::new(answer).nodes().map(|nodes| nodes.len()).expect_err("no list")
}

/// Three pages at one moment; the continue tokens need escaping.
fn three_pages(asked: &Asked) -> Vec<u8> {
    ok(&match asked.token() {
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
fn pages_are_put_together_and_sorted() {
    let server = Server::new(three_pages);
    assert_eq!(server.nodes().expect("a list"), ["n0", "n1", "n2", "n3", "n4"]);
    let asked = server.asked();
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[0].target, "/api/v1/nodes?limit=2");
    assert!(asked.iter().all(|asked| asked.head.contains("\r\naccept: application/json\r\n")));
    assert!(asked.iter().all(|asked| asked.head.contains("authorization: bearer a-good-token")));
    assert!(asked.iter().all(|asked| !asked.head.contains("accept-encoding")));
}

#[test]
fn a_list_without_nodes_is_whole() {
    let server = Server::new(|_| ok(&page(&[], "", "7")));
    assert_eq!(server.nodes().expect("a list"), [""; 0]);
}

#[test]
fn a_path_of_the_server_stands_before_the_lists() {
    let server = Server::new(three_pages);
    let text = kubeconfig(&format!("{}/k8s/clusters/c1/", server.url()), "");
    let recorder = Recorder::new(Options::default());
    assert_eq!(nodes(&text, &recorder.context()).expect("a list").len(), 5);
    assert_eq!(server.asked()[0].target, "/k8s/clusters/c1/api/v1/nodes?limit=2");
}

#[test]
fn secrets_are_told_before_anything_is_asked_and_progress_with_each_page() {
    let server = Server::new(three_pages);
    let recorder = Recorder::new(Options::default());
    let user = "{username: us, password: hunter2-password}";
    nodes(&kubeconfig(&server.url(), user), &recorder.context()).expect("a list");
    let said = recorder.said();
    let place = |part: &str| said.iter().position(|said| said.contains(part)).expect("it was said");
    let encoded = "dXM6aHVudGVyMi1wYXNzd29yZA==";
    let first = place("2 nodes read");
    assert!(place("secret {\"text\":\"hunter2-password\"}") < first, "{said:?}");
    assert!(place(&format!("secret {{\"text\":\"{encoded}\"}}")) < first, "{said:?}");
    assert!(first < place("3 nodes read") && place("3 nodes read") < place("5 nodes read"));
    let sent = &server.asked()[0].head;
    assert!(sent.contains(&format!("authorization: basic {}", encoded.to_lowercase())), "{sent}");
}

#[test]
fn whom_one_impersonates_is_sent() {
    let server = Server::new(three_pages);
    let user = "{token: a-good-token, as: bob, as-groups: [g1]}";
    let recorder = Recorder::new(Options::default());
    nodes(&kubeconfig(&server.url(), user), &recorder.context()).expect("a list");
    let head = &server.asked()[0].head;
    assert!(head.contains("impersonate-user: bob") && head.contains("impersonate-group: g1"));
}

#[test]
fn a_list_that_expires_half_way_is_started_again() {
    let recorder = Recorder::new(Options::default());
    let server = Server::new(|asked| match asked.number {
        1 => answer("410 Gone", "", &status(410, "Expired", "too old")),
        // Some answer so: the code stands in the document alone.
        3 => answer("400 Bad Request", "", &status(410, "Expired", "too old")),
        _ => three_pages(asked),
    });
    let list = nodes(&kubeconfig(&server.url(), ""), &recorder.context()).expect("a list");
    assert_eq!(list, ["n0", "n1", "n2", "n3", "n4"]);
    let tokens: Vec<_> = server.asked().iter().map(|asked| asked.token().is_some()).collect();
    assert_eq!(tokens, [false, true, false, true, false, true, true]);
}

#[test]
fn starting_again_is_counted_as_a_retry_and_has_an_end() {
    let recorder = Recorder::new(Options { timeout_ms: Some(1500), ..Options::default() });
    let context = recorder.context();
    let server = Server::new(|asked| match asked.token() {
        Some(_) => answer("410 Gone", "", &status(410, "Expired", "too old")),
        None => three_pages(asked),
    });
    let error = nodes(&kubeconfig(&server.url(), ""), &context).expect_err("never whole");
    // 0.2 + 0.4 s; another 0.8 s would be too long.
    assert!(
        error.message.contains(", page 2: 410 Gone: too old (the list was started again 2 times)")
    );
    assert_eq!(context.retries(), 2);
}

#[test]
fn a_410_to_the_first_page_is_no_reason_to_start_again() {
    let error = failure(|_| answer("410 Gone", "", &status(410, "Expired", "too old")));
    assert_eq!(error.kind, ErrorKind::Configuration);
}

#[test]
fn pages_of_different_moments_are_not_put_together() {
    let server = Server::new(|asked| match asked.number {
        0 => ok(&page(&["old"], "b", "6")),
        _ => three_pages(asked),
    });
    assert_eq!(server.nodes().expect("a list"), ["n0", "n1", "n2", "n3", "n4"]);
}

#[test]
fn a_token_that_repeats_ends_the_list() {
    let error = failure(|asked| ok(&page(&[&format!("n{}", asked.number)], "again", "7")));
    assert_eq!(error.kind, ErrorKind::Protocol);
    assert!(error.message.contains(", page 2: ") && error.message.contains("repeats"), "{error}");
}

#[test]
fn a_node_that_stands_on_two_pages_ends_the_list() {
    let error = failure(|asked| match asked.number {
        0 => ok(&page(&["n0"], "b", "7")),
        _ => ok(&page(&["n0"], "", "7")),
    });
    assert_eq!(error.kind, ErrorKind::Protocol);
    assert!(error.message.contains("stands in the list twice"), "{error}");
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

/// A list that begins with a member that stands in it again.
fn twice(member: &str) -> String {
    let document = page(&["hunter2"], "", "7").to_string();
    assert!(document.contains(member), "{document}");
    let name = member.split(':').next().unwrap_or_default();
    let first = if name.contains("items") { "[]" } else { "{}" };
    document.replacen('{', &format!("{{{name}:{first},"), 1)
}

#[test]
fn what_is_no_list_of_nodes_is_said_without_being_quoted() {
    let nested = "[".repeat(10_000);
    let half = page(&["hunter2"], "", "7").to_string();
    let half = &half[..half.len() - 20];
    let text = |text: &str| answer("200 OK", "", text.as_bytes());
    let more = json!({"remainingItemCount": 1});
    for (bytes, part) in [
        (text("<html>hunter2</html>"), "is a web page"),
        (text(""), "is empty"),
        (text("hunter2"), "is not JSON"),
        (text(half), "ends in the middle"),
        (text(&nested), "of another type"),
        (text(&page(&["n"], "", "7").to_string().replace('[', &nested)), "of another type"),
        (answer("200 OK", "", b"{\"kind\": \"hunter2\xff\"}"), "is not UTF-8: byte 18"),
        (text("[]"), "is no NodeList"),
        (text("{\"kind\": \"NodeList\", \"kind\": \"hunter2\"}"), "duplicate field `kind`"),
        (ok(&with("kind", json!("PodList"))), "is no NodeList"),
        (ok(&json!({"kind": "hunter2", "items": [7]})), "is no NodeList"),
        (ok(&with("apiVersion", json!("hunter2"))), "is no NodeList"),
        (ok(&without("items")), "has no items"),
        (ok(&with("items", Value::Null)), "has no items"),
        (ok(&with("items", json!({"hunter2": 1}))), "of another type"),
        (ok(&with("items", json!([Value::Null]))), "page"),
        (ok(&with("items", json!([{"metadata": {"name": "hunter2"}}]))), "has no uid"),
        (ok(&with("items", json!([{"metadata": {"uid": "hunter2"}}]))), "has no name"),
        (ok(&without("metadata")), "has no metadata"),
        (ok(&with("metadata", more)), "there are more items"),
        (answer("200 OK", "content-encoding: gzip\r\n", b"hunter2"), "is compressed"),
        // What serde's own implementations would take for objects.
        (text("[\"NodeList\", \"v1\", {\"resourceVersion\": \"7\"}, []]"), "of another type"),
        (ok(&with("metadata", json!(["", "7"]))), "of another type"),
        (
            ok(&with("items", json!([node(json!({"kind": "Pod"}))]))),
            "an item of the list is no Node",
        ),
        (ok(&with("items", json!([node(json!({"kind": 7}))]))), "of another type"),
        (text(&twice("\"items\":")), "duplicate field `items`"),
        (text(&twice("\"metadata\":{\"cont")), "duplicate field `metadata`"),
    ] {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned();
        let error = failure(move |_| bytes.clone());
        assert_eq!(error.kind, ErrorKind::Protocol, "{shown}");
        let text = error.to_string();
        assert!(part == "page" || text.contains(part), "{part}: {text}");
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.starts_with("GET http://127.0.0.1:"), "{text}");
    }
}

#[test]
fn what_is_nested_deeply_where_nobody_looks_costs_no_stack() {
    let nested = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let document = page(&["n0"], "", "7").to_string();
    let document = document.replace("\"spec\":{}", &format!("\"spec\":{{\"x\":{nested}}}"));
    assert!(document.contains("[[[["));
    let server = Server::new(move |_| answer("200 OK", "", document.as_bytes()));
    assert_eq!(server.nodes().expect("a list"), ["n0"]);
}

#[test]
fn a_redirect_is_not_followed() {
    let server = Server::new(|_| answer("302 Found", "location: /hunter2\r\n", b""));
    let error = server.nodes().expect_err("no list");
    assert_eq!((error.kind, server.asked().len()), (ErrorKind::Protocol, 1));
    assert!(error.message.ends_with("/api/v1/nodes: 302 Found"), "{error}");
    assert!(error.hint.expect("a hint").contains("the API server's own URL"));
}

#[test]
fn the_servers_own_sentence_is_in_the_error() {
    let sentence = "nodes is forbidden: User \"nobody\" cannot list resource \"nodes\"";
    let nobody = "nodes is forbidden: User \"system:anonymous\" cannot list resource \"nodes\"";
    let path = "forbidden: User \"nobody\" cannot get path \"/x/api/v1/nodes\"";
    for (head, code, kind, message, hint) in [
        ("403 Forbidden", 403, ErrorKind::Permission, sentence, "ClusterRole"),
        ("403 Forbidden", 403, ErrorKind::Permission, nobody, "no credentials"),
        ("403 Forbidden", 403, ErrorKind::Permission, path, "path in the kubeconfig's server"),
        ("401 Unauthorized", 401, ErrorKind::Authentication, "Unauthorized", "has expired"),
        ("404 Not Found", 404, ErrorKind::Configuration, "page not found", "API server"),
        ("409 Conflict", 409, ErrorKind::Configuration, "busy", "server"),
    ] {
        let error = failure(move |_| answer(head, "", &status(code, "x", message)));
        let expected =
            if head.ends_with(message) { head.to_owned() } else { format!("{head}: {message}") };
        assert!(error.message.ends_with(&format!("/api/v1/nodes: {expected}")), "{error}");
        assert_eq!(error.kind, kind);
        assert!(error.hint.expect("a hint").contains(hint));
    }
}

#[test]
fn a_long_sentence_is_cut_and_an_endless_one_ends() {
    let sentence = "x".repeat(100_000);
    let error = failure(move |_| answer("403 Forbidden", "", &status(403, "x", &sentence)));
    assert!(error.message.len() < 1200, "{}", error.message.len());
    let error = failure(|_| answer("403 Forbidden", "", &status(403, "x", &"xyz ".repeat(9000))));
    assert!(error.message.ends_with("xyz xyz..."), "{error}");
}

#[test]
fn a_long_sentence_is_not_cut_through_a_word_that_may_be_a_secret() {
    let sentence = format!("{} {} end", "x".repeat(990), "a-good-token".repeat(20));
    let error = failure(move |_| answer("403 Forbidden", "", &status(403, "x", &sentence)));
    assert!(error.message.ends_with("xxx..."), "{error}");
    assert!(!error.message.contains("a-good"), "{error}");
    let error = failure(|_| answer("403 Forbidden", "", &status(403, "x", &"x".repeat(40_000))));
    assert!(error.message.ends_with("403 Forbidden: ..."), "{error}");
}

#[test]
fn a_failure_that_may_pass_is_tried_again() {
    let server = Server::new(|asked| match asked.number {
        0 => answer("503 Service Unavailable", "", b""),
        1 => answer("429 Too Many Requests", "retry-after: 0\r\n", b""),
        // Cut off in the middle.
        2 => b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"kind\"".to_vec(),
        _ => three_pages(asked),
    });
    assert_eq!(server.nodes().expect("a list").len(), 5);
}

#[test]
fn a_page_and_a_head_have_their_limits() {
    let error = failure(|_| {
        b"HTTP/1.1 200 OK\r\ncontent-length: 67108865\r\nconnection: close\r\n\r\n".to_vec()
    });
    assert!(error.message.ends_with("the page is more than 64 MiB"), "{error}");
    assert_eq!(error.hint.as_deref(), Some("set a smaller page_size"));
    let huge = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(1_000_000));
    let error = failure(move |_| huge.clone().into_bytes());
    assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
    assert!(error.message.ends_with("the head of the answer is too large"), "{error}");
}

#[test]
fn a_list_that_ends_before_it_should_is_started_again_and_then_an_error() {
    let announced = |number: usize| {
        let mut first = page(&["n0"], "b", "7");
        first["metadata"]["remainingItemCount"] = number.into();
        first
    };
    let server = Server::new(move |asked| match (asked.number, asked.token()) {
        (0, None) => ok(&announced(2)),
        (_, None) => ok(&announced(1)),
        _ => ok(&page(&["n1"], "", "7")),
    });
    assert_eq!(server.nodes().expect("a list"), ["n0", "n1"]);
    assert_eq!(server.asked().len(), 4);

    let recorder = Recorder::new(Options { timeout_ms: Some(1500), ..Options::default() });
    let server = Server::new(move |asked| match asked.token() {
        None => ok(&announced(2)),
        _ => ok(&page(&["n1"], "", "7")),
    });
    let error = nodes(&kubeconfig(&server.url(), ""), &recorder.context()).expect_err("not whole");
    assert!(
        error.message.contains(", page 2: the list ends after 2 items, and 3 were announced"),
        "{error}"
    );
    // More than were announced are no fault: some servers say that there is one more at least.
    let server = Server::new(move |asked| match asked.token() {
        None => ok(&announced(1)),
        _ => ok(&page(&["n1", "n2"], "", "7")),
    });
    assert_eq!(server.nodes().expect("a list").len(), 3);
}

#[test]
fn what_says_nothing_takes_no_memory_and_too_much_is_an_error() {
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
    let document = list(&format!("{{\"conditions\":[{many}{{\"type\":\"x\"}}]}}"));
    let error = failure(move |_| answer("200 OK", "", document.as_bytes()));
    assert!(error.message.contains("a list of more than 10000 entries"), "{error}");

    let document = list("{\"capacity\":{\"cpu\":\"1\",\"cpu\":\"2\"}}");
    let error = failure(move |_| answer("200 OK", "", document.as_bytes()));
    assert!(error.message.contains("one key twice"), "{error}");

    let document = page(&[], "", "7").to_string().replace("[]", &empty);
    let error = failure(move |_| answer("200 OK", "", document.as_bytes()));
    assert!(error.message.contains("a node has no name"), "{error}");
}
