//! Text for people whose long lines are wrapped at the width of the terminal.

use crate::output::format::table::{text_width, wrapped};

/// The minimum width of a wrapped text, even if its indentation leaves less.
const MIN_ROOM: usize = 20;

/// A text that is built line by line.
pub struct Page {
    text: String,
    width: usize,
}

impl Page {
    /// An empty page of this width.
    pub fn new(width: usize) -> Self {
        Self { text: String::new(), width }
    }

    /// Appends a line. If it is too long it is wrapped, and its further lines are indented by `indent` columns, which
    /// the beginning of the line must have in ASCII.
    pub fn put(&mut self, indent: usize, line: &str) {
        match line.split_at_checked(indent) {
            Some((head, rest)) if text_width(line) > self.width => {
                let room = self.width.saturating_sub(indent).max(MIN_ROOM);
                for (number, part) in wrapped(rest, room).iter().enumerate() {
                    let before = if number == 0 { head } else { &" ".repeat(indent) };
                    self.text.push_str(before);
                    self.text.push_str(part);
                    self.text.push('\n');
                }
            }
            _ => {
                self.text.push_str(line);
                self.text.push('\n');
            }
        }
    }

    /// Appends an empty line.
    pub fn blank(&mut self) {
        self.text.push('\n');
    }

    /// Whether nothing was appended.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The text.
    pub fn into_text(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::Page;
    use crate::output::terminal::UNLIMITED;

    #[test]
    fn further_lines_are_aligned_with_the_text_of_the_first() {
        let line = "Libvirt     Virtual machines of one hypervisor, over ssh, TLS or TCP";
        let printed = |width| {
            let mut page = Page::new(width);
            page.put(12, line);
            page.blank();
            page.put(0, "short");
            page.into_text()
        };
        assert_eq!(printed(UNLIMITED), format!("{line}\n\nshort\n"));
        let indent = " ".repeat(12);
        assert_eq!(
            printed(42),
            format!(
                "Libvirt     Virtual machines of one\n{indent}hypervisor, over ssh, TLS or\n{indent}TCP\n\nshort\n"
            )
        );
    }
}
