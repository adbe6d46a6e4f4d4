//! The exit statuses of the program.

/// The exit status; the numbers are part of the command line's contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The result was printed.
    Done = 0,
    /// `--fail-on` applies, `--find` found nothing, `diff --exit-code` found differences, or a plugin did not pass
    /// `plugin verify`.
    EndpointsFailed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The infile, the operator's file or a configured plugin folder cannot be used.
    Unreadable = 3,
    /// An internal error.
    Internal = 4,
    /// The result cannot be written to standard output or the outfile.
    Unwritable = 5,
    /// SIGHUP.
    HungUp = 129,
    /// SIGINT.
    Interrupted = 130,
    /// SIGTERM.
    Terminated = 143,
}
