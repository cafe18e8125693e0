//! How much memory a training step takes, before it is asked for.

use super::graph::Graph;
use super::optim::OptimizerKind;
use super::parameter::ParameterSpec;
use super::plan::{Plan, Purpose};
#[cfg(feature = "cuda")]
use super::program::{Aim, Arithmetic, Layout, Program};
#[cfg(feature = "cuda")]
use super::{Loss, Precision};
use std::collections::HashMap;

/// What kernels borrow besides: transformed tiles, packed weights, images on their way in.
const WORKSPACE_BYTES: u64 = 160 << 20;

/// What a card gives its context, cuDNN's kernels and the algorithms' workspace.
#[cfg(feature = "cuda")]
const CARD_OVERHEAD_BYTES: u64 = 3 << 29;

/// Bytes that training `graph` on `batch` samples at once takes on a card, weights and optimizer included: exact but
/// for a flat sum that stands for what the driver and cuDNN take.
#[cfg(feature = "cuda")]
pub fn card_bytes(graph: &Graph, batch: usize, optimizer: OptimizerKind, precision: Precision) -> u64 {
    let layout = Layout::new(graph);
    let arithmetic = Arithmetic { precision, deterministic: false };
    // Another loss would change a few bytes.
    let program = Program::new(graph, &layout, batch, Aim::Train(Loss::Mse), arithmetic);
    let moments = if optimizer == OptimizerKind::Sgd { 1 } else { 2 };
    let narrow = if precision == Precision::Bf16 { 2 * layout.all } else { 0 };
    let weights = 4 * layout.all + 4 * (1 + moments) * layout.trained + narrow;
    // Two batches are on their way.
    let input = 4 * batch * graph.input_shape().iter().product::<usize>();
    (weights + program.arena.bytes + 2 * input) as u64 + CARD_OVERHEAD_BYTES
}

/// Bytes that training `graph` on `batch` samples at once takes, weights and optimizer included.
///
/// Follows the plan step by step as the network's recycled buffers do, so it is off by little: what
/// kernels borrow is a flat sum.
pub fn training_bytes(graph: &Graph, batch: usize, optimizer: OptimizerKind) -> u64 {
    let moments = if optimizer == OptimizerKind::Sgd { 1 } else { 2 };
    let floats = |trainable: bool| {
        let all = graph.nodes().iter().flat_map(|n| &n.parameters);
        all.filter(|p| p.trainable == trainable).map(ParameterSpec::len).sum::<usize>() as u64
    };
    // Value, gradient and moments of what is trained; a checkpoint copies value and moments on its way out.
    let weights = floats(true) * (3 + 2 * moments) + floats(false) * 2;
    4 * (weights + activation_floats(graph) * batch as u64) + WORKSPACE_BYTES
}

/// Floats of all activations and gradients of one sample that are held at the same time.
fn activation_floats(graph: &Graph) -> u64 {
    let plan = Plan::new(graph, Purpose::Training);
    let len = |node: usize| graph.nodes()[node].shape.iter().product::<usize>();
    let mut buffers = Buffers::default();
    let mut held = vec![false; graph.nodes().len()];
    let drop = |buffers: &mut Buffers, held: &mut Vec<bool>, value: usize| {
        if std::mem::replace(&mut held[value], false) {
            buffers.give(len(value));
        }
    };
    for step in &plan.steps {
        buffers.take(len(step.output));
        held[step.output] = true;
        for value in &step.drop_forward {
            drop(&mut buffers, &mut held, *value);
        }
    }
    let mut has_grad = vec![false; graph.nodes().len()];
    has_grad[graph.output().0] = true;
    buffers.take(len(graph.output().0));
    for step in plan.steps.iter().rev() {
        if std::mem::replace(&mut has_grad[step.output], false) {
            for input in step.inputs.iter().map(|i| i.0).filter(|i| plan.wanted[*i]) {
                buffers.take(len(input));
                if std::mem::replace(&mut has_grad[input], true) {
                    buffers.give(len(input));
                }
            }
            buffers.give(len(step.output));
        }
        for value in &step.drop_backward {
            drop(&mut buffers, &mut held, *value);
        }
    }
    buffers.floats
}

/// Buffers that are taken and given back by length, and never go back to the system.
#[derive(Default)]
struct Buffers {
    free: HashMap<usize, usize>,
    floats: u64,
}

impl Buffers {
    fn take(&mut self, len: usize) {
        match self.free.get_mut(&len).filter(|n| **n > 0) {
            Some(n) => *n -= 1,
            None => self.floats += len as u64,
        }
    }
    fn give(&mut self, len: usize) {
        *self.free.entry(len).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::GraphBuilder;
    use crate::nn::layer::{Conv, Flatten, Linear, MaxPool};

    #[test]
    fn a_small_network_holds_what_can_be_counted_by_hand() {
        let mut graph = GraphBuilder::new(&[8, 8, 1]).unwrap();
        let conv = graph.add("conv", Conv::same(4, 3), &[graph.input()]).unwrap();
        let pool = graph.add("pool", MaxPool::halving(2), &[conv]).unwrap();
        let flat = graph.add("flat", Flatten, &[pool]).unwrap();
        let fc = graph.add("fc", Linear::new(1), &[flat]).unwrap();
        let graph = graph.finish(fc);
        // Forward: conv 256, pool 64 (into which flat goes), output 1. Backward: the output's gradient 1,
        // flat's 64, and conv's 256 into the buffer that the convolution's output left behind.
        assert_eq!(activation_floats(&graph), 256 + 64 + 64 + 1 + 1);
        let weights = graph.parameter_count().0 as u64;
        assert_eq!(weights, 40 + 65);
        let bytes = training_bytes(&graph, 2, OptimizerKind::Adam) - WORKSPACE_BYTES;
        assert_eq!(bytes, 4 * (7 * weights + 2 * 386));
    }
}
