//! How Triage of hearts looks: the list, and where the slice goes.

use super::{Hearts, figures};
use crate::tui::app::State;
use crate::tui::model::HeartCase;
use crate::tui::screen::triage::{Triage, view};
use crate::tui::screen::{Hit, Painter, panel};
use crate::tui::theme::Scope;
use crate::tui::widget::list::{self, Column, Width};
use crate::tui::widget::text::{decimals, mean_and_sd};
use ratatui::layout::Rect;

/// The inside of the slice's panel without the figures below it.
fn slice_room(area: Rect, case: &HeartCase) -> Rect {
    Rect {
        x: area.x + 2,
        y: area.y + 1,
        width: area.width.saturating_sub(4),
        height: area.height.saturating_sub(2 + figures::rows(case)),
    }
}

/// The room for the slice, when a heart is selected.
pub fn picture_room(triage: &Triage, area: Rect) -> Option<Rect> {
    let (_, case) = triage.selected_heart()?;
    Some(slice_room(view::areas(triage, area)[1], case))
}

pub fn draw(state: &State, hearts: &Hearts, area: Rect, painter: &mut Painter) {
    let triage = &state.triage;
    let [left, right] = view::areas(triage, area);
    if !triage.open {
        draw_list(state, hearts, left, painter);
    }
    let Some((_, case)) = triage.selected_heart() else {
        panel("", &[], right, false, painter);
        return;
    };
    let place = format!("{} of {}", triage.selection.index + 1, triage.visible.len());
    let slice = format!("slice {}/{}", hearts.place(case) + 1, case.slices);
    panel(&case.name(), &[&slice, &place], right, triage.open, painter);
    let room = slice_room(right, case);
    state.picture.draw(room, painter);
    painter.hits.push((room, Hit::Slice));
    let below = Rect { y: room.y + room.height, height: figures::rows(case), ..room };
    figures::draw(hearts, case, below, painter);
}

/// Means and deviations over the hearts in sight.
fn summary(hearts: &Hearts, visible: &[usize]) -> Vec<String> {
    let cases = || visible.iter().map(|&i| &hearts.cases[i]);
    let of = |name: &str, value: &dyn Fn(&crate::tui::model::PartCase) -> Option<f64>| {
        mean_and_sd(cases().filter_map(|case| case.part(name).and_then(value)))
    };
    let names = || hearts.cases.first().map_or(&[][..], |case| &case.parts).iter().map(|part| part.name);
    let line = |value: &dyn Fn(&crate::tui::model::PartCase) -> Option<f64>, digits: usize| {
        let figures = names().filter_map(|name| {
            let (mean, sd) = of(name, value)?;
            Some(format!("{name} {mean:.digits$}±{sd:.digits$}"))
        });
        figures.collect::<Vec<_>>().join(" ")
    };
    let mut lines = vec![format!("MAE ml {}", line(&|part| Some(part.error_ml.abs()), 0))];
    if hearts.segments() {
        lines.push(format!("DI %   {}", line(&|part| part.dice_percent, 0)));
    }
    lines
}

fn draw_list(state: &State, hearts: &Hearts, area: Rect, painter: &mut Painter) {
    let triage = &state.triage;
    let inner = panel(&view::title(state), &[], area, true, painter);
    let head = match triage.filter.is_empty() {
        true => format!("{} hearts, {}", hearts.cases.len(), hearts.order().word()),
        false => {
            format!("{} of {} hearts, filter: {}", triage.visible.len(), hearts.cases.len(), triage.filter)
        }
    };
    if triage.visible.is_empty() {
        painter.line(inner, 0, &head, Scope::Dim);
        return painter.line(inner, 2, "No heart fits: esc shows them all.", Scope::Text);
    }
    let lines = summary(hearts, &triage.visible);
    for (i, words) in lines.iter().enumerate() {
        painter.line(inner, i as u16, words, Scope::Strong);
    }
    let top = lines.len() as u16;
    painter.line(inner, top, &head, Scope::Dim);
    let room = Rect { y: inner.y + top + 1, height: inner.height.saturating_sub(top + 1), ..inner };
    let theme = painter.theme;
    let look = painter.look(true);
    let first = hearts.cases.first().map_or(&[][..], |case| &case.parts);
    let figures = |title, cells| Column { title, width: Width::Cells(cells), figures: true };
    let words = |title, cells| Column { title, width: Width::Cells(cells), figures: false };
    let mut columns = vec![Column { title: "patient", width: Width::Rest(7), figures: false }];
    columns.extend(first.iter().map(|part| figures(part.name, 6)));
    columns.push(figures("EF", 5));
    if hearts.segments() {
        columns.push(figures("DI %", 5));
    }
    columns.extend([words("group", 5), words("set", 10)]);
    let (text, dim, strong) = (theme.style(Scope::Text), theme.style(Scope::Dim), theme.style(Scope::Strong));
    let rows = list::render(&columns, triage.visible.len(), &triage.selection, room, painter.buf, look, |place| {
        let case = &hearts.cases[triage.visible[place]];
        // In ACDC every folder's name begins alike.
        let mut cells = vec![(case.name().trim_start_matches("patient").to_owned(), text)];
        cells.extend(case.parts.iter().map(|part| (format!("{:+.1}", part.error_ml), strong)));
        let ef = case.lv_ef.map_or("–".to_owned(), |[truth, prediction]| format!("{:+.1}", prediction - truth));
        cells.push((ef, text));
        if hearts.segments() {
            let least = case.parts.iter().filter_map(|part| part.dice_percent).reduce(f64::min);
            cells.push((decimals(least, 1), text));
        }
        cells.extend([(case.group.to_owned(), dim), (case.set.clone(), dim)]);
        cells
    });
    let first = triage.selection.offset(rows.height as usize, triage.visible.len());
    painter.hits.push((rows, Hit::Rows { first }));
}
