//! The texts of the progress display.

use super::Counters;
use crate::output::escape::escape;

/// `12/200 endpoints done, 1 failed, 32 running, 10,234 records`.
pub fn counts(counters: &Counters) -> String {
    format!(
        "{}/{} {} done, {} failed, {} running, {} {}",
        with_commas(counters.done as u64),
        with_commas(counters.total as u64),
        if counters.total == 1 { "endpoint" } else { "endpoints" },
        with_commas(counters.failed as u64),
        with_commas(counters.running.len() as u64),
        with_commas(counters.records),
        if counters.records == 1 { "record" } else { "records" },
    )
}

/// The endpoint that has been running longest, with its plugin's latest message:
/// `vcenter-1 (45 s): reading virtual machines`. Empty if none is running.
pub fn longest_running(counters: &Counters) -> String {
    let Some(running) = counters.running.values().next() else { return String::new() };
    let seconds = with_commas(running.since.elapsed().as_secs());
    let message = escape(running.message.trim());
    let colon = if message.is_empty() { "" } else { ": " };
    format!("{} ({seconds} s){colon}{message}", escape(&running.endpoint))
}

/// Both texts on one line.
pub fn line(counters: &Counters) -> String {
    let (counts, longest) = (counts(counters), longest_running(counters));
    if longest.is_empty() { counts } else { format!("{counts}; longest {longest}") }
}

/// The number with a comma between groups of three digits.
fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 2);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::{counts, line, longest_running, with_commas};
    use crate::run::progress::Progress;

    #[test]
    fn groups_digits_by_three() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (12_345, "12,345"), (1_234_567, "1,234,567")]
        {
            assert_eq!(with_commas(number), text);
        }
    }

    #[test]
    fn names_the_longest_running_endpoint_and_escapes_control_characters() {
        let progress = Progress::new(2);
        let first = progress.start_endpoint("a\u{1b}[31m");
        let _second = progress.start_endpoint("b");
        first.set_message("x\n\u{202e}y\r");
        let counters = progress.counters().expect("it counts");
        assert_eq!(counts(&counters), "0/2 endpoints done, 0 failed, 2 running, 0 records");
        assert_eq!(longest_running(&counters), "a\\u{1b}[31m (0 s): x\\n\\u{202e}y");
        assert!(line(&counters).ends_with("0 records; longest a\\u{1b}[31m (0 s): x\\n\\u{202e}y"));
    }
}
