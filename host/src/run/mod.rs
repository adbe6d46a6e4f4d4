//! A run, on the runner's side: workers are started and read, and the run ends in good order.

pub mod children;
pub mod progress;
pub mod protocol;
pub mod reserve;
pub mod signals;
pub mod supervisor;
pub mod worker_runtime;
