//! Max pooling of images and volumes: (N, [D,] H, W, C) to (N, [D',] H', W', C).

use super::*;
use crate::nn::kernel::cpu::pool;

/// The maximum of each window, as PyTorch's `MaxPool2d` and `MaxPool3d`.
///
/// Where several positions hold the maximum, the first in row-major order gets the gradient.
#[derive(Clone, Debug)]
pub struct MaxPool {
    pub window: Window,
}

impl MaxPool {
    /// Square windows on images that touch and do not overlap.
    pub fn halving(kernel: usize) -> MaxPool {
        MaxPool { window: Window::image([kernel; 2], [kernel; 2], [0; 2]) }
    }
}

impl Layer for MaxPool {
    fn kind(&self) -> &'static str {
        "max-pool"
    }

    fn detail(&self) -> String {
        self.window.detail(self.window.kernel)
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        if self.window.taps() > 256 {
            return Err(Error::usage("a window of a maximum has at most 256 positions"));
        }
        self.window.pooled_shape(inputs)
    }

    fn forward(&self, pass: Forward, inputs: &[&Tensor]) -> Tensor {
        let channels = pass.output_shape[pass.output_shape.len() - 1];
        let shape = self.window.conv_shape(inputs[0].shape(), channels);
        let mut output = pass.recycle.tensor(pass.output_shape);
        // Filled by the kernel; resizing a buffer of the last step costs nothing.
        pass.saved.bytes.resize(shape.output_len(), 0);
        pool::max_forward(pass.compute.isa, &shape, inputs[0].data(), output.data_mut(), &mut pass.saved.bytes);
        output
    }

    fn backward(&self, pass: Backward, grad: Tensor) -> Vec<Option<Tensor>> {
        let channels = *grad.shape().last().expect("images have channels");
        let shape = self.window.conv_shape(&pass.input_shapes[0], channels);
        let mut grad_input = pass.recycle.tensor(pass.input_shapes[0].clone());
        pool::max_backward(pass.compute.isa, &shape, grad.data(), &pass.saved.bytes, grad_input.data_mut());
        pass.recycle.give(grad);
        vec![Some(grad_input)]
    }

    fn treats(&self, _: &Rule) -> bool {
        true
    }

    fn emit_forward(&self, e: &mut Emitter, site: &mut Site) -> Value {
        let input = site.inputs[0].clone();
        let shape = self.window.conv_shape(&input.shape, input.channels());
        let output = e.value(site.output_shape.clone(), input.element);
        let index = if site.taped { e.bytes(output.count()) } else { Place::Null };
        site.saved = vec![index];
        let args = [vec![input.at(), output.at(), index.into()], Emitter::window(&shape)].concat();
        e.launch_typed("max_pool", input.element, geometry::flat(output.count()), args);
        output
    }

    fn emit_backward(&self, e: &mut Emitter, site: &mut Site, grad: Value) -> Vec<Option<Value>> {
        let input = site.inputs[0].clone();
        let shape = self.window.conv_shape(&input.shape, input.channels());
        let grad_input = e.value(input.shape.clone(), input.element);
        let args = [vec![grad.at(), site.saved[0].into(), grad_input.at()], Emitter::window(&shape)].concat();
        e.launch_typed("max_pool_grad", input.element, geometry::flat(grad_input.count()), args);
        vec![Some(grad_input)]
    }
}
