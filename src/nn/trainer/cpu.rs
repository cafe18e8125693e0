//! Training on the CPU: a step is done before the next is taken.

use super::{Done, Part};
use crate::error::Result;
use crate::nn::kernel::cpu::peak;
use crate::nn::program::Arithmetic;
use crate::nn::weights::Array;
use crate::nn::{Loss, Network, Optimizer, OptimizerSpec, Pass, Tensor};
use std::collections::{BTreeMap, VecDeque};

pub struct CpuTrainer {
    network: Network,
    optimizer: Optimizer,
    loss: Loss,
    done: VecDeque<Done>,
}

impl CpuTrainer {
    pub fn new(mut network: Network, arithmetic: Arithmetic, loss: Loss, optimizer: &OptimizerSpec) -> CpuTrainer {
        // Every sum on the CPU has a fixed order already: `deterministic` asks for nothing more.
        network.set_precision(arithmetic.precision);
        let optimizer = Optimizer::new(optimizer, &network);
        CpuTrainer { network, optimizer, loss, done: VecDeque::new() }
    }

    /// The parts' gradients add up to the batch's.
    pub fn submit(&mut self, parts: &[Part], lr: f64) -> Result<()> {
        let images: usize = parts.iter().map(|p| p.input.batch()).sum();
        self.network.zero_grad();
        let mut done = Done { loss: 0.0, outputs: Vec::new(), on_card: None };
        for part in parts {
            let output = self.network.forward(&part.input, Pass::Train { seed: part.seed })?;
            let (value, mut grad) = self.loss.value_and_grad(&output, &part.truth);
            let share = part.input.batch() as f64 / images as f64;
            grad.data_mut().iter_mut().for_each(|g| *g *= share as f32);
            self.network.backward(&grad);
            done.loss += share * value;
            done.outputs.push(output);
        }
        if done.loss.is_finite() {
            self.optimizer.step(&mut self.network, lr);
        }
        self.done.push_back(done);
        Ok(())
    }

    pub fn collect(&mut self) -> Result<Option<Done>> {
        Ok(self.done.pop_front())
    }

    pub fn in_flight(&self) -> usize {
        self.done.len()
    }

    pub fn predict(&mut self, input: &Tensor) -> Result<Tensor> {
        self.network.forward(input, Pass::Eval)
    }

    pub fn analyse(&mut self, input: &Tensor, seed: u64, grad: &Tensor) -> Result<(Tensor, Tensor)> {
        self.network.zero_grad();
        let output = self.network.forward_taped(input, Pass::Train { seed })?;
        Ok((output, self.network.backward_to_input(grad)))
    }

    pub fn gradients(&mut self) -> Result<BTreeMap<String, Array>> {
        Ok(self.network.gradients())
    }

    pub fn weights(&mut self) -> Result<BTreeMap<String, Array>> {
        Ok(self.network.state())
    }

    pub fn optimizer_state(&mut self) -> Result<BTreeMap<String, Array>> {
        Ok(self.optimizer.state())
    }

    pub fn load_weights(&mut self, weights: &BTreeMap<String, Array>) -> Result<()> {
        self.network.load_state(weights)
    }

    pub fn load_optimizer(&mut self, state: &BTreeMap<String, Array>) -> Result<()> {
        self.optimizer.load_state(state)
    }

    pub fn peak_gflops(&mut self) -> Result<f64> {
        Ok(peak::gflops(self.network.compute().isa))
    }

    pub fn network_mut(&mut self) -> &mut Network {
        &mut self.network
    }
}
