//! Relevance through a product with weights, whatever the product: every rule is a few products with other
//! weights or inputs, and quotients between them.

use super::{Bias, Gate, Relevance, Rule, Weights};
use crate::nn::compute::Compute;
use crate::nn::kernel::cpu::{elementwise, relevance as kernel, update};
use crate::nn::recycle::Recycle;
use crate::nn::tensor::Tensor;

/// A map that is linear in its input and in its weights.
pub(in crate::nn) trait Product {
    /// `output = input * weight + bias`, for a batch of `input.len() / sample` samples.
    fn apply(&self, input: &[f32], weight: &[f32], bias: &[f32], output: &mut [f32]);
    /// The gradient of `apply` towards its input.
    fn transpose(&self, grad: &[f32], weight: &[f32], grad_input: &mut [f32]);
    /// The same for one sample.
    fn of_one(&self) -> Box<dyn Product>;
}

/// Lets relevance through the ReLU behind a layer, if one is fused.
pub(in crate::nn) fn gate(pass: &Relevance, relevance: &mut Tensor) {
    let isa = pass.backward.compute.isa;
    if !pass.backward.fused.relu {
        return;
    }
    let output = || pass.backward.output.expect("the tape keeps the outputs of gates that need them").data();
    match pass.rule.gate {
        Gate::Pass => {}
        Gate::Gradient => elementwise::mask(isa, relevance.data_mut(), output()),
        Gate::Deconvnet => kernel::keep_positive(isa, relevance.data_mut()),
        Gate::Guided => kernel::keep_guided(isa, relevance.data_mut(), output()),
    }
}

/// Which activations [`relevance`] and [`gate`] read.
pub(in crate::nn) fn needs(rule: &Rule, relu: bool) -> crate::nn::layer::Needs {
    let gated = relu && matches!(rule.gate, Gate::Gradient | Gate::Guided);
    crate::nn::layer::Needs {
        input: matches!(rule.weights, Weights::Epsilon { .. } | Weights::AlphaBeta { .. } | Weights::Box { .. }),
        output: gated || matches!(rule.weights, Weights::Epsilon { .. }),
    }
}

/// Relevance of the input, from that of the output behind a fused ReLU.
pub(in crate::nn) fn relevance(mut pass: Relevance, product: &dyn Product, mut r: Tensor) -> Tensor {
    gate(&pass, &mut r);
    let Compute { isa, .. } = pass.backward.compute;
    let mut result = pass.backward.recycle.tensor(pass.backward.input_shapes[0].clone());
    let weight = &pass.backward.parameters[0].value[..];
    let bias = pass.backward.parameters.get(1).map_or(&[][..], |b| &b.value);
    let input = || pass.backward.inputs[0].expect("the tape keeps the inputs of rules that need them").data();
    match pass.rule.weights {
        Weights::Gradient => product.transpose(r.data(), weight, result.data_mut()),
        Weights::Epsilon { epsilon } => {
            let z = pass.backward.output.expect("the tape keeps the outputs of rules that need them");
            kernel::divide(isa, r.data_mut(), z.data(), epsilon);
            absorb(&mut pass.absorbed, r.data(), bias);
            product.transpose(r.data(), weight, result.data_mut());
            kernel::multiply(isa, result.data_mut(), input());
        }
        Weights::AlphaBeta { alpha, beta, bias: kept } => {
            let recycle = &mut *pass.backward.recycle;
            let signs = Signs::of(pass.backward.compute, input(), weight, recycle);
            for (positive, factor) in [(true, alpha), (false, -beta)] {
                if !positive && beta == 0.0 {
                    continue;
                }
                let bias = kept.part(bias, positive);
                let mut s = recycle.tensor(r.shape().to_vec());
                signs.products(product, positive, &bias, s.data_mut(), recycle);
                kernel::divide_into(isa, s.data_mut(), r.data(), factor);
                absorb(&mut pass.absorbed, s.data(), &bias);
                if positive {
                    signs.shares(product, positive, s.data(), &mut result, recycle);
                } else {
                    let mut more = recycle.tensor(result.shape().to_vec());
                    signs.shares(product, positive, s.data(), &mut more, recycle);
                    update::add(isa, result.data_mut(), more.data());
                    recycle.give(more);
                }
                recycle.give(s);
            }
            signs.give(recycle);
        }
        Weights::Square | Weights::Flat => {
            let weight: Vec<f32> = match pass.rule.weights {
                Weights::Flat => vec![1.0; weight.len()],
                _ => weight.iter().map(|w| w * w).collect(),
            };
            let z = of_ones(product, &pass, &r, &weight);
            kernel::divide(isa, r.data_mut(), &z, 0.0);
            product.transpose(r.data(), &weight, result.data_mut());
        }
        Weights::Box { low, high } => {
            let bound: Vec<f32> = weight.iter().map(|w| w * if *w > 0.0 { low } else { high }).collect();
            let mut z = pass.backward.recycle.tensor(r.shape().to_vec());
            product.apply(input(), weight, &[], z.data_mut());
            kernel::subtract(isa, z.data_mut(), &of_ones(product, &pass, &r, &bound));
            kernel::divide(isa, r.data_mut(), z.data(), 0.0);
            pass.backward.recycle.give(z);
            product.transpose(r.data(), weight, result.data_mut());
            kernel::multiply(isa, result.data_mut(), input());
            let mut bounds = pass.backward.recycle.tensor(result.shape().to_vec());
            product.transpose(r.data(), &bound, bounds.data_mut());
            kernel::subtract(isa, result.data_mut(), bounds.data());
            pass.backward.recycle.give(bounds);
        }
    }
    pass.backward.recycle.give(r);
    result
}

/// The product of one sample of ones; padding stays zero.
fn of_ones(product: &dyn Product, pass: &Relevance, r: &Tensor, weight: &[f32]) -> Vec<f32> {
    let sample = |shape: &[usize]| shape[1..].iter().product::<usize>();
    let mut output = vec![0.0; sample(r.shape())];
    product.of_one().apply(&vec![1.0; sample(&pass.backward.input_shapes[0])], weight, &[], &mut output);
    output
}

/// Adds what the biases take of the relevance: the sum of `s * bias`.
pub(in crate::nn) fn absorb(absorbed: &mut Option<&mut f64>, s: &[f32], bias: &[f32]) {
    let Some(absorbed) = absorbed else { return };
    let rows = s.chunks_exact(bias.len().max(1)).filter(|_| !bias.is_empty());
    **absorbed += rows.flat_map(|row| row.iter().zip(bias)).map(|(s, b)| f64::from(*s) * f64::from(*b)).sum::<f64>();
}

impl Bias {
    fn part(self, bias: &[f32], positive: bool) -> Vec<f32> {
        match self {
            Bias::Full => bias.to_vec(),
            Bias::Split => bias.iter().map(|b| if (*b > 0.0) == positive { *b } else { 0.0 }).collect(),
            Bias::None => Vec::new(),
        }
    }
}

/// Inputs and weights by their signs.
struct Signs<'a> {
    compute: Compute,
    input: &'a [f32],
    /// The parts of the input, where some of it is negative.
    inputs: Option<[Tensor; 2]>,
    /// What is positive of the weights, and what is negative.
    weights: [Vec<f32>; 2],
}

impl<'a> Signs<'a> {
    fn of(compute: Compute, input: &'a [f32], weight: &[f32], recycle: &mut Recycle) -> Signs<'a> {
        // Behind a ReLU nothing is negative, and half of the products need not be made.
        let inputs = kernel::any_negative(input).then(|| {
            [true, false].map(|positive| {
                let mut part = recycle.tensor(vec![input.len()]);
                kernel::part(compute.isa, input, positive, part.data_mut());
                part
            })
        });
        let clipped = |keep: fn(&f32) -> bool| weight.iter().map(|w| if keep(w) { *w } else { 0.0 }).collect();
        Signs { compute, input, inputs, weights: [clipped(|w| *w > 0.0), clipped(|w| *w < 0.0)] }
    }

    /// The sum of the positive products, or of the negative ones.
    fn products(&self, product: &dyn Product, positive: bool, bias: &[f32], z: &mut [f32], recycle: &mut Recycle) {
        let [same, other] = self.weights_for(positive);
        let Some([plus, minus]) = &self.inputs else { return product.apply(self.input, same, bias, z) };
        product.apply(plus.data(), same, bias, z);
        let mut more = recycle.tensor(vec![z.len()]);
        product.apply(minus.data(), other, &[], more.data_mut());
        update::add(self.compute.isa, z, more.data());
        recycle.give(more);
    }

    /// `input * w^T s` over the same products.
    fn shares(&self, product: &dyn Product, positive: bool, s: &[f32], result: &mut Tensor, recycle: &mut Recycle) {
        let isa = self.compute.isa;
        let [same, other] = self.weights_for(positive);
        product.transpose(s, same, result.data_mut());
        let Some([plus, minus]) = &self.inputs else {
            return kernel::multiply(isa, result.data_mut(), self.input);
        };
        kernel::multiply(isa, result.data_mut(), plus.data());
        let mut more = recycle.tensor(vec![self.input.len()]);
        product.transpose(s, other, more.data_mut());
        kernel::multiply(isa, more.data_mut(), minus.data());
        update::add(isa, result.data_mut(), more.data());
        recycle.give(more);
    }

    /// The weights that positive inputs meet, and those that negative inputs meet.
    fn weights_for(&self, positive: bool) -> [&[f32]; 2] {
        let [plus, minus] = &self.weights;
        if positive { [plus, minus] } else { [minus, plus] }
    }

    fn give(self, recycle: &mut Recycle) {
        self.inputs.into_iter().flatten().for_each(|t| recycle.give(t));
    }
}
