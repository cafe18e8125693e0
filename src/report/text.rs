//! Pooled rows for people, within 80 columns.

use super::{Cell, Row, Trimester};
use std::collections::BTreeMap;

/// What a line of a segmentation's table shows: its title, the figure's name, and what it is multiplied by.
const AGREEMENT: [(&str, &str, f64); 7] = [
    ("DI %", "dice", 100.0),
    ("IoU %", "iou", 100.0),
    ("pixel acc. %", "pixel_accuracy", 100.0),
    ("HD px", "hausdorff_px", 1.0),
    ("HD mm", "hausdorff_mm", 1.0),
    ("ASSD px", "assd_px", 1.0),
    ("ASSD mm", "assd_mm", 1.0),
];

/// The rows for people; nothing of none.
pub fn text(rows: &[Row]) -> String {
    rows.iter().map(row).collect::<Vec<_>>().join("\n")
}

fn row(row: &Row) -> String {
    let mut text = format!(
        "{} {} on {}: {} images held out in {} fold(s), {:.0} s a fold\n",
        row.recipe, row.loss, row.dataset, row.images, row.folds, row.seconds
    );
    if let Some(masks) = &row.masks {
        text.push_str(&agreement(masks));
    }
    text.push_str(&circumference(row));
    if !row.trimesters.is_empty() {
        text.push_str(&trimesters(&row.trimesters));
    }
    text
}

pub(super) fn pair([mean, sd]: [f64; 2]) -> String {
    // Large figures need no hundredths, and the columns no more room.
    if mean.abs() < 100.0 { format!("{mean:.2} ± {sd:.2}") } else { format!("{mean:.1} ± {sd:.1}") }
}

/// What a paper prints.
pub(super) fn printed(figure: Option<&Vec<f64>>) -> String {
    match figure.map(Vec::as_slice) {
        Some([mean, sd]) => pair([*mean, *sd]),
        Some([mean]) => format!("{mean:.2}"),
        _ => "–".into(),
    }
}

/// A figure of masks with its deviation.
fn of_masks(masks: &BTreeMap<String, Option<f64>>, name: &str, unit: f64) -> Option<[f64; 2]> {
    let figure = |name: &str| masks.get(name).copied().flatten().map(|v| v * unit);
    Some([figure(name)?, figure(&format!("{name}_sd"))?])
}

pub(super) fn line(label: &str, cells: &[String]) -> String {
    let cells: String = cells.iter().map(|cell| format!("{cell:>15}")).collect();
    format!("  {label:<17}{cells}\n")
}

/// How raw mask, post-processed mask and ellipse agree with the truth.
fn agreement(masks: &BTreeMap<String, Option<f64>>) -> String {
    let mut text = line("", &["raw mask", "post-processed", "fitted ellipse"].map(String::from));
    for (title, name, unit) in AGREEMENT {
        let cell = |stage: &str| of_masks(masks, &format!("{stage}{name}"), unit).map_or("–".into(), pair);
        text.push_str(&line(title, &["raw_", "mask_", ""].map(cell)));
    }
    text + "\n"
}

/// The circumference (of a segmentation, that of the ellipse), with what the papers print.
fn circumference(row: &Row) -> String {
    let places = row.papers.iter().map(|cell| format!("{}, {}", cell.source, cell.place));
    let mut text = line("", &std::iter::once("this program".to_owned()).chain(places).collect::<Vec<_>>());
    let mut add = |label: &str, ours: Option<String>, theirs: fn(&Cell) -> Option<&Vec<f64>>| {
        let theirs: Vec<Option<&Vec<f64>>> = row.papers.iter().map(theirs).collect();
        // A line that nobody has a figure for is none.
        if ours.is_some() || theirs.iter().any(Option::is_some) {
            let cells = std::iter::once(ours.unwrap_or("–".into())).chain(theirs.into_iter().map(printed));
            text.push_str(&line(label, &cells.collect::<Vec<_>>()));
        }
    };
    if let Some(masks) = &row.masks {
        let ours = |name: &str, unit: f64| of_masks(masks, name, unit).map(pair);
        add("DI %", ours("dice", 100.0), |c| c.dice_percent.as_ref());
        if row.papers.iter().any(|c| c.iou_percent.is_some()) {
            add("IoU %", ours("iou", 100.0), |c| c.iou_percent.as_ref());
        }
        if row.papers.iter().any(|c| c.pixel_accuracy_percent.is_some()) {
            add("pixel acc. %", ours("pixel_accuracy", 100.0), |c| c.pixel_accuracy_percent.as_ref());
        }
        add("HD px", ours("hausdorff_px", 1.0), |c| c.hausdorff_px.as_ref());
    }
    add("MAE px", Some(pair(row.mae_px)), |c| c.mae_px.as_ref());
    add("MAE mm", Some(pair(row.mae_mm)), |c| c.mae_mm.as_ref());
    add("PMAE %", Some(pair(row.pmae)), |c| c.pmae.as_ref());
    if let Some(masks) = &row.masks {
        add("DF mm", of_masks(masks, "df_mm", 1.0).map(pair), |_| None);
    }
    add("RMSE px", Some(pair(row.rmse_px)), |_| None);
    add("R²", Some(format!("{:.4} ± {:.4}", row.r2[0], row.r2[1])), |_| None);
    if let Some(last) = row.last_epoch_mae_px {
        add("MAE px, last ep.", Some(format!("{last:.2}")), |_| None);
    }
    let headless = row.masks.as_ref().and_then(|m| m.get("no_head").copied().flatten());
    if let Some(headless) = headless.filter(|n| *n > 0.0) {
        text.push_str(&format!("  no head found in {headless:.0} of them: each counts as a circumference of 0\n"));
    }
    text
}

/// A column a trimester.
fn trimesters(all: &[Trimester]) -> String {
    let titles: Vec<String> = all.iter().map(|t| format!("T{} ({})", t.trimester, t.images)).collect();
    let mut text = format!("\n{}", line("trimester, images", &titles));
    let mut add = |label: &str, of: &dyn Fn(&Trimester) -> Option<[f64; 2]>| {
        if all.iter().any(|t| of(t).is_some()) {
            let cells: Vec<String> = all.iter().map(|t| of(t).map_or("–".into(), pair)).collect();
            text.push_str(&line(label, &cells));
        }
    };
    let masks = |t: &Trimester, name: &str, unit: f64| of_masks(t.masks.as_ref()?, name, unit);
    add("DI %", &|t| masks(t, "dice", 100.0));
    add("HD mm", &|t| masks(t, "hausdorff_mm", 1.0));
    add("ASSD mm", &|t| masks(t, "assd_mm", 1.0));
    add("MAE px", &|t| Some(t.mae_px));
    add("MAE mm", &|t| Some(t.mae_mm));
    add("PMAE %", &|t| Some(t.pmae));
    add("DF mm", &|t| masks(t, "df_mm", 1.0));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pooled(masks: Option<BTreeMap<String, Option<f64>>>) -> Row {
        let figures = [12.0, 3.0];
        let part = |trimester| Trimester {
            trimester,
            images: 40,
            mae_px: figures,
            mae_mm: [1.5 * f64::from(trimester), 1.0],
            pmae: figures,
            masks: masks.clone(),
        };
        Row {
            recipe: "unet".into(),
            loss: "dice".into(),
            dataset: "hc18".into(),
            runs: Vec::new(),
            folds: 1,
            images: 160,
            mae_px: figures,
            mae_mm: [2.14, 1.9],
            pmae: figures,
            rmse_px: figures,
            r2: [0.99, 0.001],
            last_epoch_mae_px: Some(13.0),
            seconds: 900.0,
            trimesters: vec![part(1), part(3)],
            papers: crate::report::cells().unwrap().into_iter().filter(|c| c.is_of("unet", "dice")).collect(),
            masks,
        }
    }

    fn cells<'a>(text: &'a str, label: &str, nth: usize) -> Vec<&'a str> {
        let line = text.lines().filter(|l| l.trim_start().starts_with(label)).nth(nth).unwrap();
        line.trim_start()[label.len()..].split("  ").map(str::trim).filter(|c| !c.is_empty()).collect()
    }

    #[test]
    fn a_segmentation_stands_beside_the_preprints_tables_in_80_columns() {
        let masks = [("dice", 0.975), ("dice_sd", 0.01), ("raw_dice", 0.96), ("raw_dice_sd", 0.02), ("no_head", 2.0)];
        let masks = masks.into_iter().map(|(name, v)| (name.to_owned(), Some(v))).collect();
        let text = text(&[pooled(Some(masks))]);
        assert!(text.lines().all(|l| l.chars().count() <= 80), "{text}");
        assert_eq!(cells(&text, "DI %", 0), ["96.00 ± 2.00", "–", "97.50 ± 1.00"]);
        assert_eq!(cells(&text, "DI %", 1), ["97.50 ± 1.00", "84.40 ± 9.00", "94.00 ± 10.00", "94.00 ± 9.00"]);
        assert_eq!(cells(&text, "MAE mm", 0), ["2.14 ± 1.90", "46.51 ± 47.23", "7.61 ± 10.79", "7.60 ± 8.03"]);
        assert_eq!(cells(&text, "MAE mm", 1), ["1.50 ± 1.00", "4.50 ± 1.00"]);
        assert!(text.contains("no head found in 2 of them") && text.contains("T1 (40)"), "{text}");
    }

    #[test]
    fn a_regression_has_no_line_of_masks() {
        let text = text(&[Row { papers: Vec::new(), ..pooled(None) }]);
        assert!(!text.contains("DI %") && !text.contains("head") && !text.contains("DF"), "{text}");
        assert_eq!(cells(&text, "MAE mm", 0), ["2.14 ± 1.90"]);
    }
}
