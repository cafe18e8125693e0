//! Adam, AdamW and gradient descent with momentum: fused, in place, PyTorch's arithmetic.

use super::kernel::cpu::Isa;
use super::kernel::cpu::update::{self, AdamStep, SgdStep};
use super::network::Network;
use super::parameter::Order;
use super::weights::{Array, check_names};
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::str::FromStr;

/// Which rule moves the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptimizerKind {
    /// Kingma and Ba 2015; weight decay is added to the gradient.
    Adam,
    /// Loshchilov and Hutter 2019: weight decay shrinks the weight itself.
    AdamW,
    /// v = momentum * v + g; w -= lr * v. Weight decay is added to the gradient.
    Sgd,
}

impl FromStr for OptimizerKind {
    type Err = Error;
    fn from_str(word: &str) -> Result<Self> {
        match word {
            "adam" => Ok(OptimizerKind::Adam),
            "adamw" => Ok(OptimizerKind::AdamW),
            "sgd" => Ok(OptimizerKind::Sgd),
            _ => Err(Error::usage(format!("there is no optimizer called {}", crate::text::line(word)))
                .cure("use adam, adamw or sgd")),
        }
    }
}

/// An optimizer's kind and settings; the defaults are PyTorch's, with momentum 0.9 for `Sgd`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OptimizerSpec {
    pub kind: OptimizerKind,
    pub beta1: f64,
    pub beta2: f64,
    pub eps: f64,
    pub weight_decay: f64,
    pub momentum: f64,
}

impl OptimizerSpec {
    pub fn new(kind: OptimizerKind) -> OptimizerSpec {
        let weight_decay = if kind == OptimizerKind::AdamW { 0.01 } else { 0.0 };
        OptimizerSpec { kind, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay, momentum: 0.9 }
    }

    /// The numbers of step `steps` (from 1) of Adam or AdamW.
    pub(super) fn adam_step(&self, lr: f64, steps: u64) -> AdamStep {
        let decoupled = self.kind == OptimizerKind::AdamW;
        let exponent = steps as f64;
        AdamStep {
            beta2: self.beta2 as f32,
            one_minus_beta1: (1.0 - self.beta1) as f32,
            one_minus_beta2: (1.0 - self.beta2) as f32,
            step_size: (lr / (1.0 - self.beta1.powf(exponent))) as f32,
            correction2_sqrt: (1.0 - self.beta2.powf(exponent)).sqrt() as f32,
            eps: self.eps as f32,
            l2: if decoupled { 0.0 } else { self.weight_decay as f32 },
            shrink: if decoupled { (1.0 - lr * self.weight_decay) as f32 } else { 1.0 },
        }
    }

    /// The numbers of step `steps` (from 1) of gradient descent.
    pub(super) fn sgd_step(&self, lr: f64, steps: u64) -> SgdStep {
        let (momentum, l2) = (self.momentum as f32, self.weight_decay as f32);
        SgdStep { lr: lr as f32, momentum, l2, first_step: steps == 1 }
    }
}

/// An optimizer with what it remembers of each trainable parameter.
pub struct Optimizer {
    spec: OptimizerSpec,
    steps: u64,
    moments: Vec<Moments>,
}

/// What is remembered of one parameter, in the kernels' order.
struct Moments {
    name: String,
    shape: Vec<usize>,
    order: Order,
    /// Mean of the gradients, or the velocity.
    first: Vec<f32>,
    /// Mean of their squares; empty for `Sgd`.
    second: Vec<f32>,
}

/// The largest whole number below which f32 holds every other: the step count's digits.
const DIGIT: u64 = 1 << 24;

impl Optimizer {
    pub fn new(spec: &OptimizerSpec, network: &Network) -> Optimizer {
        let moments = network.parameters().iter().filter(|p| p.spec.trainable).map(|p| Moments {
            name: p.name.clone(),
            shape: p.spec.shape.clone(),
            order: p.spec.order,
            first: vec![0.0; p.spec.len()],
            second: if spec.kind == OptimizerKind::Sgd { Vec::new() } else { vec![0.0; p.spec.len()] },
        });
        Optimizer { spec: *spec, steps: 0, moments: moments.collect() }
    }

    /// Steps made so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Moves every trainable parameter along its gradient; the gradients are left as they are.
    pub fn step(&mut self, network: &mut Network, lr: f64) {
        self.steps += 1;
        let (isa, spec) = (Isa::current(), self.spec);
        let trained = network.parameters_mut().iter_mut().filter(|p| p.spec.trainable);
        for (parameter, moments) in trained.zip(&mut self.moments) {
            assert_eq!(parameter.name, moments.name, "an optimizer serves the network it was made for");
            let (value, grad) = parameter.update();
            match spec.kind {
                OptimizerKind::Sgd => {
                    update::sgd(isa, spec.sgd_step(lr, self.steps), value, grad, &mut moments.first);
                }
                OptimizerKind::Adam | OptimizerKind::AdamW => {
                    let step = spec.adam_step(lr, self.steps);
                    update::adam(isa, step, value, grad, &mut moments.first, &mut moments.second);
                }
            }
        }
    }

    /// Everything it remembers, exactly: `step`, and `first.` and `second.` with the parameters' names.
    pub fn state(&self) -> BTreeMap<String, Array> {
        let mut state = BTreeMap::from([("step".to_owned(), steps_to_state(self.steps))]);
        for m in &self.moments {
            for (word, values) in m.named() {
                let array = Array { shape: m.shape.clone(), values: m.order.to_disk(values) };
                state.insert(format!("{word}.{}", m.name), array);
            }
        }
        state
    }

    /// Takes up where [`Optimizer::state`] was; fails, unchanged, where names or shapes differ.
    pub fn load_state(&mut self, state: &BTreeMap<String, Array>) -> Result<()> {
        let mut expected: BTreeMap<String, &[usize]> = BTreeMap::from([("step".to_owned(), &[2usize][..])]);
        for m in &self.moments {
            expected.extend(m.named().map(|(word, _)| (format!("{word}.{}", m.name), m.shape.as_slice())));
        }
        check_names(&expected.iter().map(|(name, shape)| (name.as_str(), *shape)).collect(), state)?;
        self.steps = steps_from_state(&state["step"]);
        for m in &mut self.moments {
            m.first = m.order.from_disk(&state[&format!("first.{}", m.name)].values);
            if !m.second.is_empty() {
                m.second = m.order.from_disk(&state[&format!("second.{}", m.name)].values);
            }
        }
        Ok(())
    }
}

/// The step count as a state holds it, in two exact digits.
pub(super) fn steps_to_state(steps: u64) -> Array {
    Array { shape: vec![2], values: vec![(steps / DIGIT) as f32, (steps % DIGIT) as f32] }
}

/// The step count of a state whose shapes were checked.
pub(super) fn steps_from_state(digits: &Array) -> u64 {
    digits.values[0] as u64 * DIGIT + digits.values[1] as u64
}

impl Moments {
    fn named(&self) -> impl Iterator<Item = (&'static str, &[f32])> {
        let second = (!self.second.is_empty()).then_some(("second", self.second.as_slice()));
        [("first", self.first.as_slice())].into_iter().chain(second)
    }
}
