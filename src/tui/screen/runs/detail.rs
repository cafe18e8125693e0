//! One run: figures, curves of loss and error, log.

use super::list::status_style;
use super::{Axis, Figure, Followed, Row, Runs};
use crate::run::Status;
use crate::run::event::Epoch;
use crate::tui::model::{CardUse, RunFacts};
use crate::tui::screen::{Painter, panel};
use crate::tui::theme::Scope;
use crate::tui::widget::chart::{Chart, Series, axis_end};
use crate::tui::widget::text::{count, decimals, duration, fit, rate, significant, wrap};
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

/// Name and points of a curve, and whether it is dashed.
type Curve = (&'static str, Vec<(f64, f64)>, bool);

/// Draws the selected run into `area`.
pub fn draw(runs: &Runs, area: Rect, focused: bool, painter: &mut Painter) {
    let Some(row) = runs.selected() else {
        panel("", &[], area, focused, painter);
        return;
    };
    let inner = panel(row.run.id(), &[], area, focused, painter);
    let facts = match &row.facts {
        None => return,
        Some(Err(error)) => {
            for (i, line) in wrap(error, inner.width as usize).iter().enumerate() {
                painter.line(inner, i as u16, line, Scope::Error);
            }
            return;
        }
        Some(Ok(facts)) => facts,
    };
    let Some(followed) = runs.followed.get(&row.run) else {
        // The curves come in a moment; the figures are known.
        figures(facts, &Followed::default(), inner, painter);
        return;
    };
    let used = figures(facts, followed, inner, painter);
    let rest = Rect { y: inner.y + used, height: inner.height.saturating_sub(used), ..inner };
    let [charts, log] = split(rest);
    draw_charts(runs, facts, followed, charts, painter);
    draw_log(row, followed, log, painter);
}

/// The part of the charts and that of the log.
fn split(area: Rect) -> [Rect; 2] {
    let stacked = area.width < 70 && area.height >= 16;
    let charts = match area.height {
        h if stacked => (h * 2 / 3).clamp(14, 28),
        h if h < 12 => h,
        h => (h * 3 / 5).clamp(8, 20),
    };
    let charts = charts.min(area.height);
    [Rect { height: charts, ..area }, Rect { y: area.y + charts, height: area.height - charts, ..area }]
}

/// Draws the figures; returns how many rows they took.
fn figures(facts: &RunFacts, followed: &Followed, area: Rect, painter: &mut Painter) -> u16 {
    let theme = painter.theme;
    let (dim, text, strong) = (theme.style(Scope::Dim), theme.style(Scope::Text), theme.style(Scope::Strong));
    let history = &followed.history;
    let last = history.epochs.last();
    let fold = facts.folds.map_or(String::new(), |n| format!("  fold {} of {n}", facts.fold));
    let mut first = vec![Span::styled(
        format!("{} {}", facts.status.glyph(), facts.status.word()),
        status_style(theme, facts.status),
    )];
    if facts.status == Status::Running {
        first.push(Span::styled("  left ", dim));
        first.push(Span::styled(facts.eta_seconds.map_or("…".to_owned(), duration), strong));
    }
    first.push(Span::styled("  at work ", dim));
    first.push(Span::styled(duration(facts.seconds), text));
    first.push(Span::styled(format!("  {} on {}{fold}", facts.recipe, facts.dataset), dim));
    painter.spans(area, 0, first);

    let mut second =
        vec![Span::styled("epoch ", dim), Span::styled(format!("{}/{} ", facts.epoch, facts.epochs), strong)];
    let bar = usize::from(area.width / 6).clamp(6, 24);
    let done = match facts.epochs {
        0 => 0,
        epochs => (bar as u64 * facts.epoch.min(epochs) / epochs) as usize,
    };
    second.push(Span::styled("━".repeat(done), theme.style(Scope::Progress)));
    second.push(Span::styled("╌".repeat(bar - done), theme.style(Scope::ProgressRest)));
    second.push(Span::styled("  best ", dim));
    if facts.segments {
        second.push(Span::styled("DI ", dim));
        second.push(Span::styled(decimals(facts.best_dice_percent, 1), strong));
        second.push(Span::styled(" %  MAE ", dim));
    }
    if facts.hearts {
        second.push(Span::styled(decimals(facts.best_ml, 1), strong));
        second.push(Span::styled(" ml", dim));
    } else if facts.segments {
        second.push(Span::styled(decimals(facts.best_mm, 2), strong));
        second.push(Span::styled(" mm", dim));
    } else {
        second.push(Span::styled(decimals(facts.best_px, 2), strong));
        second.push(Span::styled(" px", dim));
        if let Some(mm) = facts.best_mm {
            second.push(Span::styled(format!(" {mm:.2} mm"), text));
        }
    }
    if let Some(epoch) = facts.best_epoch {
        second.push(Span::styled(format!(" @{epoch}"), dim));
    }
    painter.spans(area, 1, second);

    let mut third: Vec<Span> = Vec::new();
    let mut left = usize::from(area.width);
    // Figures that do not fit whole are left out; the most wanted come first.
    let mut pair = |value: String, unit: &'static str| {
        let wide = value.width() + unit.width() + if third.is_empty() { 0 } else { 3 };
        if wide > left {
            return;
        }
        left -= wide;
        if !third.is_empty() {
            third.push(Span::styled(" · ", dim));
        }
        third.push(Span::styled(value, text));
        third.push(Span::styled(unit, dim));
    };
    if facts.status == Status::Running {
        pair(format!("step {:>7}  loss {:<8}", count(history.step), significant(history.loss, 4)), "");
    }
    if let Some(epoch) = last {
        pair(count(epoch.images_per_second.round().max(0.0) as u64), " img/s");
        pair(format!("{:.1}", epoch.seconds), " s/epoch");
        pair(format!("lr {}", rate(epoch.lr)), "");
    }
    if let (Some(system), Status::Running) = (&history.system, facts.status) {
        pair(format!("{:.0}", system.cpu_percent), "% cpu");
        pair(format!("{:.0}", system.rss_bytes as f64 / 1048576.0), " MiB");
        if let Some(card) = CardUse::of(system) {
            pair(card.words(3), "");
            if let Some(watts) = card.power_watts {
                pair(format!("{watts:.0}"), " W");
            }
        }
    }
    painter.spans(area, 2, third);
    3
}

fn draw_charts(runs: &Runs, facts: &RunFacts, followed: &Followed, area: Rect, painter: &mut Painter) {
    if area.height < 4 {
        return;
    }
    let epochs = &followed.history.epochs;
    let x_end = axis_end(epochs.last().map_or(1.0, |e| e.epoch as f64), facts.epochs as f64);
    let points = |name: &str| -> Vec<(f64, f64)> {
        epochs.iter().map(|e| (e.epoch as f64, e.metric(name).unwrap_or(f64::NAN))).collect()
    };
    let mut train_loss = points("train_loss");
    if epochs.len() < 2 {
        // Until there are epochs to connect, the steps themselves are the curve.
        train_loss = steps(followed);
    }
    let best = followed.history.best();
    let at = |name: &str| best.and_then(|e: &Epoch| Some((e.epoch as f64, e.metric(name)?)));
    let figures: Vec<Figure> = match facts.segments {
        true if area.width >= 120 => vec![runs.figure, runs.figure.next()],
        true => vec![runs.figure],
        false => Vec::new(),
    };
    let places = places(area, 1 + figures.len().max(1) as u16);
    let mut chart = |title: &str, curves: &[Curve], mark, area| {
        let theme = painter.theme;
        let style = |dashed: bool| theme.style(if dashed { Scope::ChartValidation } else { Scope::ChartTrain });
        let series: Vec<Series> = curves
            .iter()
            .filter(|c| c.1.iter().any(|p| p.1.is_finite()))
            .map(|(name, points, dashed)| Series { name, points, style: style(*dashed), dashed: *dashed })
            .collect();
        let chart = Chart {
            title,
            series: &series,
            x_end,
            x_name: "epoch",
            log: match runs.axis {
                Axis::Auto => wide_range(&series),
                Axis::Log => true,
                Axis::Linear => false,
            },
            mark,
            mark_name: "best",
            text: theme.style(Scope::Title),
            axis: theme.style(Scope::ChartAxis),
            mark_style: theme.style(Scope::ChartBest),
        };
        chart.render(area, painter.buf);
    };
    let losses = [("train", train_loss, false), ("validation", points("val_loss"), true)];
    chart("loss", &losses, at("val_loss"), places[0]);
    if !facts.segments {
        let unit = if facts.hearts { "ml" } else { "px" };
        let [train, validation] = ["train", "val"].map(|part| format!("{part}_mae_{unit}"));
        let errors = [("train", points(&train), false), ("validation", points(&validation), true)];
        chart(&format!("MAE {unit}"), &errors, at(&validation), places[1]);
    }
    for (figure, place) in figures.into_iter().zip(&places[1..]) {
        let (title, name, factor) = match figure {
            Figure::Dice => ("DI %", "val_dice", 100.0),
            Figure::Hausdorff => ("HD mm", "val_hausdorff_mm", 1.0),
            Figure::Mae if facts.hearts => ("MAE ml", "val_mae_ml", 1.0),
            Figure::Mae => ("MAE mm", "val_mae_mm", 1.0),
        };
        let curve = points(name).into_iter().map(|(x, y)| (x, y * factor)).collect();
        chart(title, &[("validation", curve, true)], at(name).map(|(x, y)| (x, y * factor)), *place);
    }
}

/// Where so many charts go: beside each other, two below each other on a narrow screen, only the last on a low one.
fn places(area: Rect, count: u16) -> Vec<Rect> {
    if area.width >= 70 {
        let step = area.width / count;
        let place = |i: u16| {
            let x = i * step + u16::from(i > 0);
            let end = if i + 1 == count { area.width } else { (i + 1) * step };
            Rect { x: area.x + x, width: end - x, ..area }
        };
        return (0..count).map(place).collect();
    }
    if area.height < 12 {
        return vec![Rect::default(), area];
    }
    let half = area.height / 2;
    vec![Rect { height: half, ..area }, Rect { y: area.y + half, height: area.height - half, ..area }]
}

/// Whether the curves span so many orders that a linear axis would show a line along the bottom.
fn wide_range(series: &[Series]) -> bool {
    let values = series.iter().flat_map(|s| s.points).map(|p| p.1).filter(|v| v.is_finite() && *v > 0.0);
    let (low, high) = values.fold((f64::INFINITY, 0.0), |(l, h): (f64, f64), v| (l.min(v), h.max(v)));
    high > low * 50.0
}

/// The losses of single steps, in epochs.
fn steps(followed: &Followed) -> Vec<(f64, f64)> {
    let per_epoch = followed.history.setup.as_ref().map_or(0, |s| s.steps_per_epoch).max(1) as f64;
    followed.history.steps.iter().map(|(step, loss)| (*step as f64 / per_epoch, *loss)).collect()
}

fn draw_log(row: &Row, followed: &Followed, area: Rect, painter: &mut Painter) {
    if area.height < 2 {
        return;
    }
    let theme = painter.theme;
    let ended_badly = matches!(row.status(), Some(Status::Failed | Status::Crashed));
    painter.spans(area, 0, vec![Span::styled("log", theme.style(Scope::Title))]);
    let body = Rect { y: area.y + 1, height: area.height - 1, ..area };
    let wide = body.width as usize;
    let mut lines: Vec<Line> = Vec::new();
    for line in followed.log.iter().rev().take(body.height as usize).rev() {
        let clock = line.time.to_zoned(painter.zone.clone()).strftime("%H:%M:%S ").to_string();
        let room = wide.saturating_sub(clock.len());
        // What went wrong is shown whole; the rest on one line each.
        let parts = match line.scope {
            Scope::Error | Scope::Warning => wrap(&line.text, room),
            _ => vec![fit(&line.text, room).into_owned()],
        };
        for (i, part) in parts.into_iter().enumerate() {
            let head = if i == 0 { clock.clone() } else { " ".repeat(clock.len()) };
            lines.push(Line::from(vec![
                Span::styled(head, theme.style(Scope::Dim)),
                Span::styled(part, theme.style(line.scope)),
            ]));
        }
    }
    if ended_badly || lines.len() < 4 {
        let printed = followed.console.iter().rev().take(8).rev();
        lines.extend(printed.map(|l| Line::styled(fit(l, wide).into_owned(), theme.style(Scope::Dim))));
    }
    if row.status() == Some(Status::Crashed) {
        let text = "! the worker is gone without a word: killed, or the machine went down. r resumes from the last checkpoint.";
        let style = theme.style(Scope::StatusCrashed);
        lines.extend(wrap(text, wide).into_iter().map(|l| Line::styled(l, style)));
    }
    let from = lines.len().saturating_sub(body.height as usize);
    for (i, line) in lines.iter().skip(from).enumerate() {
        painter.buf.set_line(body.x, body.y + i as u16, line, body.width);
    }
}
