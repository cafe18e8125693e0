//! Transposed convolution of images and volumes, with bias, and ReLU if one follows.

use super::*;
use crate::nn::kernel::cpu::ConvShape;
use crate::nn::kernel::cpu::conv::{self, Epilogue};
use crate::nn::parameter::{Init, Order};
use crate::nn::relevance::product::Product;

/// PyTorch's `ConvTranspose2d` and `ConvTranspose3d` with `output_padding` 0:
/// (N, [D,] H, W, in) to (N, [D',] H', W', out), where H' = (H - 1) stride - 2 padding + kernel.
///
/// It is the gradient of a convolution with the same window from `outputs` to the input's channels,
/// and is computed as such.
#[derive(Clone, Debug)]
pub struct TransposedConv {
    pub outputs: usize,
    pub window: Window,
    pub bias: bool,
}

impl TransposedConv {
    /// On images: 2x2 windows that touch, so that each side doubles.
    pub fn doubling(outputs: usize) -> TransposedConv {
        TransposedConv { outputs, window: Window::image([2; 2], [2; 2], [0; 2]), bias: true }
    }

    /// On volumes: 2x2x2 windows that touch, so that each side doubles.
    pub fn doubling3d(outputs: usize) -> TransposedConv {
        TransposedConv { outputs, window: Window::volume([2; 3], [2; 3], [0; 3]), bias: true }
    }

    /// The convolution that it is the gradient of: its input is this layer's output.
    fn conv_shape(&self, input: &[usize], output: &[usize]) -> ConvShape {
        self.window.conv_shape(output, input[input.len() - 1])
    }
}

impl Layer for TransposedConv {
    fn kind(&self) -> &'static str {
        if self.window.dimensions == 2 { "transposed-conv2d" } else { "transposed-conv3d" }
    }

    fn detail(&self) -> String {
        self.window.detail([1; 3])
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        self.window.transposed_shape(inputs, self.outputs)
    }

    fn parameters(&self, inputs: &[&[usize]]) -> Vec<ParameterSpec> {
        let inputs = inputs[0][inputs[0].len() - 1];
        let taps = self.window.taps();
        let weight = ParameterSpec {
            name: "weight",
            shape: [&[inputs, self.outputs], self.window.kernel_shape()].concat(),
            // The weights of the convolution from `outputs` to `inputs` channels.
            order: Order::Convolution { outputs: inputs, inputs: self.outputs, taps },
            init: Init::GlorotUniform { fan_in: inputs * taps, fan_out: self.outputs * taps },
            trainable: true,
        };
        let bias = ParameterSpec::bias(self.outputs);
        if self.bias { vec![weight, bias] } else { vec![weight] }
    }

    fn flops(&self, inputs: &[&[usize]], _: &[usize]) -> u64 {
        2 * (self.window.taps() * self.outputs) as u64 * inputs[0].iter().product::<usize>() as u64
    }

    fn needs(&self, fused: Fused) -> Needs {
        Needs { input: true, output: fused.relu }
    }

    fn fuses(&self, _: bool) -> Fused {
        Fused { relu: true, ..Fused::default() }
    }

    fn forward(&self, pass: Forward, inputs: &[&Tensor]) -> Tensor {
        let mut output = pass.recycle.tensor(pass.output_shape);
        let shape = self.conv_shape(inputs[0].shape(), output.shape());
        let weight = &pass.parameters[0].value;
        let bias = pass.parameters.get(1).map_or(&[][..], |b| &b.value);
        let epilogue = Epilogue { bias, relu: pass.fused.relu, ..Epilogue::default() };
        conv::backward_data(pass.compute, &shape, inputs[0].data(), weight, epilogue, output.data_mut());
        output
    }

    fn backward(&self, mut pass: Backward, mut grad: Tensor) -> Vec<Option<Tensor>> {
        let shape = self.conv_shape(&pass.input_shapes[0], grad.shape());
        pass.mask_and_bias(&mut grad, self.outputs);
        if pass.parameters[0].spec.trainable {
            let input = pass.input(0).data();
            let (_, grad_weight, accumulate) = pass.parameters[0].value_and_grad();
            conv::backward_weight(pass.compute, &shape, grad.data(), input, accumulate, grad_weight);
        }
        let grad_input = pass.wanted[0].then(|| {
            let mut grad_input = pass.recycle.tensor(pass.input_shapes[0].clone());
            let weight = &pass.parameters[0].value;
            let so_far = pass.so_far[0].take();
            let epilogue = Epilogue { add: so_far.as_ref().map(Tensor::data), ..Epilogue::default() };
            conv::forward(pass.compute, &shape, grad.data(), weight, epilogue, grad_input.data_mut());
            so_far.into_iter().for_each(|t| pass.recycle.give(t));
            grad_input
        });
        pass.recycle.give(grad);
        vec![grad_input]
    }

    fn folds(&self, weights: usize) -> Option<(Arc<dyn Layer>, usize)> {
        let inputs = weights / (self.window.taps() * self.outputs);
        Some((Arc::new(TransposedConv { bias: true, ..self.clone() }), inputs))
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
        let shape = self.conv_shape(&pass.backward.input_shapes[0], relevance.shape());
        let product = TransposedProduct { compute: pass.backward.compute, shape };
        vec![Some(product::relevance(pass, &product, relevance))]
    }

    fn emit_forward(&self, e: &mut Emitter, site: &mut Site) -> Value {
        let output = e.value(site.output_shape.clone(), e.element());
        let shape = self.conv_shape(&site.inputs[0].shape, &output.shape);
        e.convolve(Direction::Data, shape, &output, site.parameters[0], &site.inputs[0]);
        e.finish_product(site, &output);
        output
    }

    fn emit_backward(&self, e: &mut Emitter, site: &mut Site, grad: Value) -> Vec<Option<Value>> {
        let shape = self.conv_shape(&site.inputs[0].shape, &grad.shape);
        e.product_backward(site, shape, &grad, true)
    }
}

/// A convolution the other way round.
struct TransposedProduct {
    compute: Compute,
    shape: ConvShape,
}

impl Product for TransposedProduct {
    fn apply(&self, input: &[f32], weight: &[f32], bias: &[f32], output: &mut [f32]) {
        conv::backward_data(self.compute, &self.shape, input, weight, Epilogue { bias, ..Epilogue::default() }, output);
    }
    fn transpose(&self, grad: &[f32], weight: &[f32], grad_input: &mut [f32]) {
        conv::forward(self.compute, &self.shape, grad, weight, Epilogue::default(), grad_input);
    }
    fn of_one(&self) -> Box<dyn Product> {
        Box::new(TransposedProduct { shape: ConvShape { batch: 1, ..self.shape }, ..*self })
    }
}
