//! Tests of requesting a page ahead: it is requested while the previous one is still being received or parsed,
//! and the list is the same as without that.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};

use gatherer_plugin_api::Options;
use gatherer_plugin_api::testing::Recorder;
use serde_json::Value;

use crate::client::testing::{ApiRequest as _, Server, answer, kubeconfig, nodes, ok, page};

/// A page with its metadata before the items, as API servers write it.
fn metadata_first(page: &Value) -> Vec<u8> {
    let text = format!(
        r#"{{"kind":"NodeList","apiVersion":"v1","metadata":{},"items":{}}}"#,
        page["metadata"], page["items"]
    );
    answer("200 OK", "content-type: application/json\r\n", text.as_bytes())
}

#[test]
fn accepts_the_continue_token_before_or_after_the_items() {
    let before = Server::new(|request| {
        metadata_first(&match request.token() {
            None => page(&["n4", "n0"], "a", "7"),
            Some("a") => page(&["n3"], "b", "7"),
            Some("b") => page(&["n2", "n1"], "", "7"),
            Some(_) => panic!("no such token"),
        })
    });
    let after = Server::new(|request| {
        ok(&match request.token() {
            None => page(&["n4", "n0"], "a", "7"),
            Some("a") => page(&["n3"], "b", "7"),
            Some("b") => page(&["n2", "n1"], "", "7"),
            Some(_) => panic!("no such token"),
        })
    });
    assert_eq!(before.nodes().expect("a list"), after.nodes().expect("a list"));
    // Each page is requested once, whether it was requested ahead or not.
    assert_eq!((before.requests().len(), after.requests().len()), (3, 3));
}

#[test]
fn requests_the_next_page_as_soon_as_its_token_arrives() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("the listener's address"));
    std::thread::spawn(move || {
        let accept = || {
            let (stream, _) = listener.accept().expect("a connection");
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).expect("a request");
            (stream, line)
        };
        let first = metadata_first(&page(&["n0", "n1"], "a", "7"));
        let (half, rest) = first.split_at(first.len() - 10);
        let (mut one, _) = accept();
        one.write_all(half).expect("the client reads it");
        // The first page is still incomplete when the second is requested.
        let (mut other, line) = accept();
        assert!(line.contains("continue=a"), "{line}");
        one.write_all(rest).expect("the client reads it");
        other.write_all(&metadata_first(&page(&["n2"], "", "7"))).expect("the client reads it");
    });
    let recorder =
        Recorder::new().options(Options { timeout_ms: Some(20_000), ..Options::default() });
    let list = nodes(&kubeconfig(&url, ""), &recorder.context()).expect("a list");
    assert_eq!(list, ["n0", "n1", "n2"]);
}

#[test]
fn drops_a_page_requested_ahead_if_a_retry_returns_another_token() {
    let server = Server::new(|request| match (request.number, request.token()) {
        (0, _) => {
            let mut half = metadata_first(&page(&["n0", "gone"], "old", "6"));
            half.truncate(half.len() - 10);
            half
        }
        (_, None) => metadata_first(&page(&["n0", "n1"], "new", "7")),
        (_, Some("old")) => metadata_first(&page(&["gone-too"], "", "6")),
        (_, Some(_)) => metadata_first(&page(&["n2"], "", "7")),
    });
    assert_eq!(server.nodes().expect("a list"), ["n0", "n1", "n2"]);
    let tokens: Vec<_> =
        server.requests().iter().map(|request| request.token().map(str::len)).collect();
    assert!(tokens.contains(&Some("old".len())), "{tokens:?}");
}

#[test]
fn an_error_of_a_page_takes_precedence_over_an_error_of_the_page_requested_ahead() {
    let server = Server::new(|request| match request.token() {
        None => {
            let mut first = page(&["n0"], "a", "7");
            first["items"][0]["metadata"]["name"] = Value::Null;
            metadata_first(&first)
        }
        Some(_) => status_answer("500 Internal Server Error"),
    });
    let error = server.nodes().expect_err("no list");
    assert!(error.message.contains("a node has no name"), "{error}");
}

fn status_answer(line: &str) -> Vec<u8> {
    answer(line, "content-type: application/json\r\n", b"{}")
}
