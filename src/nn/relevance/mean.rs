//! Relevance through a mean over positions: by contribution, or as the gradient goes.

use super::{Relevance, Rule, Share, Z_EPSILON};
use crate::nn::kernel::cpu::relevance as kernel;
use crate::nn::layer::{Layer, Needs};
use crate::nn::tensor::Tensor;

/// Which activations [`relevance`] reads.
pub(in crate::nn) fn needs(rule: &Rule) -> Needs {
    let shared = rule.mean == Share::Contribution;
    Needs { input: shared, output: shared }
}

/// Relevance of the input of a layer that takes means. By contribution each value gets x / n * R / (mean + 1e-9 sign mean).
pub(in crate::nn) fn relevance(layer: &dyn Layer, pass: Relevance, mut relevance: Tensor) -> Vec<Option<Tensor>> {
    if pass.rule.mean == Share::Gradient {
        return layer.backward(pass.backward, relevance);
    }
    let (isa, input) = (pass.backward.compute.isa, pass.backward.input(0));
    kernel::divide(isa, relevance.data_mut(), pass.backward.output().data(), Z_EPSILON);
    let mut result = layer.backward(pass.backward, relevance);
    result.iter_mut().flatten().for_each(|r| kernel::multiply(isa, r.data_mut(), input.data()));
    result
}
