//! Pages that are not what they should be.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use gatherer_tests::fault_server::{
    Action, Fault, Misdeed, NodeServer, Source, canned_node, gzip, misdeed,
};
use serde_json::{Value, json};

use super::{Expected, LONG, Table, check_canned};

pub(super) fn documents(table: &mut Table) {
    for page in [1, 2, 4] {
        let mut fails = |name: &str, misdeed: Misdeed, text: &str| {
            table.fails(&format!("{name} at page {page}"), page, misdeed, "protocol", text);
        };
        let html = Fault::Answer(
            200,
            "content-type: text/html\r\n",
            b"<html>Please log in</html>".to_vec(),
        );
        fails("HTML", misdeed::fault(html), "HTML");
        fails("pods", misdeed::change(|page| page["kind"] = "PodList".into()), "PodList");
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure",
            "message": "all is lost", "code": 500});
        fails("a Status", misdeed::change(move |page| *page = status.clone()), "Status");
        let node = canned_node("n1");
        fails(
            "a node",
            misdeed::change(move |page| {
                *page = node.clone();
                page["kind"] = "Node".into();
            }),
            "Node",
        );
        fails("no kind", misdeed::change(|page| drop(members(page).remove("kind"))), "kind");
        fails("no items", misdeed::change(|page| drop(members(page).remove("items"))), "items");
        fails("null items", misdeed::change(|page| page["items"] = Value::Null), "items");
        fails("an object of items", misdeed::change(|page| page["items"] = json!({})), "items");
        fails("a null item", misdeed::change(|page| page["items"][0] = Value::Null), "");
        fails(
            "no metadata in an item",
            misdeed::change(|page| {
                members(&mut page["items"][0]).remove("metadata");
            }),
            "name",
        );
        fails(
            "no name in an item",
            misdeed::change(|page| {
                members(&mut page["items"][0]["metadata"]).remove("name");
            }),
            "name",
        );
        fails(
            "an empty name",
            misdeed::change(|page| {
                page["items"][0]["metadata"]["name"] = "".into();
            }),
            "name",
        );
        fails(
            "a number for a token",
            misdeed::change(|page| {
                page["metadata"]["continue"] = 5.into();
            }),
            "",
        );
        fails("an empty body", misdeed::bytes(|_| Vec::new()), "");
        fails("half a document", misdeed::bytes(|body| body[..body.len() / 2].to_vec()), "");
        fails("two documents", misdeed::bytes(|body| [body.clone(), body].concat()), "");
        fails("invalid UTF-8", misdeed::bytes(not_utf8), "UTF-8");
        fails("nested 10,000 deep", misdeed::bytes(|_| nested()), "deep");
        fails("an array", misdeed::fault(Fault::DeeplyNested), "");
    }
    table.works(
        "no metadata but names",
        0,
        usize::MAX,
        misdeed::change(|page| {
            for item in page["items"].as_array_mut().expect("a list") {
                let name = item["metadata"]["name"].clone();
                *item = json!({"metadata": {"name": name}});
            }
        }),
    );
    table.works(
        "no uid",
        2,
        usize::MAX,
        misdeed::change(|page| {
            members(&mut page["items"][0]["metadata"]).remove("uid");
        }),
    );
}

pub(super) fn lists(table: &mut Table) {
    table.fails(
        "a token that repeats",
        0,
        misdeed::change(|page| {
            page["metadata"]["continue"] = "again".into();
        }),
        "protocol",
        "continue",
    );
    let token = AtomicUsize::new(0);
    table.fails(
        "fresh tokens for the same nodes",
        1,
        misdeed::change(move |page| {
            page["metadata"]["continue"] = token.fetch_add(1, Ordering::SeqCst).to_string().into();
        }),
        "protocol",
        "",
    );
    if matches!(table.source, Source::Canned(_)) {
        table.works("an empty page in the middle", 2, 1, empty_page());
    }
    table.works(
        "a null token",
        4,
        usize::MAX,
        misdeed::change(|page| {
            page["metadata"]["continue"] = Value::Null;
        }),
    );
    table.works(
        "an empty token",
        4,
        usize::MAX,
        misdeed::change(|page| {
            page["metadata"]["continue"] = "".into();
        }),
    );
}

/// Tokens that are always new, with nodes that are always new: nothing but an end of its own ends it.
#[test]
fn a_list_without_an_end_ends() {
    check_canned(|table| {
        let number = AtomicUsize::new(0);
        let endless = move |_: &_, _| {
            let number = number.fetch_add(1, Ordering::SeqCst);
            Action::json(
                200,
                &json!({"kind": "NodeList", "apiVersion": "v1",
                "metadata": {"continue": format!("token-{number}")},
                "items": [canned_node(&format!("node-{number}"))]}),
            )
        };
        let server =
            NodeServer::of(&table.source).wrong(0, usize::MAX, std::sync::Arc::new(endless));
        let expected = Expected::Error("timeout", "endpoint's timeout".to_owned());
        table.add("endless", server, super::SHORT, expected);
    });
}

pub(super) fn bodies(table: &mut Table) {
    for page in [1, 3] {
        let mut fails = |name: &str, fault: Fault, kind, text: &str| {
            let misdeed = misdeed::fault(fault);
            table.fails(&format!("{name} at page {page}"), page, misdeed, kind, text);
        };
        fails("truncated chunks", Fault::TruncatedChunked, "connection", "closed before");
        fails("unasked gzip", Fault::NoneGzip, "protocol", "gzip");
        fails("gzip bomb", Fault::GzipBomb, "protocol", "gzip");
        fails("damaged gzip", Fault::DamagedGzip, "protocol", "gzip");
        fails("brotli", Fault::Brotli, "protocol", "br");
        fails("announces 1 TiB", Fault::Announces(1 << 40), "protocol", "MiB");
        fails("endless body", Fault::Endless, "protocol", "MiB");
        fails("endless head", Fault::EndlessHead, "protocol", "head of the answer is too large");
        fails("not HTTP", Fault::Raw("220 ready\r\n\r\n"), "protocol", "not HTTP");
        let lengths = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}";
        fails("two lengths", Fault::Raw(lengths), "protocol", "head of the answer");
        let huge = misdeed::headers(&format!("x-huge: {}\r\n", "h".repeat(1 << 20)));
        table.fails(
            &format!("huge header at page {page}"),
            page,
            huge,
            "protocol",
            "head of the answer is too large",
        );
        let many = misdeed::headers(&"x-many: 1\r\n".repeat(2000));
        table.fails(
            &format!("many headers at page {page}"),
            page,
            many,
            "protocol",
            "head of the answer is too large",
        );
    }
}

#[test]
fn a_page_that_is_not_a_list_of_nodes_fails_the_endpoint() {
    check_canned(documents);
}

#[test]
fn a_list_that_contradicts_itself_fails_the_endpoint() {
    check_canned(lists);
}

#[test]
fn an_answer_that_breaks_http_or_is_too_large_is_named() {
    check_canned(bodies);
}

/// Whoever redirects gets no second request, and the place that is named gets none at all.
#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Mutex::new(Vec::new());
    check_canned(|table| {
        for status in [301, 302, 303, 307, 308] {
            for page in [1, 2] {
                let other = NodeServer::of(&table.source).https(&table.identity);
                let headers = format!("location: {}\r\n", other.url("/api/v1/nodes?limit=2"));
                let redirect = std::sync::Arc::new(move |_: &_, _| Action::Answer {
                    status,
                    headers: headers.clone(),
                    body: Vec::new(),
                });
                let server = NodeServer::of(&table.source).wrong(page, usize::MAX, redirect);
                let expected = Expected::Error("protocol", format!("{status} "));
                table.add(&format!("{status} at page {page}"), server, LONG, expected);
                elsewhere.lock().expect("one thread").push(other);
            }
        }
    });
    for other in elsewhere.lock().expect("one thread").iter() {
        assert_eq!((other.connections(), other.received().len()), (0, 0), "it was followed");
    }
}

fn members(value: &mut Value) -> &mut serde_json::Map<String, Value> {
    value.as_object_mut().expect("an object")
}

/// In the name of the first node.
fn not_utf8(mut body: Vec<u8>) -> Vec<u8> {
    let place = body.windows(8).position(|window| window == b"\"name\":\"").expect("a name") + 8;
    body[place] = 0xff;
    body
}

/// In what nobody looks at.
fn nested() -> Vec<u8> {
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    format!(
        "{{\"kind\":\"NodeList\",\"apiVersion\":\"v1\",\"metadata\":{{}},\"items\":[\
         {{\"metadata\":{{\"name\":\"n\"}},\"x\":{deep}}}]}}"
    )
    .into_bytes()
}

/// Nothing on it, and the way on leads to what should have been on it, by another token.
fn empty_page() -> Misdeed {
    misdeed::change(|page| {
        let token = page["metadata"]["continue"].as_str().expect("not the last page");
        let token = token.strip_suffix('4').expect("four nodes were on two pages");
        page["metadata"]["continue"] = format!("{token}02").into();
        page["items"] = json!([]);
    })
}

#[test]
fn gzip_that_nobody_asked_for_is_not_guessed_at() {
    check_canned(|table| {
        let silent = misdeed::bytes(|body| gzip(&body));
        table.fails("gzip without a word", 1, silent, "protocol", "JSON");
    });
}
