//! Cardiac volumes by regression (S4, section 5): one number a structure, from the slices of a heart.

use super::hearts::{Hearts, figures};
use super::{Figures, Judge, Set, Task, each};
use crate::dataset::acdc::batch::fill_volumes;
use crate::dataset::acdc::{HeartAugment, HeartCopy, HeartSample, HeartView, Input, STRUCTURES};
use crate::error::Result;
use crate::nn::{Graph, Loss, Tensor};
use crate::recipe::Recipe;
use crate::run::RunDir;
use crate::run::predictions_hearts::{self, HeartPrediction};
use crate::train::heart_metrics::WHOLE;
use std::collections::BTreeMap;

/// A number a structure.
pub struct CardiacVolume {
    hearts: Hearts,
    target: Target,
    input: Input,
    /// Sizes of one input; three of them where slices are channels.
    shape: Vec<usize>,
    /// Samples, and beyond them copies: number samples * (1 + copy) + index.
    training: Vec<usize>,
}

impl CardiacVolume {
    pub fn new(recipe: &Recipe, hearts: Hearts, graph: &Graph) -> Result<CardiacVolume> {
        let target = Target::of(recipe, &hearts);
        let input = if recipe.data.input == "truth" { Input::Labels } else { Input::Image };
        let samples = hearts.prepared.samples.len();
        let grown = HeartView::grown(&hearts.split.train);
        let kept = recipe.augment.grow_to.max(hearts.split.train.len());
        let number = |view: &HeartView| view.copy.map_or(0, |copy| 1 + copy as usize) * samples + view.index;
        let training = grown.iter().take(kept).map(number).collect();
        Ok(CardiacVolume { hearts, target, input, shape: graph.input_shape().to_vec(), training })
    }

    fn sample(&self, number: usize) -> &HeartSample {
        &self.hearts.prepared.samples[number % self.hearts.prepared.samples.len()]
    }

    fn batch(&self, numbers: &[usize], augment: Option<(&HeartAugment, u64, u64)>) -> Result<(Tensor, Vec<f32>)> {
        let Hearts { prepared, normalise, .. } = &self.hearts;
        let view = |number: &usize| {
            let (copy, index) = (number / prepared.samples.len(), number % prepared.samples.len());
            HeartView { index, copy: copy.checked_sub(1).map(|copy| HeartCopy::ALL[copy]) }
        };
        let views: Vec<HeartView> = numbers.iter().map(view).collect();
        let images = fill_volumes(prepared, &views, normalise, augment, self.input, self.shape.len() == 3)?;
        let truth = numbers.iter().flat_map(|n| self.target.scaled(self.sample(*n))).collect();
        Ok((images, truth))
    }
}

impl Task for CardiacVolume {
    fn training(&self) -> &[usize] {
        &self.training
    }

    fn judged(&self, set: Set) -> &[usize] {
        self.hearts.part(set)
    }

    fn loss(&self) -> Loss {
        self.hearts.loss
    }

    fn training_batch(&self, numbers: &[usize], epoch: u64) -> Result<(Tensor, Vec<f32>)> {
        self.batch(numbers, Some((&self.hearts.augment, self.hearts.seed, epoch)))
    }

    fn plain_batch(&self, numbers: &[usize]) -> Result<(Tensor, Vec<f32>)> {
        self.batch(numbers, None)
    }

    fn training_error(&self) -> Option<&'static str> {
        Some("train_mae_ml")
    }

    /// The mean over the structures.
    fn abs_error(&self, number: usize, output: &[f32]) -> Option<f64> {
        let sample = self.sample(number);
        let volumes = self.target.truth_ml(sample).into_iter().zip(self.target.to_ml(output, sample));
        Some(volumes.map(|(truth, found)| (found - truth).abs()).sum::<f64>() / output.len() as f64)
    }

    fn judge(&self) -> Box<dyn Judge + '_> {
        Box::new(Volumes { task: self, rows: Vec::new() })
    }

    fn metadata(&self, recipe: &Recipe) -> BTreeMap<String, String> {
        let mut metadata = self.hearts.metadata(recipe, &self.shape);
        let Target { voxels, structures, units } = &self.target;
        let words: Vec<String> = units.iter().map(f64::to_string).collect();
        let unit = if *voxels { "target_unit_voxels" } else { "target_unit_ml" };
        metadata.extend([
            ("sees".to_owned(), recipe.data.input.clone()),
            ("structures".to_owned(), structures.iter().map(|s| s.word()).collect::<Vec<_>>().join(",")),
            ("outputs".to_owned(), recipe.outputs().to_owned()),
            ("kernel3d".to_owned(), recipe.model.kernel3d.clone()),
            ("target".to_owned(), recipe.data.target.clone()),
            (unit.to_owned(), words.join(",")),
        ]);
        metadata
    }

    fn files(&self) -> Vec<(&'static str, String)> {
        vec![self.hearts.split_csv()]
    }
}

struct Volumes<'a> {
    task: &'a CardiacVolume,
    rows: Vec<HeartPrediction>,
}

impl Judge for Volumes<'_> {
    fn take(&mut self, set: Set, numbers: &[usize], output: &Tensor, _truth: &[f32]) -> Result<()> {
        let target = &self.task.target;
        for (number, output) in numbers.iter().zip(each(output)) {
            let sample = self.task.sample(*number);
            let volumes = target.truth_ml(sample).into_iter().zip(target.to_ml(output, sample));
            self.rows.extend(volumes.zip(&target.structures).map(|((truth, found), structure)| {
                HeartPrediction::new(sample, structure.word(), set.word(), truth, found)
            }));
        }
        Ok(())
    }

    fn figures(&self, set: Set) -> Figures {
        figures(&self.rows, set)
    }

    fn keep(&self, run: &RunDir) -> Result<()> {
        predictions_hearts::write(run, &self.rows)
    }
}

/// What one output speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Structure {
    /// By its place in [`STRUCTURES`].
    One(usize),
    Whole,
}

impl Structure {
    fn of(recipe: &Recipe) -> Vec<Structure> {
        match recipe.data.structures.as_str() {
            "all" => (0..STRUCTURES.len()).map(Structure::One).collect(),
            word => vec![STRUCTURES.iter().position(|s| *s == word).map_or(Structure::Whole, Structure::One)],
        }
    }

    fn word(self) -> &'static str {
        match self {
            Structure::One(i) => STRUCTURES[i],
            Structure::Whole => WHOLE,
        }
    }

    fn pick(self, each: [f64; 3]) -> f64 {
        match self {
            Structure::One(i) => each[i],
            Structure::Whole => each.iter().sum(),
        }
    }
}

/// What outputs of 1 stand for.
#[derive(Clone, Debug, PartialEq)]
struct Target {
    /// Regress voxels rather than millilitres (S4, Tables 10 and 11: "Pixel", "Volume").
    voxels: bool,
    structures: Vec<Structure>,
    /// So many of them, a structure.
    units: Vec<f64>,
}

impl Target {
    fn of(recipe: &Recipe, hearts: &Hearts) -> Target {
        let (voxels, structures) = (recipe.data.target == "voxels", Structure::of(recipe));
        let mut target = Target { voxels, units: vec![1.0; structures.len()], structures };
        if recipe.data.target_scale != "none" {
            let amounts = hearts.split.train.iter().map(|i| target.amounts(&hearts.prepared.samples[*i]));
            let largest = amounts.fold(vec![0f64; target.units.len()], |largest, amounts| {
                largest.into_iter().zip(amounts).map(|(l, a)| l.max(a)).collect()
            });
            // A structure that no heart of the training part has stays as it is.
            target.units = largest.into_iter().map(|l| if l > 0.0 { l } else { 1.0 }).collect();
        }
        target
    }

    /// In the target's own terms.
    fn amounts(&self, sample: &HeartSample) -> Vec<f64> {
        let each = match self.voxels {
            true => sample.voxels.unwrap_or_default().map(|n| n as f64),
            false => sample.volumes_ml.unwrap_or_default(),
        };
        self.structures.iter().map(|s| s.pick(each)).collect()
    }

    /// As the network should say it.
    fn scaled(&self, sample: &HeartSample) -> Vec<f32> {
        self.amounts(sample).iter().zip(&self.units).map(|(amount, unit)| (amount / unit) as f32).collect()
    }

    fn truth_ml(&self, sample: &HeartSample) -> Vec<f64> {
        let volumes = sample.volumes_ml.unwrap_or_default();
        self.structures.iter().map(|s| s.pick(volumes)).collect()
    }

    /// What the network said.
    fn to_ml(&self, output: &[f32], sample: &HeartSample) -> Vec<f64> {
        let ml = if self.voxels { sample.voxel_ml() } else { 1.0 };
        output.iter().zip(&self.units).map(|(o, unit)| f64::from(*o) * unit * ml).collect()
    }
}
