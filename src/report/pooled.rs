//! One row a recipe and loss: the held-out images of its folds pooled, the papers' cells beside it.

use super::papers::{Cell, cells};
use crate::error::Result;
use crate::run::predictions::{self, Prediction};
use crate::run::{RunDir, Status, summary};
use crate::train::metrics::{self, Regression, regression};
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
    /// Of a segmentation: `dice`, `hausdorff_mm`, `assd_mm` … of the fitted ellipse, the same with `mask_` of the
    /// post-processed mask and `raw_` of the mask as the network gave it, `df_mm`, `no_head`; shares from 0 to 1.
    pub masks: Option<BTreeMap<String, Option<f64>>>,
    /// By trimester, as far as it is known.
    pub trimesters: Vec<Trimester>,
    pub papers: Vec<Cell>,
}

/// The same figures of the images of one trimester.
#[derive(Clone, Debug, Serialize)]
pub struct Trimester {
    /// 1 to 3; inferred from the exam's number.
    pub trimester: u8,
    pub images: usize,
    pub mae_px: [f64; 2],
    pub mae_mm: [f64; 2],
    pub pmae: [f64; 2],
    pub masks: Option<BTreeMap<String, Option<f64>>>,
}

/// Finished runs on heads grouped by recipe, loss and data set. A split with a test part is judged by that part,
/// any other by its validation part. Of several runs of one fold the newest counts.
pub fn pooled(runs: &[RunDir], only: Option<&str>) -> Result<Vec<Row>> {
    let mut groups: BTreeMap<[String; 4], BTreeMap<usize, RunDir>> = BTreeMap::new();
    for run in runs {
        let recipe = run.recipe()?;
        let wanted = !recipe.on_hearts() && only.is_none_or(|name| name == recipe.name);
        if wanted && summary(run, false)?.status == Status::Finished {
            let group = [recipe.name, recipe.train.loss, recipe.data.dataset, recipe.task];
            groups.entry(group).or_default().insert(recipe.data.fold, run.clone());
        }
    }
    let papers = cells()?;
    let row = |([recipe, loss, dataset, task], folds): (&[String; 4], &BTreeMap<usize, RunDir>)| -> Result<Row> {
        let (mut kept, mut last, mut seconds): (Vec<Prediction>, Vec<f64>, f64) = (Vec::new(), Vec::new(), 0.0);
        for run in folds.values() {
            let rows = predictions::read(run)?;
            let tested = rows.iter().any(|r| r.set == "test");
            kept.extend(rows.into_iter().filter(|r| !tested || r.set == "test"));
            let summary = summary(run, false)?;
            last.extend(summary.history.epochs.last().and_then(|e| e.metric("val_mae_px")));
            seconds += summary.seconds / folds.len() as f64;
        }
        let segments = task == "hc-segmentation";
        let (px, mm) = circumferences(&kept);
        let by_trimester = (1..=3).filter_map(|trimester| {
            let rows: Vec<Prediction> = kept.iter().filter(|r| r.trimester == Some(trimester)).cloned().collect();
            let (px, mm) = (!rows.is_empty()).then(|| circumferences(&rows))?;
            Some(Trimester {
                trimester,
                images: rows.len(),
                mae_px: [px.mae.value, px.mae.sd],
                mae_mm: [mm.mae.value, mm.mae.sd],
                pmae: [px.pmae.value, px.pmae.sd],
                masks: segments.then(|| masks(&rows)),
            })
        });
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
            masks: segments.then(|| masks(&kept)),
            trimesters: by_trimester.collect(),
            papers: papers.iter().filter(|c| c.is_of(recipe, loss)).cloned().collect(),
        })
    };
    groups.iter().map(row).collect()
}

/// Truth beside prediction in px and in mm.
fn circumferences(rows: &[Prediction]) -> (Regression, Regression) {
    let column = |of: fn(&Prediction) -> f64| rows.iter().map(of).collect::<Vec<f64>>();
    let px = regression(&column(|r| r.truth_hc_px), &column(|r| r.prediction_hc_px));
    (px, regression(&column(|r| r.truth_hc_mm), &column(|r| r.prediction_hc_mm)))
}

fn masks(rows: &[Prediction]) -> BTreeMap<String, Option<f64>> {
    let mut figures = BTreeMap::new();
    metrics::masks(rows, "", &mut figures);
    figures
}
