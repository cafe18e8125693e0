//! What a card holds of a network, to and from the order of weight files.

use super::CardTrainer;
use crate::error::Result;
use crate::nn::OptimizerKind;
use crate::nn::Precision;
use crate::nn::optim::{steps_from_state, steps_to_state};
use crate::nn::parameter::Parameter;
use crate::nn::program::weights::{from_disk, to_disk};
use crate::nn::program::{Arg, Held, Launch, Op, Place, Region, geometry};
use crate::nn::weights::{Array, check_names};
use std::collections::BTreeMap;

impl CardTrainer {
    fn parameters(&self) -> impl Iterator<Item = (&Parameter, Held)> {
        self.network.parameters().iter().zip(self.layout.places())
    }

    fn trained(&self) -> impl Iterator<Item = (&Parameter, Held)> {
        self.parameters().filter(|(_, held)| held.trainable)
    }

    /// Values of those parameters, from a region's.
    fn arrays<'a>(parameters: impl Iterator<Item = (&'a Parameter, Held)>, all: &[f32]) -> BTreeMap<String, Array> {
        let array = |(p, held): (&Parameter, Held)| {
            let values = to_disk(p.spec.order, &all[held.offset..held.offset + p.spec.len()]);
            (p.name.clone(), Array { shape: p.spec.shape.clone(), values })
        };
        parameters.map(array).collect()
    }

    /// A region's values, from arrays named by `name`.
    fn region_of<'a>(
        parameters: impl Iterator<Item = (&'a Parameter, Held)>,
        len: usize,
        arrays: &BTreeMap<String, Array>,
        name: impl Fn(&str) -> String,
    ) -> Vec<f32> {
        let mut all = vec![0.0; len];
        for (p, held) in parameters {
            let values = from_disk(p.spec.order, &arrays[&name(&p.name)].values);
            all[held.offset..held.offset + values.len()].copy_from_slice(&values);
        }
        all
    }

    pub fn weights(&mut self) -> Result<BTreeMap<String, Array>> {
        let all = self.executor.region(Region::Weights).read(0, self.layout.all)?;
        Ok(Self::arrays(self.parameters(), &all))
    }

    pub fn gradients(&mut self) -> Result<BTreeMap<String, Array>> {
        let all = self.executor.region(Region::Grads).read(0, self.layout.trained)?;
        Ok(Self::arrays(self.trained(), &all))
    }

    pub fn load_weights(&mut self, weights: &BTreeMap<String, Array>) -> Result<()> {
        let shapes = self.parameters().map(|(p, _)| (p.name.as_str(), p.spec.shape.as_slice())).collect();
        check_names(&shapes, weights)?;
        let all = Self::region_of(self.parameters(), self.layout.all, weights, str::to_owned);
        self.executor.region(Region::Weights).write(0, &all)?;
        if self.arithmetic.precision != Precision::Bf16 {
            return Ok(());
        }
        let (grid, block) = geometry::flat(self.layout.all);
        let [wide, narrow] = [Region::Weights, Region::Narrow].map(|r| Arg::At(Place::In(r, 0)));
        let args = vec![wide, narrow, Arg::I64(self.layout.all as i64)];
        let narrow = Op::Launch(Launch { kernel: "narrow".to_owned(), grid, block, args });
        self.executor.start(&narrow, &[])
    }

    /// The regions of the optimizer's memory, by the word before the parameter's name.
    fn moments(&self) -> &'static [(&'static str, Region)] {
        match self.optimizer.kind {
            OptimizerKind::Sgd => &[("first", Region::First)],
            OptimizerKind::Adam | OptimizerKind::AdamW => &[("first", Region::First), ("second", Region::Second)],
        }
    }

    pub fn optimizer_state(&mut self) -> Result<BTreeMap<String, Array>> {
        let mut state = BTreeMap::from([("step".to_owned(), steps_to_state(self.steps))]);
        for (word, region) in self.moments() {
            let all = self.executor.region(*region).read(0, self.layout.trained)?;
            let arrays = Self::arrays(self.trained(), &all);
            state.extend(arrays.into_iter().map(|(name, array)| (format!("{word}.{name}"), array)));
        }
        Ok(state)
    }

    pub fn load_optimizer(&mut self, state: &BTreeMap<String, Array>) -> Result<()> {
        let moments = self.moments();
        let mut shapes: BTreeMap<String, Vec<usize>> = BTreeMap::from([("step".to_owned(), vec![2])]);
        for (word, _) in moments {
            shapes.extend(self.trained().map(|(p, _)| (format!("{word}.{}", p.name), p.spec.shape.clone())));
        }
        check_names(&shapes.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())).collect(), state)?;
        for (word, region) in moments {
            let all = Self::region_of(self.trained(), self.layout.trained, state, |name| format!("{word}.{name}"));
            self.executor.region(*region).write(0, &all)?;
        }
        self.steps = steps_from_state(&state["step"]);
        Ok(())
    }
}
