//! A bounded queue of formatted log lines that sheds the least important lines first.

use std::collections::VecDeque;

use gatherer_plugin_api::LogLevel;

/// The most bytes of lines in the queue of one destination. A run at `-vv` over a hundred endpoints
/// logs about 1 MiB in all, so a destination that works never comes near this limit.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;

/// The most lines in the queue of one destination: a short line takes more memory than its text.
pub const MAX_LINES: usize = 16 * 1024;

/// Error, warning, info, debug, trace.
const LEVELS: usize = 5;

/// How many lines of each level were lost, the most important level first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LostLines([u64; LEVELS]);

impl LostLines {
    /// How many lines were lost in all.
    pub fn total(self) -> u64 {
        self.0.iter().sum()
    }

    /// The counts for a message: `3 warning, 120 debug`.
    pub fn by_level(self) -> String {
        let names = ["error", "warning", "info", "debug", "trace"];
        let counts = self.0.iter().zip(names).filter(|(count, _)| **count > 0);
        counts.map(|(count, name)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
    }
}

/// Lines to be written, in the order in which they were logged.
pub struct Queue {
    /// The lines of each level with their numbers, which give the order over all levels.
    levels: [VecDeque<(u64, String)>; LEVELS],
    next: u64,
    lines: usize,
    bytes: usize,
    max_lines: usize,
    max_bytes: usize,
    lost: LostLines,
}

impl Queue {
    /// An empty queue with these limits.
    pub fn new(max_lines: usize, max_bytes: usize) -> Self {
        let (levels, lost) = (Default::default(), LostLines::default());
        Self { levels, next: 0, lines: 0, bytes: 0, max_lines, max_bytes, lost }
    }

    /// Appends a line. If there is no room, the oldest lines of the least important level below
    /// this line's are dropped for it; if there are none, this line is dropped.
    pub fn push(&mut self, level: LogLevel, line: String) {
        let rank = rank(level);
        while self.lines >= self.max_lines || self.bytes + line.len() > self.max_bytes {
            let victim = (rank + 1..LEVELS).rev().find(|rank| !self.levels[*rank].is_empty());
            let dropped = victim.unwrap_or(rank);
            self.lost.0[dropped] += 1;
            if victim.is_none() || self.take(dropped).is_none() {
                return;
            }
        }
        self.lines += 1;
        self.bytes += line.len();
        self.levels[rank].push_back((self.next, line));
        self.next += 1;
    }

    /// Counts a line that cannot be written as lost.
    pub fn lose(&mut self, level: LogLevel) {
        self.lost.0[rank(level)] += 1;
    }

    /// Takes the line that was logged first.
    pub fn pop(&mut self) -> Option<String> {
        let first = (0..LEVELS)
            .filter_map(|rank| Some((self.levels[rank].front()?.0, rank)))
            .min()
            .map(|(_, rank)| rank)?;
        self.take(first)
    }

    fn take(&mut self, rank: usize) -> Option<String> {
        let (_, line) = self.levels[rank].pop_front()?;
        self.lines -= 1;
        self.bytes -= line.len();
        Some(line)
    }

    /// How many lines are in the queue.
    pub fn len(&self) -> usize {
        self.lines
    }

    /// The lines that were lost since the last call, once half of the queue is free again.
    pub fn lost_if_room(&mut self) -> Option<LostLines> {
        let has_room = self.lines <= self.max_lines / 2 && self.bytes <= self.max_bytes / 2;
        if has_room && self.lost.total() > 0 { Some(std::mem::take(&mut self.lost)) } else { None }
    }

    /// Empties the queue, and returns how many lines were lost: those and the ones dropped before.
    pub fn abandon(&mut self) -> LostLines {
        let mut lost = std::mem::take(&mut self.lost);
        for (rank, lines) in self.levels.iter_mut().enumerate() {
            lost.0[rank] += lines.len() as u64;
            lines.clear();
        }
        (self.lines, self.bytes) = (0, 0);
        lost
    }
}

/// The index of a level, the most important first.
fn rank(level: LogLevel) -> usize {
    match level {
        LogLevel::Error => 0,
        LogLevel::Warn => 1,
        LogLevel::Info => 2,
        LogLevel::Debug => 3,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::LogLevel::{Debug, Error, Info, Trace, Warn};

    use super::Queue;

    fn drain(queue: &mut Queue) -> Vec<String> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn lines_of_all_levels_keep_their_order() {
        let mut queue = Queue::new(10, 1000);
        for (level, line) in [(Info, "a"), (Error, "b"), (Debug, "c"), (Warn, "d"), (Info, "e")] {
            queue.push(level, line.to_owned());
        }
        assert_eq!(drain(&mut queue), ["a", "b", "c", "d", "e"]);
        assert_eq!(queue.lost_if_room(), None);
    }

    #[test]
    fn overload_drops_trace_then_debug_then_info_oldest_first_and_counts_them() {
        let mut queue = Queue::new(4, 1000);
        for (level, line) in [(Debug, "d1"), (Trace, "t1"), (Info, "i1"), (Debug, "d2")] {
            queue.push(level, line.to_owned());
        }
        queue.push(Info, "i2".to_owned());
        queue.push(Info, "i3".to_owned());
        // The queue has no line that is less important than this one.
        queue.push(Trace, "t2".to_owned());
        assert_eq!(queue.lost_if_room(), None, "it is still full");
        assert_eq!(drain(&mut queue), ["i1", "d2", "i2", "i3"]);
        let lost = queue.lost_if_room().expect("lines were dropped");
        assert_eq!((lost.total(), lost.by_level().as_str()), (3, "1 debug, 2 trace"));
        assert_eq!(queue.lost_if_room(), None, "reported once");
    }

    #[test]
    fn a_warning_is_never_dropped_while_an_info_line_waits() {
        let mut queue = Queue::new(100, 100_000);
        for number in 0..1000 {
            queue.push(Info, format!("info {number}"));
            if number % 10 == 0 {
                queue.push(Warn, format!("warning {number}"));
            }
        }
        let lines = drain(&mut queue);
        assert_eq!(lines.iter().filter(|line| line.starts_with("warning")).count(), 100);
        let lost = queue.lost_if_room().expect("lines were dropped");
        assert_eq!(lost.by_level(), "1000 info");
    }

    #[test]
    fn a_queue_full_of_warnings_drops_the_newest_warning_and_keeps_errors() {
        let mut queue = Queue::new(3, 1000);
        for number in 0..5 {
            queue.push(Warn, format!("w{number}"));
        }
        queue.push(Error, "e".to_owned());
        assert_eq!(drain(&mut queue), ["w1", "w2", "e"]);
        assert_eq!(queue.lost_if_room().expect("some").by_level(), "3 warning");
    }

    #[test]
    fn bytes_are_bounded_as_well_as_lines() {
        let mut queue = Queue::new(1000, 10);
        queue.push(Debug, "1234".to_owned());
        queue.push(Debug, "5678".to_owned());
        queue.push(Error, "abcdef".to_owned());
        assert_eq!(drain(&mut queue), ["5678", "abcdef"]);
        queue.push(Error, "x".repeat(11));
        assert!(drain(&mut queue).is_empty());
        assert_eq!(queue.abandon().by_level(), "1 error, 1 debug");
    }
}
