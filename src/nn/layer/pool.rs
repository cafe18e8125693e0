//! Max pooling: (N, H, W, C) to (N, H', W', C).

use super::*;
use crate::nn::kernel::cpu::{ConvShape, pool};

/// The maximum of each window, as PyTorch's `MaxPool2d`; pairs are (vertical, horizontal).
///
/// Where several positions hold the maximum, the first in row-major order gets the gradient.
#[derive(Clone, Debug)]
pub struct MaxPool2d {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub padding: [usize; 2],
}

impl MaxPool2d {
    /// Square windows that touch and do not overlap.
    pub fn halving(kernel: usize) -> MaxPool2d {
        MaxPool2d { kernel: [kernel; 2], stride: [kernel; 2], padding: [0; 2] }
    }

    fn shape(&self, batch: usize, [h, w, c]: [usize; 3]) -> ConvShape {
        ConvShape {
            batch,
            input: [h, w],
            in_channels: c,
            out_channels: c,
            kernel: self.kernel,
            stride: self.stride,
            padding: self.padding,
        }
    }

    fn shape_of(&self, input: &[usize]) -> ConvShape {
        let &[n, h, w, c] = input else { unreachable!("the graph gave this layer images") };
        self.shape(n, [h, w, c])
    }
}

impl Layer for MaxPool2d {
    fn kind(&self) -> &'static str {
        "max-pool"
    }

    fn detail(&self) -> String {
        let mut text = pair(self.kernel);
        if self.stride != self.kernel {
            text += &format!(", stride {}", pair(self.stride));
        }
        if self.padding != [0, 0] {
            text += &format!(", padding {}", pair(self.padding));
        }
        text
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let input = image(inputs)?;
        if self.kernel.contains(&0) || self.stride.contains(&0) || self.kernel[0] * self.kernel[1] > 256 {
            return Err(Error::usage("a window has 1 to 256 positions and a stride of at least 1"));
        }
        if (0..2).any(|d| 2 * self.padding[d] > self.kernel[d]) {
            return Err(Error::usage("padding is at most half the window"));
        }
        if (0..2).any(|d| input[d] + 2 * self.padding[d] < self.kernel[d]) {
            return Err(Error::usage(format!("a {} window does not fit into {input:?}", pair(self.kernel))));
        }
        let [h, w] = self.shape(1, input).output();
        Ok(vec![h, w, input[2]])
    }

    fn forward(&self, pass: Forward, inputs: &[&Tensor]) -> Tensor {
        let shape = self.shape_of(inputs[0].shape());
        let [h, w] = shape.output();
        let mut output = pass.recycle.tensor(vec![shape.batch, h, w, shape.in_channels]);
        // Filled by the kernel; resizing a buffer of the last step costs nothing.
        pass.saved.bytes.resize(shape.output_len(), 0);
        pool::max_forward(pass.isa, &shape, inputs[0].data(), output.data_mut(), &mut pass.saved.bytes);
        output
    }

    fn backward(&self, pass: Backward, grad: Tensor) -> Vec<Option<Tensor>> {
        let shape = self.shape_of(&pass.input_shapes[0]);
        let mut grad_input = pass.recycle.tensor(pass.input_shapes[0].clone());
        pool::max_backward(pass.isa, &shape, grad.data(), &pass.saved.bytes, grad_input.data_mut());
        pass.recycle.give(grad);
        vec![Some(grad_input)]
    }
}
