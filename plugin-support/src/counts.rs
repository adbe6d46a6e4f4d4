//! Formats counts in the sentences of a check.

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
