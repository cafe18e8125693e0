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
                    let step = SgdStep {
                        lr: lr as f32,
                        momentum: spec.momentum as f32,
                        l2: spec.weight_decay as f32,
                        first_step: self.steps == 1,
                    };
                    update::sgd(isa, step, value, grad, &mut moments.first);
                }
                OptimizerKind::Adam | OptimizerKind::AdamW => {
                    let decoupled = spec.kind == OptimizerKind::AdamW;
                    let exponent = self.steps as f64;
                    let step = AdamStep {
                        beta2: spec.beta2 as f32,
                        one_minus_beta1: (1.0 - spec.beta1) as f32,
                        one_minus_beta2: (1.0 - spec.beta2) as f32,
                        step_size: (lr / (1.0 - spec.beta1.powf(exponent))) as f32,
                        correction2_sqrt: (1.0 - spec.beta2.powf(exponent)).sqrt() as f32,
                        eps: spec.eps as f32,
                        l2: if decoupled { 0.0 } else { spec.weight_decay as f32 },
                        shrink: if decoupled { (1.0 - lr * spec.weight_decay) as f32 } else { 1.0 },
                    };
                    update::adam(isa, step, value, grad, &mut moments.first, &mut moments.second);
                }
            }
        }
    }

    /// Everything it remembers, exactly: `step`, and `first.` and `second.` with the parameters' names.
    pub fn state(&self) -> BTreeMap<String, Array> {
        let digits = vec![(self.steps / DIGIT) as f32, (self.steps % DIGIT) as f32];
        let mut state = BTreeMap::from([("step".to_owned(), Array { shape: vec![2], values: digits })]);
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
        let digits: Vec<u64> = state["step"].values.iter().map(|d| *d as u64).collect();
        self.steps = digits[0] * DIGIT + digits[1];
        for m in &mut self.moments {
            m.first = m.order.from_disk(&state[&format!("first.{}", m.name)].values);
            if !m.second.is_empty() {
                m.second = m.order.from_disk(&state[&format!("second.{}", m.name)].values);
            }
        }
        Ok(())
    }
}

impl Moments {
    fn named(&self) -> impl Iterator<Item = (&'static str, &[f32])> {
        let second = (!self.second.is_empty()).then_some(("second", self.second.as_slice()));
        [("first", self.first.as_slice())].into_iter().chain(second)
    }
}
