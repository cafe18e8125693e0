//! The list of runs: status, name, fold, epochs, best error, its course, time left.

use super::{Row, Runs};
use crate::run::Status;
use crate::tui::screen::{Hit, Painter, panel};
use crate::tui::theme::{Scope, Theme};
use crate::tui::widget::list::{self, Column, Look, Width};
use crate::tui::widget::spark::sparkline;
use crate::tui::widget::text::{decimals, duration, wrap};
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Cells of the sparkline.
const SPARK: usize = 8;

const NARROW: &[Column] = &[
    Column { title: "status", width: Width::Cells(10), figures: false },
    Column { title: "run", width: Width::Rest(11), figures: false },
    Column { title: "fold", width: Width::Cells(4), figures: true },
    Column { title: "epoch", width: Width::Cells(7), figures: true },
    Column { title: "MAE px", width: Width::Cells(7), figures: true },
    Column { title: "course", width: Width::Cells(SPARK as u16), figures: false },
    Column { title: "left", width: Width::Cells(8), figures: true },
];

const WIDE: &[Column] = &[
    NARROW[0],
    NARROW[1],
    Column { title: "data", width: Width::Rest(6), figures: false },
    NARROW[2],
    NARROW[3],
    NARROW[4],
    Column { title: "mm", width: Width::Cells(6), figures: true },
    NARROW[5],
    NARROW[6],
];

/// The style of a status; its word and glyph stand beside it everywhere.
pub fn status_style(theme: &Theme, status: Status) -> Style {
    theme.style(match status {
        Status::Queued => Scope::StatusQueued,
        Status::Running => Scope::StatusRunning,
        Status::Paused => Scope::StatusPaused,
        Status::Stopped => Scope::StatusStopped,
        Status::Finished => Scope::StatusFinished,
        Status::Failed => Scope::StatusFailed,
        Status::Crashed => Scope::StatusCrashed,
    })
}

pub fn draw(runs: &Runs, area: Rect, focused: bool, painter: &mut Painter) {
    let theme = painter.theme;
    let inner = panel(&title(runs), &[runs.sort.word()], area, focused, painter);
    if runs.rows.is_empty() {
        return empty(runs, inner, painter);
    }
    if runs.visible.is_empty() {
        let text = format!("No run fits \"{}\": esc shows them all.", runs.filter);
        painter.line(inner, 0, &text, Scope::Dim);
        return;
    }
    let wide = inner.width >= 80;
    let look = Look {
        header: theme.style(Scope::Header),
        selected: theme.style(if focused { Scope::Selection } else { Scope::SelectionDim }),
        scroll: theme.style(Scope::Dim),
    };
    let columns = if wide { WIDE } else { NARROW };
    let rows = list::render(columns, runs.visible.len(), &runs.selection, inner, painter.buf, look, |place| {
        row(&runs.rows[runs.visible[place]], wide, theme)
    });
    let first = runs.selection.offset(rows.height as usize, runs.visible.len());
    painter.hits.push((rows, Hit::Rows { first }));
}

fn title(runs: &Runs) -> String {
    let count = |status| runs.rows.iter().filter(|r| r.status() == Some(status)).count();
    let mut title = match runs.filter.is_empty() {
        true => format!("Runs {}", runs.rows.len()),
        false => format!("Runs {} of {} · filter: {}", runs.visible.len(), runs.rows.len(), runs.filter),
    };
    for status in [Status::Running, Status::Paused, Status::Queued] {
        let n = count(status);
        if n > 0 {
            title.push_str(&format!(" · {n} {}", status.word()));
        }
    }
    title
}

fn empty(runs: &Runs, area: Rect, painter: &mut Painter) {
    if !runs.listed {
        return;
    }
    let text = "No runs yet: press n, or `hcwb run start reg-cnn263k`. `hcwb demo` shows one without any data.";
    for (i, line) in wrap(text, area.width as usize).iter().enumerate() {
        painter.line(area, i as u16, line, Scope::Text);
    }
}

/// The cells of one run.
fn row(row: &Row, wide: bool, theme: &Theme) -> list::Row {
    let (text, dim) = (theme.style(Scope::Text), theme.style(Scope::Dim));
    let plain = |words: String| (words, text);
    let Some(facts) = row.known() else {
        let word = if row.facts.is_some() { "? unreadable" } else { "…" };
        return vec![(word.to_owned(), dim), plain(row.run.id().to_owned())];
    };
    let status = facts.status;
    let fold = facts.folds.map_or(format!("{}", facts.fold), |n| format!("{}/{n}", facts.fold));
    let epoch = match facts.epoch {
        0 => format!("–/{}", facts.epochs),
        n => format!("{n}/{}", facts.epochs),
    };
    let end = match (status, &facts.reason) {
        (Status::Running, _) => facts.eta_seconds.map_or("…".to_owned(), duration),
        (Status::Finished, Some(reason)) if reason == "patience" => "early".to_owned(),
        (Status::Failed, _) => "see log".to_owned(),
        (Status::Stopped | Status::Crashed, _) => "r resume".to_owned(),
        (Status::Paused, _) => "p go on".to_owned(),
        _ => String::new(),
    };
    let mut cells = vec![
        (format!("{} {}", status.glyph(), status.word()), status_style(theme, status)),
        plain(facts.recipe.clone()),
    ];
    if wide {
        cells.push((facts.dataset.clone(), dim));
    }
    cells.extend([(fold, dim), plain(epoch), (decimals(facts.best_px, 2), theme.style(Scope::Strong))]);
    if wide {
        cells.push(plain(decimals(facts.best_mm, 2)));
    }
    cells.extend([(sparkline(&facts.curve, SPARK), theme.style(Scope::Spark)), (end, dim)]);
    cells
}
