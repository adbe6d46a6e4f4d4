//! Rows and columns: as wide as their content where the terminal allows it, else cut where
//! it hurts least.

use super::text_width::{cut, cut_middle, width};

/// How a piece of text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Look {
    #[default]
    Plain,
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
}

impl Look {
    /// The text in this look; as it is where colors are off or nothing is to be seen.
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

/// One piece of a row. The text is escaped already.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    pub text: String,
    pub look: Look,
}

impl Cell {
    pub fn new(text: impl Into<String>, look: Look) -> Self {
        Self { text: text.into(), look }
    }
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub title: &'static str,
    /// Numbers stand at the right.
    pub right: bool,
    /// The width down to which it is cut before any other column is; 0: it is not.
    pub comfortable: usize,
    /// The least width that it may be cut to; 0: never cut.
    pub least: usize,
    /// Whether the middle is cut out, because the end tells as much as the beginning.
    pub middle: bool,
    /// Which columns go first where even that is too wide: the highest; 0 never goes.
    pub expendable: u8,
}

const GAP: usize = 2;
const INDENT: usize = 2;

/// Appends the rows under their titles. A column in which nothing stands is left out.
pub fn draw(columns: &[Column], rows: &[Vec<Cell>], limit: usize, color: bool, out: &mut String) {
    let shown = fit(columns, rows, limit);
    let titles: Vec<Cell> =
        columns.iter().map(|column| Cell::new(column.title, Look::Dim)).collect();
    for row in std::iter::once(&titles).chain(rows) {
        let mut line = " ".repeat(INDENT);
        let mut pending = 0;
        for &(index, room) in &shown {
            let cell = &row[index];
            let text = if columns[index].middle {
                cut_middle(&cell.text, room)
            } else {
                cut(&cell.text, room)
            };
            let space = room - width(&text);
            let painted = cell.look.paint(&text, color);
            let (before, after) = if columns[index].right { (space, 0) } else { (0, space) };
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

/// Which columns are shown, each with its width.
fn fit(columns: &[Column], rows: &[Vec<Cell>], limit: usize) -> Vec<(usize, usize)> {
    let mut shown: Vec<(usize, usize)> = Vec::new();
    for (index, column) in columns.iter().enumerate() {
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
        if narrow(columns, &mut shown, excess, |column| column.comfortable)
            || narrow(columns, &mut shown, excess, |column| column.least)
        {
            continue;
        }
        let expendable = (0..shown.len())
            .filter(|&place| columns[shown[place].0].expendable > 0)
            .max_by_key(|&place| columns[shown[place].0].expendable);
        if let Some(place) = expendable {
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

/// Takes columns from the widest that is wider than its bound, at most down to the next such
/// one. Says whether there was one.
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
