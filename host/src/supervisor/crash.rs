//! How a worker's process ended, in words.

use std::process::ExitStatus;

use gatherer_plugin_api::{ErrorKind, GatherError};

/// How a process ended, unless it simply ended.
pub fn describe(status: ExitStatus) -> Option<String> {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(0), _) => None,
        (Some(code), _) => Some(format!("exited with status {code}")),
        (None, Some(signal)) => {
            Some(format!("was ended by signal {signal}{}", signal_name(signal)))
        }
        (None, None) => Some("ended".to_owned()),
    }
}

fn signal_name(signal: i32) -> &'static str {
    match signal {
        libc::SIGABRT => " (SIGABRT)",
        libc::SIGBUS => " (SIGBUS)",
        libc::SIGFPE => " (SIGFPE)",
        libc::SIGILL => " (SIGILL)",
        libc::SIGKILL => " (SIGKILL)",
        libc::SIGSEGV => " (SIGSEGV)",
        libc::SIGTERM => " (SIGTERM)",
        _ => "",
    }
}

/// The error of a worker that ended without an answer. Its status is unknown where the kernel
/// would not tell it.
pub fn crashed(status: Option<ExitStatus>, tail: &str) -> GatherError {
    let how = match status.map(describe) {
        Some(Some(how)) => how,
        Some(None) => "exited with status 0".to_owned(),
        None => "ended".to_owned(),
    };
    let words = if tail.is_empty() { String::new() } else { format!("; it last wrote: {tail}") };
    GatherError::new(
        ErrorKind::Crashed,
        format!("the worker {how} before it had given its answer{words}"),
    )
    .with_hint(if is_out_of_memory(tail) {
        "it had used up its memory: raise --worker-memory, or ask for less through one endpoint"
    } else {
        "this is a fault of the plugin or of a library that it uses: report it to its maker"
    })
}

/// Whether the last words are those of an allocator that got nothing.
fn is_out_of_memory(tail: &str) -> bool {
    let out_of_memory = ["memory allocation of", "bad_alloc", "annot allocate memory"];
    out_of_memory.iter().any(|words| tail.contains(words))
}
