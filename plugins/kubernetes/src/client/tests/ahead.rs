//! The next page is asked for while one is read, and nothing comes of it that would not come
//! one after the other.

use serde_json::Value;

use crate::client::testing::{Server, answer, ok, page};

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
