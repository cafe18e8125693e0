//! Lists and tables with one selected row that is always in sight.

use super::text;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Which row is selected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    pub index: usize,
}

impl Selection {
    /// `by` rows further (or back), within `len`.
    pub fn step(&mut self, by: isize, len: usize) {
        self.index = self.index.saturating_add_signed(by).min(len.saturating_sub(1));
    }

    pub fn clamp(&mut self, len: usize) {
        self.index = self.index.min(len.saturating_sub(1));
    }

    /// The first row in sight, for `height` rows of `len`.
    pub fn offset(&self, height: usize, len: usize) -> usize {
        // Drawing does not change state, so the offset is what it must be from the index alone, remembering nothing:
        // the selected row keeps a third of the height above it.
        let before = height / 3;
        self.index.saturating_sub(before).min(len.saturating_sub(height))
    }
}

/// How wide a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// So many cells.
    Cells(u16),
    /// What the others leave, at least so many.
    Rest(u16),
}

/// A column: title, width, whether it is a column of figures (to the right).
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub title: &'static str,
    pub width: Width,
    pub figures: bool,
}

/// The width of each column in `total` cells, one cell between them. Columns that do not fit, from the last on, get 0.
pub fn widths(columns: &[Column], total: u16) -> Vec<u16> {
    let least = |c: &Column| match c.width {
        Width::Cells(n) | Width::Rest(n) => n,
    };
    let mut shown = columns.len();
    let need = |n: usize| columns[..n].iter().map(least).sum::<u16>() + n.saturating_sub(1) as u16;
    while shown > 1 && need(shown) > total {
        shown -= 1;
    }
    let spare = total.saturating_sub(need(shown));
    let flexible = columns[..shown].iter().filter(|c| matches!(c.width, Width::Rest(_))).count().max(1) as u16;
    let mut spread = 0;
    columns
        .iter()
        .enumerate()
        .map(|(i, column)| match column.width {
            _ if i >= shown => 0,
            Width::Cells(n) => n.min(total),
            Width::Rest(n) => {
                // The last flexible column takes what division leaves over.
                spread += 1;
                let share =
                    if spread == flexible { spare - spare / flexible * (flexible - 1) } else { spare / flexible };
                (n + share).min(total)
            }
        })
        .collect()
}

/// One row: a text and a style for each column.
pub type Row = Vec<(String, Style)>;

/// How the parts look.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub header: Style,
    pub selected: Style,
    pub scroll: Style,
}

/// Draws header and rows; `row(i)` is asked only for rows in sight. Returns the area of the rows, for the mouse.
pub fn render(
    columns: &[Column],
    len: usize,
    selection: &Selection,
    area: Rect,
    buf: &mut Buffer,
    look: Look,
    row: impl Fn(usize) -> Row,
) -> Rect {
    if area.height < 2 {
        return Rect::default();
    }
    // One cell to the left for the pointer, one to the right for the scroll mark.
    let inner = Rect { x: area.x + 2, width: area.width.saturating_sub(3), ..area };
    let widths = widths(columns, inner.width);
    line(&widths, columns, inner.x, inner.y, buf, |i| (columns[i].title.to_owned(), look.header));
    let rows = Rect { y: area.y + 1, height: area.height - 1, ..area };
    let first = selection.offset(rows.height as usize, len);
    for (n, y) in (first..len).zip(rows.y..rows.y + rows.height) {
        let cells = row(n);
        line(&widths, columns, inner.x, y, buf, |i| cells.get(i).cloned().unwrap_or_default());
        if n == selection.index {
            buf.set_style(Rect { y, height: 1, ..rows }, look.selected);
            buf[(area.x, y)].set_char('›');
        }
    }
    let below = len.saturating_sub(first + rows.height as usize);
    let x = area.x + area.width - 1;
    if first > 0 {
        buf[(x, rows.y)].set_char('↑').set_style(look.scroll);
    }
    if below > 0 {
        buf[(x, rows.y + rows.height - 1)].set_char('↓').set_style(look.scroll);
    }
    rows
}

fn line(
    widths: &[u16],
    columns: &[Column],
    mut x: u16,
    y: u16,
    buf: &mut Buffer,
    cell: impl Fn(usize) -> (String, Style),
) {
    for (i, &width) in widths.iter().enumerate().filter(|(_, w)| **w > 0) {
        let (words, style) = cell(i);
        let padded = match columns[i].figures {
            true => text::right(&words, width as usize),
            false => text::left(&words, width as usize),
        };
        buf.set_stringn(x, y, padded, width as usize, style);
        x += width + 1;
    }
}

/// A line of hints: `key label  key label`, cut at a whole hint.
pub fn hints<'a>(pairs: &[(String, &'a str)], width: usize, key: Style, label: Style) -> Line<'a> {
    let mut spans: Vec<Span> = Vec::new();
    let mut used = 0;
    for (name, what) in pairs {
        let wide = name.chars().count() + 1 + what.chars().count() + 2;
        if used + wide > width + 2 {
            break;
        }
        used += wide;
        spans.push(Span::styled(name.clone(), key));
        spans.push(Span::styled(format!(" {what}  "), label));
    }
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [
        Column { title: "name", width: Width::Rest(6), figures: false },
        Column { title: "epoch", width: Width::Cells(5), figures: true },
        Column { title: "eta", width: Width::Cells(7), figures: true },
    ];

    #[test]
    fn columns_share_the_width_and_the_last_ones_go_first() {
        assert_eq!(widths(&COLUMNS, 30), [16, 5, 7]);
        assert_eq!(widths(&COLUMNS, 14), [8, 5, 0]);
        assert_eq!(widths(&COLUMNS, 4), [4, 0, 0]);
    }

    #[test]
    fn the_selected_row_is_always_in_sight() {
        let mut selection = Selection::default();
        for _ in 0..50 {
            selection.step(3, 100);
            let first = selection.offset(10, 100);
            assert!((first..first + 10).contains(&selection.index));
        }
        selection.step(1000, 100);
        assert_eq!((selection.index, selection.offset(10, 100)), (99, 90));
        selection.step(-1000, 100);
        assert_eq!((selection.index, selection.offset(10, 100)), (0, 0));
        selection.step(1, 0);
        assert_eq!(selection.index, 0);
    }
}
