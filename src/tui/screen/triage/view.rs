//! How Triage looks: the list, and where the picture goes.

use super::{Sort, Triage, figures, hearts};
use crate::tui::app::State;
use crate::tui::model::Case;
use crate::tui::screen::{Hit, Painter, panel};
use crate::tui::theme::Scope;
use crate::tui::widget::list::{self, Column, Width};
use crate::tui::widget::text::{decimals, mean_and_sd, wrap};
use ratatui::layout::Rect;

/// A column of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Image,
    ErrorPx,
    Percent,
    Mm,
    Dice,
    Hausdorff,
    Assd,
    Trimester,
    TruthPx,
    PredictionPx,
    Set,
}

impl Field {
    const OF_REGRESSION: [Field; 8] = [
        Field::Image,
        Field::ErrorPx,
        Field::Percent,
        Field::Mm,
        Field::Trimester,
        Field::TruthPx,
        Field::PredictionPx,
        Field::Set,
    ];

    /// What there is room for on a small screen stands first, and what the list is sorted by before that.
    fn of_masks(sort: Sort) -> Vec<Field> {
        let by = match sort {
            Sort::Px => Field::ErrorPx,
            Sort::Mm | Sort::File => Field::Mm,
            Sort::Percent => Field::Percent,
            Sort::Dice => Field::Dice,
            Sort::Hausdorff => Field::Hausdorff,
            Sort::Assd => Field::Assd,
        };
        let usual = [Field::Dice, Field::Hausdorff, Field::Mm, Field::ErrorPx, Field::Assd, Field::Percent];
        let rest = [Field::Trimester, Field::TruthPx, Field::PredictionPx, Field::Set];
        let others = usual.into_iter().filter(|field| *field != by).chain(rest);
        [Field::Image, by].into_iter().chain(others).collect()
    }

    fn column(self, masks: bool) -> Column {
        let (title, width) = match self {
            Field::Image if masks => return Column { title: "image", width: Width::Rest(11), figures: false },
            Field::Image => return Column { title: "image", width: Width::Rest(12), figures: false },
            Field::Set => return Column { title: "set", width: Width::Cells(10), figures: false },
            Field::ErrorPx if masks => ("px", 7),
            Field::ErrorPx => ("error px", 8),
            Field::Percent => ("%", 5),
            Field::Mm => ("mm", 6),
            Field::Dice => ("DI %", 5),
            Field::Hausdorff => ("HD mm", 5),
            Field::Assd => ("ASSD", 5),
            Field::Trimester => ("tri", 3),
            Field::TruthPx => ("truth px", 8),
            Field::PredictionPx => ("pred px", 8),
        };
        Column { title, width: Width::Cells(width), figures: true }
    }

    fn cell(self, case: &Case, triage: &Triage) -> String {
        let agreement = triage.layer.agreement(case);
        // Where there is no head there is no error either.
        let of_head = |words: String| if case.has_prediction() { words } else { "none".to_owned() };
        match self {
            Field::Image => case.file.clone(),
            Field::ErrorPx => of_head(format!("{:+.1}", case.error_px)),
            Field::Percent => of_head(decimals(Some(case.error_percent), 1)),
            Field::Mm => of_head(format!("{:+.1}", case.error_mm)),
            Field::Dice => decimals(agreement.dice_percent, 1),
            Field::Hausdorff => decimals(agreement.hausdorff_mm, 1),
            Field::Assd => decimals(agreement.assd_mm, 1),
            Field::Trimester => case.trimester.map_or("–".to_owned(), |t| t.to_string()),
            Field::TruthPx => decimals(Some(case.truth_px), 1),
            Field::PredictionPx => of_head(decimals(Some(case.prediction_px), 1)),
            Field::Set => case.set.clone(),
        }
    }
}

/// List and picture; the list is nothing when one image has the whole screen.
pub fn areas(triage: &Triage, area: Rect) -> [Rect; 2] {
    if triage.open {
        return [Rect::default(), area];
    }
    let left = if area.width >= 130 { area.width / 2 } else { (area.width * 9 / 20).max(38) };
    [Rect { width: left, ..area }, Rect { x: area.x + left, width: area.width - left, ..area }]
}

/// The inside of the picture's panel without the figures below it.
fn picture(triage: &Triage, area: Rect) -> Rect {
    Rect {
        x: area.x + 2,
        y: area.y + 1,
        width: area.width.saturating_sub(4),
        height: area.height.saturating_sub(2 + figures::rows(triage, area.height)),
    }
}

/// The room for the picture, when a case is selected.
pub fn picture_room(triage: &Triage, area: Rect) -> Option<Rect> {
    if triage.hearts.is_some() {
        return hearts::picture_room(triage, area);
    }
    triage.selected()?;
    Some(picture(triage, areas(triage, area)[1]))
}

pub fn draw(state: &State, area: Rect, painter: &mut Painter) {
    let triage = &state.triage;
    if let Some(hearts) = triage.hearts.as_ref().filter(|hearts| !hearts.cases.is_empty()) {
        return hearts::draw(state, hearts, area, painter);
    }
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
    figures::draw(state, right, picture(triage, right), painter);
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

pub fn title(state: &State) -> String {
    state.triage.run.as_ref().map_or("Triage", |run| run.id()).to_owned()
}

/// Means and standard deviations over the images in sight: errors, and the agreement of masks.
fn summary(triage: &Triage) -> Vec<String> {
    let figures = |of: &dyn Fn(&Case) -> Option<f64>| {
        let values = triage.visible.iter().filter_map(|&i| of(&triage.cases()[i]));
        mean_and_sd(values).map(|(mean, sd)| format!("{mean:.1} ± {sd:.1}"))
    };
    let absolute = |of: fn(&Case) -> f64| figures(&|case| Some(of(case).abs())).unwrap_or("–".to_owned());
    if triage.visible.is_empty() {
        return vec![String::new()];
    }
    let (px, mm) = (absolute(|c| c.error_px), absolute(|c| c.error_mm));
    if !triage.segments() {
        return vec![format!("MAE {px} px · {mm} mm")];
    }
    let dice = figures(&|case| triage.layer.agreement(case).dice_percent).unwrap_or("–".to_owned());
    let hausdorff = figures(&|case| triage.layer.agreement(case).hausdorff_mm).unwrap_or("–".to_owned());
    let headless = triage.visible.iter().filter(|&&i| !triage.cases()[i].has_prediction()).count();
    let mut lines = vec![format!("MAE {mm} mm · {px} px"), format!("DI {dice} % · HD {hausdorff} mm")];
    match headless {
        0 => {}
        1 => lines.push("! 1 has no head: it counts as 0 mm".to_owned()),
        n => lines.push(format!("! {n} have no head: each counts as 0 mm")),
    }
    lines
}

fn draw_list(state: &State, cases: &[Case], area: Rect, painter: &mut Painter) {
    let triage = &state.triage;
    let count = match triage.filter.is_empty() {
        true => format!("{} images", cases.len()),
        false => format!("{} of {} images", triage.visible.len(), cases.len()),
    };
    let inner = panel(&title(state), &[], area, true, painter);
    let head = match triage.filter.is_empty() {
        true => format!("{count}, {}", triage.order().word()),
        false => format!("{count}, filter: {}", triage.filter),
    };
    let mut top = 0;
    for words in summary(triage) {
        let scope = if words.starts_with('!') { Scope::Warning } else { Scope::Strong };
        painter.line(inner, top, &words, scope);
        top += 1;
    }
    painter.line(inner, top, &head, Scope::Dim);
    top += 1;
    if triage.visible.is_empty() {
        painter.line(inner, top + 1, "No image fits: esc shows them all.", Scope::Text);
        return;
    }
    let theme = painter.theme;
    let look = painter.look(true);
    let room = Rect { y: inner.y + top, height: inner.height.saturating_sub(top), ..inner };
    let (text, dim, strong) = (theme.style(Scope::Text), theme.style(Scope::Dim), theme.style(Scope::Strong));
    let warning = theme.style(Scope::Warning);
    let masks = triage.segments();
    let fields = if masks { Field::of_masks(triage.order()) } else { Field::OF_REGRESSION.to_vec() };
    let columns: Vec<Column> = fields.iter().map(|field| field.column(masks)).collect();
    let rows = list::render(&columns, triage.visible.len(), &triage.selection, room, painter.buf, look, |place| {
        let case = &cases[triage.visible[place]];
        let cell = |(i, field): (usize, &Field)| {
            let style = match field {
                _ if i == 1 => strong,
                Field::Image if case.note().is_some() => warning,
                Field::Trimester | Field::TruthPx | Field::PredictionPx | Field::Set => dim,
                _ => text,
            };
            let words = field.cell(case, triage);
            // A doubtful head is marked where one looks first.
            let doubtful = i == 1 && case.has_prediction() && case.note().is_some();
            (if doubtful { format!("!{words}") } else { words }, style)
        };
        fields.iter().enumerate().map(cell).collect()
    });
    let first = triage.selection.offset(rows.height as usize, triage.visible.len());
    painter.hits.push((rows, Hit::Rows { first }));
}
