//! A short soak test: nothing leaks when endpoints fail and signals end the run. `make soak` runs a long one.

use std::time::Duration;

use gatherer_tests::soak::Soak;

#[test]
fn runs_with_failures_and_signals_leak_nothing() {
    let soak =
        Soak { endpoints: 50, duration: Duration::ZERO, least_runs: 6, seed: 0x5eed_1234_5678 };
    let report = soak.run(|line| println!("{line}"));
    assert!(report.findings.is_empty(), "{report}\n{}", report.findings.join("\n"));
    assert_eq!((report.runs, report.endpoints), (6, 300));
}
