//! A graph with its weights: forward with a tape, backward along it.

mod backward;
mod inner;
mod relevance;

pub use inner::Inner;
pub use relevance::{AuditRow, Walk};

use super::compute::{Compute, Precision};
use super::graph::{Graph, Node};
use super::init;
use super::kernel::cpu::Isa;
use super::layer::{Forward, Saved};
use super::parameter::{Own, Parameter, ParameterSpec};
use super::plan::{Plan, Purpose};
use super::profile::Profile;
use super::recycle::Recycle;
use super::tensor::Tensor;
use super::weights::Array;
use crate::error::{Error, Result};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// What a forward pass is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Batch statistics, dropout drawn from `seed`, and a tape for [`Network::backward`].
    Train { seed: u64 },
    /// Running statistics, no dropout, no tape.
    Eval,
}

/// A graph, its parameters, and the tape of the last forward pass. Runs on the current rayon pool.
pub struct Network {
    graph: Graph,
    training: Arc<Plan>,
    analysis: Arc<Plan>,
    inference: Arc<Plan>,
    parameters: Vec<Parameter>,
    /// Each node's own among `parameters`.
    own: Vec<Own>,
    tape: Option<Tape>,
    /// What layers left for their backward pass, kept from step to step for its memory.
    saved: Vec<Saved>,
    recycle: Recycle,
    batch: usize,
    compute: Compute,
    profile: Option<Profile>,
}

/// What a backward pass needs of the forward pass before it.
struct Tape {
    pass: Pass,
    plan: Arc<Plan>,
    batch: usize,
    values: Vec<Option<Tensor>>,
}

impl Network {
    /// Fresh weights: Glorot-uniform, biases 0, batch norm 1 and 0, running mean 0 and variance 1.
    pub fn new(graph: Graph, seed: u64) -> Network {
        let of = |node: &Node, spec: &ParameterSpec| {
            let name = format!("{}.{}", node.name, spec.name);
            let value = init::values(&name, spec, seed);
            Parameter::new(name, spec.clone(), value)
        };
        let parameters = graph.nodes().iter().flat_map(|n| n.parameters.iter().map(move |p| of(n, p))).collect();
        Network::with_parameters(graph, parameters)
    }

    /// The graph's parameters in its order.
    pub(super) fn with_parameters(graph: Graph, parameters: Vec<Parameter>) -> Network {
        let mut own = Vec::new();
        let mut first = 0;
        for node in graph.nodes() {
            own.push(first..first + node.parameters.len());
            first += node.parameters.len();
        }
        let saved = graph.nodes().iter().map(|_| Saved::default()).collect();
        let [training, analysis, inference] = [Purpose::Training, Purpose::Analysis, Purpose::Inference]
            .map(|purpose| Arc::new(Plan::new(&graph, purpose)));
        let (recycle, compute) = (Recycle::default(), Compute::current(Precision::F32));
        Network {
            graph,
            training,
            analysis,
            inference,
            parameters,
            own,
            tape: None,
            saved,
            recycle,
            batch: 0,
            compute,
            profile: None,
        }
    }

    /// Computes in that precision from now on; a new network computes in f32.
    pub fn set_precision(&mut self, precision: Precision) {
        self.compute.precision = precision;
    }
    /// Uses these instructions from now on, for tests that compare them; the machine must have them.
    #[doc(hidden)]
    pub fn set_isa(&mut self, isa: Isa) {
        self.compute.isa = isa;
    }
    /// From now on notes how long each kind of layer takes; what was noted before is forgotten.
    pub fn start_profile(&mut self) {
        self.profile = Some(Profile::default());
    }
    /// What was noted since [`Network::start_profile`].
    pub fn profile(&self) -> Option<&Profile> {
        self.profile.as_ref()
    }
    pub fn compute(&self) -> Compute {
        self.compute
    }

    pub fn graph(&self) -> &Graph {
        &self.graph
    }
    pub fn trainable(&self) -> usize {
        self.graph.parameter_count().0
    }
    pub fn non_trainable(&self) -> usize {
        self.graph.parameter_count().1
    }
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }
    /// Which of them are node `i`'s.
    pub(super) fn own_of(&self, i: usize) -> Own {
        self.own[i].clone()
    }
    pub(super) fn parameters_mut(&mut self) -> &mut [Parameter] {
        &mut self.parameters
    }

    /// Output for `input` (N, then the graph's input shape). `Pass::Train` keeps what
    /// [`Network::backward`] needs.
    ///
    /// Fails where the input's shape is another, or where it holds a NaN or an infinity.
    pub fn forward(&mut self, input: &Tensor, pass: Pass) -> Result<Tensor> {
        let plan = if matches!(pass, Pass::Train { .. }) { &self.training } else { &self.inference };
        self.run(input, pass, plan.clone())
    }

    /// As [`Network::forward`], keeping in either pass what [`Network::backward_to_input`] needs.
    pub fn forward_taped(&mut self, input: &Tensor, pass: Pass) -> Result<Tensor> {
        self.run(input, pass, self.analysis.clone())
    }

    /// Fails where a batch has another shape than the network's, or holds a NaN or an infinity.
    pub(super) fn check_input(&self, input: &Tensor) -> Result<()> {
        let wanted = self.graph.input_shape();
        if input.batch() == 0 || input.shape()[1..] != *wanted {
            return Err(Error::new(format!(
                "the network takes batches of {wanted:?}, not a tensor of shape {:?}",
                input.shape()
            )));
        }
        let per_sample = wanted.iter().product::<usize>();
        match first_not_finite(input.data()) {
            None => Ok(()),
            Some(i) => Err(Error::new(format!(
                "the network's input is not a number: value {} of sample {} is {}",
                i % per_sample,
                i / per_sample,
                input.data()[i]
            ))
            .cure("look for a broken file, or for a division by zero in how it was normalised")),
        }
    }

    fn run(&mut self, input: &Tensor, pass: Pass, plan: Arc<Plan>) -> Result<Tensor> {
        self.check_input(input)?;
        let batch = input.batch();
        self.forget();
        if batch != self.batch {
            self.recycle.clear();
            self.batch = batch;
        }
        let mut values: Vec<Option<Tensor>> = vec![None; self.graph.nodes().len()];
        values[0] = Some(input.clone());
        for step in &plan.steps {
            let (at, output) = (step.node, step.output);
            let node = &self.graph.nodes()[at];
            let layer = node.layer.as_ref().expect("only layers have steps");
            let drops = &step.drop_forward;
            let own = match step.inputs[..] {
                [input] if layer.in_place() && drops.contains(&input.0) => values[input.0].take(),
                _ => None,
            };
            let inputs = if own.is_some() { &[] } else { &step.inputs[..] };
            let inputs: Vec<&Tensor> =
                inputs.iter().map(|i| values[i.0].as_ref().expect("values stay until their last reader")).collect();
            let scale_shift = step.batch_norm.map(|norm| {
                let layer = self.graph.nodes()[norm].layer.as_ref().and_then(|l| l.as_batch_norm());
                layer.expect("a batch norm was fused").running_scale_shift(&self.parameters[self.own[norm].clone()])
            });
            let fused = step.fused;
            let forward = Forward {
                compute: self.compute,
                pass: if node.frozen { Pass::Eval } else { pass },
                index: at as u64,
                parameters: &mut self.parameters[self.own[at].clone()],
                saved: &mut self.saved[at],
                recycle: &mut self.recycle,
                output_shape: batched(batch, &node.shape),
                fused,
                scale_shift,
                own,
            };
            let begun = Instant::now();
            values[output] = Some(layer.forward(forward, &inputs));
            if let Some(profile) = &mut self.profile {
                profile.add(layer.kind(), fused, false, begun.elapsed());
            }
            for dropped in drops {
                if let Some(value) = values[*dropped].take() {
                    self.recycle.give(value);
                }
            }
        }
        let output = values[self.graph.output().0].clone().expect("the output is never dropped");
        if plan.purpose != Purpose::Inference {
            self.tape = Some(Tape { pass, plan, batch, values });
        }
        Ok(output)
    }

    /// Lets the tape go, if one is left.
    fn forget(&mut self) {
        if let Some(tape) = self.tape.take() {
            tape.values.into_iter().flatten().for_each(|v| self.recycle.give(v));
        }
    }

    pub fn zero_grad(&mut self) {
        self.parameters.iter_mut().for_each(Parameter::zero_grad);
    }

    /// Parameters and running statistics under PyTorch's names, in PyTorch's order.
    pub fn state(&self) -> BTreeMap<String, Array> {
        let array = |p: &Parameter| Array { shape: p.spec.shape.clone(), values: p.spec.order.to_disk(&p.value) };
        self.parameters.iter().map(|p| (p.name.clone(), array(p))).collect()
    }

    /// Gradients under the names of the trainable parameters, in PyTorch's order.
    pub fn gradients(&self) -> BTreeMap<String, Array> {
        let trained = self.parameters.iter().filter(|p| p.spec.trainable);
        trained.map(|p| (p.name.clone(), Array { shape: p.spec.shape.clone(), values: p.grad_on_disk() })).collect()
    }

    /// Takes all values from `state`, or none: names and shapes must be exactly the network's.
    pub fn load_state(&mut self, state: &BTreeMap<String, Array>) -> Result<()> {
        let expected: BTreeMap<&str, &[usize]> =
            self.parameters.iter().map(|p| (p.name.as_str(), p.spec.shape.as_slice())).collect();
        super::weights::check_names(&expected, state)?;
        for p in &mut self.parameters {
            p.value = p.spec.order.from_disk(&state[&p.name].values);
        }
        Ok(())
    }
}

/// The shape of a batch of samples.
fn batched(batch: usize, sample: &[usize]) -> Vec<usize> {
    [&[batch], sample].concat()
}

/// The place of the first NaN or infinity.
fn first_not_finite(values: &[f32]) -> Option<usize> {
    // The greatest exponent of a block, found without a branch, tells whether to look closer.
    let bad = |block: &[f32]| block.iter().fold(0, |m, v| m.max(v.to_bits() & 0x7fff_ffff)) >= f32::INFINITY.to_bits();
    let block = values.par_chunks(1 << 14).position_first(bad)? << 14;
    values[block..].iter().position(|v| !v.is_finite()).map(|i| block + i)
}
