//! How Launch looks.

use super::{Entry, Launch};
use crate::tui::app::State;
use crate::tui::model::{Part, Plan};
use crate::tui::screen::runs::list::status_style;
use crate::tui::screen::{Hit, Painter, panel};
use crate::tui::theme::Scope;
use crate::tui::widget::list::{self, Column, Look, Width};
use crate::tui::widget::text::{count, duration, fit, wrap};
use crate::tui::widget::form;
use ratatui::layout::Rect;
use ratatui::text::Span;

const RECIPES: &[Column] = &[Column { title: "recipe", width: Width::Rest(12), figures: false }];

pub fn draw(state: &State, area: Rect, painter: &mut Painter) {
    let launch = &state.launch;
    let live = state.runs.live() as u16;
    let queue = (live + 2).clamp(3, (area.height / 4).max(4));
    let upper = Rect { height: area.height - queue, ..area };
    let left = if area.width >= 110 { 44 } else { 26 };
    draw_recipes(launch, Rect { width: left, ..upper }, painter);
    draw_form(launch, Rect { x: upper.x + left, width: upper.width - left, ..upper }, painter);
    draw_queue(state, Rect { y: area.y + upper.height, height: queue, ..area }, painter);
}

fn draw_recipes(launch: &Launch, area: Rect, painter: &mut Painter) {
    let inner = panel("Recipes", &[], area, !launch.editing, painter);
    let theme = painter.theme;
    let look = Look {
        header: theme.style(Scope::Header),
        selected: theme.style(if launch.editing { Scope::SelectionDim } else { Scope::Selection }),
        scroll: theme.style(Scope::Dim),
    };
    let rows = (launch.entries.len() as u16 + 1).min(inner.height / 2);
    let room = Rect { height: rows, ..inner };
    let name = |i: usize| vec![(launch.entries[i].shipped.name.clone(), theme.style(Scope::Text))];
    let drawn = list::render(RECIPES, launch.entries.len(), &launch.selection, room, painter.buf, look, name);
    let first = launch.selection.offset(drawn.height as usize, launch.entries.len());
    painter.hits.push((drawn, Hit::Rows { first }));
    let Some(entry) = launch.selected() else { return };
    let below = Rect { y: inner.y + rows + 1, height: inner.height.saturating_sub(rows + 1), ..inner };
    let mut y = 0;
    for (scope, words) in [
        (Scope::Text, Some(entry.shipped.purpose.as_str())),
        (Scope::Dim, entry.shipped.paper.as_deref()),
    ] {
        for line in wrap(words.unwrap_or_default(), below.width as usize) {
            painter.line(below, y, &line, scope);
            y += 1;
        }
        y += 1;
    }
}

fn draw_form(launch: &Launch, area: Rect, painter: &mut Painter) {
    let Some(entry) = launch.selected() else {
        panel("", &[], area, false, painter);
        return;
    };
    let shown = if entry.form.all { "every key" } else { "what matters" };
    let inner = panel(&entry.shipped.name, &[shown], area, launch.editing, painter);
    let plan = plan_lines(launch);
    let below = plan.len() as u16 + 2;
    let room = Rect { height: inner.height.saturating_sub(below), ..inner };
    let button = if launch.starting { "starting …" } else { "start this run" };
    let fields = form::render(&entry.form, button, launch.editing, room, painter.buf, painter.theme);
    for (row, field) in fields.iter().enumerate().filter(|(_, f)| **f != usize::MAX) {
        let line = Rect { y: room.y + row as u16, height: 1, ..room };
        painter.hits.push((line, Hit::Field(*field)));
    }
    let foot = Rect { y: inner.y + room.height, height: below.min(inner.height), ..inner };
    painter.line(foot, 0, &help(launch, entry), Scope::Dim);
    for (i, (scope, words)) in plan.iter().enumerate() {
        painter.line(foot, i as u16 + 2, words, *scope);
    }
}

/// What the focused field is for.
fn help(launch: &Launch, entry: &Entry) -> String {
    match entry.form.focused() {
        _ if !launch.editing => "enter edits it; ctrl-s starts it as it is".to_owned(),
        Some(field) => field.help.clone(),
        None => "enter starts it; it runs on when you leave".to_owned(),
    }
}

/// What starting would mean, in a few lines.
fn plan_lines(launch: &Launch) -> Vec<(Scope, String)> {
    let plan = match &launch.plan {
        None => return vec![(Scope::Dim, "…".to_owned())],
        Some(Err(error)) => return vec![(Scope::Error, format!("✘ {error}"))],
        Some(Ok(plan)) => plan,
    };
    let mut lines = vec![(Scope::Text, parameters(plan))];
    if let Some(parts) = plan.parts {
        lines.push((Scope::Text, split(parts)));
    }
    if let Some(data) = &plan.data {
        let ready = if plan.prepared { "prepared" } else { "will be prepared first" };
        lines.push((Scope::Text, format!("data        {}: {} images, {}, {ready}", data.name, data.images, data.verdict())));
    }
    if let Some(obstacle) = &plan.obstacle {
        lines.push((Scope::Error, format!("✘ {obstacle}")));
    }
    lines
}

fn parameters(plan: &Plan) -> String {
    let fixed = match plan.non_trainable {
        0 => String::new(),
        n => format!(", {} fixed", count(n)),
    };
    format!("parameters  {} trainable{fixed}", count(plan.trainable))
}

fn split(parts: [Part; 3]) -> String {
    let mut words: Vec<String> = Vec::new();
    for (name, part) in ["train", "validation", "test"].into_iter().zip(parts) {
        if part.images > 0 {
            words.push(format!("{} {name} ({} exams)", count(part.images as u64), part.exams));
        }
    }
    format!("split       {}", words.join(" · "))
}

fn draw_queue(state: &State, area: Rect, painter: &mut Painter) {
    let live: Vec<_> = state.runs.rows.iter().filter(|r| r.status().is_some_and(|s| s.is_live())).collect();
    let title = match live.len() {
        0 => "Queue".to_owned(),
        n => format!("Queue {n}"),
    };
    let inner = panel(&title, &[], area, false, painter);
    if live.is_empty() {
        return painter.line(inner, 0, "nothing runs or waits", Scope::Dim);
    }
    let theme = painter.theme;
    // Oldest first: that is the order in which they get their turn.
    for (i, row) in live.iter().rev().take(inner.height as usize).enumerate() {
        let Some(facts) = row.known() else { continue };
        let left = facts.eta_seconds.map_or(String::new(), |s| format!("  left {}", duration(s)));
        painter.spans(
            inner,
            i as u16,
            vec![
                Span::styled(
                    format!("{} {:<8} ", facts.status.glyph(), facts.status.word()),
                    status_style(theme, facts.status),
                ),
                Span::styled(format!("{:<16} ", fit(&facts.recipe, 16)), theme.style(Scope::Text)),
                Span::styled(
                    format!("{} fold {}  epoch {}/{}{left}", facts.dataset, facts.fold, facts.epoch, facts.epochs),
                    theme.style(Scope::Dim),
                ),
            ],
        );
    }
}
