//! The analyzers that can be shown, and what each one is.

use super::Explain;
use crate::explain::ANALYZERS;
use crate::tui::app::State;
use crate::tui::screen::{Hit, Painter};
use crate::tui::theme::Scope;
use crate::tui::widget::list::{self, Column, Width};
use ratatui::layout::Rect;

const COLUMNS: [Column; 3] = [
    Column { title: "", width: Width::Cells(3), figures: false },
    Column { title: "analyzer", width: Width::Cells(20), figures: false },
    Column { title: "what it shows", width: Width::Rest(20), figures: false },
];

pub fn draw(state: &State, area: Rect, painter: &mut Painter) {
    let explain: &Explain = &state.explain;
    let theme = painter.theme;
    let look = painter.look(true);
    let (text, strong, dim) = (theme.style(Scope::Text), theme.style(Scope::Strong), theme.style(Scope::Dim));
    let rows = list::render(&COLUMNS, ANALYZERS.len(), &explain.choice, area, painter.buf, look, |i| {
        let analyzer = &ANALYZERS[i];
        let shown = explain.shown.contains(&analyzer.name);
        let mark = if shown { "[x]" } else { "[ ]" };
        let name = if shown { strong } else { text };
        vec![(mark.to_owned(), name), (analyzer.name.to_owned(), name), (analyzer.purpose.to_owned(), dim)]
    });
    let first = explain.choice.offset(rows.height as usize, ANALYZERS.len());
    painter.hits.push((rows, Hit::Rows { first }));
}
