//! Descriptions of how a worker's process ended.

use std::process::ExitStatus;

use gatherer_plugin_api::{ErrorKind, GatherError};

/// How a process ended if not with status 0, as a part of a sentence.
pub fn abnormal_end(status: ExitStatus) -> Option<String> {
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
        libc::SIGXCPU => " (SIGXCPU)",
        libc::SIGXFSZ => " (SIGXFSZ)",
        _ => "",
    }
}

/// The error of a worker that ended before its last frame, and that the runner did not end. `status` is
/// absent if it is not known, `last_output` is the end of the worker's stderr, and `memory_remedy` is the
/// action that the hint suggests if the worker ran out of memory.
pub fn crash_error(
    status: Option<ExitStatus>,
    last_output: &str,
    memory_remedy: &str,
) -> GatherError {
    let end = match status.map(abnormal_end) {
        Some(Some(end)) => end,
        Some(None) => "exited with status 0".to_owned(),
        None => "ended".to_owned(),
    };
    let mut message = format!("the worker {end} before its answer was complete");
    if !last_output.is_empty() {
        message.push_str("; its last output: ");
        message.push_str(last_output);
    }
    let hint = match Cause::of(status, last_output) {
        Cause::WorkerMemory => {
            format!("it ran out of memory: {memory_remedy}, or request less from one endpoint")
        }
        Cause::Killed => {
            "it was killed, as the kernel does when the machine or the container is out \
            of memory (see the kernel's log): lower --jobs or --worker-memory, or add memory"
                .to_owned()
        }
        Cause::AskedToEnd => {
            "this program did not send the signal: find out which process on this machine did"
                .to_owned()
        }
        Cause::FileSize => {
            "a file that it wrote reached the limit on file sizes: raise `ulimit -f`".to_owned()
        }
        Cause::CpuTime => "it reached the limit on CPU time: raise `ulimit -t`".to_owned(),
        Cause::Plugin => {
            "this is a bug in the plugin or in a library that it uses: report it to the \
            plugin's author"
                .to_owned()
        }
    };
    GatherError::new(ErrorKind::Crashed, message).with_hint(hint)
}

/// The probable cause of a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// The worker reached its own memory limit.
    WorkerMemory,
    /// The kernel or another process sent SIGKILL; usually the kernel, for lack of memory.
    Killed,
    /// Another process sent a signal that asks to end.
    AskedToEnd,
    /// It reached the limit on the size of files.
    FileSize,
    /// It reached the limit on CPU time.
    CpuTime,
    /// The plugin, or a library that it uses.
    Plugin,
}

impl Cause {
    fn of(status: Option<ExitStatus>, last_output: &str) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        match status.and_then(|status| status.signal()) {
            Some(libc::SIGKILL) => Self::Killed,
            Some(libc::SIGTERM | libc::SIGINT | libc::SIGHUP) => Self::AskedToEnd,
            Some(libc::SIGXFSZ) => Self::FileSize,
            Some(libc::SIGXCPU) => Self::CpuTime,
            _ if is_allocation_failure(last_output) => Self::WorkerMemory,
            _ => Self::Plugin,
        }
    }
}

/// Whether the output has an allocator's message that no memory is left.
fn is_allocation_failure(last_output: &str) -> bool {
    let messages =
        ["memory allocation of", "bad_alloc", "cannot allocate memory", "Cannot allocate memory"];
    messages.iter().any(|message| last_output.contains(message))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    use super::{Cause, crash_error};

    #[test]
    fn blames_the_plugin_only_if_nothing_else_ended_the_worker() {
        let signal = |number| Some(ExitStatus::from_raw(number));
        let exit = |status| Some(ExitStatus::from_raw(status << 8));
        for (status, tail, cause) in [
            (signal(libc::SIGKILL), "", Cause::Killed),
            (signal(libc::SIGTERM), "", Cause::AskedToEnd),
            (signal(libc::SIGXFSZ), "", Cause::FileSize),
            (signal(libc::SIGXCPU), "", Cause::CpuTime),
            (signal(libc::SIGABRT), "memory allocation of 8 bytes failed", Cause::WorkerMemory),
            (signal(libc::SIGABRT), "", Cause::Plugin),
            (signal(libc::SIGSEGV), "", Cause::Plugin),
            (exit(7), "", Cause::Plugin),
            (exit(0), "", Cause::Plugin),
            (None, "", Cause::Plugin),
        ] {
            assert_eq!(Cause::of(status, tail), cause, "{status:?} {tail}");
            let hint = crash_error(status, tail, "raise it").hint.expect("a hint");
            let blames = hint.contains("bug in the plugin");
            assert_eq!(blames, cause == Cause::Plugin, "{status:?}");
        }
    }
}
