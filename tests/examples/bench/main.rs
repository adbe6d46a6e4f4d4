//! Measures the program as whole processes and compares with the goals: `make bench`.
//!
//! A machine is never twice the same, so what is compared is measured in one run, in turns. What
//! a run prints is checked: a fast failure cannot pass for a fast gathering.

mod curl;
mod kubernetes;
mod libvirt;
mod measure;
mod processes;
mod workloads;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use measure::Table;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const USAGE: &str = "usage: bench PROGRAM [processes] [kubernetes] [workloads] [libvirt]";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(program) = arguments.next() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let wanted: Vec<String> = arguments.collect();
    let mut missed = 0;
    for (name, measure) in [
        ("processes", processes::measure as fn(&Path) -> Result<Table>),
        ("kubernetes", kubernetes::measure),
        ("workloads", workloads::measure),
        ("libvirt", libvirt::measure),
    ] {
        if !wanted.is_empty() && wanted.iter().all(|wanted| wanted != name) {
            continue;
        }
        let program = match Path::new(&program).canonicalize() {
            Ok(program) => program,
            Err(error) => {
                eprintln!("bench: {program}: {error}");
                return ExitCode::from(2);
            }
        };
        match measure(&program) {
            Ok(table) => missed += table.print(),
            Err(error) => {
                eprintln!("bench: {name}: {error}");
                return ExitCode::from(4);
            }
        }
    }
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    println!("({processors} processors; whole processes, start and end included)");
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
