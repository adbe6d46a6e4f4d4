//! Draws rows and columns. Columns are as wide as their content if the terminal allows it; otherwise the least important
//! ones are left out or cut.

use super::text_width::{cut, cut_middle, width};
use crate::output::terminal::UNLIMITED;

/// Color or weight of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CellStyle {
    #[default]
    Plain,
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
}

impl CellStyle {
    /// The text with the ANSI codes of this style, or unchanged if colors are disabled or the text is empty.
    pub fn paint(self, text: &str, color: bool) -> String {
        let code = match self {
            Self::Plain => return text.to_owned(),
            _ if !color || text.is_empty() => return text.to_owned(),
            Self::Bold => 1,
            Self::Dim => 2,
            Self::Red => 31,
            Self::Green => 32,
            Self::Yellow => 33,
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// One cell of a row. The text must be escaped.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    pub text: String,
    pub style: CellStyle,
}

impl Cell {
    pub fn new(text: impl Into<String>, style: CellStyle) -> Self {
        Self { text: text.into(), style }
    }
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub title: &'static str,
    /// Whether the text is aligned to the right, for numbers.
    pub aligns_right: bool,
    /// The width to which the column is cut in the first step; 0: it is not cut in this step.
    pub preferred_width: usize,
    /// The width to which the column is cut in the second step; 0: it is not cut in this step.
    pub min_width: usize,
    /// Whether the middle of the text is cut, because its end is as important as its beginning.
    pub cuts_middle: bool,
    /// The order in which columns are left out in the third step, highest first; 0: never.
    pub drop_order: u8,
    /// Whether the column repeats what other lines show. It is left out on a terminal.
    pub repeats: bool,
}

const GAP: usize = 2;
const INDENT: usize = 2;

/// Appends the titles and rows. An empty column is left out.
pub fn draw(columns: &[Column], rows: &[Vec<Cell>], limit: usize, color: bool, out: &mut String) {
    let shown = fit(columns, rows, limit);
    let titles: Vec<Cell> =
        columns.iter().map(|column| Cell::new(column.title, CellStyle::Dim)).collect();
    for row in std::iter::once(&titles).chain(rows) {
        let mut line = " ".repeat(INDENT);
        let mut pending = 0;
        for &(index, room) in &shown {
            let cell = &row[index];
            let text = if columns[index].cuts_middle {
                cut_middle(&cell.text, room)
            } else {
                cut(&cell.text, room)
            };
            let space = room - width(&text);
            let painted = cell.style.paint(&text, color);
            let (before, after) = if columns[index].aligns_right { (space, 0) } else { (0, space) };
            if text.is_empty() {
                pending += room + GAP;
            } else {
                line.push_str(&" ".repeat(pending + before));
                line.push_str(&painted);
                pending = after + GAP;
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

/// The columns that are shown, each with its width.
fn fit(columns: &[Column], rows: &[Vec<Cell>], limit: usize) -> Vec<(usize, usize)> {
    let mut shown: Vec<(usize, usize)> = Vec::new();
    for (index, column) in columns.iter().enumerate() {
        if column.repeats && limit != UNLIMITED {
            continue;
        }
        let content = rows.iter().map(|row| width(&row[index].text)).max().unwrap_or(0);
        if content > 0 {
            shown.push((index, content.max(width(column.title))));
        }
    }
    loop {
        let total = INDENT
            + shown.iter().map(|(_, room)| room).sum::<usize>()
            + GAP * shown.len().saturating_sub(1);
        let Some(excess) = total.checked_sub(limit).filter(|excess| *excess > 0) else {
            return shown;
        };
        if narrow(columns, &mut shown, excess, |column| column.preferred_width)
            || narrow(columns, &mut shown, excess, |column| column.min_width)
        {
            continue;
        }
        let droppable = (0..shown.len())
            .filter(|&place| columns[shown[place].0].drop_order > 0)
            .max_by_key(|&place| columns[shown[place].0].drop_order);
        if let Some(place) = droppable {
            shown.remove(place);
        } else {
            for (_, room) in &mut shown {
                *room = (*room).min(limit.saturating_sub(INDENT));
            }
            shown.truncate(1);
            return shown;
        }
    }
}

/// Reduces the width of the widest column that is wider than its bound, at most to the width of the next such column. False
/// if there is none.
fn narrow(
    columns: &[Column],
    shown: &mut [(usize, usize)],
    excess: usize,
    bound: impl Fn(&Column) -> usize,
) -> bool {
    let bound = |place: usize, shown: &[(usize, usize)]| bound(&columns[shown[place].0]);
    let mut wide: Vec<usize> = (0..shown.len())
        .filter(|&place| (1..shown[place].1).contains(&bound(place, shown)))
        .collect();
    wide.sort_by_key(|&place| std::cmp::Reverse(shown[place].1));
    let Some(&widest) = wide.first() else { return false };
    let room = shown[widest].1;
    let next = wide.get(1).map_or(0, |&place| shown[place].1);
    let floor = bound(widest, shown).max(next.min(room - 1));
    shown[widest].1 = room.saturating_sub(excess).max(floor);
    true
}
