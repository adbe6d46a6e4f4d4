//! Formats the time since and until a point in time.

use gatherer_plugin_api::model::Timestamp;

/// A duration in its largest unit: `45 s`, `12 min`, `3 h`, `9 days`.
pub fn duration(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    let seconds = seconds.max(0);
    // A unit begins at twice its length, so that the number has at least some precision.
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / MINUTE),
        7200..172_800 => format!("{} h", seconds / HOUR),
        _ => format!("{} days", seconds / DAY),
    }
}

/// `12 min ago`.
pub fn since(at: Timestamp, now: Timestamp) -> String {
    format!("{} ago", duration(now.as_second() - at.as_second()))
}

/// `in 12 min`, or `12 min ago`.
pub fn until(at: Timestamp, now: Timestamp) -> String {
    let seconds = at.as_second() - now.as_second();
    if seconds >= 0 { format!("in {}", duration(seconds)) } else { since(at, now) }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn a_duration_has_its_largest_unit() {
        let shown = [-5, 0, 119, 120, 7199, 7200, 172_799, 172_800].map(duration);
        assert_eq!(shown, ["0 s", "0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 days"]);
    }
}
