//! One heart of Triage: what lies over its slice, and truth, prediction and error of every structure.

use super::{Hearts, Layer};
use crate::tui::model::HeartCase;
use crate::tui::screen::Painter;
use crate::tui::theme::Scope;
use crate::tui::widget::text::decimals;
use ratatui::layout::Rect;
use ratatui::text::Span;

/// Rows below the slice: legend, header, a row a structure, the ejection fraction.
pub fn rows(case: &HeartCase) -> u16 {
    3 + case.parts.len() as u16
}

/// The colour of a structure's mask.
pub fn scope(structure: &str) -> Scope {
    match structure {
        "RV" => Scope::PictureRv,
        "MYO" => Scope::PictureMyo,
        "LV" => Scope::PictureLv,
        _ => Scope::Text,
    }
}

pub fn draw(hearts: &Hearts, case: &HeartCase, below: Rect, painter: &mut Painter) {
    let theme = painter.theme;
    let dim = theme.style(Scope::Dim);
    let words = match hearts.layer(case) {
        Layer::Prediction => "▒ predicted mask",
        Layer::Truth if case.labels.is_none() => "no ground truth",
        Layer::Truth => "▒ ground truth",
        Layer::Nothing => "e shows the masks",
    };
    let group = if case.group.is_empty() { String::new() } else { format!("group {} · ", case.group) };
    painter.spans(below, 0, vec![Span::styled(format!("{words} · {group}{}", case.set), dim)]);
    let masks = hearts.segments();
    let wide = below.width >= 50 || !masks;
    let mut head = format!("{:<6}{:>8}{:>8}{:>8}", "ml", "truth", "pred", "error");
    head += if wide { "      %" } else { "" };
    head += if masks { "  DI %" } else { "" };
    head += if masks && wide { "  HD mm" } else { "" };
    painter.line(below, 1, &head, Scope::Header);
    for (i, part) in case.parts.iter().enumerate() {
        let mut row = vec![
            Span::styled(format!("{:<6}", part.name), theme.style(scope(part.name))),
            Span::styled(format!("{:>8.1}{:>8.1}", part.truth_ml, part.prediction_ml), theme.style(Scope::Text)),
            Span::styled(format!("{:>+8.1}", part.error_ml), theme.style(Scope::Strong)),
        ];
        let mut figure = |value: Option<f64>, cells: usize| {
            row.push(Span::styled(format!("{:>cells$}", decimals(value, 1)), theme.style(Scope::Text)));
        };
        if wide {
            figure(part.error_percent, 7);
        }
        if masks {
            figure(part.dice_percent, 6);
        }
        if masks && wide {
            figure(part.hausdorff_mm, 7);
        }
        painter.spans(below, 2 + i as u16, row);
    }
    let last = 2 + case.parts.len() as u16;
    match case.lv_ef {
        Some([truth, prediction]) => {
            let row = vec![
                Span::styled(format!("{:<6}", "EF %"), dim),
                Span::styled(format!("{truth:>8.1}{prediction:>8.1}"), theme.style(Scope::Text)),
                Span::styled(format!("{:>+8.1}", prediction - truth), theme.style(Scope::Strong)),
                Span::styled(" points", dim),
            ];
            painter.spans(below, last, row);
        }
        None => painter.line(below, last, "EF %   needs both phases, LV above 0 at ED", Scope::Dim),
    }
}
