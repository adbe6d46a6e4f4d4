//! The program never waits without a limit: not for processes that the kernel keeps, for orphans or for files
//! that block. With few threads or descriptors it prints a complete result or an error.

mod blocked_files;
mod orphan_processes;
mod scarce_resources;
mod unkillable_workers;
