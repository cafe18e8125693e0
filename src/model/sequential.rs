//! Layers one behind the other, numbered as PyTorch's `Sequential` numbers them.

use crate::error::Result;
use crate::nn::layer::Layer;
use crate::nn::{GraphBuilder, NodeId};

/// A `Sequential` called `prefix` in the making: `prefix.0`, `prefix.1` …
pub(super) struct Sequential<'a> {
    graph: &'a mut GraphBuilder,
    prefix: String,
    next: usize,
    at: NodeId,
}

impl<'a> Sequential<'a> {
    /// Begins behind the node `at`.
    pub fn new(graph: &'a mut GraphBuilder, prefix: impl Into<String>, at: NodeId) -> Sequential<'a> {
        Sequential { graph, prefix: prefix.into(), next: 0, at }
    }

    pub fn push(&mut self, layer: impl Layer + 'static) -> Result<NodeId> {
        self.at = self.graph.add(format!("{}.{}", self.prefix, self.next), layer, &[self.at])?;
        self.next += 1;
        Ok(self.at)
    }

    /// The last layer so far.
    pub fn end(self) -> NodeId {
        self.at
    }
}
