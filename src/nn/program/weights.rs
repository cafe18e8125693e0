//! Where a network's parameters lie in a card's regions, and in which order their values.

use super::emitter::Held;
use crate::nn::graph::Graph;
use crate::nn::parameter::{Order, ParameterSpec};

/// Alignment of every parameter, in elements: 16 bytes in bf16.
const ALIGN: usize = 64;

/// One place after the other, what is trained first: an optimizer moves one stretch of memory.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Of each node, the places of its parameters.
    nodes: Vec<Vec<Held>>,
    /// Elements of the part that is trained.
    pub trained: usize,
    /// Elements of all.
    pub all: usize,
}

impl Layout {
    pub fn new(graph: &Graph) -> Layout {
        let mut nodes: Vec<Vec<Held>> = graph.nodes().iter().map(|n| placeholders(&n.parameters)).collect();
        let (mut at, mut trained) = (0, 0);
        for trainable in [true, false] {
            for (node, held) in graph.nodes().iter().zip(&mut nodes) {
                for (spec, held) in node.parameters.iter().zip(held).filter(|(s, _)| s.trainable == trainable) {
                    held.offset = at;
                    at += spec.len().next_multiple_of(ALIGN);
                }
            }
            if trainable {
                trained = at;
            }
        }
        Layout { nodes, trained, all: at }
    }

    /// The places of a node's parameters, in the layer's order.
    pub fn of_node(&self, node: usize) -> &[Held] {
        &self.nodes[node]
    }

    /// The places of all parameters, in the network's order.
    pub fn places(&self) -> impl Iterator<Item = Held> {
        self.nodes.iter().flatten().copied()
    }
}

fn placeholders(specs: &[ParameterSpec]) -> Vec<Held> {
    specs.iter().map(|s| Held { offset: 0, trainable: s.trainable }).collect()
}

/// Values in the order of a card's kernels, from those in the order of the file: a filter is (out, taps, in).
pub fn from_disk(order: Order, disk: &[f32]) -> Vec<f32> {
    match order {
        Order::Convolution { inputs, taps, .. } => {
            Order::Flattened { channels: inputs, positions: taps }.from_disk(disk)
        }
        other => other.from_disk(disk),
    }
}

/// Values in the order of the file, from those in the order of a card's kernels.
pub fn to_disk(order: Order, card: &[f32]) -> Vec<f32> {
    match order {
        Order::Convolution { inputs, taps, .. } => Order::Flattened { channels: inputs, positions: taps }.to_disk(card),
        other => other.to_disk(card),
    }
}
