//! How a dream looks: the picture, the sliders, the loss.

use super::{Dream, MOST, MOVE};
use crate::tui::app::State;
use crate::tui::dreamt::{Sight, Slider};
use crate::tui::screen::{Hit, Painter, panel};
use crate::tui::theme::Scope;
use crate::tui::widget::spark::sparkline;
use crate::tui::widget::text::{left as padded, significant, wrap};
use ratatui::layout::Rect;
use ratatui::text::Span;

/// The panel of the sliders: frame, pointer, slider, weight, name.
const WIDE: u16 = 42;
/// Rows below the sliders.
const BELOW: u16 = 4;
/// The size of feature maps behind a name, where there is room for both.
const MAPS: usize = 8;
const NAME: usize = 18;

/// Picture and sliders.
fn areas(area: Rect) -> [Rect; 2] {
    let right = WIDE.max(area.width * 2 / 5);
    let left = area.width.saturating_sub(right);
    [Rect { width: left, ..area }, Rect { x: area.x + left, width: area.width - left, ..area }]
}

/// The room for the picture on a screen of that size.
pub fn picture_room(area: Rect) -> Rect {
    let [left, _] = areas(area);
    let (width, height) = (left.width.saturating_sub(4), left.height.saturating_sub(2));
    Rect { x: left.x + 2, y: left.y + 1, width, height }
}

pub fn draw(state: &State, area: Rect, painter: &mut Painter) {
    let dream = &state.dream;
    let [left, right] = areas(area);
    let inner = panel(&dream.file, &["Deep Dream"], left, false, painter);
    match (&dream.failed, &dream.sight) {
        (Some(why), _) | (None, Some(Sight { picture: Err(why), .. })) => {
            for (row, line) in wrap(why, inner.width as usize).iter().enumerate() {
                painter.line(inner, row as u16, line, Scope::Error);
            }
        }
        _ if state.picture.off => painter.line(inner, 0, "pictures are off (--images)", Scope::Dim),
        (None, Some(Sight { picture: Ok(picture), .. })) => picture.render(picture_room(area), painter.buf),
        (None, None) => painter.line(inner, 0, "the network is on its way …", Scope::Dim),
    }
    weights(dream, right, painter);
}

/// `octave 2/3  92x92 px  step 7/20`.
fn place(sight: &Sight) -> String {
    let ([width, height], (octave, octaves), (step, steps)) = (sight.size_px, sight.octave, sight.step);
    format!("octave {octave}/{octaves}  {width}x{height} px  step {step}/{steps}")
}

fn weights(dream: &Dream, area: Rect, painter: &mut Painter) {
    let title = dream.group().map_or("weights".to_owned(), |group| format!("weights: {group}"));
    let inner = panel(&title, &[], area, true, painter);
    let sliders = dream.sliders();
    let rows = Rect { height: inner.height.saturating_sub(BELOW), ..inner };
    let offset = dream.selection.offset(rows.height as usize, sliders.len());
    for (row, (at, slider)) in sliders.iter().enumerate().skip(offset).take(rows.height as usize).enumerate() {
        line(slider, at == dream.selection.index, rows, row as u16, painter);
    }
    painter.hits.push((rows, Hit::Rows { first: offset }));
    mark_scroll(offset, sliders.len(), rows, painter);
    let below = Rect { y: inner.y + rows.height, height: inner.height - rows.height, ..inner };
    if let Some(sight) = &dream.sight {
        let loss = dream.losses.last().map_or("–".to_owned(), |loss| significant(Some(*loss), 3));
        painter.line(below, 0, &place(sight), Scope::Text);
        painter.line(below, 1, &format!("loss {loss}  {}", state(dream, sight)), Scope::Strong);
        let spark = sparkline(&dream.losses, below.width as usize);
        painter.line(below, 2, &spark, Scope::Spark);
    }
    if let Some(run) = &dream.run {
        painter.line(below, 3, run.id(), Scope::Dim);
    }
}

/// Whether it goes on, and how fast.
fn state(dream: &Dream, sight: &Sight) -> String {
    if dream.sliders().iter().all(|slider| slider.weight == 0.0) {
        return "no layer has a weight".to_owned();
    }
    match (sight.going, sight.steps_per_second) {
        (false, _) if sight.octave.0 == sight.octave.1 && sight.step.0 >= sight.step.1 => "✔ done".to_owned(),
        (false, _) => "‖ paused".to_owned(),
        (true, Some(speed)) => format!("▶ {speed:.1} steps/s"),
        (true, None) => "▶".to_owned(),
    }
}

/// `› ━━━━●──── 1.00 encoder.3.relu2   8x8`: the knob's nine places are the weights from 0 to 2.
fn line(slider: &Slider, selected: bool, area: Rect, row: u16, painter: &mut Painter) {
    let at = (slider.weight / MOVE).round().clamp(0.0, MOST / MOVE) as usize;
    let (done, rest) = ("━".repeat(at), "─".repeat((MOST / MOVE) as usize - at));
    let scope = match (selected, slider.weight != 0.0) {
        (true, _) => Scope::Selection,
        (false, true) => Scope::Text,
        (false, false) => Scope::Dim,
    };
    let theme = painter.theme;
    let bar = |scope| theme.style(if selected { Scope::Selection } else { scope });
    let [width, height, _] = slider.maps;
    // Pointer, slider and weight before the name; a cell for the mark of scrolling behind all.
    let room = usize::from(area.width).saturating_sub(2 + 9 + 6 + 1);
    let words = match room.checked_sub(MAPS).filter(|name| *name >= NAME) {
        Some(name) => format!("{} {:>7}", padded(&slider.layer, name), format!("{width}x{height}")),
        None => padded(&slider.layer, room),
    };
    let spans = vec![
        Span::styled(if selected { "› " } else { "  " }, theme.style(scope)),
        Span::styled(done, bar(Scope::Progress)),
        Span::styled("●", bar(Scope::Strong)),
        Span::styled(rest, bar(Scope::ProgressRest)),
        Span::styled(format!(" {:.2} {words}", slider.weight), theme.style(scope)),
    ];
    painter.spans(area, row, spans);
}

/// Arrows where sliders lie out of sight.
fn mark_scroll(offset: usize, len: usize, area: Rect, painter: &mut Painter) {
    if area.height == 0 {
        return;
    }
    let style = painter.theme.style(Scope::Dim);
    let x = area.x + area.width.saturating_sub(1);
    if offset > 0 {
        painter.buf.set_string(x, area.y, "↑", style);
    }
    if offset + usize::from(area.height) < len {
        painter.buf.set_string(x, area.y + area.height - 1, "↓", style);
    }
}
