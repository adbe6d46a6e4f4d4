//! The next page is asked for while one is on its way or read, and nothing comes of it that would
//! not come one after the other.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};

use gatherer_plugin_api::Options;
use serde_json::Value;

use crate::client::testing::{Recorder, Server, answer, kubeconfig, nodes, ok, page};

/// A page in the order in which API servers write it: where the list goes on, then the nodes.
fn as_servers_write(page: &Value) -> Vec<u8> {
    let text = format!(
        r#"{{"kind":"NodeList","apiVersion":"v1","metadata":{},"items":{}}}"#,
        page["metadata"], page["items"]
    );
    answer("200 OK", "content-type: application/json\r\n", text.as_bytes())
}

#[test]
fn a_page_may_say_how_the_list_goes_on_before_its_nodes_or_behind_them() {
    let ahead = Server::new(|asked| {
        as_servers_write(&match asked.token() {
            None => page(&["n4", "n0"], "a", "7"),
            Some("a") => page(&["n3"], "b", "7"),
            Some("b") => page(&["n2", "n1"], "", "7"),
            Some(_) => panic!("no such token"),
        })
    });
    let behind = Server::new(|asked| {
        ok(&match asked.token() {
            None => page(&["n4", "n0"], "a", "7"),
            Some("a") => page(&["n3"], "b", "7"),
            Some("b") => page(&["n2", "n1"], "", "7"),
            Some(_) => panic!("no such token"),
        })
    });
    assert_eq!(ahead.nodes().expect("a list"), behind.nodes().expect("a list"));
    // Each page once, whether it was asked for early or not.
    assert_eq!((ahead.asked().len(), behind.asked().len()), (3, 3));
}

#[test]
fn the_next_page_is_asked_for_as_soon_as_one_says_where_it_begins() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    std::thread::spawn(move || {
        let accept = || {
            let (stream, _) = listener.accept().expect("a connection");
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).expect("a request");
            (stream, line)
        };
        let first = as_servers_write(&page(&["n0", "n1"], "a", "7"));
        let (half, rest) = first.split_at(first.len() - 10);
        let (mut one, _) = accept();
        one.write_all(half).expect("it is read");
        // The first page is not whole before the second is asked for.
        let (mut other, line) = accept();
        assert!(line.contains("continue=a"), "{line}");
        one.write_all(rest).expect("it is read");
        other.write_all(&as_servers_write(&page(&["n2"], "", "7"))).expect("it is read");
    });
    let recorder = Recorder::new(Options { timeout_ms: Some(20_000), ..Options::default() });
    let list = nodes(&kubeconfig(&url, ""), &recorder.context()).expect("a list");
    assert_eq!(list, ["n0", "n1", "n2"]);
}

#[test]
fn what_was_asked_for_early_is_dropped_if_the_page_comes_again_and_goes_on_elsewhere() {
    let server = Server::new(|asked| match (asked.number, asked.token()) {
        (0, _) => {
            let mut half = as_servers_write(&page(&["n0", "gone"], "old", "6"));
            half.truncate(half.len() - 10);
            half
        }
        (_, None) => as_servers_write(&page(&["n0", "n1"], "new", "7")),
        (_, Some("old")) => as_servers_write(&page(&["gone-too"], "", "6")),
        (_, Some(_)) => as_servers_write(&page(&["n2"], "", "7")),
    });
    assert_eq!(server.nodes().expect("a list"), ["n0", "n1", "n2"]);
    let tokens: Vec<_> = server.asked().iter().map(|asked| asked.token().map(str::len)).collect();
    assert!(tokens.contains(&Some("old".len())), "{tokens:?}");
}

#[test]
fn what_was_asked_for_early_does_not_hide_what_is_wrong_with_a_page() {
    let server = Server::new(|asked| match asked.token() {
        None => {
            let mut first = page(&["n0"], "a", "7");
            first["items"][0]["metadata"]["name"] = Value::Null;
            as_servers_write(&first)
        }
        Some(_) => status_answer("500 Internal Server Error"),
    });
    let error = server.nodes().expect_err("no list");
    assert!(error.message.contains("a node has no name"), "{error}");
}

#[test]
fn a_token_that_repeats_is_not_even_asked_for_early() {
    let server = Server::new(|asked| match asked.token() {
        None => as_servers_write(&page(&["n0"], "a", "7")),
        Some(_) => as_servers_write(&page(&["n1"], "a", "7")),
    });
    let error = server.nodes().expect_err("no list");
    assert!(error.message.contains("its continue token repeats"), "{error}");
    assert_eq!(server.asked().len(), 2);
}

fn status_answer(line: &str) -> Vec<u8> {
    answer(line, "content-type: application/json\r\n", b"{}")
}
