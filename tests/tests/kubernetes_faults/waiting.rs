//! Tests of servers that do not respond in time. They are separate from the faults that keep the machine
//! busy, so that the module's own timeout, shortly before the runner's, reports the error.

use gatherer_tests::fault_server::{Fault, FaultServer, FullPort, faults};

use super::{Expected, SHORT, Table, check_canned};

pub(super) fn waits(table: &mut Table) {
    for page in [1, 2, 3, 4] {
        let hole = faults::fault(Fault::BlackHole);
        table.times_out(&format!("black hole at page {page}"), page, hole, "no response within");
    }
    for page in [1, 3] {
        let mut waits = |name: &str, fault, text| {
            table.times_out(&format!("{name} at page {page}"), page, faults::fault(fault), text);
        };
        waits("drips", Fault::Drip, "not complete within");
        waits("drips its head", Fault::DripHead, "no response within");
        waits("falls silent", Fault::Pause, "not complete within");
    }
}

#[test]
fn a_slow_server_times_out_at_the_deadline() {
    check_canned(waits);
}

#[test]
fn a_server_that_accepts_no_connection_times_out_at_the_deadline() {
    let full = FullPort::open();
    let hole = FaultServer::http(Fault::BlackHole, b"");
    let expected = |text: &str| Expected::Error("timeout", text.to_owned());
    check_canned(|table| {
        let url = format!("https://{}", full.address());
        table.add_url("no connection", &url, SHORT, expected("no TLS connection within"));
        let url = format!("http://{}", full.address());
        table.add_url("no plain connection", &url, SHORT, expected("no connection within"));
        let url = format!("https://{}", hole.address());
        table.add_url("black hole before TLS", &url, SHORT, expected("no TLS connection within"));
    });
}
