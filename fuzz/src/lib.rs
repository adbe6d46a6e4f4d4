//! Runs the fuzz targets of one crate under libFuzzer, one target per process.
//!
//! The targets themselves stand in a module `fuzzing` of the crate whose code they call. Tests replay
//! the committed cases through them without this crate.
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

/// The CPU time that one input may take. Wall time would depend on what else the machine does.
const INPUT_MAX: Duration = Duration::from_secs(1);

/// The target that this process runs.
static CHOSEN: OnceLock<fn(&[u8])> = OnceLock::new();

/// Chooses the target that the environment names. Without a name the process prints the names of all
/// targets and ends.
pub fn choose(targets: &[Target]) {
    let Ok(wanted) = std::env::var(TARGET_VARIABLE) else {
        for (name, _) in targets {
            println!("{name}");
        }
        std::process::exit(0);
    };
    let Some((_, target)) = targets.iter().find(|(name, _)| *name == wanted) else {
        eprintln!("{TARGET_VARIABLE}: there is no target {wanted} in this binary");
        std::process::exit(2);
    };
    // It is called once.
    let _ = CHOSEN.set(*target);
}

/// Runs the chosen target on one input.
pub fn run(input: &[u8]) {
    let Some(target) = CHOSEN.get() else { return };
    let start = cpu_time();
    target(input);
    let taken = cpu_time().saturating_sub(start);
    assert!(taken < INPUT_MAX, "this input takes {} ms of CPU time", taken.as_millis());
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
            init: $crate::choose($targets),
            |input: &[u8]| $crate::run(input)
        );
    };
}
