//! What `hcwb run list`, `show`, `table`, `recipes` and `keys` print.

use crate::cli::output::{self, duration, figure, figure_sd};
use crate::error::{Error, Result};
use crate::recipe::{self, Recipe};
use crate::report;
use crate::run::event::Epoch;
use crate::run::{self as runs, RunDir, Summary, find, status, summary};
use crate::workspace::Workspace;
use serde_json::json;

pub fn list(ws: &Workspace, as_json: bool) -> Result<()> {
    let mut found: Vec<Summary> = Vec::new();
    for run in runs::list(ws)? {
        match summary(&run, false) {
            Ok(summary) => found.push(summary),
            // One damaged run hides no other, and is not hidden itself.
            Err(error) => eprintln!("{} cannot be read: {}", run.id(), crate::text::line(&error.chain())),
        }
    }
    if as_json {
        return output::json(&found.iter().map(status::json).collect::<Vec<_>>());
    }
    if found.is_empty() {
        return output::print("No runs yet: hcwb run start reg-cnn263k, or hcwb demo to try without data\n");
    }
    // A column for what some run has; those of heads also where no run has anything yet.
    let best = |s: &Summary, name: &str| s.history.best().and_then(|e| e.metric(name));
    let any = |name: &str| found.iter().any(|s| best(s, name).is_some());
    let heads = any("val_mae_px") || !any("val_mae_ml");
    let columns: Vec<(&str, &str, f64)> = [
        (heads, (">MAE px", "val_mae_px", 1.0)),
        (heads, (">MAE mm", "val_mae_mm", 1.0)),
        (any("val_mae_ml"), (">MAE ml", "val_mae_ml", 1.0)),
        (any("val_dice"), (">DI %", "val_dice", 100.0)),
    ]
    .into_iter()
    .filter_map(|(shown, column)| shown.then_some(column))
    .collect();
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|s| {
            let mut row = vec![
                format!("{} {}", s.status.glyph(), s.status.word()),
                s.id.clone(),
                s.dataset.clone(),
                s.folds.map_or("–".into(), |folds| format!("{}/{folds}", s.fold)),
                format!("{}/{}", s.epoch, s.epochs),
            ];
            row.extend(columns.iter().map(|(_, name, unit)| figure(best(s, name).map(|v| v * unit))));
            row.push(duration(s.seconds));
            row
        })
        .collect();
    let mut header = vec!["status", "run", "data", ">fold", ">epoch"];
    header.extend(columns.iter().map(|c| c.0));
    header.push(">time");
    output::print(&output::table(&header, &rows))
}

pub fn show(run: &RunDir, as_json: bool) -> Result<()> {
    let summary = summary(run, false)?;
    let recipe = run.recipe()?;
    if as_json {
        let mut value = status::json(&summary);
        value["recipe"] = serde_json::to_value(&recipe).map_err(|e| Error::new("cannot write JSON").because(e))?;
        value["metrics"] = json!(summary.history.epochs);
        value["warnings"] = json!(summary.history.warnings);
        value["failure"] = json!(summary.history.failure);
        value["files"] = run.files().into_iter().map(|(name, _)| name).collect();
        return output::json(&value);
    }
    let mut text = format!(
        "{}  {} {}  epoch {}/{}  {}\n{}\n\n",
        summary.id,
        summary.status.glyph(),
        summary.status.word(),
        summary.epoch,
        summary.epochs,
        duration(summary.seconds),
        run.path().display()
    );
    if let Some(failure) = &summary.history.failure {
        text.push_str(&format!("failed: {}\n\n", crate::text::line(failure)));
    }
    let columns = columns(&recipe);
    let mut header = vec!["epoch", ">train loss", ">val loss"];
    header.extend(columns.iter().map(|c| c.0));
    header.push("");
    let rows: Vec<Vec<String>> =
        summary.history.epochs.iter().rev().take(10).rev().map(|e| epoch_row(e, columns)).collect();
    text.push_str(&output::table(&header, &rows));
    if let Some(best) = summary.history.best() {
        text.push_str("\nbest\n");
        text.push_str(&output::table(&header, &[epoch_row(best, columns)]));
    }
    text.push_str(&format!("\n{}", recipe.to_toml()));
    output::print(&text)
}

/// Title, name and unit of the figures that a task is judged by.
type Columns = &'static [(&'static str, &'static str, f64)];

fn columns(recipe: &Recipe) -> Columns {
    const HC: [(&str, &str, f64); 5] = [
        (">MAE px", "val_mae_px", 1.0),
        (">MAE mm", "val_mae_mm", 1.0),
        (">PMAE %", "val_pmae", 1.0),
        (">DI %", "val_dice", 100.0),
        (">HD mm", "val_hausdorff_mm", 1.0),
    ];
    const HEARTS: [(&str, &str, f64); 6] = [
        (">MAE ml", "val_mae_ml", 1.0),
        (">RV", "val_rv_mae_ml", 1.0),
        (">MYO", "val_myo_mae_ml", 1.0),
        (">LV", "val_lv_mae_ml", 1.0),
        (">DI %", "val_dice", 100.0),
        (">HD mm", "val_hausdorff_mm", 1.0),
    ];
    match (recipe.task.as_str(), recipe.data.structures.as_str()) {
        ("hc-segmentation", _) => &HC,
        ("cardiac-segmentation", _) => &HEARTS,
        ("cardiac-volume", "all") => &HEARTS[..4],
        ("cardiac-volume", _) => &HEARTS[..1],
        _ => &HC[..3],
    }
}

fn epoch_row(e: &Epoch, columns: Columns) -> Vec<String> {
    let loss = |l: Option<f64>| l.map_or("–".into(), |l| format!("{l:.5}"));
    let mut row = vec![e.epoch.to_string(), loss(e.train_loss), loss(e.val_loss)];
    row.extend(columns.iter().map(|(_, name, unit)| {
        let metric = |name: &str| e.metric(name).map(|v| v * unit);
        figure_sd(metric(name), metric(&format!("{name}_sd")))
    }));
    row.push(if e.best { "best".into() } else { String::new() });
    row
}

pub fn table(ws: &Workspace, recipe: Option<&str>, ids: &[String], as_json: bool) -> Result<()> {
    let chosen: Vec<RunDir> = match ids {
        [] => runs::list(ws)?,
        ids => ids.iter().map(|id| find(ws, id)).collect::<Result<_>>()?,
    };
    let (heads, hearts) = (report::pooled(&chosen, recipe)?, report::hearts(&chosen, recipe)?);
    if as_json {
        let wrong = |e| Error::new("cannot write JSON").because(e);
        let heads = heads.iter().map(serde_json::to_value);
        let all = heads.chain(hearts.iter().map(serde_json::to_value));
        return output::json(&all.collect::<Result<Vec<_>, serde_json::Error>>().map_err(wrong)?);
    }
    let texts = [report::text(&heads), report::text_hearts(&hearts)];
    let said: Vec<String> = texts.into_iter().filter(|t| !t.is_empty()).collect();
    output::print(&match said.is_empty() {
        true => "No finished run to tabulate: hcwb run list shows what there is\n".to_owned(),
        false => said.join("\n"),
    })
}

pub fn recipes(as_json: bool) -> Result<()> {
    let found = recipe::shipped();
    if as_json {
        return output::json(&found);
    }
    let rows: Vec<Vec<String>> =
        found.into_iter().map(|s| vec![s.name, s.purpose, s.paper.unwrap_or_default()]).collect();
    output::print(&output::table(&["recipe", "what it is for", "the paper's figure"], &rows))
}

pub fn keys() -> Result<()> {
    let rows: Vec<Vec<String>> = recipe::keys()
        .iter()
        .map(|key| {
            let default = Recipe::default().get(key.name).unwrap_or_default();
            vec![key.name.into(), default, key.help.into(), key.choices.join(" | ")]
        })
        .collect();
    output::print(&output::table(&["key", "default", "what it decides", "words"], &rows))
}
