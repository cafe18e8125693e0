//! One row a recipe and loss: the held-out images of its folds pooled, the paper's cell beside it.

use super::papers::{Cell, cells};
use crate::error::Result;
use crate::run::predictions::{self, Prediction};
use crate::run::{RunDir, Status, summary};
use crate::train::metrics::{Regression, regression};
use serde::Serialize;
use std::collections::BTreeMap;

/// Figures over the pooled held-out images; means over images with their standard deviations.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub recipe: String,
    pub loss: String,
    pub dataset: String,
    pub runs: Vec<String>,
    pub folds: usize,
    pub images: usize,
    pub mae_px: [f64; 2],
    pub mae_mm: [f64; 2],
    pub pmae: [f64; 2],
    pub rmse_px: [f64; 2],
    pub r2: [f64; 2],
    /// Mean over the folds of each fold's last epoch: what would have been measured had no epoch been chosen.
    pub last_epoch_mae_px: Option<f64>,
    /// Mean seconds a fold.
    pub seconds: f64,
    pub paper: Option<Cell>,
}

/// Finished runs grouped by recipe, loss and data set. A split with a test part is judged by that part,
/// any other by its validation part. Of several runs of one fold the newest counts.
pub fn pooled(runs: &[RunDir], only: Option<&str>) -> Result<Vec<Row>> {
    let mut groups: BTreeMap<[String; 3], BTreeMap<usize, RunDir>> = BTreeMap::new();
    for run in runs {
        let recipe = run.recipe()?;
        let finished = summary(run, false)?.status == Status::Finished;
        if finished && only.is_none_or(|name| name == recipe.name) {
            let group = [recipe.name, recipe.train.loss, recipe.data.dataset];
            groups.entry(group).or_default().insert(recipe.data.fold, run.clone());
        }
    }
    let papers = cells()?;
    let row = |([recipe, loss, dataset], folds): (&[String; 3], &BTreeMap<usize, RunDir>)| -> Result<Row> {
        let (mut kept, mut last, mut seconds): (Vec<Prediction>, Vec<f64>, f64) = (Vec::new(), Vec::new(), 0.0);
        for run in folds.values() {
            let rows = predictions::read(run)?;
            let tested = rows.iter().any(|r| r.set == "test");
            kept.extend(rows.into_iter().filter(|r| !tested || r.set == "test"));
            let summary = summary(run, false)?;
            last.extend(summary.history.epochs.last().and_then(|e| e.metric("val_mae_px")));
            seconds += summary.seconds / folds.len() as f64;
        }
        let column = |of: fn(&Prediction) -> f64| kept.iter().map(of).collect::<Vec<f64>>();
        let px: Regression = regression(&column(|r| r.truth_hc_px), &column(|r| r.prediction_hc_px));
        let mm = regression(&column(|r| r.truth_hc_mm), &column(|r| r.prediction_hc_mm));
        Ok(Row {
            recipe: recipe.clone(),
            loss: loss.clone(),
            dataset: dataset.clone(),
            runs: folds.values().map(|run| run.id().to_owned()).collect(),
            folds: folds.len(),
            images: kept.len(),
            mae_px: [px.mae.value, px.mae.sd],
            mae_mm: [mm.mae.value, mm.mae.sd],
            pmae: [px.pmae.value, px.pmae.sd],
            rmse_px: [px.rmse.value, px.rmse.sd],
            r2: [px.r2.value, px.r2.sd],
            last_epoch_mae_px: (!last.is_empty()).then(|| last.iter().sum::<f64>() / last.len() as f64),
            seconds,
            paper: papers.iter().find(|c| c.recipe == *recipe && c.loss == *loss).cloned(),
        })
    };
    groups.iter().map(row).collect()
}

/// The rows for people.
pub fn text(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "No finished run to tabulate: hcwb run list shows what there is\n".into();
    }
    let pair = |[mean, sd]: [f64; 2]| format!("{mean:.2} ± {sd:.2}");
    let mut text = String::new();
    for row in rows {
        let paper = |of: fn(&Cell) -> Option<[f64; 2]>| row.paper.as_ref().and_then(of).map_or("–".into(), pair);
        let source = row.paper.as_ref().map_or("paper".into(), |c| format!("{}, {}", c.source, c.place));
        text.push_str(&format!(
            "{} {} on {}: {} images held out in {} fold(s), {:.0} s a fold\n",
            row.recipe, row.loss, row.dataset, row.images, row.folds, row.seconds
        ));
        let lines = [
            ("MAE px", pair(row.mae_px), paper(|c| c.mae_px)),
            ("MAE mm", pair(row.mae_mm), paper(|c| c.mae_mm)),
            ("PMAE %", pair(row.pmae), paper(|c| c.pmae)),
            ("RMSE px", pair(row.rmse_px), "–".into()),
            ("R²", format!("{:.4} ± {:.4}", row.r2[0], row.r2[1]), "–".into()),
        ];
        text.push_str(&format!("  {:<22}{:>18}  {source:>18}\n", "", "this program"));
        for (name, ours, theirs) in lines {
            text.push_str(&format!("  {name:<22}{ours:>18}  {theirs:>18}\n"));
        }
        if let Some(last) = row.last_epoch_mae_px {
            text.push_str(&format!("  {:<22}{last:>18.2}\n", "MAE px, last epoch"));
        }
    }
    text
}
