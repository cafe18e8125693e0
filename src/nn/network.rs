//! A graph with its weights: forward with a tape, backward along it.

use super::graph::{Graph, NodeId};
use super::init;
use super::kernel::cpu::{Isa, update};
use super::layer::{Backward, Forward, Saved};
use super::parameter::{Own, Parameter};
use super::plan::Plan;
use super::recycle::Recycle;
use super::tensor::Tensor;
use super::weights::Array;
use crate::error::{Error, Result};
use std::collections::BTreeMap;

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
    plan: Plan,
    parameters: Vec<Parameter>,
    /// Each node's own among `parameters`.
    own: Vec<Own>,
    tape: Option<Tape>,
    /// What layers left for their backward pass, kept from step to step for its memory.
    saved: Vec<Saved>,
    recycle: Recycle,
    batch: usize,
    isa: Isa,
}

/// What a backward pass needs of the forward pass before it.
struct Tape {
    pass: Pass,
    batch: usize,
    values: Vec<Option<Tensor>>,
}

impl Network {
    /// Fresh weights: Glorot-uniform, biases 0, batch norm 1 and 0, running mean 0 and variance 1.
    pub fn new(graph: Graph, seed: u64) -> Network {
        let mut parameters = Vec::new();
        let mut own = Vec::new();
        for node in graph.nodes() {
            let first = parameters.len();
            for spec in &node.parameters {
                let name = format!("{}.{}", node.name, spec.name);
                let value = init::values(&name, spec, seed);
                parameters.push(Parameter::new(name, spec.clone(), value));
            }
            own.push(first..parameters.len());
        }
        let saved = graph.nodes().iter().map(|_| Saved::default()).collect();
        let plan = Plan::new(&graph);
        let (recycle, isa) = (Recycle::default(), Isa::current());
        Network { graph, plan, parameters, own, tape: None, saved, recycle, batch: 0, isa }
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
    pub(super) fn parameters_mut(&mut self) -> &mut [Parameter] {
        &mut self.parameters
    }

    /// Output for `input` (N, then the graph's input shape). `Pass::Train` keeps the tape.
    ///
    /// Fails where the input's shape is another.
    pub fn forward(&mut self, input: &Tensor, pass: Pass) -> Result<Tensor> {
        self.run(input, pass, matches!(pass, Pass::Train { .. }))
    }

    /// As [`Network::forward`], keeping the tape also in `Pass::Eval`.
    pub fn forward_taped(&mut self, input: &Tensor, pass: Pass) -> Result<Tensor> {
        self.run(input, pass, true)
    }

    fn run(&mut self, input: &Tensor, pass: Pass, taped: bool) -> Result<Tensor> {
        let (batch, wanted) = (input.batch(), self.graph.input_shape());
        if batch == 0 || input.shape()[1..] != *wanted {
            return Err(Error::new(format!(
                "the network takes batches of {wanted:?}, not a tensor of shape {:?}",
                input.shape()
            )));
        }
        self.forget();
        if batch != self.batch {
            self.recycle.clear();
            self.batch = batch;
        }
        let mut values: Vec<Option<Tensor>> = vec![None; self.graph.nodes().len()];
        values[0] = Some(input.clone());
        for step in &self.plan.steps {
            let node = &self.graph.nodes()[step.node];
            let inputs: Vec<&Tensor> = node
                .inputs
                .iter()
                .map(|i| values[i.0].as_ref().expect("values stay until their last reader"))
                .collect();
            let forward = Forward {
                isa: self.isa,
                pass,
                index: step.node as u64,
                parameters: &mut self.parameters[self.own[step.node].clone()],
                saved: &mut self.saved[step.node],
                recycle: &mut self.recycle,
                relu: step.relu,
            };
            let layer = node.layer.as_ref().expect("only layers have steps");
            values[step.output] = Some(layer.forward(forward, &inputs));
            for dropped in if taped { &step.drop_taped } else { &step.drop_forward } {
                if let Some(value) = values[*dropped].take() {
                    self.recycle.give(value);
                }
            }
        }
        let output = values[self.graph.output().0].clone().expect("the output is never dropped");
        if taped {
            self.tape = Some(Tape { pass, batch, values });
        }
        Ok(output)
    }

    /// Adds to every parameter its gradient, from that of the last taped forward pass's output.
    ///
    /// Uses up the tape: without one, or with a gradient of another shape, it panics.
    pub fn backward(&mut self, grad_output: &Tensor) {
        self.walk_back(grad_output, false);
    }

    /// As [`Network::backward`], and gives the gradient towards the input.
    pub fn backward_to_input(&mut self, grad_output: &Tensor) -> Tensor {
        let shape = batched(grad_output.batch(), self.graph.input_shape());
        self.walk_back(grad_output, true).unwrap_or_else(|| Tensor::zeros(&shape))
    }

    fn walk_back(&mut self, grad_output: &Tensor, to_input: bool) -> Option<Tensor> {
        let Tape { pass, batch, mut values } = self.tape.take().expect("a taped forward pass comes before backward");
        assert_eq!(grad_output.batch(), batch, "the gradient belongs to the last forward pass");
        assert_eq!(grad_output.shape()[1..], *self.graph.output_shape(), "the gradient has the output's shape");
        let wanted = &self.plan.wanted[usize::from(to_input)];
        let mut grads: Vec<Option<Tensor>> = vec![None; values.len()];
        grads[self.graph.output().0] = Some(grad_output.clone());
        for step in self.plan.steps.iter().rev() {
            let node = &self.graph.nodes()[step.node];
            let needs_own = !self.own[step.node].is_empty();
            let reaches = |i: &NodeId| wanted[i.0];
            if let Some(grad) = grads[step.output].take()
                && (needs_own || node.inputs.iter().any(reaches))
            {
                let shape_of = |i: &NodeId| batched(batch, &self.graph.node(*i).shape);
                let backward = Backward {
                    isa: self.isa,
                    pass,
                    index: step.node as u64,
                    parameters: &mut self.parameters[self.own[step.node].clone()],
                    saved: &self.saved[step.node],
                    recycle: &mut self.recycle,
                    relu: step.relu,
                    inputs: node.inputs.iter().map(|i| values[i.0].as_ref()).collect(),
                    output: values[step.output].as_ref(),
                    input_shapes: node.inputs.iter().map(shape_of).collect(),
                    wanted: node.inputs.iter().map(reaches).collect(),
                };
                let layer = node.layer.as_ref().expect("only layers have steps");
                for (input, grad) in node.inputs.iter().zip(layer.backward(backward, grad)) {
                    match (&mut grads[input.0], grad) {
                        (Some(sum), Some(grad)) => {
                            update::add(self.isa, sum.data_mut(), grad.data());
                            self.recycle.give(grad);
                        }
                        (none, grad) => *none = grad,
                    }
                }
            }
            for dropped in &step.drop_backward {
                if let Some(value) = values[*dropped].take() {
                    self.recycle.give(value);
                }
            }
        }
        values.into_iter().flatten().for_each(|v| self.recycle.give(v));
        grads[0].take()
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
