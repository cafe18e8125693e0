//! The audit: what every layer did to the relevance of one image.

use crate::nn::network::AuditRow;
use crate::tui::app::State;
use crate::tui::screen::Painter;
use crate::tui::theme::Scope;
use crate::tui::widget::list::{self, Column, Width};
use crate::tui::widget::text::{significant, wrap};
use ratatui::layout::Rect;
use ratatui::text::Span;

const COLUMNS: [Column; 6] = [
    Column { title: "layer", width: Width::Rest(12), figures: false },
    Column { title: "in", width: Width::Cells(9), figures: true },
    Column { title: "out", width: Width::Cells(9), figures: true },
    Column { title: "biases", width: Width::Cells(9), figures: true },
    Column { title: "leaked", width: Width::Cells(9), figures: true },
    Column { title: "kind", width: Width::Cells(14), figures: false },
];

/// Shares of a layer's relevance from which on a leak is marked.
const NOTED: f64 = 1e-3;

pub fn draw(state: &State, area: Rect, painter: &mut Painter) {
    let explain = &state.explain;
    let analyzer = explain.analyzer().unwrap_or_default();
    let rows = match explain.audited() {
        None if explain.case().is_none() => return,
        None => return painter.line(area, 0, &format!("auditing {analyzer} …"), Scope::Dim),
        Some(Err(error)) => {
            for (i, line) in wrap(&format!("{analyzer}: {error}"), area.width as usize).iter().enumerate() {
                painter.line(area, i as u16, line, Scope::Text);
            }
            return;
        }
        Some(Ok(rows)) => rows,
    };
    let theme = painter.theme;
    painter.spans(area, 0, balance(analyzer, rows, painter));
    let look = painter.look(true);
    let (text, dim, warning) = (theme.style(Scope::Text), theme.style(Scope::Dim), theme.style(Scope::Warning));
    let room = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    list::render(&COLUMNS, rows.len(), &explain.audit_row, room, painter.buf, look, |i| {
        let row = &rows[i];
        let leak = leaks(row);
        vec![
            (crate::text::line(&row.name).into_owned(), text),
            (number(row.relevance_in), text),
            (number(row.relevance_out), text),
            (number(row.absorbed), dim),
            (format!("{}{}", if leak { "!" } else { "" }, number(row.leaked())), if leak { warning } else { dim }),
            (row.kind.to_owned(), dim),
        ]
    });
}

/// Four digits, or a power of ten where zeros would take the room.
fn number(v: f64) -> String {
    match v.abs() {
        size if size == 0.0 || (1e-3..1e5).contains(&size) => significant(Some(v), 4),
        _ => format!("{v:.2e}"),
    }
}

fn leaks(row: &AuditRow) -> bool {
    row.leaked().abs() > NOTED * row.relevance_in.abs().max(row.relevance_out.abs())
}

/// What comes in at the output, and what becomes of it.
fn balance(analyzer: &str, rows: &[AuditRow], painter: &Painter) -> Vec<Span<'static>> {
    let theme = painter.theme;
    let sum = |of: fn(&AuditRow) -> f64| rows.iter().map(of).sum::<f64>();
    let (first, last) = (rows.first().map_or(0.0, |r| r.relevance_in), rows.last().map_or(0.0, |r| r.relevance_out));
    let words = format!(
        "in {} · in the image {} · biases {} · leaked {}",
        number(first),
        number(last),
        number(sum(|r| r.absorbed)),
        number(sum(AuditRow::leaked))
    );
    vec![
        Span::styled(format!("{analyzer}  "), theme.style(Scope::Strong)),
        Span::styled(words, theme.style(Scope::Text)),
    ]
}
