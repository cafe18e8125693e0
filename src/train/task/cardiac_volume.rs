//! Cardiac volumes by regression (S4, section 5): one number a structure, from the slices of a heart.

use super::heart_target::Target;
use super::hearts::{Hearts, figures};
use super::{Figures, Judge, Set, Task, each};
use crate::dataset::acdc::batch::fill_volumes;
use crate::dataset::acdc::{HeartAugment, HeartCopy, HeartSample, HeartView, Input};
use crate::error::Result;
use crate::nn::{Graph, Loss, Tensor};
use crate::recipe::Recipe;
use crate::run::RunDir;
use crate::run::predictions_hearts::{self, HeartPrediction};
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
        let target = Target::of(recipe, &hearts.prepared.samples, &hearts.split.train);
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
        metadata.extend(self.target.metadata());
        metadata.insert("sees".to_owned(), recipe.data.input.clone());
        metadata.insert("outputs".to_owned(), recipe.outputs().to_owned());
        metadata.insert("kernel3d".to_owned(), recipe.model.kernel3d.clone());
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

#[cfg(test)]
mod tests {
    use super::super::Data;
    use super::super::drawn_hearts::drawn;
    use super::*;

    fn recipe(set: &[&str]) -> Recipe {
        let mut recipe = Recipe::load("cardiac-vgg2d").unwrap();
        for pair in ["data.size=32x32", "data.slices=3", "data.folds=4", "data.clean=false"].iter().chain(set) {
            recipe.set_pair(pair).unwrap();
        }
        recipe
    }

    fn task(recipe: &Recipe) -> CardiacVolume {
        let graph = recipe.graph().unwrap();
        CardiacVolume::new(recipe, Hearts::new(recipe, drawn(20, false), "".into()).unwrap(), &graph).unwrap()
    }

    /// The figures of a network that says of each heart what is true of it, times `factor`.
    fn figures_of_the_truth(task: &CardiacVolume, factor: f32) -> Figures {
        let numbers = task.judged(Set::Validation);
        let (_, truth) = task.plain_batch(numbers).unwrap();
        let said = truth.iter().map(|t| t * factor).collect();
        let output = Tensor::from_vec(&[numbers.len(), truth.len() / numbers.len()], said).unwrap();
        let mut judge = task.judge();
        judge.take(Set::Validation, numbers, &output, &truth).unwrap();
        let (each, sample) = (truth.len() / numbers.len(), task.sample(numbers[0]));
        let wanted = task.target.truth_ml(sample).iter().sum::<f64>() / each as f64 * f64::from(1.0 - factor).abs();
        let passing = task.abs_error(numbers[0], &output.data()[..each]).unwrap();
        assert!((passing - wanted).abs() < 1e-4 * (1.0 + wanted), "{passing} {wanted}");
        judge.figures(Set::Validation)
    }

    #[test]
    fn outputs_lead_back_to_millilitres_whatever_is_learned() {
        for set in [
            &["data.target=volume_ml"][..],
            &["data.target=voxels"],
            &["data.target=voxels", "data.structures=heart"],
            &["data.target=volume_ml", "data.target_scale=none"],
        ] {
            let task = task(&recipe(set));
            let exact = figures_of_the_truth(&task, 1.0);
            assert!(exact["val_mae_ml"].unwrap() < 1e-4, "{set:?}");
            let tenth_less = figures_of_the_truth(&task, 0.9);
            assert!((tenth_less["val_pmae"].unwrap() - 10.0).abs() < 1e-3, "{set:?} {tenth_less:?}");
            let whole = set.contains(&"data.structures=heart");
            // A fraction of two volumes does not see that both are a tenth too small.
            let ef = tenth_less.get("val_lv_ef_mae_points").copied().flatten();
            assert!(if whole { ef.is_none() } else { ef.unwrap() < 1e-3 });
        }
    }

    #[test]
    fn the_largest_volume_of_the_training_part_is_one() {
        let task = task(&recipe(&["data.target=volume_ml"]));
        let (_, truth) = task.plain_batch(&task.training[..30]).unwrap();
        for structure in 0..3 {
            let largest = truth.iter().skip(structure).step_by(3).copied().fold(0.0, f32::max);
            assert_eq!(largest, 1.0);
        }
    }

    #[test]
    fn both_phases_of_a_patient_are_in_one_part_and_one_phase_can_be_asked_for() {
        let both = task(&recipe(&[]));
        let csv = both.files()[0].1.clone();
        let set_of = |patient: &str, phase: &str| {
            let line = csv.lines().find(|l| l.starts_with(&format!("{patient},{phase},"))).unwrap();
            line.rsplit(',').next().unwrap().to_owned()
        };
        for number in 1..=20 {
            let patient = format!("patient{number:03}");
            assert_eq!(set_of(&patient, "ED"), set_of(&patient, "ES"));
        }
        let parts = [both.hearts.split.train.len(), both.hearts.split.validation.len()];
        assert_eq!(parts, [30, 10]);
        let es = task(&recipe(&["data.phases=es"]));
        assert!(es.training().iter().all(|n| es.sample(*n).phase == crate::dataset::acdc::Phase::Es));
        assert_eq!(es.judged(Set::Validation).len(), 5);
    }

    #[test]
    fn the_patients_of_table_9_are_left_out_where_that_is_asked_for() {
        let task = task(&recipe(&["data.clean=true"]));
        assert!(!task.files()[0].1.contains("patient019") && task.files()[0].1.contains("patient018"));
    }

    #[test]
    fn copies_grow_the_training_part_fourfold_at_most() {
        let count = |grow_to: &str| task(&recipe(&[grow_to])).training().len();
        assert_eq!([count("augment.grow_to=0"), count("augment.grow_to=47")], [30, 47]);
        let task = task(&recipe(&["augment.grow_to=480"]));
        assert_eq!(task.training().len(), 120);
        let (_, truth) = task.training_batch(&[task.training[5], task.training[35], task.training[95]], 0).unwrap();
        assert_eq!(truth[..3], truth[3..6]);
        assert_eq!(truth[..3], truth[6..]);
    }

    #[test]
    fn what_hearts_cannot_do_is_refused() {
        for (set, said) in [
            (&["data.target=hc_px"][..], "data.target"),
            (&["data.normalise=unit"], "data.normalise"),
            (&["evaluate.monitor=val_mae_px"], "evaluate.monitor"),
            (&["augment.scale=0.1"], "augment.scale"),
            (&["model.outputs=single"], "gives 1 outputs"),
            (&["data.structures=lv", "model.outputs=multi-label"], "gives 3 outputs"),
            (&["train.loss=dice"], "train.loss"),
            (&["model.name=unet"], "gives masks"),
        ] {
            let recipe = recipe(set);
            let error = Data::Hearts(drawn(8, false).into(), "".into())
                .task(&recipe, &recipe.graph().unwrap())
                .map(|_| ())
                .unwrap_err();
            assert!(error.what.contains(said) && error.cure.is_some(), "{set:?}: {error}");
        }
    }
}
