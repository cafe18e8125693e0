//! The whole screen: tabs, the panel of the chosen tab, hints; what lies over it.
//!
//! ```text
//!  hcwb  1 Data  2 Launch [3 Runs] 4 Triage  5 Explain     cpu 190%  12:41
//!  ╭ the chosen screen ─────────────────────────────────────────────────╮
//!  ╰────────────────────────────────────────────────────────────────────╯
//!  enter open  x stop  p pause  …                                  ? help
//! ```

pub mod data;
pub mod dream;
pub mod explain;
pub mod help;
pub mod launch;
pub mod runs;
pub mod triage;

#[cfg(test)]
mod tests;

use super::app::{Overlay, State, Tab};
use super::keymap;
use super::theme::{Scope, Theme};
use super::widget::{confirm, form, list, text};
use jiff::tz::TimeZone;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Widget};
use unicode_width::UnicodeWidthStr;

/// The least size at which every screen can be used.
pub const LEAST: (u16, u16) = (80, 24);

/// What a click means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hit {
    Tab(Tab),
    /// Rows of the screen's list, the first one in sight.
    Rows {
        first: usize,
    },
    /// Rows of the screen's second list.
    Second {
        first: usize,
    },
    /// A slice of a heart: the wheel goes through the others.
    Slice,
    /// A field of the form, or its button.
    Field(usize),
}

/// Areas of the last frame that can be clicked, the topmost last.
#[derive(Clone, Debug, Default)]
pub struct Hits(Vec<(Rect, Hit)>);

impl Hits {
    /// What lies at a place, and how many rows below the top of its area.
    pub fn at(&self, column: u16, row: u16) -> Option<(Hit, usize)> {
        let at = Position::new(column, row);
        self.0.iter().rev().find(|(area, _)| area.contains(at)).map(|(area, hit)| (*hit, usize::from(row - area.y)))
    }
}

/// What panels draw with.
pub struct Painter<'a> {
    pub buf: &'a mut Buffer,
    pub theme: &'a Theme,
    pub zone: &'a TimeZone,
    pub hits: &'a mut Vec<(Rect, Hit)>,
}

impl Painter<'_> {
    /// How lists look, the one that has the keys and the others.
    pub fn look(&self, focused: bool) -> list::Look {
        list::Look {
            header: self.theme.style(Scope::Header),
            selected: self.theme.style(if focused { Scope::Selection } else { Scope::SelectionDim }),
            scroll: self.theme.style(Scope::Dim),
        }
    }

    /// One line of text in row `row` of `area`; `…` where it is cut.
    pub fn line(&mut self, area: Rect, row: u16, words: &str, scope: Scope) {
        if row < area.height {
            let width = area.width as usize;
            self.buf.set_stringn(area.x, area.y + row, text::fit(words, width), width, self.theme.style(scope));
        }
    }

    /// One line of differently styled pieces; `…` where it is cut.
    pub fn spans(&mut self, area: Rect, row: u16, spans: Vec<Span>) {
        if row >= area.height {
            return;
        }
        let mut x = area.x;
        let end = area.x + area.width;
        let mut left: usize = spans.iter().map(|span| span.content.width()).sum();
        for span in spans {
            let room = usize::from(end - x);
            let wide = span.content.width();
            // What follows does not fit either: leave a cell for the mark of the cut.
            let words = match left > room && wide >= room {
                true => format!(
                    "{}…",
                    text::fit(&span.content, room).chars().take(room.saturating_sub(1)).collect::<String>()
                ),
                false => span.content.into_owned(),
            };
            x = self.buf.set_stringn(x, area.y + row, &words, room, span.style).0;
            left -= wide;
            if x == end {
                break;
            }
        }
    }
}

/// A framed panel with a title, and notes at the right of it; returns what is inside, one cell of air left and right.
pub fn panel(title: &str, notes: &[&str], area: Rect, focused: bool, painter: &mut Painter) -> Rect {
    let theme = painter.theme;
    let border = theme.style(if focused { Scope::BorderFocus } else { Scope::Border });
    let room = usize::from(area.width.saturating_sub(6));
    let mut block = Block::bordered().border_type(BorderType::Rounded).border_style(border);
    if !title.is_empty() {
        block = block.title(Line::styled(format!(" {} ", text::fit(title, room)), theme.style(Scope::Title)));
    }
    let mut left = room.saturating_sub(title.width() + 2);
    for note in notes {
        if note.width() + 3 <= left {
            left -= note.width() + 3;
            block = block.title(Line::styled(format!(" {note} "), theme.style(Scope::Dim)).right_aligned());
        }
    }
    let inner = block.inner(area);
    block.render(area, painter.buf);
    Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner }
}

/// The room of the chosen screen in a terminal of that size.
pub fn body(area: Rect) -> Rect {
    Rect { y: area.y + 1, height: area.height.saturating_sub(2), ..area }
}

/// Draws the frame; returns what can be clicked.
pub fn draw(state: &State, frame: &mut Frame) -> Hits {
    let area = frame.area();
    let mut hits = Hits::default();
    let buf = frame.buffer_mut();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        too_small(area, buf, &state.theme);
        return hits;
    }
    let mut painter = Painter { buf, theme: &state.theme, zone: &state.zone, hits: &mut hits.0 };
    painter.buf.set_style(area, painter.theme.style(Scope::Text));
    tabs(state, Rect { height: 1, ..area }, &mut painter);
    match state.tab {
        _ if state.dream.is_open() => dream::draw(state, body(area), &mut painter),
        Tab::Data => data::draw(state, body(area), &mut painter),
        Tab::Launch => launch::draw(state, body(area), &mut painter),
        Tab::Runs => draw_runs(state, body(area), &mut painter),
        Tab::Triage => triage::draw(state, body(area), &mut painter),
        Tab::Explain => explain::draw(state, body(area), &mut painter),
    }
    footer(state, Rect { y: area.y + area.height - 1, height: 1, ..area }, &mut painter);
    match &state.overlay {
        Overlay::None => {}
        Overlay::Help(scroll) => help::draw(state.place(), *scroll, area, &mut painter),
        Overlay::Question(question, _) => confirm::render(question, area, painter.buf, painter.theme),
        Overlay::Add(fields) => {
            let inner = confirm::popup("Add a data set", 72, 11, area, painter.buf, painter.theme);
            let help = fields.focused().map_or("enter adds it; esc leaves it", |f| f.help.as_str());
            painter.line(inner, 0, help, Scope::Dim);
            let room = Rect { y: inner.y + 2, height: inner.height.saturating_sub(2), ..inner };
            form::render(fields, "add", true, room, painter.buf, painter.theme);
        }
    }
    hits
}

fn too_small(area: Rect, buf: &mut Buffer, theme: &Theme) {
    let lines = [
        "hcwb needs a larger window".to_owned(),
        format!("now {} x {}", area.width, area.height),
        format!("at least {} x {}", LEAST.0, LEAST.1),
    ];
    let top = area.y + area.height.saturating_sub(lines.len() as u16) / 2;
    for (i, line) in lines.iter().enumerate().take(area.height as usize) {
        let line = text::fit(line, area.width as usize);
        let x = area.x + (area.width - line.width() as u16) / 2;
        let scope = if i == 0 { Scope::Warning } else { Scope::Text };
        buf.set_stringn(x, top + i as u16, &line, area.width as usize, theme.style(scope));
    }
}

fn tabs(state: &State, area: Rect, painter: &mut Painter) {
    let theme = painter.theme;
    let mut x = painter.buf.set_stringn(area.x, area.y, " hcwb ", 6, theme.style(Scope::Brand)).0 + 1;
    for (number, tab) in Tab::ALL.into_iter().enumerate() {
        // Brackets say which one is shown where colours do not.
        let word = match tab == state.tab {
            true => format!("[{} {}]", number + 1, tab.title()),
            false => format!(" {} {} ", number + 1, tab.title()),
        };
        let style = theme.style(if tab == state.tab { Scope::TabActive } else { Scope::Tab });
        let from = x;
        x = painter.buf.set_stringn(x, area.y, &word, area.width as usize, style).0;
        painter.hits.push((Rect { x: from, width: x - from, ..area }, Hit::Tab(tab)));
    }
    let cpu = state.cpu_percent().map_or(String::new(), |cpu| format!("cpu {cpu:.0}%  "));
    let clock = match state.runs.live() {
        0 => String::new(),
        _ => state.now.to_zoned(state.zone.clone()).strftime("%H:%M ").to_string(),
    };
    // Of the cards as much as there is room for; then the clock goes, the processor, and the cards at last.
    let cards = |parts| state.cards().iter().map(|card| format!("{}  ", card.words(parts))).collect::<String>();
    let with_cards = (1..=3).rev().map(|parts| cards(parts) + &cpu + &clock);
    let fewer = [cards(1) + &clock, cards(1), cpu.clone() + &clock];
    let room = usize::from((area.x + area.width).saturating_sub(x + 1));
    if let Some(right) = with_cards.chain(fewer).find(|right| right.width() <= room) {
        let wide = right.width() as u16;
        painter.buf.set_string(area.x + area.width - wide, area.y, right, theme.style(Scope::Dim));
    }
}

fn draw_runs(state: &State, area: Rect, painter: &mut Painter) {
    if state.runs.open {
        return runs::detail::draw(&state.runs, area, true, painter);
    }
    if state.runs.rows.is_empty() {
        return runs::list::draw(&state.runs, area, true, painter);
    }
    let [list, detail] = split(area, state.runs.visible.len());
    runs::list::draw(&state.runs, list, true, painter);
    runs::detail::draw(&state.runs, detail, false, painter);
}

/// List and detail: beside each other where there is room, else one above the other.
fn split(area: Rect, rows: usize) -> [Rect; 2] {
    if area.width >= 116 {
        let left = (area.width * 11 / 20).max(68);
        return [Rect { width: left, ..area }, Rect { x: area.x + left, width: area.width - left, ..area }];
    }
    let top = (rows as u16 + 3).clamp(6, (area.height * 2 / 5).max(6));
    [Rect { height: top, ..area }, Rect { y: area.y + top, height: area.height - top, ..area }]
}

/// What is being typed, what has just happened, what goes on in the background, or which keys there are.
fn footer(state: &State, area: Rect, painter: &mut Painter) {
    let theme = painter.theme;
    let inner = Rect { x: area.x + 1, width: area.width - 2, ..area };
    if let Some(typing) = &state.typing {
        let label = format!("{}: ", typing.kind.word());
        painter.buf.set_string(inner.x, inner.y, &label, theme.style(Scope::Key));
        let at = inner.x + label.width() as u16;
        let room = usize::from(inner.width).saturating_sub(label.width() + 1);
        painter.buf.set_stringn(at, inner.y, text::fit(typing.input.value(), room), room, theme.style(Scope::Text));
        let cursor = at + (typing.input.visual_cursor().min(room)) as u16;
        painter.buf[(cursor, inner.y)].set_style(theme.style(Scope::Cursor));
        return;
    }
    if let Some(job) = state.jobs.last() {
        let line = match job.total {
            0 => format!("{} {} …", job.title, job.stage),
            total => format!("{} {} {}%", job.title, job.stage, job.done.min(total) * 100 / total),
        };
        return painter.line(inner, 0, line.trim(), Scope::Info);
    }
    if let Some((scope, notice)) = &state.notice {
        return painter.line(inner, 0, notice, *scope);
    }
    let place = state.place();
    let pairs: Vec<(String, &str)> =
        keymap::at(place).filter(|b| !b.hint.is_empty()).map(|b| (keymap::pretty(b.keys[0]), b.hint)).collect();
    let (last, own): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(_, hint)| matches!(*hint, "help" | "leave"));
    let right = list::hints(&last, inner.width as usize, theme.style(Scope::Key), theme.style(Scope::KeyLabel));
    let wide = right.width() as u16;
    let left_room = usize::from(inner.width.saturating_sub(wide + 1));
    let left = list::hints(&own, left_room, theme.style(Scope::Key), theme.style(Scope::KeyLabel));
    painter.buf.set_line(inner.x, inner.y, &left, inner.width - wide.min(inner.width));
    painter.buf.set_line(inner.x + inner.width - wide.min(inner.width), inner.y, &right, wide);
}
