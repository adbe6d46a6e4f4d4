//! Runs the fuzz targets of one crate under libFuzzer, one target per process.
//!
//! The targets are in the module `fuzzing` of the crate whose code they call. Unit tests there replay
//! the committed cases without this crate.
#![cfg(feature = "targets")]

use std::sync::OnceLock;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

#[doc(hidden)]
pub use libfuzzer_sys;

/// A target's name, and the function that takes one input and panics if it finds a fault.
pub type Target = (&'static str, fn(&[u8]));

/// The environment variable that names the target to run.
pub const TARGET_VARIABLE: &str = "FUZZ_TARGET";

/// The maximum CPU time for one input. Wall-clock time would depend on the load of the machine.
const INPUT_MAX_CPU_TIME: Duration = Duration::from_secs(1);

/// The target that this process runs.
static SELECTED: OnceLock<fn(&[u8])> = OnceLock::new();

/// Selects the target that [`TARGET_VARIABLE`] names. If the variable is not set, the process prints the
/// names of all targets and exits.
pub fn select(targets: &[Target]) {
    let Ok(selected) = std::env::var(TARGET_VARIABLE) else {
        for (name, _) in targets {
            println!("{name}");
        }
        std::process::exit(0);
    };
    let Some((_, target)) = targets.iter().find(|(name, _)| *name == selected) else {
        eprintln!("{TARGET_VARIABLE}: this binary has no target {selected}");
        std::process::exit(2);
    };
    // libFuzzer calls this once, so the value cannot be set yet.
    let _ = SELECTED.set(*target);
}

/// Runs the selected target on one input.
pub fn run(input: &[u8]) {
    let Some(target) = SELECTED.get() else { return };
    let start = cpu_time();
    target(input);
    let taken = cpu_time().saturating_sub(start);
    assert!(taken < INPUT_MAX_CPU_TIME, "this input takes {} ms of CPU time", taken.as_millis());
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// The entry point of a binary that runs these targets.
#[macro_export]
macro_rules! fuzz_main {
    ($targets:expr) => {
        $crate::libfuzzer_sys::fuzz_target!(
            init: $crate::select($targets),
            |input: &[u8]| $crate::run(input)
        );
    };
}
