//! What is said about how far a run has come.

use super::State;
use crate::output::escape::escape;

/// `12/200 endpoints done, 1 failed, 32 running, 10,234 records`.
pub fn counts(state: &State) -> String {
    format!(
        "{}/{} {} done, {} failed, {} running, {} {}",
        grouped(state.done as u64),
        grouped(state.total as u64),
        if state.total == 1 { "endpoint" } else { "endpoints" },
        grouped(state.failed as u64),
        grouped(state.running.len() as u64),
        grouped(state.records),
        if state.records == 1 { "record" } else { "records" },
    )
}

/// The endpoint that has been running longest, with its plugin's latest words:
/// `vcenter-1 (45 s): reading virtual machines`. Empty if none runs.
pub fn longest(state: &State) -> String {
    let Some(running) = state.running.values().next() else { return String::new() };
    let seconds = grouped(running.since.elapsed().as_secs());
    let words = escape(running.message.trim());
    let colon = if words.is_empty() { "" } else { ": " };
    format!("{} ({seconds} s){colon}{words}", escape(&running.endpoint))
}

/// Both on one line.
pub fn line(state: &State) -> String {
    let (counts, longest) = (counts(state), longest(state));
    if longest.is_empty() { counts } else { format!("{counts}; longest {longest}") }
}

/// The number with a comma before every three digits.
fn grouped(number: u64) -> String {
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
    use super::{counts, grouped, line, longest};
    use crate::run::progress::Progress;

    #[test]
    fn numbers_are_grouped_by_three() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (12_345, "12,345"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn the_longest_running_endpoint_is_named_and_nothing_steers_the_terminal() {
        let progress = Progress::new(2);
        let first = progress.asking("a\u{1b}[31m");
        let _second = progress.asking("b");
        first.says("x\n\u{202e}y\r");
        let state = progress.state().expect("it counts");
        assert_eq!(counts(&state), "0/2 endpoints done, 0 failed, 2 running, 0 records");
        assert_eq!(longest(&state), "a\\u{1b}[31m (0 s): x\\n\\u{202e}y");
        assert!(line(&state).ends_with("0 records; longest a\\u{1b}[31m (0 s): x\\n\\u{202e}y"));
    }
}
