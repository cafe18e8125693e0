//! The list of runs: status, name, fold, epochs, best error, its course, time left.

use super::{Row, Runs};
use crate::run::Status;
use crate::tui::screen::{Hit, Painter, panel};
use crate::tui::theme::{Scope, Theme};
use crate::tui::widget::list::{self, Column, Width};
use crate::tui::widget::spark::sparkline;
use crate::tui::widget::text::{decimals, duration, wrap};
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Cells of the sparkline, one less where columns are dear.
fn spark(wide: bool, masks: bool) -> usize {
    if masks && !wide { 7 } else { 8 }
}

/// The columns: `wide` has the data set and millimetres too, `masks` what segmentations are judged by.
fn columns(wide: bool, masks: bool) -> Vec<Column> {
    let figures = |title, cells| Column { title, width: Width::Cells(cells), figures: true };
    let words = |title, width| Column { title, width, figures: false };
    let mut columns = vec![words("status", Width::Cells(10)), words("run", Width::Rest(11))];
    if wide {
        columns.push(words("data", Width::Rest(6)));
    }
    columns.extend([figures("fold", 4), figures("epoch", 7), figures("MAE px", 7)]);
    if wide || masks {
        columns.push(figures("mm", 6));
    }
    if masks {
        columns.push(figures("DI %", 5));
    }
    columns.extend([words("course", Width::Cells(spark(wide, masks) as u16)), figures("left", 8)]);
    columns
}

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
    let look = painter.look(focused);
    let masks = runs.rows.iter().any(|row| row.known().is_some_and(|facts| facts.segments));
    let rows =
        list::render(&columns(wide, masks), runs.visible.len(), &runs.selection, inner, painter.buf, look, |place| {
            row(&runs.rows[runs.visible[place]], wide, masks, theme)
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
fn row(row: &Row, wide: bool, masks: bool, theme: &Theme) -> list::Row {
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
    let error = match facts.best_ml {
        Some(ml) => format!("{ml:.1}ml"),
        None => decimals(facts.best_px, 2),
    };
    cells.extend([(fold, dim), plain(epoch), (error, theme.style(Scope::Strong))]);
    if wide || masks {
        cells.push(plain(decimals(facts.best_mm, 2)));
    }
    if masks {
        cells.push(plain(decimals(facts.best_dice_percent, 1)));
    }
    cells.extend([(sparkline(&facts.curve, spark(wide, masks)), theme.style(Scope::Spark)), (end, dim)]);
    cells
}
