//! The help: the table of keys of the place one is at.

use super::Painter;
use crate::tui::keymap::{self, Binding, Place};
use crate::tui::theme::Scope;
use crate::tui::widget::confirm::popup;
use crate::tui::widget::text;
use ratatui::layout::Rect;

/// Rows of the help of `place`; a row without keys is a heading.
fn rows(place: Place) -> Vec<(String, &'static str)> {
    let title = Place::ALL.iter().find(|(p, _)| *p == place).map_or("", |(_, title)| *title);
    let (own, common): (Vec<&Binding>, Vec<&Binding>) = keymap::at(place).partition(|b| !b.places.is_empty());
    let line = |b: &&Binding| (keymap::keys(b), b.help);
    let heading = |words| (String::new(), words);
    let mut rows = vec![heading(title)];
    rows.extend(own.iter().map(line));
    rows.push(heading(""));
    rows.push(heading("Everywhere"));
    rows.extend(common.iter().map(line));
    rows
}

/// How many rows the help has, for scrolling.
pub fn len(place: Place) -> usize {
    rows(place).len()
}

pub fn draw(place: Place, scroll: usize, area: Rect, painter: &mut Painter) {
    let rows = rows(place);
    let height = (rows.len() as u16 + 2).min(area.height.saturating_sub(2));
    let inner = popup("Keys · any other key closes", 76, height, area, painter.buf, painter.theme);
    let first = scroll.min(rows.len().saturating_sub(inner.height as usize));
    for (i, (keys, help)) in rows.iter().skip(first).take(inner.height as usize).enumerate() {
        let row = Rect { y: inner.y + i as u16, height: 1, ..inner };
        if keys.is_empty() {
            painter.line(row, 0, help, Scope::Title);
        } else {
            painter.line(row, 0, &text::left(keys, 16), Scope::Key);
            painter.line(Rect { x: row.x + 17, width: row.width.saturating_sub(17), ..row }, 0, help, Scope::Text);
        }
    }
    if first + (inner.height as usize) < rows.len() {
        let at = (inner.x + inner.width - 1, inner.y + inner.height - 1);
        painter.buf[at].set_char('↓').set_style(painter.theme.style(Scope::Key));
    }
}
