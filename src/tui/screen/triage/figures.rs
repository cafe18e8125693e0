//! One image of Triage: its picture, what lies over it, and the figures below.

use super::{Ellipses, Layer, Triage};
use crate::tui::app::State;
use crate::tui::model::{Agreement, Case, Segmented};
use crate::tui::screen::{Painter, panel};
use crate::tui::theme::Scope;
use crate::tui::widget::text::{decimals, wrap};
use ratatui::layout::Rect;
use ratatui::text::Span;

/// From this height of the panel on, all three agreements stand below each other.
const TALL: u16 = 28;

/// Rows below the picture, in a panel of `height` rows.
pub fn rows(triage: &Triage, height: u16) -> u16 {
    match triage.segments() {
        false => 5,
        true if height < TALL => 6,
        true => 10,
    }
}

/// The panel of the selected image, the picture in `room`.
pub fn draw(state: &State, area: Rect, room: Rect, painter: &mut Painter) {
    let triage = &state.triage;
    let Some(case) = triage.selected() else {
        panel("", &[], area, false, painter);
        return;
    };
    let place = format!("{} of {}", triage.selection.index + 1, triage.visible.len());
    panel(&case.file, &[&place], area, triage.open, painter);
    state.picture.draw(room, painter);
    let below = Rect { y: room.y + room.height, height: rows(triage, area.height), ..room };
    legend(triage, case, below, painter);
    circumferences(case, below, painter);
    let mut last = 4;
    if let Some(segmented) = &case.segmented {
        last = agreements(triage.layer, case, segmented, below, painter);
    }
    let trimester = case.trimester.map_or(String::new(), |t| format!("T{t} · "));
    let origin = format!("{trimester}exam {} · {} · {:.4} mm/px", case.exam, case.set, case.pixel_size_mm);
    painter.line(below, last, &origin, Scope::Dim);
    if let Some(note) = case.note().filter(|_| case.has_prediction()) {
        // Where there is but one row, the doubt is worth more than the origin.
        let row = if below.height > last + 1 { last + 1 } else { last };
        painter.spans(below, row, vec![Span::raw(" ".repeat(below.width as usize))]);
        painter.line(below, row, &format!("! {note}"), Scope::Warning);
    }
}

/// What lies over the image.
fn legend(triage: &Triage, case: &Case, below: Rect, painter: &mut Painter) {
    let theme = painter.theme;
    let dim = theme.style(Scope::Dim);
    let (truth, prediction) = (theme.style(Scope::PictureTruth), theme.style(Scope::PicturePrediction));
    let words = match &case.segmented {
        Some(_) if triage.layer == Layer::None => vec![Span::styled("e shows mask and ellipses", dim)],
        Some(segmented) => {
            let mut words = Vec::new();
            words.extend(case.truth.map(|_| Span::styled("── truth  ", truth)));
            words.extend(segmented.ellipse.map(|_| Span::styled("╌╌ ellipse  ", prediction)));
            match (triage.layer, &segmented.probabilities) {
                (Layer::Ellipses, _) => {}
                (_, None) => words.push(Span::styled("no mask was kept", dim)),
                (layer, Some(_)) => words.push(Span::styled(format!("▒ {}", layer.word()), prediction)),
            }
            words
        }
        None if case.truth.is_none() => vec![Span::styled("no annotated ring", dim)],
        None => match triage.ellipses {
            Ellipses::None => vec![Span::styled("e shows the ellipse", dim)],
            Ellipses::Truth => vec![Span::styled("── true ellipse", truth)],
            Ellipses::Both => {
                vec![Span::styled("── true ellipse", truth), Span::styled("  ╌╌ predicted size", prediction)]
            }
        },
    };
    painter.spans(below, 0, words);
}

/// Truth, prediction and error; where no head was found, why.
fn circumferences(case: &Case, below: Rect, painter: &mut Painter) {
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
    painter.spans(below, 1, truth);
    if !case.has_prediction() {
        let why = case.note().unwrap_or("no head found");
        for (i, line) in wrap(why, below.width as usize).iter().take(2).enumerate() {
            painter.line(below, 2 + i as u16, line, Scope::Warning);
        }
        return;
    }
    let prediction = row("predicted", format!("{:.1}", case.prediction_px), format!("{:.1}", case.prediction_mm), text);
    let mut error = row("error", format!("{:+.1}", case.error_px), format!("{:+.1}", case.error_mm), strong);
    error.push(Span::styled(format!("{:>6}", format!("{:.1}", case.error_percent)), strong));
    error.push(Span::styled(" %", dim));
    painter.spans(below, 2, prediction);
    painter.spans(below, 3, error);
}

/// How mask and ellipse agree with the truth: what is shown, or all of it where there is room. Returns the next row.
fn agreements(layer: Layer, case: &Case, segmented: &Segmented, below: Rect, painter: &mut Painter) -> u16 {
    let theme = painter.theme;
    let (dim, text, strong) = (theme.style(Scope::Dim), theme.style(Scope::Text), theme.style(Scope::Strong));
    if below.height < 10 {
        let Agreement { dice_percent, hausdorff_mm, assd_mm } = layer.agreement(case);
        let pair = |label, value: String, unit, end| {
            [Span::styled(label, dim), Span::styled(value, strong), Span::styled(unit, dim), Span::styled(end, dim)]
        };
        let words = [
            pair("DI ", decimals(dice_percent, 1), " %", " · "),
            pair("HD ", decimals(hausdorff_mm, 1), " mm", " · "),
            pair("ASSD ", decimals(assd_mm, 1), " mm", ""),
        ];
        painter.spans(below, 4, words.into_iter().flatten().collect());
        return 5;
    }
    let head = format!("{:<16}{:>7}{:>9}{:>9}", "", "DI %", "HD mm", "ASSD mm");
    painter.line(below, 4, &head, Scope::Header);
    let all = [("raw mask", segmented.raw), ("post-processed", segmented.processed), ("ellipse", segmented.drawn)];
    for (i, (word, agreement)) in all.into_iter().enumerate() {
        let shown = word == layer.word();
        let Agreement { dice_percent, hausdorff_mm, assd_mm } = agreement;
        let figures =
            format!("{:>7}{:>9}{:>9}", decimals(dice_percent, 1), decimals(hausdorff_mm, 1), decimals(assd_mm, 1));
        let mark = if shown { "›" } else { " " };
        let label = Span::styled(format!("{mark} {word:<14}"), if shown { strong } else { dim });
        painter.spans(below, 5 + i as u16, vec![label, Span::styled(figures, if shown { strong } else { text })]);
    }
    8
}
