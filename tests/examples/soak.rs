//! Runs of 1,000 endpoints with failures and signals for a given time (`make soak`).

use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gatherer_tests::soak::Soak;

const USAGE: &str = "usage: soak SECONDS [ENDPOINTS [SEED]]";

fn main() -> ExitCode {
    let numbers: Result<Vec<u64>, _> = std::env::args().skip(1).map(|text| text.parse()).collect();
    let Ok([seconds, more @ ..]) = numbers.as_deref() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seed = more.get(1).copied().unwrap_or(now.as_secs());
    let soak = Soak {
        endpoints: more.first().and_then(|number| usize::try_from(*number).ok()).unwrap_or(1000),
        duration: Duration::from_secs(*seconds),
        least_runs: 4,
        seed,
    };
    println!("{} endpoints a run, for {seconds} s, seed {seed}", soak.endpoints);
    let report = soak.run(|line| println!("{line}"));
    for finding in &report.findings {
        println!("FOUND {finding}");
    }
    println!("{report}");
    if report.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
