//! How Explain looks: pictures above, one of four views below.

use super::{Below, Explain, areas, audit, choice, play};
use crate::tui::app::State;
use crate::tui::explained::Explained;
use crate::tui::screen::{Painter, panel};
use crate::tui::theme::Scope;
use crate::tui::widget::sheet::{Pane, Sheet};
use crate::tui::widget::text::{fit, wrap};
use ratatui::layout::Rect;
use ratatui::text::Span;

/// The least width of a picture, in cells; between two of them.
const PANE: u16 = 24;
const BETWEEN: u16 = 1;
/// Height over width of a picture of ultrasound, in cells.
const SHAPE: f64 = 540.0 / 800.0 / 2.0;

/// Pictures, and what is below them.
fn split(explain: &Explain, area: Rect) -> [Rect; 2] {
    if explain.open {
        return [area, Rect::default()];
    }
    let (_, columns) = panes(explain, area.width.saturating_sub(4));
    let wanted = (f64::from(columns) * SHAPE).ceil() as u16 + 3;
    let top = wanted.clamp(8, (area.height * 11 / 20).max(8));
    [Rect { height: top, ..area }, Rect { y: area.y + top, height: area.height - top, ..area }]
}

/// How many pictures there are room for, and the width of each.
fn panes(explain: &Explain, width: u16) -> (u16, u16) {
    // On the whole screen the image and the map that is followed, as large as they can be.
    let wanted = if explain.open { 2 } else { 1 + explain.shown.len() as u16 };
    let count = ((width + BETWEEN) / (PANE + BETWEEN)).clamp(1, wanted);
    (count, (width - (count - 1) * BETWEEN) / count)
}

/// The analyzers in sight: those around the one that is followed.
fn in_sight(explain: &Explain, width: u16) -> &[&'static str] {
    let (count, _) = panes(explain, width);
    let maps = usize::from(count - 1).max(1).min(explain.shown.len());
    let first = explain.focus.saturating_sub(maps - 1).min(explain.shown.len() - maps);
    &explain.shown[first..first + maps]
}

/// The room of the pictures: the panel's inside but its line of names.
pub fn picture_room(explain: &Explain, area: Rect) -> Option<Rect> {
    explain.case()?;
    let [above, _] = split(explain, area);
    Some(Rect {
        x: above.x + 2,
        y: above.y + 2,
        width: above.width.saturating_sub(4),
        height: above.height.saturating_sub(3),
    })
}

/// What is to be painted in that room.
pub fn sheet(explain: &Explain, room: Rect) -> Sheet {
    let (count, columns) = panes(explain, room.width);
    let still = match (explain.below, explain.open, explain.played()) {
        (Below::Perturbation, false, Some(Ok(played))) if explain.step > 0 => played.stills.get(explain.step).cloned(),
        _ => None,
    };
    let map = |analyzer: &&'static str| match explain.map(analyzer) {
        Some(Ok(Explained { map, .. })) => Pane { map: Some(map.clone()), ..Pane::default() },
        _ => Pane { empty: true, ..Pane::default() },
    };
    let image = (count > 1).then(|| Pane { still, ..Pane::default() });
    let panes = image.into_iter().chain(in_sight(explain, room.width).iter().map(map)).collect();
    Sheet { panes, columns, between: BETWEEN, look: explain.look() }
}

pub fn draw(state: &State, area: Rect, painter: &mut Painter) {
    let explain = &state.explain;
    let [above, below] = split(explain, area);
    match explain.case() {
        Some(_) => pictures(state, above, picture_room(explain, area).unwrap_or_default(), painter),
        None => {
            let inner = panel("Explain", &[], above, true, painter);
            for (i, line) in wrap(&why_empty(state), inner.width as usize).iter().enumerate() {
                painter.line(inner, i as u16, line, Scope::Text);
            }
        }
    }
    if below.height == 0 {
        return;
    }
    let notes = if explain.below == Below::Areas { vec![explain.areas.order()] } else { Vec::new() };
    let notes: Vec<&str> = notes.iter().map(String::as_str).collect();
    let inner = panel("", &notes, below, false, painter);
    views(explain, below, painter);
    match explain.below {
        Below::Perturbation => play::draw(state, inner, painter),
        Below::Areas => areas::draw(state, inner, painter),
        Below::Audit => audit::draw(state, inner, painter),
        Below::Analyzers => choice::draw(state, inner, painter),
    }
}

/// The names of the views in the lower frame; brackets say which is shown where colours do not.
fn views(explain: &Explain, below: Rect, painter: &mut Painter) {
    let theme = painter.theme;
    let word = |view: Below| match view == explain.below {
        true => Span::styled(format!("[{}]", view.word()), theme.style(Scope::TabActive)),
        false => Span::styled(format!(" {} ", view.word()), theme.style(Scope::Tab)),
    };
    let row = Rect { x: below.x + 2, width: below.width.saturating_sub(4), height: 1, ..below };
    painter.spans(row, 0, Below::ALL.map(word).to_vec());
}

fn pictures(state: &State, area: Rect, room: Rect, painter: &mut Painter) {
    let explain = &state.explain;
    let (Some(case), Some(run)) = (explain.case(), &explain.run) else { return };
    let place = format!("{} of {}", explain.selection.index + 1, explain.cases().len());
    let said = match case.has_prediction() {
        true => format!("HC {:.0} → {:.0} px", case.truth_px, case.prediction_px),
        false => format!("HC {:.0} px, no head", case.truth_px),
    };
    let title = format!("{} · {}", case.file, areas::short(run.id()));
    let inner = panel(&title, &[&place, &said], area, true, painter);
    state.picture.draw(room, painter);
    let (count, columns) = panes(explain, room.width);
    let theme = painter.theme;
    let names = in_sight(explain, room.width);
    if count > 1 {
        let words = match explain.step {
            0 => "image".to_owned(),
            1 if explain.below == Below::Perturbation && !explain.open => "image, 1 region gone".to_owned(),
            step if explain.below == Below::Perturbation && !explain.open => format!("image, {step} regions gone"),
            _ => "image".to_owned(),
        };
        painter.line(Rect { width: columns, ..inner }, 0, &words, Scope::Dim);
    }
    for (i, name) in names.iter().enumerate() {
        let left = (i as u16 + count.min(2) - 1) * (columns + BETWEEN);
        let column = Rect { x: inner.x + left, width: columns.min(inner.width.saturating_sub(left)), ..inner };
        let followed = explain.analyzer() == Some(*name);
        let words = if followed { format!("›{name}") } else { (*name).to_owned() };
        let style = theme.style(if followed { Scope::Strong } else { Scope::Text });
        painter.spans(column, 0, vec![Span::styled(fit(&words, column.width as usize).into_owned(), style)]);
        let under = Rect { y: column.y + 1, height: room.height, ..column };
        match explain.map(name) {
            None => painter.line(under, 0, "at work …", Scope::Dim),
            Some(Err(error)) => {
                for (row, line) in wrap(error, under.width as usize).iter().enumerate() {
                    painter.line(under, row as u16, line, Scope::Warning);
                }
            }
            Some(Ok(Explained { silent: true, .. })) => {
                painter.line(under, 0, "f(x) <= 0: all zero", Scope::Warning);
            }
            Some(Ok(_)) => {}
        }
    }
    legend(explain, area, painter);
}

/// In the lower frame: what the colours mean, and how strong they are.
fn legend(explain: &Explain, area: Rect, painter: &mut Painter) {
    let theme = painter.theme;
    let look = explain.look();
    // Of masks it is the mean over pixels that is explained.
    let masks = explain.case().is_some_and(|case| case.segmented.is_some());
    let what = if masks { "head" } else { "HC" };
    let words = format!(" intensity x{} · blend {:.0} % ", look.intensity, 100.0 * look.opacity);
    let spans = vec![
        Span::styled(format!(" + more {what} "), theme.style(Scope::ExplainFor)),
        Span::styled("- less ", theme.style(Scope::ExplainAgainst)),
        Span::styled(words, theme.style(Scope::Dim)),
    ];
    let row = Rect { x: area.x + 2, y: area.y + area.height - 1, width: area.width.saturating_sub(4), height: 1 };
    painter.spans(row, 0, spans);
}

fn why_empty(state: &State) -> String {
    match (&state.explain.run, &state.explain.cases) {
        (None, _) if state.runs.rows.is_empty() => {
            "No runs yet, so nothing to explain: press 2 to launch one, or `hcwb demo` to try without data.".to_owned()
        }
        (None, _) => "Choose a run on screen 3, or an image on screen 4, and press w.".to_owned(),
        (Some(_), None) => String::new(),
        (Some(_), Some(Err(error))) => error.clone(),
        (Some(run), Some(Ok(_))) => format!(
            "{} has no images to explain: a run on heads writes its predictions at its first best epoch. > and < show \
             other runs.",
            run.id()
        ),
    }
}
