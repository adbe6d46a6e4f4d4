//! The step `objects` of a check, and the counts in its sentence.

use gatherer_plugin_api::CheckStep;

/// A count with its noun: `1 host`, `2 hosts`.
///
/// ```
/// use gatherer_plugin_support::counts::count;
/// assert_eq!(count(1, "host"), "1 host");
/// assert_eq!(count(0, "virtual machine"), "0 virtual machines");
/// ```
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// The step `objects` of a check that has read what a run reads: these counts, and the object and message of each warning that
/// a run would have.
pub fn objects_step<'a>(
    counts: String,
    warnings: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> CheckStep {
    let mut warnings = warnings.into_iter();
    let Some((object, message)) = warnings.next() else {
        return CheckStep::ok("objects", counts);
    };
    let others = match warnings.count() {
        0 => String::new(),
        others => format!(" ({others} more)"),
    };
    let message = format!("{counts}; {object}: {message}{others}");
    CheckStep::warning(
        "objects",
        message,
        "a run has the same warnings: what they name is missing or uncertain in it",
    )
}
