//! Rows on hearts for people, within 80 columns: a column a structure, the papers' figures under ours.

use super::papers::{HeartCell, StructureCell};
use super::text::{line, pair, printed};
use super::{Figure, HeartRow};
use crate::train::heart_metrics::{CHAMBERS, WHOLE};

/// Of ours: a line's title, the figure's name behind the structure's, and what it is multiplied by.
const LINES: [(&str, &str, f64); 13] = [
    ("bias ml", "bias_ml", 1.0),
    ("r", "r", 1.0),
    ("ED MAE ml", "ed_mae_ml", 1.0),
    ("ES MAE ml", "es_mae_ml", 1.0),
    ("ED PMAE %", "ed_pmae", 1.0),
    ("ES PMAE %", "es_pmae", 1.0),
    ("ED DI %", "ed_dice", 100.0),
    ("ES DI %", "es_dice", 100.0),
    ("ED HD mm", "ed_hausdorff_mm", 1.0),
    ("ES HD mm", "es_hausdorff_mm", 1.0),
    ("EF MAE points", "ef_mae_points", 1.0),
    ("EF bias points", "ef_bias_points", 1.0),
    ("EF r", "ef_r", 1.0),
];

/// The rows for people; nothing of none.
pub fn text_hearts(rows: &[HeartRow]) -> String {
    rows.iter().map(row).collect::<Vec<_>>().join("\n")
}

fn row(row: &HeartRow) -> String {
    let mut text = format!("{} {} on {}: {}\n", row.recipe, row.loss, row.dataset, row.variant.join(", "));
    text.push_str(&format!(
        "  {} hearts of {} patients held out in {} fold(s), {:.0} s a fold\n",
        row.hearts, row.patients, row.folds, row.seconds
    ));
    text.push_str(&line("", &row.structures.iter().map(|s| title(s)).collect::<Vec<_>>()));
    text.push_str(&ours(row, "MAE ml", "mae_ml", 1.0));
    row.papers.iter().for_each(|cell| text.push_str(&theirs(row, cell, |s| Some(&s.mae_ml))));
    text.push_str(&ours(row, "PMAE %", "pmae", 1.0));
    row.papers.iter().for_each(|cell| text.push_str(&theirs(row, cell, |s| s.pmae.as_ref())));
    LINES.iter().for_each(|(title, name, unit)| text.push_str(&ours(row, title, name, *unit)));
    for chamber in CHAMBERS {
        let missing = row.figures.get(&format!("{chamber}_ef_missing")).copied().flatten();
        if let Some(missing) = missing.filter(|n| *n > 0.0) {
            let name = chamber.to_uppercase();
            text.push_str(&format!(
                "  {missing:.0} patients have no EF of the {name}: its volume at ED came out below 0\n"
            ));
        }
    }
    if let Some(last) = row.last_epoch_mae_ml {
        text.push_str(&format!("  MAE of all structures {} ml, in the last epoch {last:.2} ml\n", mean(row)));
    }
    text
}

fn title(structure: &str) -> String {
    if structure == WHOLE { "whole heart".into() } else { structure.to_uppercase() }
}

fn mean(row: &HeartRow) -> String {
    row.figures.get("mae_ml").copied().flatten().map_or("–".into(), |v| format!("{v:.2}"))
}

/// One figure of every structure; nothing where none has it.
fn ours(row: &HeartRow, label: &str, name: &str, unit: f64) -> String {
    let figure = |name: &str| row.figures.get(name).copied().flatten().map(|v| v * unit);
    let cell = |structure: &String| {
        let name = format!("{structure}_{name}");
        match (figure(&name), figure(&format!("{name}_sd"))) {
            (Some(mean), Some(sd)) => Some(pair([mean, sd])),
            (Some(value), None) => Some(format!("{value:.4}")),
            _ => None,
        }
    };
    let cells: Vec<Option<String>> = row.structures.iter().map(cell).collect();
    match cells.iter().any(Option::is_some) {
        true => line(label, &cells.into_iter().map(|c| c.unwrap_or("–".into())).collect::<Vec<_>>()),
        false => String::new(),
    }
}

fn theirs(row: &HeartRow, cell: &HeartCell, of: fn(&StructureCell) -> Option<&Figure>) -> String {
    let figures: Vec<Option<&Figure>> = row.structures.iter().map(|s| cell.structure(s).and_then(of)).collect();
    match figures.iter().any(Option::is_some) {
        true => {
            line(&format!("{}, {}", cell.source, cell.place), &figures.into_iter().map(printed).collect::<Vec<_>>())
        }
        false => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Recipe;
    use std::collections::BTreeMap;

    #[test]
    fn ours_stand_over_the_preprints_in_80_columns() {
        let recipe = Recipe::load("cardiac-vgg3d").unwrap();
        let figure = |name: &str, value: f64| (name.to_owned(), Some(value));
        let figures = BTreeMap::from([
            figure("mae_ml", 20.0),
            figure("rv_mae_ml", 21.5),
            figure("rv_mae_ml_sd", 10.25),
            figure("lv_mae_ml", 118.0),
            figure("lv_mae_ml_sd", 5.0),
            figure("rv_pmae", 30.0),
            figure("rv_pmae_sd", 3.0),
            figure("lv_ef_r", 0.5),
            figure("rv_ef_missing", 2.0),
        ]);
        let papers = crate::report::heart_cells().unwrap().into_iter().filter(|c| c.is_of(&recipe)).collect();
        let row = HeartRow {
            recipe: recipe.name.clone(),
            task: recipe.task.clone(),
            loss: "mse".into(),
            dataset: "acdc".into(),
            variant: vec!["ED and ES".into(), "cleaned".into()],
            structures: ["rv", "myo", "lv"].map(String::from).to_vec(),
            runs: Vec::new(),
            folds: 1,
            patients: 10,
            hearts: 20,
            figures,
            last_epoch_mae_ml: Some(25.0),
            seconds: 60.0,
            papers,
        };
        let text = text_hearts(&[row]);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.iter().all(|l| l.chars().count() <= 80), "{text}");
        let words = |n: usize| lines[n].split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words(2), "RV MYO LV");
        assert_eq!(words(3), "MAE ml 21.50 ± 10.25 – 118.0 ± 5.0");
        assert_eq!(words(4), "S4, table 13 53.60 ± 35.05 45.39 ± 26.34 97.16 ± 40.55");
        assert_eq!(words(6), "S4, table 13 43.68 ± 45.57 42.82 ± 29.17 111.6 ± 88.9");
        assert!(text.contains("2 patients have no EF of the RV"), "{text}");
        assert!(text.contains("EF r") && !text.contains("DI %") && text.contains("last epoch 25.00 ml"), "{text}");
    }
}
