//! Measures whole processes of the program and compares the figures with the goals (`make bench`).
//!
//! The speed of a machine varies, so everything that is compared is measured in one run, in turns. The output of
//! each run is checked, so that a fast failure does not count as a fast run. The environment variable `BESIDE` names
//! a second program, such as an older build, that the parts kubernetes and workloads measure in the same turns.

mod curl;
mod ec2;
mod formats;
mod kubernetes;
mod libvirt;
mod measure;
mod openstack;
mod processes;
mod shards;
mod vmware;
mod workloads;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use measure::Table;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const USAGE: &str = "usage: bench PROGRAM [processes] [kubernetes] [workloads] [libvirt] [vmware] [ec2] [openstack] [moto] [formats] [shards]";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(program) = arguments.next() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let selected: Vec<String> = arguments.collect();
    let mut missed = 0;
    for (name, measure) in [
        ("processes", processes::measure as fn(&Path) -> Result<Table>),
        ("kubernetes", kubernetes::measure),
        ("workloads", workloads::measure),
        ("libvirt", libvirt::measure),
        ("vmware", vmware::measure),
        ("ec2", ec2::measure),
        ("moto", ec2::measure_moto),
        ("openstack", openstack::measure),
        ("formats", formats::measure),
        ("shards", shards::measure),
    ] {
        if !selected.is_empty() && selected.iter().all(|selected| selected != name) {
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
    println!("({processors} processors; whole processes, including start and end)");
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
