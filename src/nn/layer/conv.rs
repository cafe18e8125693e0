//! Convolution of images and volumes, with bias, and ReLU if one follows.

use super::*;
use crate::nn::kernel::cpu::ConvShape;
use crate::nn::kernel::cpu::conv::{self, Epilogue};
use crate::nn::parameter::{Init, Order};
use crate::nn::relevance::product::Product;

/// Cross-correlation with `outputs` kernels, as PyTorch's `Conv2d` and `Conv3d`:
/// (N, [D,] H, W, in) to (N, [D',] H', W', out).
#[derive(Clone, Debug)]
pub struct Conv {
    pub outputs: usize,
    pub window: Window,
    pub bias: bool,
}

impl Conv {
    /// On images, stride 1 and as much padding as keeps their size; `kernel` is odd.
    pub fn same(outputs: usize, kernel: usize) -> Conv {
        Conv { outputs, window: Window::image([kernel; 2], [1; 2], [kernel / 2; 2]), bias: true }
    }

    /// On volumes, stride 1 and as much padding as keeps their size; all of `kernel` is odd.
    pub fn same3d(outputs: usize, kernel: [usize; 3]) -> Conv {
        Conv { outputs, window: Window::volume(kernel, [1; 3], kernel.map(|k| k / 2)), bias: true }
    }

    /// On images, without bias: what a batch norm follows.
    pub fn unbiased(outputs: usize, kernel: usize, stride: usize, padding: usize) -> Conv {
        Conv { outputs, window: Window::image([kernel; 2], [stride; 2], [padding; 2]), bias: false }
    }
}

impl Layer for Conv {
    fn kind(&self) -> &'static str {
        if self.window.dimensions == 2 { "conv2d" } else { "conv3d" }
    }

    fn detail(&self) -> String {
        self.window.detail([1; 3])
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        self.window.output_shape(inputs, Some(self.outputs))
    }

    fn parameters(&self, inputs: &[&[usize]]) -> Vec<ParameterSpec> {
        let inputs = inputs[0][inputs[0].len() - 1];
        let taps = self.window.taps();
        let weight = ParameterSpec {
            name: "weight",
            shape: [&[self.outputs, inputs], self.window.kernel_shape()].concat(),
            order: Order::Convolution { outputs: self.outputs, inputs, taps },
            init: Init::GlorotUniform { fan_in: inputs * taps, fan_out: self.outputs * taps },
            trainable: true,
        };
        let bias = ParameterSpec::bias(self.outputs);
        if self.bias { vec![weight, bias] } else { vec![weight] }
    }

    fn flops(&self, inputs: &[&[usize]], output: &[usize]) -> u64 {
        2 * (self.window.taps() * inputs[0][inputs[0].len() - 1]) as u64 * output.iter().product::<usize>() as u64
    }

    fn needs(&self, fused: Fused) -> Needs {
        Needs { input: true, output: fused.relu }
    }

    /// A batch norm behind it can be folded in only where its statistics are fixed.
    fn fuses(&self, taped: bool) -> Fused {
        Fused { relu: true, add: !taped, batch_norm: !taped }
    }

    fn forward(&self, pass: Forward, inputs: &[&Tensor]) -> Tensor {
        let shape = self.window.conv_shape(inputs[0].shape(), self.outputs);
        let mut output = pass.recycle.tensor(pass.output_shape);
        let weight = &pass.parameters[0].value;
        let own = pass.parameters.get(1).map_or(&[][..], |b| &b.value);
        let (scale, bias) = match pass.scale_shift {
            None => (Vec::new(), own.to_vec()),
            Some(ScaleShift { scale, mut shift }) => {
                // scale * (sum + bias) + shift
                shift.iter_mut().zip(own).zip(&scale).for_each(|((t, b), s)| *t += b * s);
                (scale, shift)
            }
        };
        let add = pass.fused.add.then(|| inputs[1].data());
        let epilogue = Epilogue { scale: &scale, bias: &bias, add, relu: pass.fused.relu };
        conv::forward(pass.compute, &shape, inputs[0].data(), weight, epilogue, output.data_mut());
        output
    }

    fn backward(&self, mut pass: Backward, mut grad: Tensor) -> Vec<Option<Tensor>> {
        let shape = self.window.conv_shape(&pass.input_shapes[0], self.outputs);
        pass.mask_and_bias(&mut grad, self.outputs);
        if pass.parameters[0].spec.trainable {
            let input = pass.inputs[0].expect("a convolution's input is kept").data();
            let (_, grad_weight, accumulate) = pass.parameters[0].value_and_grad();
            conv::backward_weight(pass.compute, &shape, input, grad.data(), accumulate, grad_weight);
        }
        let grad_input = pass.wanted[0].then(|| {
            let mut grad_input = pass.recycle.tensor(pass.input_shapes[0].clone());
            let weight = &pass.parameters[0].value;
            let so_far = pass.so_far[0].take();
            let epilogue = Epilogue { add: so_far.as_ref().map(Tensor::data), ..Epilogue::default() };
            conv::backward_data(pass.compute, &shape, grad.data(), weight, epilogue, grad_input.data_mut());
            so_far.into_iter().for_each(|t| pass.recycle.give(t));
            grad_input
        });
        pass.recycle.give(grad);
        vec![grad_input]
    }

    fn folds(&self, _: usize) -> Option<(Arc<dyn Layer>, usize)> {
        Some((Arc::new(Conv { bias: true, ..self.clone() }), 1))
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
        let shape = self.window.conv_shape(&pass.backward.input_shapes[0], self.outputs);
        let product = ConvProduct { compute: pass.backward.compute, shape };
        vec![Some(product::relevance(pass, &product, relevance))]
    }

    fn emit_forward(&self, e: &mut Emitter, site: &mut Site) -> Value {
        let shape = self.window.conv_shape(&site.inputs[0].shape, self.outputs);
        let output = e.value(site.output_shape.clone(), e.element());
        e.convolve(Direction::Forward, shape, &site.inputs[0], site.parameters[0], &output);
        e.finish_product(site, &output);
        output
    }

    fn emit_backward(&self, e: &mut Emitter, site: &mut Site, grad: Value) -> Vec<Option<Value>> {
        let shape = self.window.conv_shape(&site.inputs[0].shape, self.outputs);
        e.product_backward(site, shape, &grad, false)
    }
}

struct ConvProduct {
    compute: Compute,
    shape: ConvShape,
}

impl Product for ConvProduct {
    fn apply(&self, input: &[f32], weight: &[f32], bias: &[f32], output: &mut [f32]) {
        conv::forward(self.compute, &self.shape, input, weight, Epilogue { bias, ..Epilogue::default() }, output);
    }
    fn transpose(&self, grad: &[f32], weight: &[f32], grad_input: &mut [f32]) {
        conv::backward_data(self.compute, &self.shape, grad, weight, Epilogue::default(), grad_input);
    }
    fn of_one(&self) -> Box<dyn Product> {
        Box::new(ConvProduct { shape: ConvShape { batch: 1, ..self.shape }, ..*self })
    }
}
