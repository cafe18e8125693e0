//! The data of a run: prepared as its recipe says, then split and made into its task.

use super::Task;
use super::cardiac_segmentation::CardiacSegmentation;
use super::cardiac_volume::CardiacVolume;
use super::hc_regression::HcRegression;
use super::hc_segmentation::HcSegmentation;
use super::heads::Heads;
use super::hearts::Hearts;
use crate::dataset::acdc::{self, Form, PreparedHearts};
use crate::dataset::{Dataset, DatasetKind, Preparation, Prepared, cache};
use crate::error::{Error, Result};
use crate::nn::Graph;
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::workspace::Workspace;
use std::path::PathBuf;
use std::sync::Arc;

/// What the recipes of a kind of data set are trained on.
pub enum Data {
    Heads(Prepared),
    /// And where their raw data lie.
    Hearts(Box<PreparedHearts>, PathBuf),
}

impl Data {
    /// Refuses data of another kind than what `recipe` learns from.
    pub fn check_kind(dataset: &Dataset, recipe: &Recipe) -> Result<()> {
        dataset.of_kind(if recipe.on_hearts() { DatasetKind::Acdc } else { DatasetKind::Hc18 }, &recipe.task)
    }

    /// Opens the cache that `recipe` needs, or makes it.
    pub fn prepare(ws: &Workspace, dataset: &Dataset, recipe: &Recipe, progress: &dyn Progress) -> Result<Data> {
        Data::check_kind(dataset, recipe)?;
        Ok(match form(recipe) {
            Ok(form) => Data::Hearts(acdc::prepare(ws, dataset, &form, progress)?.into(), dataset.path.clone()),
            Err(size) => Data::Heads(cache::prepare(ws, dataset, &size, progress)?),
        })
    }

    /// Whether [`Data::prepare`] would find the work done.
    pub fn is_prepared(ws: &Workspace, dataset: &Dataset, recipe: &Recipe) -> bool {
        match form(recipe) {
            Ok(form) => acdc::is_prepared(ws, dataset, &form),
            Err(size) => cache::is_prepared(ws, dataset, &size),
        }
    }

    /// What a person should know of it: what was made anew, what is left out.
    pub fn notes(&self) -> Vec<String> {
        let (notes, skipped) = match self {
            Data::Heads(prepared) => (&prepared.notes, &prepared.skipped),
            Data::Hearts(prepared, _) => (&prepared.notes, &prepared.skipped),
        };
        let mut said = notes.clone();
        said.extend(skipped.iter().map(|s| format!("{} is left out: {}", s.file, s.reason)));
        if let Data::Hearts(prepared, _) = self {
            let blind = prepared.samples.iter().filter(|s| s.volumes_ml.is_none());
            said.extend(
                blind.map(|s| format!("{} at {} is left out: it has no ground truth", s.patient, s.phase.word())),
            );
        }
        said
    }

    /// The recipe's task, for that network. Mean, deviation and largest truth come from the training part only.
    pub fn task(self, recipe: &Recipe, graph: &Graph) -> Result<Arc<dyn Task>> {
        recipe.check_task(graph)?;
        match self {
            Data::Heads(prepared) => {
                let heads = Heads::new(recipe, prepared, graph)?;
                Ok(match recipe.task.as_str() {
                    "hc-segmentation" => Arc::new(HcSegmentation::new(recipe, heads, graph)?),
                    _ => Arc::new(HcRegression::new(recipe, heads)?),
                })
            }
            Data::Hearts(prepared, root) => {
                let hearts = Hearts::new(recipe, *prepared, root)?;
                Ok(match recipe.task.as_str() {
                    "cardiac-segmentation" => Arc::new(CardiacSegmentation::new(hearts, graph)),
                    _ => Arc::new(CardiacVolume::new(recipe, hearts, graph)?),
                })
            }
        }
    }
}

/// The form of hearts, or the size of heads, that `recipe` takes.
fn form(recipe: &Recipe) -> std::result::Result<Form, Preparation> {
    let [width, height] = recipe.data.size;
    match recipe.task.as_str() {
        "cardiac-volume" => Ok(Form::Volume { slices: recipe.data.slices, height, width }),
        "cardiac-segmentation" => Ok(Form::Slices { spacing_mm: recipe.data.spacing_mm, height, width }),
        _ => Err(Preparation { width, height }),
    }
}

/// Fails where a split leaves too little to learn from or to judge by.
pub(super) fn check_parts(train: usize, validation: usize) -> Result<()> {
    if train >= 2 && validation > 0 {
        return Ok(());
    }
    Err(Error::new(format!("the split leaves {train} images to train on and {validation} to validate with"))
        .cure("use a larger data set, fewer folds or another data.split"))
}
