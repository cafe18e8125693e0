//! The perturbation step by step: the error while the image's regions go under noise.

use super::Explain;
use crate::tui::app::State;
use crate::tui::explained::Played;
use crate::tui::screen::Painter;
use crate::tui::theme::Scope;
use crate::tui::widget::chart::{Chart, Series};
use crate::tui::widget::text::wrap;
use ratatui::layout::Rect;
use ratatui::text::Span;

pub fn draw(state: &State, area: Rect, painter: &mut Painter) {
    let explain = &state.explain;
    let Some(case) = explain.case() else { return };
    let analyzer = explain.analyzer().unwrap_or_default();
    let played = match explain.played() {
        None => return painter.line(area, 0, &format!("perturbing by {analyzer} …"), Scope::Dim),
        Some(Err(error)) => {
            for (i, line) in wrap(error, area.width as usize).iter().enumerate() {
                painter.line(area, i as u16, line, Scope::Error);
            }
            return;
        }
        Some(Ok(played)) => played,
    };
    let values = values(played, case.truth_px);
    let step = explain.step.min(values.len().saturating_sub(1));
    let now = values.get(step).copied().unwrap_or(f64::NAN);
    let theme = painter.theme;
    let (strong, text) = (theme.style(Scope::Strong), theme.style(Scope::Text));
    let what = if played.of_hc { "error" } else { "output" };
    let unit = if played.of_hc { " px" } else { "" };
    let figures = match played.of_hc {
        true => format!("{what} {now:.1} px · {:.2} mm", now * case.pixel_size_mm),
        false => format!("{what} {now:.4}"),
    };
    let state_word = if explain.playing { "▶" } else { "‖" };
    painter.spans(
        area,
        0,
        vec![
            Span::styled(format!("{analyzer}, {} relevant first  ", first(explain)), strong),
            Span::styled(format!("{state_word} step {step} of {}  {figures}", values.len().saturating_sub(1)), text),
        ],
    );
    let points: Vec<(f64, f64)> = values.iter().enumerate().map(|(k, v)| (k as f64, *v)).collect();
    let series = [Series { name: "", points: &points, style: theme.style(Scope::ChartValidation), dashed: false }];
    let chart = Chart {
        title: &format!("{what}{unit}"),
        series: &series,
        x_end: values.len() as f64,
        x_name: "regions under noise",
        log: false,
        mark: Some((step as f64, now)),
        mark_name: "now",
        text: text.patch(theme.style(Scope::Dim)),
        axis: theme.style(Scope::ChartAxis),
        mark_style: theme.style(Scope::ChartBest),
    };
    chart.render(Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area }, painter.buf);
}

/// The error at each step in px, or what the network says where that is no circumference.
fn values(played: &Played, truth_px: f64) -> Vec<f64> {
    played.said.iter().map(|said| if played.of_hc { (said - truth_px).abs() } else { *said }).collect()
}

fn first(explain: &Explain) -> &'static str {
    match explain.order.word() {
        "random" => "any, however",
        word => word,
    }
}
