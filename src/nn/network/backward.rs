//! Along the tape and back: gradients of parameters, and of the input.

use super::{Network, Tape, batched};
use crate::nn::graph::NodeId;
use crate::nn::kernel::cpu::update;
use crate::nn::layer::Backward;
use crate::nn::network::Pass;
use crate::nn::tensor::Tensor;
use std::time::Instant;

impl Network {
    /// Adds to every parameter its gradient, from that of the last taped forward pass's output.
    ///
    /// Uses up the tape: without one, or with a gradient of another shape, it panics.
    pub fn backward(&mut self, grad_output: &Tensor) {
        self.walk_back(vec![(self.graph.output(), grad_output.clone())], false);
    }

    /// As [`Network::backward`], and gives the gradient towards the input. Where a part is frozen, the
    /// forward pass has to be [`Network::forward_taped`], or it panics.
    pub fn backward_to_input(&mut self, grad_output: &Tensor) -> Tensor {
        let shape = batched(grad_output.batch(), self.graph.input_shape());
        let output = self.graph.output();
        self.walk_back(vec![(output, grad_output.clone())], true).unwrap_or_else(|| Tensor::zeros(&shape))
    }

    /// From the gradients of some nodes, each named once.
    pub(super) fn walk_back(&mut self, from: Vec<(NodeId, Tensor)>, to_input: bool) -> Option<Tensor> {
        let Tape { pass, plan, batch, mut values } =
            self.tape.take().expect("a taped forward pass comes before backward");
        // The gradient towards the input is computed only for a caller who asks for it.
        let wanted = if to_input { &self.analysis.wanted } else { &self.training.wanted };
        let mut grads: Vec<Option<Tensor>> = vec![None; values.len()];
        for (node, grad) in from {
            let shape = batched(batch, &self.graph.node(node).shape);
            assert_eq!(grad.shape(), shape, "a gradient of the last forward pass has the activations' shape");
            grads[node.0] = Some(grad);
        }
        for step in plan.steps.iter().rev() {
            let node = &self.graph.nodes()[step.node];
            let reaches = |i: &NodeId| wanted[i.0];
            if let Some(grad) = grads[step.output].take()
                && wanted[step.output]
            {
                let shape_of = |i: &NodeId| batched(batch, &self.graph.node(*i).shape);
                let mut so_far: Vec<_> = step.inputs.iter().map(|i| grads[i.0].take()).collect();
                let backward = Backward {
                    compute: self.compute,
                    pass: if node.frozen { Pass::Eval } else { pass },
                    index: step.node as u64,
                    parameters: &mut self.parameters[self.own[step.node].clone()],
                    saved: &self.saved[step.node],
                    recycle: &mut self.recycle,
                    fused: step.fused,
                    inputs: step.inputs.iter().map(|i| values[i.0].as_ref()).collect(),
                    output: values[step.output].as_ref(),
                    input_shapes: step.inputs.iter().map(shape_of).collect(),
                    wanted: step.inputs.iter().map(reaches).collect(),
                    so_far: &mut so_far,
                };
                let layer = node.layer.as_ref().expect("only layers have steps");
                let begun = Instant::now();
                let grads_in = layer.backward(backward, grad);
                if let Some(profile) = &mut self.profile {
                    profile.add(layer.kind(), step.fused, true, begun.elapsed());
                }
                for ((input, grad), so_far) in step.inputs.iter().zip(grads_in).zip(so_far) {
                    for grad in [so_far, grad].into_iter().flatten() {
                        match &mut grads[input.0] {
                            Some(sum) => {
                                update::add(self.compute.isa, sum.data_mut(), grad.data());
                                self.recycle.give(grad);
                            }
                            none => *none = Some(grad),
                        }
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
}
