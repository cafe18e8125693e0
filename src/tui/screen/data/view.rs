//! How Data looks.

use super::{Data, Focus};
use crate::tui::app::State;
use crate::tui::model::{DataDetails, HeartRow};
use crate::tui::screen::{Hit, Painter, panel};
use crate::tui::theme::Scope;
use crate::tui::widget::histogram;
use crate::tui::widget::list::{self, Column, Width};
use crate::tui::widget::text::{count, fit_end, wrap};
use ratatui::layout::Rect;
use ratatui::text::Span;

const SETS: &[Column] = &[
    Column { title: "data set", width: Width::Rest(8), figures: false },
    Column { title: "images", width: Width::Cells(6), figures: true },
    Column { title: "audit", width: Width::Cells(13), figures: false },
];

const FINDINGS: [Column; 3] = [
    Column { title: "", width: Width::Cells(1), figures: false },
    Column { title: "file", width: Width::Cells(14), figures: false },
    Column { title: "finding", width: Width::Rest(12), figures: false },
];

/// Data sets; picture; findings.
fn areas(area: Rect) -> [Rect; 3] {
    let left = if area.width >= 110 { 46 } else { 36 };
    let right = Rect { x: area.x + left, width: area.width - left, ..area };
    let findings = (area.height / 3).clamp(7, 16);
    let picture = Rect { height: area.height - findings, ..right };
    let findings = Rect { y: area.y + picture.height, height: findings, ..right };
    [Rect { width: left, ..area }, picture, findings]
}

fn inside(area: Rect) -> Rect {
    Rect {
        x: area.x + 2,
        y: area.y + 1,
        width: area.width.saturating_sub(4),
        // The last line inside says what is shown.
        height: area.height.saturating_sub(3),
    }
}

/// The room for the picture, when an image is selected.
pub fn picture_room(data: &Data, area: Rect) -> Option<Rect> {
    data.image()?;
    Some(inside(areas(area)[1]))
}

pub fn draw(state: &State, area: Rect, painter: &mut Painter) {
    let data = &state.data;
    match &data.rows {
        None => {
            panel("Data sets", &[], area, true, painter);
        }
        Some(Err(error)) => whole(error, Scope::Error, area, painter),
        Some(Ok(rows)) if rows.is_empty() => {
            let words =
                "No data sets yet: press a, or `hcwb data add hc18 DIR --name N`; `hcwb demo` to try without data.";
            whole(words, Scope::Text, area, painter);
        }
        Some(Ok(_)) => {
            let [sets, picture, findings] = areas(area);
            draw_sets(data, sets, painter);
            draw_picture(state, picture, painter);
            draw_findings(data, findings, painter);
        }
    }
}

fn whole(words: &str, scope: Scope, area: Rect, painter: &mut Painter) {
    let inner = panel("Data sets", &[], area, true, painter);
    for (i, line) in wrap(words, inner.width as usize).iter().enumerate() {
        painter.line(inner, i as u16, line, scope);
    }
}

fn draw_sets(data: &Data, area: Rect, painter: &mut Painter) {
    let focused = data.focus == Focus::Sets;
    let inner = panel("Data sets", &[], area, focused, painter);
    let theme = painter.theme;
    let sets = data.sets();
    let room = Rect { height: (sets.len() as u16 + 1).min(inner.height / 3).max(2), ..inner };
    let look = painter.look(focused);
    let rows = list::render(SETS, sets.len(), &data.selection, room, painter.buf, look, |i| {
        let row = &sets[i];
        let verdict = match row.audit {
            None => Scope::Dim,
            Some((0, 0)) => Scope::Success,
            Some((0, _)) => Scope::Warning,
            Some(_) => Scope::Error,
        };
        vec![
            (row.name.clone(), theme.style(Scope::Text)),
            (count(row.images as u64), theme.style(Scope::Text)),
            (row.verdict(), theme.style(verdict)),
        ]
    });
    painter.hits.push((rows, Hit::Rows { first: data.selection.offset(rows.height as usize, sets.len()) }));
    let below = Rect { y: inner.y + room.height + 1, height: inner.height.saturating_sub(room.height + 1), ..inner };
    let Some(row) = data.selected() else { return };
    painter.line(below, 0, &fit_end(&row.path.display().to_string(), below.width as usize), Scope::Dim);
    match data.details() {
        None => {}
        Some(Err(error)) => {
            for (i, line) in wrap(error, below.width as usize).iter().enumerate() {
                painter.line(below, i as u16 + 2, line, Scope::Error);
            }
        }
        Some(Ok(details)) => draw_facts(data, details, below, painter),
    }
}

fn draw_facts(data: &Data, details: &DataDetails, area: Rect, painter: &mut Painter) {
    let hearts = details.images.iter().any(|image| image.heart.is_some());
    let unit = if hearts { "patients" } else { "exams" };
    let size = format!("{} {unit} · {:.0} MiB", count(details.exams as u64), details.bytes as f64 / 1048576.0);
    let prepared = data.selected().is_some_and(|r| r.prepared);
    let ready = if prepared { "prepared" } else { "not prepared: m, or the first run does it" };
    painter.line(area, 1, &size, Scope::Text);
    painter.line(area, 2, ready, if prepared { Scope::Success } else { Scope::Dim });
    let rest = Rect { y: area.y + 4, height: area.height.saturating_sub(4), ..area };
    let half = Rect { height: (rest.height / 2).min(9), ..rest };
    let theme = painter.theme;
    let (bar, label) = (theme.style(Scope::Spark), theme.style(Scope::Dim));
    let lower = Rect { y: half.y + half.height, ..half };
    let hearts: Vec<&HeartRow> = details.images.iter().filter_map(|i| i.heart.as_deref()).collect();
    if !hearts.is_empty() {
        let of_ed = || hearts.iter().filter(|heart| heart.phase == "ED");
        let lv: Vec<f64> = of_ed().filter_map(|heart| Some(heart.volumes_ml?[2])).collect();
        let ef: Vec<f64> = of_ed().filter_map(|heart| heart.lv_ef).collect();
        histogram::render("LV at ED, ml", &lv, half, painter.buf, bar, label);
        return histogram::render("LV ejection fraction, %", &ef, lower, painter.buf, bar, label);
    }
    let hc: Vec<f64> = details.images.iter().filter_map(|i| i.hc_mm).collect();
    let pixel: Vec<f64> = details.images.iter().filter_map(|i| i.pixel_size_mm).collect();
    histogram::render("head circumference, mm", &hc, half, painter.buf, bar, label);
    histogram::render("pixel size, mm", &pixel, lower, painter.buf, bar, label);
}

fn draw_picture(state: &State, area: Rect, painter: &mut Painter) {
    let data = &state.data;
    let Some(image) = data.image() else {
        panel("", &[], area, false, painter);
        return;
    };
    let images = data.details().and_then(|d| d.as_ref().ok()).map_or(0, |d| d.images.len());
    let place = format!("{} of {}", data.image + 1, images);
    let slice = data.place().map(|(z, slices)| format!("slice {}/{slices}", z + 1));
    let notes: Vec<&str> = slice.as_deref().into_iter().chain([place.as_str()]).collect();
    panel(&image.file, &notes, area, false, painter);
    let room = inside(area);
    state.picture.draw(room, painter);
    if let Some(heart) = &image.heart {
        painter.hits.push((room, Hit::Slice));
        return draw_heart(data, heart, Rect { y: room.y + room.height, height: 1, ..room }, painter);
    }
    let mut caption = Vec::new();
    caption.extend(image.hc_mm.map(|hc| format!("HC {hc:.2} mm")));
    caption.extend(image.pixel_size_mm.map(|size| format!("{size:.4} mm/px")));
    caption.push(if image.ring.is_some() { "── ring" } else { "no ring" }.to_owned());
    let foot = Rect { y: room.y + room.height, height: 1, ..room };
    painter.line(foot, 0, &caption.join(" · "), Scope::Dim);
}

/// The line below a slice: volumes in the colours of the mask, spacing, what is shown.
fn draw_heart(data: &Data, heart: &HeartRow, foot: Rect, painter: &mut Painter) {
    let theme = painter.theme;
    let mut words = Vec::new();
    match heart.volumes_ml {
        None => {
            let word = match (&heart.labels, heart.counted) {
                (None, _) => "no ground truth",
                (_, false) => "counting …",
                (_, true) => "cannot be counted: u says why",
            };
            words.push(Span::styled(word, theme.style(Scope::Dim)));
        }
        Some(volumes) => {
            let structures = [("RV", Scope::PictureRv), ("MYO", Scope::PictureMyo), ("LV", Scope::PictureLv)];
            for ((name, scope), ml) in structures.into_iter().zip(volumes) {
                words.push(Span::styled(format!("{name} {ml:.1}  "), theme.style(scope)));
            }
            words.push(Span::styled("ml", theme.style(Scope::Dim)));
        }
    }
    let [x, _, z] = heart.spacing_mm;
    let group = if heart.group.is_empty() { String::new() } else { format!(" · {}", heart.group) };
    let rest = format!(" · {}{group} · {x:.2}/{z:.0} mm", data.view.word());
    words.push(Span::styled(rest, theme.style(Scope::Dim)));
    painter.spans(foot, 0, words);
}

fn draw_findings(data: &Data, area: Rect, painter: &mut Painter) {
    let focused = data.focus == Focus::Findings;
    let findings = data.findings();
    let audited = data.details().is_some_and(|d| d.as_ref().is_ok_and(|d| d.findings.is_some()));
    let title = match audited {
        true => format!("Findings {}", findings.len()),
        false => "Findings".to_owned(),
    };
    let inner = panel(&title, &[], area, focused, painter);
    if findings.is_empty() {
        let words = match (audited, data.details().is_some()) {
            (true, _) => "✔ The audit found nothing.",
            (false, true) => "Not audited yet: u checks every image and row.",
            (false, false) => "",
        };
        return painter.line(inner, 0, words, Scope::Dim);
    }
    let theme = painter.theme;
    let mut columns = FINDINGS;
    if inner.width > 60 {
        columns[1].width = Width::Cells(24);
    }
    // The selected one is shown whole below the list.
    let whole = focused.then(|| findings.get(data.finding.index)).flatten();
    let whole = whole.map(|f| wrap(&format!("{}: {}", f.kind, f.detail), inner.width as usize)).unwrap_or_default();
    let below = (whole.len() as u16).min(inner.height / 3);
    let list = Rect { height: inner.height - below, ..inner };
    for (i, line) in whole.iter().take(below as usize).enumerate() {
        painter.line(Rect { y: list.y + list.height, height: below, ..inner }, i as u16, line, Scope::Text);
    }
    let look = painter.look(focused);
    let rows = list::render(&columns, findings.len(), &data.finding, list, painter.buf, look, |i| {
        let finding = &findings[i];
        let (glyph, scope) = if finding.error { ("✘", Scope::Error) } else { ("!", Scope::Warning) };
        vec![
            (glyph.to_owned(), theme.style(scope)),
            (finding.file.clone(), theme.style(Scope::Text)),
            (format!("{}: {}", finding.kind, finding.detail), theme.style(scope)),
        ]
    });
    painter.hits.push((rows, Hit::Second { first: data.finding.offset(rows.height as usize, findings.len()) }));
}
