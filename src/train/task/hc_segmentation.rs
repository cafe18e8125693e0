//! HC segmentation: the head's mask is learned, and its ellipse judged.

use super::head_masks::{self, Masks};
use super::heads::{Heads, circumferences, of_set};
use super::{Figures, Judge, Set, Task, each};
use crate::dataset::augment::{Augment, Plan};
use crate::dataset::mask_batch::{self, View};
use crate::error::Result;
use crate::nn::{Graph, Loss, Tensor};
use crate::recipe::Recipe;
use crate::run::RunDir;
use crate::run::predictions::{self, Prediction};
use crate::train::metrics;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// A mask an image: its head.
pub struct HcSegmentation {
    heads: Heads,
    masks: Masks,
    /// Samples, and beyond them copies ([`View::numbered`]).
    training: Vec<usize>,
    /// What became of every possible copy, where the training part is grown by copies.
    copies: Option<String>,
}

impl HcSegmentation {
    pub fn new(recipe: &Recipe, heads: Heads, graph: &Graph) -> Result<HcSegmentation> {
        let Heads { prepared, split, .. } = &heads;
        let classes = *graph.output_shape().last().expect("masks have channels");
        let needed = [&split.train[..], &split.validation, &split.test].concat();
        let masks = Masks::of(prepared, &needed, classes, recipe.data.truth == "ring")?;
        let (mut training, mut copies) = (split.train.clone(), None);
        if recipe.augment.grow_to > 0 {
            let plan = Plan::new(&prepared.samples, &split.train, recipe.augment.grow_to, recipe.seed);
            training = View::planned(&split.train, &plan, prepared.samples.len()).iter().map(|v| v.number).collect();
            copies = Some(plan.manifest_csv(&prepared.samples));
        }
        Ok(HcSegmentation { heads, masks, training, copies })
    }

    fn batch(&self, numbers: &[usize], augment: Option<(&Augment, u64, u64)>) -> Result<(Tensor, Vec<f32>)> {
        let (Heads { prepared, normalise, .. }, Masks { levels, classes }) = (&self.heads, &self.masks);
        let views: Vec<View> = numbers.iter().map(|n| View::numbered(*n, prepared.samples.len())).collect();
        let batch = mask_batch::fill(prepared, levels, &views, normalise, *classes, augment)?;
        Ok((batch.images, batch.truth))
    }
}

impl Task for HcSegmentation {
    fn training(&self) -> &[usize] {
        &self.training
    }

    fn judged(&self, set: Set) -> &[usize] {
        self.heads.judged(set)
    }

    fn loss(&self) -> Loss {
        self.heads.loss
    }

    fn training_batch(&self, numbers: &[usize], epoch: u64) -> Result<(Tensor, Vec<f32>)> {
        self.batch(numbers, Some((&self.heads.augment, self.heads.seed, epoch)))
    }

    fn plain_batch(&self, numbers: &[usize]) -> Result<(Tensor, Vec<f32>)> {
        self.batch(numbers, None)
    }

    /// An ellipse is not fitted to every mask in passing.
    fn training_error(&self) -> Option<&'static str> {
        None
    }

    fn abs_error(&self, _number: usize, _output: &[f32]) -> Option<f64> {
        None
    }

    fn judge(&self) -> Box<dyn Judge + '_> {
        Box::new(Ellipses { task: self, rows: Vec::new(), levels: Vec::new(), counts: BTreeMap::new() })
    }

    fn metadata(&self, recipe: &Recipe) -> BTreeMap<String, String> {
        self.heads.metadata(recipe)
    }

    fn files(&self) -> Vec<(&'static str, String)> {
        let copies = self.copies.clone().map(|copies| ("copies.csv", copies));
        std::iter::once(self.heads.split_csv()).chain(copies).collect()
    }
}

struct Ellipses<'a> {
    task: &'a HcSegmentation,
    rows: Vec<Prediction>,
    /// The head's probabilities of each row, as 0 to 255 at training size.
    levels: Vec<Vec<u8>>,
    counts: BTreeMap<&'static str, Counts>,
}

/// Pixels of a set at training size.
#[derive(Clone, Copy, Default)]
struct Counts {
    agreeing: usize,
    background: usize,
    all: usize,
}

impl Judge for Ellipses<'_> {
    fn take(&mut self, set: Set, numbers: &[usize], output: &Tensor, truth: &[f32]) -> Result<()> {
        let HcSegmentation { heads, masks, .. } = self.task;
        // Of several masks the first is the head's: the preprint's three are copies of one.
        let probabilities: Vec<Vec<f32>> =
            each(output).map(|o| o.iter().step_by(masks.classes).copied().collect()).collect();
        let judged: Result<Vec<Prediction>> = numbers
            .par_iter()
            .zip(&probabilities)
            .map(|(index, probabilities)| {
                let mut found = Prediction::default();
                let sample = &heads.prepared.samples[*index];
                head_masks::judge(sample, probabilities, heads.prepared.size, &mut found)?;
                Ok(heads.row(*index, set, found))
            })
            .collect();
        self.rows.extend(judged?);
        let level = |p: f32| (p.clamp(0.0, 1.0) * 255.0).round() as u8;
        self.levels.extend(probabilities.into_iter().map(|p| p.into_iter().map(level).collect()));
        let inside = |v: &f32| *v >= 0.5;
        let counts = self.counts.entry(set.word()).or_default();
        counts.agreeing += output.data().iter().zip(truth).filter(|(p, t)| inside(p) == inside(t)).count();
        counts.background += truth.iter().filter(|t| !inside(t)).count();
        counts.all += truth.len();
        Ok(())
    }

    fn figures(&self, set: Set) -> Figures {
        let (rows, prefix, mut figures) = (of_set(&self.rows, set), set.prefix(), Figures::new());
        circumferences(&rows, prefix, &mut figures);
        metrics::masks(&rows, prefix, &mut figures);
        // At training size and against what is learned, as Keras counts; and what saying "background" everywhere gets.
        let Counts { agreeing, background, all } = self.counts.get(set.word()).copied().unwrap_or_default();
        figures.insert(format!("{prefix}accuracy"), Some(agreeing as f64 / all as f64));
        figures.insert(format!("{prefix}accuracy_of_background"), Some(background as f64 / all as f64));
        figures
    }

    /// Writes the rows, and beside them the masks as pictures.
    fn keep(&self, run: &RunDir) -> Result<()> {
        let size = self.task.heads.prepared.size;
        self.rows
            .par_iter()
            .zip(&self.levels)
            .try_for_each(|(row, levels)| predictions::write_probabilities(run, &row.file, levels, size))?;
        predictions::write(run, &self.rows)
    }
}
