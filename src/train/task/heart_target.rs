//! What the outputs of a regression of volumes stand for: which structures, in ml or voxels, and how many of them is 1.

use crate::dataset::acdc::{HeartSample, STRUCTURES};
use crate::recipe::Recipe;
use crate::train::heart_metrics::WHOLE;
use std::collections::BTreeMap;

/// What one output speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Structure {
    /// By its place in [`STRUCTURES`].
    One(usize),
    Whole,
}

impl Structure {
    /// `rv`, `myo`, `lv` or `heart`.
    pub fn parse(word: &str) -> Option<Structure> {
        let one = STRUCTURES.iter().position(|s| *s == word).map(Structure::One);
        one.or((word == WHOLE).then_some(Structure::Whole))
    }

    pub fn word(self) -> &'static str {
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
pub struct Target {
    /// Regress voxels rather than millilitres (S4, Tables 10 and 11: "Pixel", "Volume").
    pub voxels: bool,
    /// An output each.
    pub structures: Vec<Structure>,
    /// So many ml or voxels, a structure.
    pub units: Vec<f64>,
}

impl Target {
    /// As `recipe` says; units are the largest of the samples `training`.
    pub fn of(recipe: &Recipe, samples: &[HeartSample], training: &[usize]) -> Target {
        let structures: Vec<Structure> = match recipe.data.structures.as_str() {
            "all" => (0..STRUCTURES.len()).map(Structure::One).collect(),
            word => Structure::parse(word).into_iter().collect(),
        };
        let mut target =
            Target { voxels: recipe.data.target == "voxels", units: vec![1.0; structures.len()], structures };
        if recipe.data.target_scale != "none" {
            let amounts = training.iter().map(|i| target.amounts(&samples[*i]));
            let largest = amounts.fold(vec![0f64; target.units.len()], |largest, amounts| {
                largest.into_iter().zip(amounts).map(|(l, a)| l.max(a)).collect()
            });
            // A structure that no heart of the training part has stays as it is.
            target.units = largest.into_iter().map(|l| if l > 0.0 { l } else { 1.0 }).collect();
        }
        target
    }

    /// As the metadata of a weights file have it.
    pub fn metadata(&self) -> BTreeMap<String, String> {
        let units: Vec<String> = self.units.iter().map(f64::to_string).collect();
        let structures: Vec<&str> = self.structures.iter().map(|s| s.word()).collect();
        let (target, unit) = match self.voxels {
            true => ("voxels", "target_unit_voxels"),
            false => ("volume_ml", "target_unit_ml"),
        };
        let pairs = [("structures", structures.join(",")), ("target", target.to_owned()), (unit, units.join(","))];
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
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
    pub fn scaled(&self, sample: &HeartSample) -> Vec<f32> {
        self.amounts(sample).iter().zip(&self.units).map(|(amount, unit)| (amount / unit) as f32).collect()
    }

    /// 0 without a ground truth.
    pub fn truth_ml(&self, sample: &HeartSample) -> Vec<f64> {
        let volumes = sample.volumes_ml.unwrap_or_default();
        self.structures.iter().map(|s| s.pick(volumes)).collect()
    }

    /// What the network said.
    pub fn to_ml(&self, output: &[f32], sample: &HeartSample) -> Vec<f64> {
        let ml = if self.voxels { sample.voxel_ml() } else { 1.0 };
        output.iter().zip(&self.units).map(|(o, unit)| f64::from(*o) * unit * ml).collect()
    }
}
