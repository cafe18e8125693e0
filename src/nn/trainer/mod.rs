//! Training and predicting on a device: steps go in, losses come out, perhaps a little later.

#[cfg(feature = "cuda")]
mod card;
mod cpu;

use super::program::Arithmetic;
use super::weights::Array;
use super::{Device, Loss, Network, OptimizerSpec, Tensor};
use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// A part of a batch that passes at once.
pub struct Part {
    /// (N, then the network's input shape).
    pub input: Tensor,
    /// As many values as the network's outputs for `input`.
    pub truth: Vec<f32>,
    /// Of dropout.
    pub seed: u64,
}

/// What a step found.
#[derive(Debug)]
pub struct Done {
    /// Over the whole batch, before the step.
    pub loss: f64,
    /// Of each part.
    pub outputs: Vec<Tensor>,
    /// What a card says of its time.
    pub on_card: Option<CardTime>,
}

/// A step by a card's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct CardTime {
    /// From the batch in its place to the update's end.
    pub busy_seconds: f64,
    /// From the end of the step before: the card waited, or another's work was done.
    pub gap_seconds: f64,
}

/// A network, its optimizer and its loss on a device.
///
/// On the CPU a step is done when [`Trainer::submit`] returns. A card works on while the next step is prepared:
/// [`Trainer::collect`] waits for the oldest.
pub struct Trainer(Kind);

enum Kind {
    Cpu(Box<cpu::CpuTrainer>),
    #[cfg(feature = "cuda")]
    Card(Box<card::CardTrainer>),
}

/// The same call, whatever the device.
macro_rules! on {
    ($trainer:expr, $inner:ident => $call:expr) => {
        match $trainer {
            Kind::Cpu($inner) => $call,
            #[cfg(feature = "cuda")]
            Kind::Card($inner) => $call,
        }
    };
}

impl Trainer {
    /// Fails where the device is not to be had, or where its memory does not hold the network.
    pub fn new(
        network: Network,
        device: Device,
        arithmetic: Arithmetic,
        loss: Loss,
        optimizer: &OptimizerSpec,
    ) -> Result<Trainer> {
        match device {
            Device::Cpu => Ok(Trainer(Kind::Cpu(Box::new(cpu::CpuTrainer::new(network, arithmetic, loss, optimizer))))),
            #[cfg(feature = "cuda")]
            Device::Cuda(index) => {
                let card = card::CardTrainer::new(network, index, arithmetic, loss, optimizer)?;
                Ok(Trainer(Kind::Card(Box::new(card))))
            }
            #[cfg(not(feature = "cuda"))]
            Device::Cuda(_) => Err(Error::usage("this hcwb is built without CUDA").cure("use auto or cpu")),
        }
    }

    /// Starts a step on a batch cut into parts: forward, backward, update.
    ///
    /// Fails where a part does not fit the network, or holds a NaN or an infinity.
    pub fn submit(&mut self, parts: &[Part], lr: f64) -> Result<()> {
        if parts.is_empty() {
            return Err(Error::new("a step needs at least one image"));
        }
        on!(&mut self.0, t => t.submit(parts, lr))
    }

    /// What the oldest step in flight found, once it is done; nothing if none is in flight.
    ///
    /// A loss that is not finite stands for weights that are no use any more.
    pub fn collect(&mut self) -> Result<Option<Done>> {
        on!(&mut self.0, t => t.collect())
    }

    /// Steps submitted and not collected.
    pub fn in_flight(&self) -> usize {
        on!(&self.0, t => t.in_flight())
    }

    /// How many steps to keep in flight while the next is prepared: 0 where a step is done at once.
    pub fn ahead(&self) -> usize {
        match &self.0 {
            Kind::Cpu(_) => 0,
            #[cfg(feature = "cuda")]
            Kind::Card(_) => 2,
        }
    }

    /// The network's output with running statistics and without dropout.
    pub fn predict(&mut self, input: &Tensor) -> Result<Tensor> {
        on!(&mut self.0, t => t.predict(input))
    }

    /// The output of a pass with batch statistics and dropout, and, from `grad` towards it, the gradient towards the
    /// input; [`Trainer::gradients`] then has those of the parameters.
    pub fn analyse(&mut self, input: &Tensor, seed: u64, grad: &Tensor) -> Result<(Tensor, Tensor)> {
        on!(&mut self.0, t => t.analyse(input, seed, grad))
    }

    /// The last step's gradients, under the names of the trainable parameters, in PyTorch's order.
    pub fn gradients(&mut self) -> Result<BTreeMap<String, Array>> {
        on!(&mut self.0, t => t.gradients())
    }

    /// Parameters and running statistics under PyTorch's names, in PyTorch's order.
    pub fn weights(&mut self) -> Result<BTreeMap<String, Array>> {
        on!(&mut self.0, t => t.weights())
    }

    /// What the optimizer remembers, as [`super::Optimizer::state`] has it.
    pub fn optimizer_state(&mut self) -> Result<BTreeMap<String, Array>> {
        on!(&mut self.0, t => t.optimizer_state())
    }

    /// Takes all weights, or none: names and shapes must be exactly the network's.
    pub fn load_weights(&mut self, weights: &BTreeMap<String, Array>) -> Result<()> {
        on!(&mut self.0, t => t.load_weights(weights))
    }

    /// Takes up where [`Trainer::optimizer_state`] was, on this or another device.
    pub fn load_optimizer(&mut self, state: &BTreeMap<String, Array>) -> Result<()> {
        on!(&mut self.0, t => t.load_optimizer(state))
    }

    /// What the device reaches in products alone, in 10^9 operations a second, in that precision: on the CPU f32's.
    pub fn peak_gflops(&mut self) -> Result<f64> {
        on!(&mut self.0, t => t.peak_gflops())
    }

    /// Bytes that a card has given this trainer.
    pub fn card_bytes(&self) -> Option<u64> {
        match &self.0 {
            Kind::Cpu(_) => None,
            #[cfg(feature = "cuda")]
            Kind::Card(card) => Some(card.bytes()),
        }
    }

    /// The network where it trains on the CPU, to look inside.
    pub fn cpu_network(&mut self) -> Option<&mut Network> {
        match &mut self.0 {
            Kind::Cpu(cpu) => Some(cpu.network_mut()),
            #[cfg(feature = "cuda")]
            Kind::Card(_) => None,
        }
    }
}
