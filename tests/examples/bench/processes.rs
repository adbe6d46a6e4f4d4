//! Measures the start of the program and of its workers.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::Result;
use super::measure::{Program, Table, median, milliseconds, run};

pub fn measure(program: &Path) -> Result<Table> {
    let program = Program::new(program)?;
    std::fs::write(program.folder().join("hosts.json"), HOSTS)?;
    let files: Vec<String> = (0..200)
        .map(|number| {
            format!(
                r#"{{"id": "e{number}", "module": "File", "url": "{}/hosts.json"}}"#,
                program.folder().display()
            )
        })
        .collect();
    let slow: Vec<String> =
        (0..32).map(|number| example(number, if number == 0 { 5000 } else { 100 })).collect();

    let mut table = Table::new("Processes: medians, also as multiples of /bin/true");
    let base = wall(51, || Ok(run(Command::new("/bin/true"), "")?.1.wall))?;
    let mut line = |name: &str, median: Duration, goal: Option<u64>| {
        let figure = format!(
            "{:>11} {:>8.1} x",
            milliseconds(median),
            median.as_secs_f64() / base.as_secs_f64()
        );
        match goal {
            None => table.figure(name, figure),
            Some(goal) => {
                let met = median < Duration::from_millis(goal);
                table.goal(name, figure, format!("< {goal} ms"), met);
            }
        }
    };
    line("/bin/true", base, None);
    line("--list-modules", wall(51, || list_modules(&program))?, Some(10));
    line(
        "1 Example endpoint, spawn to done",
        wall(51, || gather(&program, &[example(0, 0)]))?,
        None,
    );
    line("200 File endpoints", wall(7, || gather(&program, &files))?, Some(1500));
    line("1 endpoint of 5 s, 31 of 0.1 s", wall(3, || gather(&program, &slow))?, Some(5600));
    Ok(table)
}

/// The median time of `runs` runs, after a first one that fills the caches and does not count.
fn wall(runs: usize, mut run: impl FnMut() -> Result<Duration>) -> Result<Duration> {
    run()?;
    let times = (0..runs).map(|_| run()).collect::<Result<Vec<_>>>()?;
    Ok(median(&times))
}

fn list_modules(program: &Program) -> Result<Duration> {
    let mut command = program.command();
    command.arg("--list-modules");
    let (output, cost) = run(command, "")?;
    if output.contains("\"File\"") {
        Ok(cost.wall)
    } else {
        Err("the list lacks module File".into())
    }
}

/// Gathers from the endpoints. Each of them must have a result.
fn gather(program: &Program, endpoints: &[String]) -> Result<Duration> {
    let (output, cost) = program.gather(&format!("[{}]", endpoints.join(",")))?;
    let complete = output.matches("\n    \"e").count();
    if complete != endpoints.len() || output.contains(": null") {
        return Err(format!("not every endpoint was gathered:\n{output}").into());
    }
    Ok(cost.wall)
}

fn example(number: u32, delay_ms: u32) -> String {
    format!(
        r#"{{"id": "e{number}", "module": "Example", "hostname": "esx{number}", "guests": "10", "delay_ms": "{delay_ms}"}}"#
    )
}

/// A document for module File with one host and two guests.
const HOSTS: &str = r#"{"esx1": {"name": "esx1", "hostIdentifier": "id1", "type": "qemu", "os": "libvirt", "osVersion": "9.0",
 "totalCpuSockets": 1, "totalCpuCores": 4, "totalCpuThreads": 8, "cpuMhz": 2000.0, "cpuArch": "x86_64", "cpuVendor": "intel",
 "cpuDescription": "Xeon", "ramMb": 4096, "vms": {"a": "00000000-0000-4000-8000-000000000001", "b": "00000000-0000-4000-8000-000000000002"},
 "optionalVmData": {"a": {"vmState": "running"}}}}"#;
