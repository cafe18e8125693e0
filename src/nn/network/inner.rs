//! Activations inside a network, of several layers at once, and the input's gradient from theirs.

use super::{Network, Pass, batched};
use crate::error::Result;
use crate::nn::graph::NodeId;
use crate::nn::plan::Plan;
use crate::nn::tensor::Tensor;
use std::sync::Arc;

/// The layers of one network whose activations are wanted.
#[derive(Clone, Debug)]
pub struct Inner {
    nodes: Vec<NodeId>,
    plan: Arc<Plan>,
}

impl Inner {
    /// Layers of `network`, each named once.
    pub fn new(network: &Network, nodes: &[NodeId]) -> Inner {
        Inner { nodes: nodes.to_vec(), plan: Arc::new(Plan::keeping(network.graph(), nodes)) }
    }
}

impl Network {
    /// The part that ends in the layer of that name, for inputs of shape `input`, with copies of its weights.
    ///
    /// Fails where there is no such layer, and where the layers before it do not fit the input.
    pub fn up_to(&self, layer: &str, input: &[usize]) -> Result<Network> {
        let graph = self.graph.up_to(layer)?.for_input(input)?;
        let parameters = self.own[graph.output().0].end;
        let mut part = Network::with_parameters(graph, self.parameters[..parameters].to_vec());
        part.compute = self.compute;
        Ok(part)
    }

    /// The activations of the layers of `inner`, in its order, for `input` (N, …), with fixed statistics.
    ///
    /// Fails as [`Network::forward`] does.
    pub fn forward_inner(&mut self, inner: &Inner, input: &Tensor) -> Result<Vec<Tensor>> {
        self.run(input, Pass::Eval, inner.plan.clone())?;
        let tape = self.tape.as_ref().expect("a plan of analysis leaves a tape");
        Ok(inner.nodes.iter().map(|node| tape.values[node.0].clone().expect("the plan keeps it")).collect())
    }

    /// The gradient towards the input, from those of the activations of the last [`Network::forward_inner`].
    ///
    /// Uses up the tape: without one of the same `inner`, or with gradients of other shapes, it panics. The network has
    /// to be frozen, or gradients of its weights are made too.
    pub fn backward_inner(&mut self, inner: &Inner, grads: Vec<Tensor>) -> Tensor {
        let tape = self.tape.as_ref().expect("a forward pass comes before backward");
        assert!(Arc::ptr_eq(&tape.plan, &inner.plan), "the tape is that of these layers");
        let shape = batched(tape.batch, self.graph.input_shape());
        assert_eq!(grads.len(), inner.nodes.len(), "there is a gradient for each layer");
        let from = inner.nodes.iter().copied().zip(grads).collect();
        self.walk_back(from, true).unwrap_or_else(|| Tensor::zeros(&shape))
    }
}
