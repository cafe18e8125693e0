//! How Launch looks.

use super::{Entry, Launch};
use crate::tui::app::State;
use crate::tui::model::{Part, Plan};
use crate::tui::screen::runs::list::status_style;
use crate::tui::screen::{Hit, Painter, panel};
use crate::tui::theme::Scope;
use crate::tui::widget::form;
use crate::tui::widget::list::{self, Column, Width};
use crate::tui::widget::text::{count, duration, fit, wrap};
use ratatui::layout::Rect;
use ratatui::text::Span;
use unicode_width::UnicodeWidthStr;

const RECIPES: &[Column] = &[Column { title: "recipe", width: Width::Rest(12), figures: false }];

pub fn draw(state: &State, area: Rect, painter: &mut Painter) {
    let launch = &state.launch;
    let live = state.runs.live() as u16;
    // On a low screen the form needs the rows more than the queue does.
    let queue = if launch.editing && area.height < 30 { 0 } else { (live + 2).clamp(3, (area.height / 4).max(4)) };
    let upper = Rect { height: area.height - queue, ..area };
    let left = if area.width >= 110 { 44 } else { 26 };
    draw_recipes(launch, Rect { width: left, ..upper }, painter);
    draw_form(launch, Rect { x: upper.x + left, width: upper.width - left, ..upper }, painter);
    draw_queue(state, Rect { y: area.y + upper.height, height: queue, ..area }, painter);
}

fn draw_recipes(launch: &Launch, area: Rect, painter: &mut Painter) {
    let inner = panel("Recipes", &[], area, !launch.editing, painter);
    let theme = painter.theme;
    let look = painter.look(!launch.editing);
    let rows = (launch.entries.len() as u16 + 1).min(inner.height / 2);
    let room = Rect { height: rows, ..inner };
    let name = |i: usize| vec![(launch.entries[i].shipped.name.clone(), theme.style(Scope::Text))];
    let drawn = list::render(RECIPES, launch.entries.len(), &launch.selection, room, painter.buf, look, name);
    let first = launch.selection.offset(drawn.height as usize, launch.entries.len());
    painter.hits.push((drawn, Hit::Rows { first }));
    let Some(entry) = launch.selected() else { return };
    let below = Rect { y: inner.y + rows + 1, height: inner.height.saturating_sub(rows + 1), ..inner };
    let mut y = 0;
    for (scope, words) in
        [(Scope::Text, Some(entry.shipped.purpose.as_str())), (Scope::Dim, entry.shipped.paper.as_deref())]
    {
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
    let mut plan: Vec<(Scope, String)> = Vec::new();
    for (scope, words) in plan_lines(launch) {
        plan.extend(wrap_item(&words, inner.width as usize).into_iter().map(|line| (scope, line)));
    }
    let (note_scope, note) = help(launch, entry);
    let mut note = wrap(&note, inner.width as usize);
    note.truncate(2);
    let below = (plan.len() + note.len() + 1) as u16;
    let room = Rect { height: inner.height.saturating_sub(below), ..inner };
    let button = if launch.starting { "starting …" } else { "start this run" };
    let fields = form::render(&entry.form, button, launch.editing, room, painter.buf, painter.theme);
    for (row, field) in fields.iter().enumerate().filter(|(_, f)| **f != usize::MAX) {
        let line = Rect { y: room.y + row as u16, height: 1, ..room };
        painter.hits.push((line, Hit::Field(*field)));
    }
    let foot = Rect { y: inner.y + room.height, height: below.min(inner.height), ..inner };
    for (i, line) in note.iter().enumerate() {
        painter.line(foot, i as u16, line, note_scope);
    }
    for (i, (scope, words)) in plan.iter().enumerate() {
        painter.line(foot, (note.len() + 1 + i) as u16, words, *scope);
    }
}

/// `label  words` in lines of at most `width`, the words under each other.
fn wrap_item(words: &str, width: usize) -> Vec<String> {
    let Some((label, rest)) = words.split_once("  ").filter(|_| words.width() > width) else {
        return wrap_plain(words, width);
    };
    let indent = 12;
    let lines = wrap(rest, width.saturating_sub(indent));
    lines.iter().enumerate().map(|(i, l)| format!("{:<indent$}{l}", if i == 0 { label } else { "" })).collect()
}

fn wrap_plain(words: &str, width: usize) -> Vec<String> {
    if words.width() <= width { vec![words.to_owned()] } else { wrap(words, width) }
}

/// What the focused field is for.
fn help(launch: &Launch, entry: &Entry) -> (Scope, String) {
    match entry.form.focused() {
        _ if !launch.editing => (Scope::Dim, "enter edits it; ctrl-s starts it as it is".to_owned()),
        Some(field) => (Scope::Dim, field.help.clone()),
        None => (Scope::Dim, "enter starts it; it runs on when you leave".to_owned()),
    }
}

/// What starting would mean, in a few lines.
fn plan_lines(launch: &Launch) -> Vec<(Scope, String)> {
    let plan = match &launch.plan {
        None => {
            let wrong = launch.selected().and_then(|e| e.form.fields.iter().find(|f| f.error.is_some()));
            return vec![match wrong {
                Some(field) => {
                    (Scope::Error, format!("✘ {}: {}", field.name, field.error.as_deref().unwrap_or_default()))
                }
                None => (Scope::Dim, "…".to_owned()),
            }];
        }
        Some(Err(error)) => return vec![(Scope::Error, format!("✘ {error}"))],
        Some(Ok(plan)) => plan,
    };
    let mut lines = vec![(Scope::Text, parameters(plan))];
    if let Some(parts) = plan.parts {
        lines.push((Scope::Text, split(parts, plan.data.as_ref().is_some_and(|data| data.kind == "acdc"))));
    }
    if let Some(data) = &plan.data {
        let ready = match (data.audit, plan.prepared) {
            (None, _) => "will be audited and prepared first",
            (_, false) => "will be prepared first",
            (_, true) => "prepared",
        };
        lines.push((
            Scope::Text,
            format!("data        {}: {} images, {}, {ready}", data.name, data.images, data.verdict()),
        ));
    }
    if let Some((device, bytes)) = &plan.device {
        let gb = *bytes as f64 / 1e9;
        lines.push((Scope::Text, format!("device      {}, a step takes about {gb:.1} GB", crate::text::line(device))));
    }
    if let Some(note) = &plan.note {
        lines.push((Scope::Warning, format!("! {}", crate::text::line(note))));
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

fn split(parts: [Part; 3], hearts: bool) -> String {
    let unit = if hearts { "patients" } else { "exams" };
    let mut words: Vec<String> = Vec::new();
    for (name, part) in ["train", "validation", "test"].into_iter().zip(parts) {
        if part.images > 0 {
            words.push(format!("{} {name} ({} {unit})", count(part.images as u64), part.exams));
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
