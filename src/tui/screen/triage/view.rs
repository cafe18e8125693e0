//! How Triage looks.

use super::{Ellipses, Triage};
use crate::tui::app::State;
use crate::tui::model::Case;
use crate::tui::screen::{Hit, Painter, panel};
use crate::tui::theme::Scope;
use crate::tui::widget::list::{self, Column, Look, Width};
use crate::tui::widget::text::{decimals, wrap};
use ratatui::layout::Rect;
use ratatui::text::Span;

const COLUMNS: &[Column] = &[
    Column { title: "image", width: Width::Rest(12), figures: false },
    Column { title: "error px", width: Width::Cells(8), figures: true },
    Column { title: "%", width: Width::Cells(5), figures: true },
    Column { title: "mm", width: Width::Cells(6), figures: true },
    Column { title: "tri", width: Width::Cells(3), figures: true },
    Column { title: "truth px", width: Width::Cells(8), figures: true },
    Column { title: "pred px", width: Width::Cells(8), figures: true },
    Column { title: "set", width: Width::Cells(10), figures: false },
];

/// Rows of figures beside or below the picture.
const FIGURES: u16 = 5;

/// List and picture; the list is nothing when one image has the whole screen.
fn areas(triage: &Triage, area: Rect) -> [Rect; 2] {
    if triage.open {
        return [Rect::default(), area];
    }
    let left = if area.width >= 130 { area.width / 2 } else { (area.width * 9 / 20).max(38) };
    [Rect { width: left, ..area }, Rect { x: area.x + left, width: area.width - left, ..area }]
}

/// The inside of the picture's panel without the figures below it.
fn picture(area: Rect) -> Rect {
    Rect {
        x: area.x + 2,
        y: area.y + 1,
        width: area.width.saturating_sub(4),
        height: area.height.saturating_sub(2 + FIGURES),
    }
}

/// The room for the picture, when a case is selected.
pub fn picture_room(triage: &Triage, area: Rect) -> Option<Rect> {
    triage.selected()?;
    Some(picture(areas(triage, area)[1]))
}

pub fn draw(state: &State, area: Rect, painter: &mut Painter) {
    let triage = &state.triage;
    let Some(cases) = ready(state) else {
        let inner = panel(&title(state), &[], area, true, painter);
        let lines = wrap(&why_empty(state), inner.width as usize);
        for (i, line) in lines.iter().enumerate() {
            painter.line(inner, i as u16, line, Scope::Text);
        }
        return;
    };
    let [left, right] = areas(triage, area);
    if !triage.open {
        draw_list(state, cases, left, painter);
    }
    draw_case(state, right, painter);
}

/// The predictions, if there are any.
fn ready(state: &State) -> Option<&[Case]> {
    match &state.triage.cases {
        Some(Ok(cases)) if !cases.is_empty() => Some(cases),
        _ => None,
    }
}

fn why_empty(state: &State) -> String {
    match (&state.triage.run, &state.triage.cases) {
        (None, _) if state.runs.rows.is_empty() => {
            "No runs yet, so no predictions: press 2 to launch one, or `hcwb demo` to try without data.".to_owned()
        }
        (None, _) => "Choose a run on screen 3 and press t.".to_owned(),
        (Some(_), None) => String::new(),
        (Some(_), Some(Err(error))) => error.clone(),
        (Some(run), Some(Ok(_))) => {
            format!(
                "{} has no predictions yet: a run writes them at its first best epoch, and anew at each better one. They \
                 appear here by themselves. → and ← show other runs.",
                run.id()
            )
        }
    }
}

fn title(state: &State) -> String {
    state.triage.run.as_ref().map_or("Triage", |run| run.id()).to_owned()
}

/// Mean and standard deviation of the absolute errors in sight.
fn summary(triage: &Triage) -> Option<String> {
    let errors =
        |of: fn(&Case) -> f64| -> Vec<f64> { triage.visible.iter().map(|&i| of(&triage.cases()[i]).abs()).collect() };
    let spread = |v: &[f64]| {
        let mean = v.iter().sum::<f64>() / v.len() as f64;
        let square = v.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (v.len().max(2) - 1) as f64;
        (mean, square.sqrt())
    };
    if triage.visible.is_empty() {
        return None;
    }
    let (px, mm) = (spread(&errors(|c| c.error_px)), spread(&errors(|c| c.error_mm)));
    Some(format!("MAE {:.1} ± {:.1} px · {:.1} ± {:.1} mm", px.0, px.1, mm.0, mm.1))
}

fn draw_list(state: &State, cases: &[Case], area: Rect, painter: &mut Painter) {
    let triage = &state.triage;
    let count = match triage.filter.is_empty() {
        true => format!("{} images", cases.len()),
        false => format!("{} of {} images", triage.visible.len(), cases.len()),
    };
    let inner = panel(&title(state), &[], area, true, painter);
    let head = match triage.filter.is_empty() {
        true => format!("{count}, {}", triage.sort.word()),
        false => format!("{count}, filter: {}", triage.filter),
    };
    painter.line(inner, 0, &summary(triage).unwrap_or_default(), Scope::Strong);
    painter.line(inner, 1, &head, Scope::Dim);
    if triage.visible.is_empty() {
        painter.line(inner, 3, "No image fits: esc shows them all.", Scope::Text);
        return;
    }
    let theme = painter.theme;
    let look = Look {
        header: theme.style(Scope::Header),
        selected: theme.style(Scope::Selection),
        scroll: theme.style(Scope::Dim),
    };
    let room = Rect { y: inner.y + 2, height: inner.height.saturating_sub(2), ..inner };
    let (text, dim, strong) = (theme.style(Scope::Text), theme.style(Scope::Dim), theme.style(Scope::Strong));
    let rows = list::render(COLUMNS, triage.visible.len(), &triage.selection, room, painter.buf, look, |place| {
        let case = &cases[triage.visible[place]];
        vec![
            (case.file.clone(), text),
            (format!("{:+.1}", case.error_px), strong),
            (decimals(Some(case.error_percent), 1), text),
            (format!("{:+.1}", case.error_mm), text),
            (case.trimester.map_or("–".to_owned(), |t| t.to_string()), dim),
            (decimals(Some(case.truth_px), 1), dim),
            (decimals(Some(case.prediction_px), 1), dim),
            (case.set.clone(), dim),
        ]
    });
    let first = triage.selection.offset(rows.height as usize, triage.visible.len());
    painter.hits.push((rows, Hit::Rows { first }));
}

fn draw_case(state: &State, area: Rect, painter: &mut Painter) {
    let triage = &state.triage;
    let Some(case) = triage.selected() else {
        panel("", &[], area, false, painter);
        return;
    };
    let place = format!("{} of {}", triage.selection.index + 1, triage.visible.len());
    panel(&case.file, &[&place], area, triage.open, painter);
    let room = picture(area);
    state.picture.draw(room, painter);
    let below = Rect { y: room.y + room.height, height: FIGURES, ..room };
    let theme = painter.theme;
    let (dim, text, strong) = (theme.style(Scope::Dim), theme.style(Scope::Text), theme.style(Scope::Strong));
    let row = |label: &'static str, px: String, mm: String, style| {
        vec![
            Span::styled(format!("{label:<10}"), dim),
            Span::styled(format!("{px:>7}"), style),
            Span::styled(" px", dim),
            Span::styled(format!("{mm:>7}"), style),
            Span::styled(" mm", dim),
        ]
    };
    let truth = row("truth", format!("{:.1}", case.truth_px), format!("{:.1}", case.truth_mm), text);
    let prediction = row("predicted", format!("{:.1}", case.prediction_px), format!("{:.1}", case.prediction_mm), text);
    let mut error = row("error", format!("{:+.1}", case.error_px), format!("{:+.1}", case.error_mm), strong);
    error.push(Span::styled(format!("{:>6}", format!("{:.1}", case.error_percent)), strong));
    error.push(Span::styled(" %", dim));
    let true_one = Span::styled("── true ellipse", theme.style(Scope::PictureTruth));
    let legend = match triage.ellipses {
        _ if case.truth.is_none() => vec![Span::styled("no annotated ring", dim)],
        Ellipses::None => vec![Span::styled("e shows the ellipse", dim)],
        Ellipses::Truth => vec![true_one],
        Ellipses::Both => {
            vec![true_one, Span::styled("  ╌╌ predicted size", theme.style(Scope::PicturePrediction))]
        }
    };
    let trimester = case.trimester.map_or(String::new(), |t| format!("T{t} · "));
    let origin = format!("{trimester}exam {} · {} · {:.4} mm/px", case.exam, case.set, case.pixel_size_mm);
    painter.spans(below, 0, legend);
    painter.spans(below, 1, truth);
    painter.spans(below, 2, prediction);
    painter.spans(below, 3, error);
    painter.line(below, 4, &origin, Scope::Dim);
}
