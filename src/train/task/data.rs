//! The data of a run: prepared as its recipe says, then split and made into its task.

use super::Task;
use super::hc_regression::HcRegression;
use super::hc_segmentation::HcSegmentation;
use super::heads::Heads;
use crate::dataset::{Dataset, Prepared, cache};
use crate::error::{Error, Result};
use crate::nn::Graph;
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::workspace::Workspace;
use std::sync::Arc;

/// What the recipes of a kind of data set are trained on.
pub enum Data {
    Heads(Prepared),
}

impl Data {
    /// Opens the cache that `recipe` needs, or makes it.
    pub fn prepare(ws: &Workspace, dataset: &Dataset, recipe: &Recipe, progress: &dyn Progress) -> Result<Data> {
        let [width, height] = recipe.data.size;
        Ok(Data::Heads(cache::prepare(ws, dataset, &cache::Preparation { width, height }, progress)?))
    }

    /// What a person should know of it: what was made anew, what is left out.
    pub fn notes(&self) -> Vec<String> {
        let Data::Heads(prepared) = self;
        let skipped = prepared.skipped.iter().map(|s| format!("{} is left out: {}", s.file, s.reason));
        prepared.notes.iter().cloned().chain(skipped).collect()
    }

    /// The recipe's task, for that network. Mean, deviation and largest truth come from the training part only.
    pub fn task(self, recipe: &Recipe, graph: &Graph) -> Result<Arc<dyn Task>> {
        recipe.check_task(graph)?;
        let Data::Heads(prepared) = self;
        let heads = Heads::new(recipe, prepared, graph)?;
        Ok(match recipe.task.as_str() {
            "hc-segmentation" => Arc::new(HcSegmentation::new(recipe, heads, graph)?),
            _ => Arc::new(HcRegression::new(recipe, heads)?),
        })
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
