//! One row a recipe, loss and variant of the runs on hearts: the held-out hearts of its folds pooled, the papers' cells beside.

use super::papers::{HeartCell, heart_cells};
use crate::error::Result;
use crate::recipe::Recipe;
use crate::run::predictions_hearts::{self, HeartPrediction};
use crate::run::{RunDir, Status, summary};
use crate::train::heart_metrics;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Figures over the pooled held-out hearts.
#[derive(Clone, Debug, Serialize)]
pub struct HeartRow {
    pub recipe: String,
    pub task: String,
    pub loss: String,
    pub dataset: String,
    /// What sets it apart from others of its recipe, in the recipe's words.
    pub variant: Vec<String>,
    /// In the order of their columns: `rv`, `myo`, `lv`, or `heart`.
    pub structures: Vec<String>,
    pub runs: Vec<String>,
    pub folds: usize,
    pub patients: usize,
    /// Patients and phases.
    pub hearts: usize,
    /// As [`heart_metrics::record`] names them, without a prefix.
    pub figures: BTreeMap<String, Option<f64>>,
    /// Mean over the folds of each fold's last epoch: what would have been measured had no epoch been chosen.
    pub last_epoch_mae_ml: Option<f64>,
    /// Mean seconds a fold.
    pub seconds: f64,
    pub papers: Vec<HeartCell>,
}

/// Finished runs on hearts, grouped and judged as [`super::pooled()`] has it.
pub fn hearts(runs: &[RunDir], only: Option<&str>) -> Result<Vec<HeartRow>> {
    type Folds = BTreeMap<usize, (RunDir, Recipe)>;
    let mut groups: BTreeMap<Vec<String>, Folds> = BTreeMap::new();
    for run in runs {
        let recipe = run.recipe()?;
        let wanted = recipe.on_hearts() && only.is_none_or(|name| name == recipe.name);
        if wanted && summary(run, false)?.status == Status::Finished {
            let name = [&recipe.name, &recipe.train.loss, &recipe.data.dataset].map(String::clone);
            let group = [&name[..], &variant(&recipe)].concat();
            groups.entry(group).or_default().insert(recipe.data.fold, (run.clone(), recipe));
        }
    }
    let papers = heart_cells()?;
    let row = |folds: Folds| -> Result<Option<HeartRow>> {
        let (mut kept, mut last, mut seconds): (Vec<HeartPrediction>, Vec<f64>, f64) = (Vec::new(), Vec::new(), 0.0);
        for (run, _) in folds.values() {
            let rows = predictions_hearts::read(run)?;
            let tested = rows.iter().any(|r| r.set == "test");
            kept.extend(rows.into_iter().filter(|r| !tested || r.set == "test"));
            let summary = summary(run, false)?;
            last.extend(summary.history.epochs.last().and_then(|e| e.metric("val_mae_ml")));
            seconds += summary.seconds / folds.len() as f64;
        }
        let Some((_, recipe)) = folds.values().next() else { return Ok(None) };
        let mut figures = BTreeMap::new();
        heart_metrics::record(&kept, "", &mut figures);
        let mut structures: Vec<String> = Vec::new();
        kept.iter().for_each(|r| {
            if !structures.contains(&r.structure) {
                structures.push(r.structure.clone());
            }
        });
        let hearts: BTreeSet<_> = kept.iter().map(|r| (&r.patient, r.phase)).collect();
        let patients: BTreeSet<_> = kept.iter().map(|r| &r.patient).collect();
        Ok(Some(HeartRow {
            recipe: recipe.name.clone(),
            task: recipe.task.clone(),
            loss: recipe.train.loss.clone(),
            dataset: recipe.data.dataset.clone(),
            variant: variant(recipe),
            structures,
            runs: folds.values().map(|(run, _)| run.id().to_owned()).collect(),
            folds: folds.len(),
            patients: patients.len(),
            hearts: hearts.len(),
            figures,
            last_epoch_mae_ml: (!last.is_empty()).then(|| last.iter().sum::<f64>() / last.len() as f64),
            seconds,
            papers: papers.iter().filter(|c| c.is_of(recipe)).cloned().collect(),
        }))
    };
    groups.into_values().filter_map(|folds| row(folds).transpose()).collect()
}

/// What decides which of the papers' tables a run belongs to.
fn variant(recipe: &Recipe) -> Vec<String> {
    let data = &recipe.data;
    let phases = if data.phases == "both" { "ED and ES".to_owned() } else { data.phases.to_uppercase() };
    let clean = if data.clean { "cleaned" } else { "all patients" };
    let mut words = vec![phases, clean.to_owned()];
    if recipe.task == "cardiac-volume" {
        let structures = if data.structures == "all" { None } else { Some(data.structures.clone()) };
        let target = if data.target == "voxels" { "voxels" } else { "ml" };
        words.extend([target.to_owned(), recipe.outputs().to_owned()]);
        words.extend(structures);
        words.extend((data.input == "truth").then(|| "from the ground truth".to_owned()));
    }
    words
}
