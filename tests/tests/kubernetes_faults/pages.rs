//! Tests of faults between two pages, and of error responses in place of a page.

use gatherer_plugin_support::testing::Action;
use gatherer_tests::scripted_cluster::{AnswerFault, faults};

use super::{Table, check_canned};

/// The numbers of the list's pages. The last page is half full.
const PAGES: [usize; 4] = [1, 2, 3, 4];

pub(super) fn boundaries(table: &mut Table) {
    let truncated = |page: &[u8]| Action::with_length(1 << 20, page);
    let faults: [(&str, AnswerFault, &str); 3] = [
        ("reset", faults::action(Action::Reset), "reset"),
        ("hung up", faults::action(Action::Hangup), "closed before"),
        ("truncated", faults::of_page(truncated), "closed before"),
    ];
    for page in PAGES {
        for (name, faults, text) in &faults {
            table.works(&format!("{name} once at page {page}"), page, 1, faults.clone());
            let always = format!("{name} always at page {page}");
            table.fails(&always, page, faults.clone(), "connection", text);
        }
        let unavailable = || faults::status(500, "InternalError", "etcdserver: leader changed");
        table.works(&format!("500 once at page {page}"), page, 1, unavailable());
        let always = format!("500 always at page {page}");
        table.fails(&always, page, unavailable(), "unavailable", "leader changed");
    }
    table.works("no fault", 0, 0, faults::action(Action::Reset));
}

pub(super) fn statuses(table: &mut Table, pages: &[usize]) {
    let forbidden = r#"nodes is forbidden: User "u" cannot list resource "nodes" in API group """#;
    let late = Action::answer(429, "{}").header("retry-after", "1000");
    let soon = Action::answer(429, "{}").header("retry-after", "1");
    let bare = |status| faults::action(Action::answer(status, "no JSON"));
    for &page in pages {
        let mut fails = |name: &str, faults: AnswerFault, kind, text: &str| {
            table.fails(&format!("{name} at page {page}"), page, faults, kind, text);
        };
        let unknown = faults::status(401, "Unauthorized", "Unauthorized");
        fails("401", unknown, "authentication", "401 Unauthorized");
        fails("401 of a proxy", bare(401), "authentication", "401 Unauthorized");
        fails("403", faults::status(403, "Forbidden", forbidden), "permission", forbidden);
        let nothing = faults::status(404, "NotFound", "the server could not find it");
        fails("404", nothing, "configuration", "404 Not Found");
        let conflict = faults::status(409, "Conflict", "the object has been modified");
        fails("409", conflict, "configuration", "409 Conflict");
        let busy = faults::status(429, "TooManyRequests", "too many requests");
        fails("429", busy, "rate-limited", "429 Too Many Requests");
        fails("429 soon", faults::action(soon.clone()), "rate-limited", "(after 2 retries)");
        fails("429 late", faults::action(late.clone()), "rate-limited", "a delay of 1000 s");
        let down = faults::status(503, "ServiceUnavailable", "apiserver is shutting down");
        fails("503", down, "unavailable", "apiserver is shutting down");
        fails("502 of a proxy", bare(502), "unavailable", "502 Bad Gateway");
        fails("204", bare(204), "protocol", "204 No Content");
        table.works(&format!("429 once at page {page}"), page, 1, faults::action(soon.clone()));
    }
}

pub(super) fn expired_lists(table: &mut Table) {
    let expired = || {
        let text = "The provided continue parameter is too old to display a consistent list result";
        faults::status(410, "Expired", text)
    };
    for page in [2, 4] {
        table.works(&format!("410 once at page {page}"), page, 1, expired());
        table.works(&format!("410 twice at page {page}"), page, 2, expired());
        table.fails(&format!("410 always at page {page}"), page, expired(), "unavailable", "410");
    }
    table.fails("410 at page 1", 1, expired(), "configuration", "410 Gone");
}

#[test]
fn a_connection_that_breaks_between_pages_gives_all_nodes_or_none() {
    check_canned(boundaries);
}

#[test]
fn each_status_has_its_error_kind_on_each_page() {
    check_canned(|table| statuses(table, &[1, 3]));
}

#[test]
fn restarts_a_list_that_expires() {
    check_canned(expired_lists);
}
