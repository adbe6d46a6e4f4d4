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
        libc::SIGXCPU => " (SIGXCPU)",
        libc::SIGXFSZ => " (SIGXFSZ)",
        _ => "",
    }
}

/// The error of a worker that ended without an answer. Its status is unknown where the kernel
/// would not tell it. It was not this program that ended it. `memory_remedy` is what to raise where its
/// memory did not suffice.
pub fn crashed(status: Option<ExitStatus>, tail: &str, memory_remedy: &str) -> GatherError {
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
    .with_hint(match Cause::of(status, tail) {
        Cause::WorkerMemory => {
            format!(
                "it had used up its memory: {memory_remedy}, or ask for less through one endpoint"
            )
        }
        cause => cause.hint().to_owned(),
    })
}

/// What ended a worker, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// It met its own limit on memory.
    WorkerMemory,
    /// Something else sent it SIGKILL: as a rule the kernel, which was out of memory.
    Killed,
    /// Something else asked it to end.
    AskedToEnd,
    /// It met a limit on the size of files.
    FileSize,
    /// It met a limit on CPU time.
    CpuTime,
    /// The plugin's own doing.
    Plugin,
}

impl Cause {
    fn of(status: Option<ExitStatus>, tail: &str) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        match status.and_then(|status| status.signal()) {
            Some(libc::SIGKILL) => Self::Killed,
            Some(libc::SIGTERM | libc::SIGINT | libc::SIGHUP) => Self::AskedToEnd,
            Some(libc::SIGXFSZ) => Self::FileSize,
            Some(libc::SIGXCPU) => Self::CpuTime,
            _ if is_out_of_memory(tail) => Self::WorkerMemory,
            _ => Self::Plugin,
        }
    }

    /// What to do about it.
    const fn hint(self) -> &'static str {
        match self {
            Self::WorkerMemory => "it had used up its memory",
            Self::Killed => {
                "something else killed it, as the kernel does where the machine or the container is \
                 out of memory (see the kernel's log): lower --jobs or --worker-memory, or add memory"
            }
            Self::AskedToEnd => {
                "something else than this program sent it the signal: find out what ends processes \
                 on this machine"
            }
            Self::FileSize => "a file that it wrote met the limit on file sizes: raise ulimit -f",
            Self::CpuTime => "it met the limit on CPU time: raise ulimit -t",
            Self::Plugin => {
                "this is a fault of the plugin or of a library that it uses: report it to its maker"
            }
        }
    }
}

/// Whether the last words are those of an allocator that got nothing.
fn is_out_of_memory(tail: &str) -> bool {
    let out_of_memory = ["memory allocation of", "bad_alloc", "annot allocate memory"];
    out_of_memory.iter().any(|words| tail.contains(words))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    use super::{Cause, crashed};

    #[test]
    fn the_plugin_is_blamed_for_what_it_did_alone() {
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
            let blames =
                crashed(status, tail, "raise it").hint.is_some_and(|hint| hint.contains("fault"));
            assert_eq!(blames, cause == Cause::Plugin, "{status:?}");
        }
    }
}
