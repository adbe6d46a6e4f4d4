//! Measures module Libvirt with a real daemon, compared with virsh.

use std::path::Path;
use std::time::Duration;

use gatherer_tests::servers::libvirt::{CountingProxy, Libvirtd, LibvirtdOptions};

use super::Result;
use super::measure::{Program, Table, mebibytes, median, milliseconds, run};

const GUESTS: usize = 2_000;
const CALLS: usize = 10;
const TURNS: usize = 9;

pub fn measure(program: &Path) -> Result<Table> {
    let mut table = Table::new(format!(
        "Module Libvirt: a daemon with {GUESTS} guests, in turns with `virsh list --all`, medians"
    ));
    let daemon =
        match Libvirtd::start(&LibvirtdOptions { guests: GUESTS, ..LibvirtdOptions::default() }) {
            Ok(daemon) => daemon,
            Err(reason) => {
                table.figure("skipped", reason);
                return Ok(table);
            }
        };
    let program = Program::new(program)?;
    let request = |uri: &str| format!(r#"[{{"id": "e", "module": "Libvirt", "uri": "{uri}"}}]"#);
    let check = |output: &str| {
        let listed = output.matches("\"vmState\"").count();
        if listed == GUESTS { Ok(()) } else { Err(format!("{listed} guests: {output}")) }
    };
    let gather = |uri: &str| -> Result<Duration> {
        let (output, cost) = program.gather(&request(uri))?;
        check(&output)?;
        Ok(cost.wall)
    };
    let virsh = || -> Result<Duration> {
        let mut command = daemon.virsh_command();
        command.arg("list --all");
        let (output, cost) = run(command, "")?;
        let listed = output.matches("shut off").count();
        if listed == GUESTS { Ok(cost.wall) } else { Err(format!("virsh: {listed} guests").into()) }
    };
    let counted = CountingProxy::start(daemon.tcp());
    gather(&counted.uri())?;
    // The calls with which libvirt's client opens and closes a connection do not count.
    let (calls, packets) = (counted.queries().len(), counted.calls().len());

    let (mut gatherer, mut virsh_times, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let (output, peaks) = program.gather_watched(&request(&daemon.unix_uri()))?;
    check(&output)?;
    for _ in 0..TURNS {
        let own = gather(&daemon.unix_uri())?;
        let other = virsh()?;
        ratios.push(own.as_secs_f64() / other.as_secs_f64());
        gatherer.push(own);
        virsh_times.push(other);
    }
    table.goal(
        "calls",
        format!("{calls}, {packets} with those that open and close the connection"),
        format!("<= {CALLS}"),
        calls <= CALLS,
    );
    let figure = format!(
        "{}; virsh {}",
        milliseconds(median(&gatherer)),
        milliseconds(median(&virsh_times))
    );
    table.figure("time", figure);
    table.figure("times virsh", format!("{:.2} x", median(&ratios)));
    table.figure("peak memory of runner and worker", mebibytes(peaks.together()));
    Ok(table)
}
