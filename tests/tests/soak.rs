//! A short soak, see `make soak` for a long one: nothing leaks, whatever fails and however it ends.

use std::time::Duration;

use gatherer_tests::soak::Soak;

#[test]
fn runs_with_failures_and_signals_leave_nothing_behind() {
    let soak =
        Soak { endpoints: 50, duration: Duration::ZERO, least_runs: 6, seed: 0x5eed_1234_5678 };
    let report = soak.run(|line| println!("{line}"));
    assert!(report.findings.is_empty(), "{report}\n{}", report.findings.join("\n"));
    assert_eq!((report.runs, report.endpoints), (6, 300));
}
