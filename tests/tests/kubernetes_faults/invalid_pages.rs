//! Tests of invalid pages and invalid HTTP responses.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use gatherer_plugin_support::testing::{Action, gzip};
use gatherer_tests::scripted_cluster::{AnswerFault, NodeServer, Source, canned_node, faults};
use serde_json::{Value, json};

use super::{Table, check_canned};

pub(super) fn documents(table: &mut Table, pages: &[usize]) {
    for &page in pages {
        let mut fails = |name: &str, faults: AnswerFault, text: &str| {
            table.fails(&format!("{name} at page {page}"), page, faults, "protocol", text);
        };
        let html = Action::answer(200, "<html>Please log in</html>");
        let html = html.header("content-type", "text/html");
        fails("HTML", faults::action(html), "web page");
        fails("pods", faults::change(|page| page["kind"] = "PodList".into()), "NodeList of v1");
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure",
            "message": "all is lost", "code": 500});
        fails("a Status", faults::change(move |page| *page = status.clone()), "NodeList of v1");
        let node = canned_node("n1");
        fails(
            "a node",
            faults::change(move |page| {
                *page = node.clone();
                page["kind"] = "Node".into();
            }),
            "Node",
        );
        fails(
            "no kind",
            faults::change(|page| drop(members(page).remove("kind"))),
            "NodeList of v1",
        );
        fails("no items", faults::change(|page| drop(members(page).remove("items"))), "items");
        fails("null items", faults::change(|page| page["items"] = Value::Null), "items");
        fails("an object of items", faults::change(|page| page["items"] = json!({})), "wrong type");
        fails("a null item", faults::change(|page| page["items"][0] = Value::Null), "");
        fails(
            "no metadata in an item",
            faults::change(|page| {
                members(&mut page["items"][0]).remove("metadata");
            }),
            "name",
        );
        fails(
            "no name in an item",
            faults::change(|page| {
                members(&mut page["items"][0]["metadata"]).remove("name");
            }),
            "name",
        );
        fails(
            "an empty name",
            faults::change(|page| {
                page["items"][0]["metadata"]["name"] = "".into();
            }),
            "name",
        );
        fails(
            "no uid in an item",
            faults::change(|page| {
                members(&mut page["items"][0]["metadata"]).remove("uid");
            }),
            "uid",
        );
        fails(
            "a number for a token",
            faults::change(|page| {
                page["metadata"]["continue"] = 5.into();
            }),
            "",
        );
        fails("an empty body", faults::bytes(|_| Vec::new()), "");
        fails("half a document", faults::bytes(|body| body[..body.len() / 2].to_vec()), "");
        fails("two documents", faults::bytes(|body| [body.clone(), body].concat()), "");
        fails("invalid UTF-8", faults::bytes(not_utf8), "UTF-8");
        let array = "[".repeat(10_000) + &"]".repeat(10_000);
        let array = faults::action(Action::answer(200, array));
        fails("10,000 nested arrays", array, "the response");
        fails("a nested token", nested(|page| &mut page["metadata"]["continue"]), "");
        fails(
            "a nested label",
            nested(|page| &mut page["items"][0]["metadata"]["labels"]["x"]),
            "",
        );
    }
    // Fields that the module ignores may be nested to any depth.
    table.works("nested elsewhere", 1, usize::MAX, nested(|page| &mut page["items"][0]["x"]));
    let bare = faults::change(|page| {
        for item in page["items"].as_array_mut().expect("a list") {
            let (name, uid) = (item["metadata"]["name"].clone(), item["metadata"]["uid"].clone());
            *item = json!({"metadata": {"name": name, "uid": uid}});
        }
    });
    table.works("nodes with name and uid alone", 0, usize::MAX, bare);
}

pub(super) fn lists(table: &mut Table) {
    let repeats = endless(|_| "again".to_owned(), |number| format!("n{number}"));
    table.fails("a token that repeats", 0, repeats, "protocol", "continue token");
    let fresh = endless(|number| format!("token-{number}"), |_| "n1".to_owned());
    table.fails("fresh tokens for the same node", 0, fresh, "protocol", "duplicate uid");
    if matches!(table.source, Source::Canned(_)) {
        table.works("an empty page in the middle", 2, 1, empty_page());
    }
    let token =
        |token: Value| faults::change(move |page| page["metadata"]["continue"] = token.clone());
    table.works("a null token", 4, usize::MAX, token(Value::Null));
    table.works("an empty token", 4, usize::MAX, token("".into()));
    let text = "no continue token";
    let cut = faults::change(|page| drop(members(&mut page["metadata"]).remove("continue")));
    table.fails("no continue token", 2, cut, "protocol", text);
    // A page of another version: the pages read before do not belong to it.
    let version = faults::change(|page| page["metadata"]["resourceVersion"] = "1".into());
    table.works("another version once", 3, 1, version.clone());
    table.fails("another version always", 3, version, "protocol", "resourceVersion");
}

/// A server whose every page has one node and a continue token.
fn endless(
    token: impl Fn(usize) -> String + Send + Sync + 'static,
    name: impl Fn(usize) -> String + Send + Sync + 'static,
) -> AnswerFault {
    let number = AtomicUsize::new(0);
    Arc::new(move |_, _| {
        let number = number.fetch_add(1, Ordering::SeqCst);
        Action::json(
            200,
            &json!({"kind": "NodeList", "apiVersion": "v1",
            "metadata": {"continue": token(number), "resourceVersion": "1"},
            "items": [canned_node(&name(number))]}),
        )
    })
}

/// Every page has a new token and a new node.
#[test]
fn an_endless_list_ends_at_the_deadline() {
    check_canned(|table| {
        let endless = endless(|number| format!("token-{number}"), |number| format!("n{number}"));
        table.times_out("endless", 0, endless, "endpoint's timeout");
    });
}

pub(super) fn bodies(table: &mut Table) {
    for page in [1, 3] {
        let mut fails = |name: &str, fault: AnswerFault, kind, text: &str| {
            table.fails(&format!("{name} at page {page}"), page, fault, kind, text);
        };
        let action = faults::action;
        let encoded = |encoding: &'static str| {
            faults::of_page(|page| Action::answer(200, page).header("content-encoding", encoding))
        };
        let chunks = faults::of_page(Action::truncated_chunks);
        fails("truncated chunks", chunks, "connection", "closed before");
        fails("unasked gzip", faults::of_page(Action::gzip), "protocol", "compressed");
        fails("gzip bomb", action(Action::gzip_bomb()), "protocol", "compressed");
        fails("damaged gzip", encoded("gzip"), "protocol", "compressed");
        fails("brotli", encoded("br"), "protocol", "compressed");
        let announcing = faults::of_page(|page| Action::with_length(1 << 40, page));
        fails("announces 1 TiB", announcing, "protocol", "64 MiB");
        fails("endless body", action(Action::Endless(200)), "protocol", "64 MiB");
        fails(
            "endless head",
            action(Action::EndlessHead),
            "protocol",
            "response head is too large",
        );
        fails("not HTTP", action(Action::Raw("220 ready\r\n\r\n".into())), "protocol", "not HTTP");
        let lengths = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}";
        fails("two lengths", action(Action::Raw(lengths.into())), "protocol", "response head");
        let huge = faults::header("x-huge", "h".repeat(1 << 20), 1);
        table.fails(
            &format!("huge header at page {page}"),
            page,
            huge,
            "protocol",
            "response head is too large",
        );
        let many = faults::header("x-many", "1".to_owned(), 2000);
        table.fails(
            &format!("many headers at page {page}"),
            page,
            many,
            "protocol",
            "response head is too large",
        );
    }
}

#[test]
fn a_page_that_is_not_a_list_of_nodes_fails_the_endpoint() {
    check_canned(|table| documents(table, &[1, 2, 4]));
}

#[test]
fn an_inconsistent_list_fails_the_endpoint() {
    check_canned(lists);
}

#[test]
fn reports_invalid_http_and_responses_that_are_too_large() {
    check_canned(bodies);
}

/// Neither the redirecting server nor the target of the redirect gets another request.
#[test]
fn does_not_follow_redirects() {
    let elsewhere = Mutex::new(Vec::new());
    let redirecting = Mutex::new(Vec::new());
    check_canned(|table| {
        for status in [301, 302, 303, 307, 308] {
            for page in [1, 2] {
                let other = NodeServer::of(&table.source).https(&table.identity);
                let mut redirects = |name: &str, place: &str| {
                    let redirect = Action::answer(status, "").header("location", place);
                    let name = format!("{status} {name} at page {page}");
                    table.fails(
                        &name,
                        page,
                        faults::action(redirect),
                        "protocol",
                        &format!("{status} "),
                    );
                };
                redirects("elsewhere", &other.url("/api/v1/nodes?limit=2"));
                redirects("within", "/api/v1/nodes?limit=500");
                elsewhere.lock().expect("one thread").push(other);
            }
        }
        redirecting.lock().expect("one thread").append(&mut table.servers);
    });
    for other in elsewhere.lock().expect("one thread").iter() {
        assert_eq!(
            (other.connections(), other.received().len()),
            (0, 0),
            "the redirect was followed"
        );
    }
    for server in redirecting.lock().expect("one thread").iter() {
        let targets: Vec<String> =
            server.received().into_iter().map(|request| request.target).collect();
        assert!(targets.iter().all(|target| target.contains("limit=2")), "{targets:?}");
    }
}

fn members(value: &mut Value) -> &mut serde_json::Map<String, Value> {
    value.as_object_mut().expect("an object")
}

/// Puts an invalid byte into the name of the first node.
fn not_utf8(mut body: Vec<u8>) -> Vec<u8> {
    let place = body.windows(8).position(|window| window == b"\"name\":\"").expect("a name") + 8;
    body[place] = 0xff;
    body
}

/// Replaces a part of the page with 10,000 nested arrays.
fn nested(place: impl Fn(&mut Value) -> &mut Value + Send + Sync + 'static) -> AnswerFault {
    faults::bytes(move |body| {
        let mut page: Value = serde_json::from_slice(&body).expect("a page is JSON");
        *place(&mut page) = "deep".into();
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        page.to_string().replace("\"deep\"", &deep).into_bytes()
    })
}

/// A page without nodes, whose continue token leads to the nodes that it left out.
fn empty_page() -> AnswerFault {
    faults::change(|page| {
        let token = page["metadata"]["continue"].as_str().expect("not the last page");
        let token = token.strip_suffix('4').expect("four nodes were on two pages");
        page["metadata"]["continue"] = format!("{token}02").into();
        page["items"] = json!([]);
    })
}

#[test]
fn gzip_without_content_encoding_is_not_decompressed() {
    check_canned(|table| {
        let silent = faults::bytes(|body| gzip(&body));
        table.fails("gzip without content-encoding", 1, silent, "protocol", "not UTF-8");
    });
}
