//! Fully connected layer: (N, in) to (N, out), with bias, and ReLU if one follows.

use super::*;
use crate::nn::kernel::cpu::ConvShape;
use crate::nn::kernel::cpu::linear::{self, LinearShape};
use crate::nn::parameter::{Init, Order};
use crate::nn::relevance::product::Product;

/// `y = x W^T + b`, as PyTorch's `Linear`.
#[derive(Clone, Debug)]
pub struct Linear {
    pub outputs: usize,
    /// The sample ([D,] H, W, C) that a flatten before it took apart: on disk its weights act on
    /// (C, [D,] H, W). Empty: none did.
    flattened: Vec<usize>,
}

impl Linear {
    pub fn new(outputs: usize) -> Linear {
        Linear { outputs, flattened: Vec::new() }
    }

    /// Behind a flatten of samples ([D,] H, W, C).
    pub fn after_flatten(outputs: usize, sample: impl Into<Vec<usize>>) -> Linear {
        Linear { outputs, flattened: sample.into() }
    }

    /// The same product as a convolution of images of one position.
    fn as_convolution(&self, input: &[usize]) -> ConvShape {
        let (batch, one) = (input[0], [1; 3]);
        let (in_channels, out_channels) = (input[1], self.outputs);
        ConvShape { batch, input: one, in_channels, out_channels, kernel: one, stride: one, padding: [0; 3] }
    }

    fn shape_of(&self, input: &[usize]) -> LinearShape {
        LinearShape { batch: input[0], inputs: input[1], outputs: self.outputs }
    }
}

impl Layer for Linear {
    fn kind(&self) -> &'static str {
        "linear"
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let &[features] = one(inputs)? else {
            return Err(Error::usage(format!("takes rows of features, not {:?}: flatten first", inputs[0])));
        };
        if !self.flattened.is_empty() && self.flattened.iter().product::<usize>() != features {
            return Err(Error::usage(format!("{features} features are not those of {:?}", self.flattened)));
        }
        Ok(vec![self.outputs])
    }

    fn parameters(&self, inputs: &[&[usize]]) -> Vec<ParameterSpec> {
        let inputs = inputs[0][0];
        let order = match self.flattened[..] {
            [ref positions @ .., channels] => Order::Flattened { channels, positions: positions.iter().product() },
            [] => Order::Same,
        };
        let weight = ParameterSpec {
            name: "weight",
            shape: vec![self.outputs, inputs],
            order,
            init: Init::GlorotUniform { fan_in: inputs, fan_out: self.outputs },
            trainable: true,
        };
        let bias = ParameterSpec::bias(self.outputs);
        vec![weight, bias]
    }

    fn flops(&self, inputs: &[&[usize]], output: &[usize]) -> u64 {
        2 * inputs[0][0] as u64 * output[0] as u64
    }

    fn needs(&self, fused: Fused) -> Needs {
        Needs { input: true, output: fused.relu }
    }

    fn fuses(&self, _: bool) -> Fused {
        Fused { relu: true, ..Fused::default() }
    }

    fn forward(&self, pass: Forward, inputs: &[&Tensor]) -> Tensor {
        let shape = self.shape_of(inputs[0].shape());
        let mut output = pass.recycle.tensor(vec![shape.batch, self.outputs]);
        let (weight, bias) = (&pass.parameters[0].value, &pass.parameters[1].value);
        linear::forward(pass.compute, &shape, inputs[0].data(), weight, bias, pass.fused.relu, output.data_mut());
        output
    }

    fn backward(&self, mut pass: Backward, mut grad: Tensor) -> Vec<Option<Tensor>> {
        let shape = self.shape_of(&pass.input_shapes[0]);
        pass.mask_and_bias(&mut grad, self.outputs);
        if pass.parameters[0].spec.trainable {
            let input = pass.input(0).data();
            let (_, grad_weight, accumulate) = pass.parameters[0].value_and_grad();
            linear::backward_weight(pass.compute, &shape, input, grad.data(), accumulate, grad_weight);
        }
        let grad_input = pass.wanted[0].then(|| {
            let mut grad_input = pass.recycle.tensor(pass.input_shapes[0].clone());
            let weight = &pass.parameters[0].value;
            linear::backward_data(pass.compute, &shape, grad.data(), weight, grad_input.data_mut());
            grad_input
        });
        pass.recycle.give(grad);
        vec![grad_input]
    }

    fn folds(&self, weights: usize) -> Option<(Arc<dyn Layer>, usize)> {
        Some((Arc::new(self.clone()), weights / self.outputs))
    }

    fn treats(&self, _: &Rule) -> bool {
        true
    }

    fn relevance_needs(&self, fused: Fused, rule: &Rule) -> Needs {
        product::needs(rule, fused.relu)
    }

    fn relevance(&self, pass: Relevance, relevance: Tensor) -> Vec<Option<Tensor>> {
        if pass.rule.is_gradient() && pass.rule.gate == Gate::Gradient {
            return self.backward(pass.backward, relevance);
        }
        let shape = self.shape_of(&pass.backward.input_shapes[0]);
        let product = LinearProduct { compute: pass.backward.compute, shape };
        vec![Some(product::relevance(pass, &product, relevance))]
    }

    /// Its activations are few, and a prediction of eight bits would be off by half a millimetre.
    fn element(&self, _: Element) -> Element {
        Element::F32
    }

    fn emit_forward(&self, e: &mut Emitter, site: &mut Site) -> Value {
        let input = site.inputs[0].clone();
        let output = e.value(site.output_shape.clone(), Element::F32);
        e.convolve(Direction::Forward, self.as_convolution(&input.shape), &input, site.parameters[0], &output);
        e.finish_product(site, &output);
        output
    }

    fn emit_backward(&self, e: &mut Emitter, site: &mut Site, grad: Value) -> Vec<Option<Value>> {
        let shape = self.as_convolution(&site.inputs[0].shape);
        e.product_backward(site, shape, &grad, false)
    }
}

struct LinearProduct {
    compute: Compute,
    shape: LinearShape,
}

impl Product for LinearProduct {
    fn apply(&self, input: &[f32], weight: &[f32], bias: &[f32], output: &mut [f32]) {
        linear::forward(self.compute, &self.shape, input, weight, bias, false, output);
    }
    fn transpose(&self, grad: &[f32], weight: &[f32], grad_input: &mut [f32]) {
        linear::backward_data(self.compute, &self.shape, grad, weight, grad_input);
    }
    fn of_one(&self) -> Box<dyn Product> {
        Box::new(LinearProduct { shape: LinearShape { batch: 1, ..self.shape }, ..*self })
    }
}
