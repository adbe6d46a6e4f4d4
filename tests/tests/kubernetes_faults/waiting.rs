//! Tests of servers that do not respond in time. They are separate from the faults that keep the machine
//! busy, so that the module's own timeout, shortly before the runner's, reports the error.

use std::net::TcpListener;

use gatherer_plugin_support::testing::{Action, FullPort};
use gatherer_tests::scripted_cluster::faults;

use super::{Expected, SHORT, Table, check_canned};

pub(super) fn waits(table: &mut Table) {
    for page in [1, 2, 3, 4] {
        let hole = faults::action(Action::BlackHole);
        table.times_out(&format!("black hole at page {page}"), page, hole, "no response within");
    }
    for page in [1, 3] {
        let mut waits = |name: &str, fault, text| {
            table.times_out(&format!("{name} at page {page}"), page, faults::action(fault), text);
        };
        waits("drips", Action::Drip, "not complete within");
        waits("drips its head", Action::DripHead, "no response within");
        waits("falls silent", Action::Pause, "not complete within");
    }
}

#[test]
fn a_slow_server_times_out_at_the_deadline() {
    check_canned(waits);
}

#[test]
fn a_server_that_accepts_no_connection_times_out_at_the_deadline() {
    let full = FullPort::open();
    // The kernel accepts connections for it.
    let hole = TcpListener::bind("127.0.0.1:0").expect("a port of 127.0.0.1 is free");
    let silent = hole.local_addr().expect("the listener has an address");
    let expected = |text: &str| Expected::Error("timeout", text.to_owned());
    check_canned(|table| {
        let url = format!("https://{}", full.address());
        table.add_url("no connection", &url, SHORT, expected("no TLS connection within"));
        let url = format!("http://{}", full.address());
        table.add_url("no plain connection", &url, SHORT, expected("no connection within"));
        let url = format!("https://{silent}");
        table.add_url("black hole before TLS", &url, SHORT, expected("no TLS connection within"));
    });
}
