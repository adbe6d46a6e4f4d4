//! The exit statuses of the program.

/// Why the program ends; the numbers are part of the command line's contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The result was printed.
    Done = 0,
    /// `--fail-on` applies, or a plugin that is verified does not pass.
    EndpointsFailed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The infile, the config file or a folder that was given cannot be read.
    Unreadable = 3,
    /// Something that should not happen.
    Internal = 4,
    /// SIGHUP.
    HungUp = 129,
    /// SIGINT.
    Interrupted = 130,
    /// SIGTERM.
    Terminated = 143,
}
