//! The window of a convolution or pooling: kernel, stride and padding on images or volumes.

use super::one;
use crate::error::{Error, Result};
use crate::nn::kernel::cpu::ConvShape;

/// A window that slides over images (H, W, C) or volumes (D, H, W, C).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// 2 or 3.
    pub dimensions: usize,
    /// (depth, height, width), as the other two; an image's depth is 1, its padding 0.
    pub kernel: [usize; 3],
    pub stride: [usize; 3],
    pub padding: [usize; 3],
}

impl Window {
    /// On images; pairs are (vertical, horizontal).
    pub fn image(kernel: [usize; 2], stride: [usize; 2], padding: [usize; 2]) -> Window {
        let deep = |[y, x]: [usize; 2], z| [z, y, x];
        Window { dimensions: 2, kernel: deep(kernel, 1), stride: deep(stride, 1), padding: deep(padding, 0) }
    }

    /// On volumes; triples are (depth, vertical, horizontal).
    pub fn volume(kernel: [usize; 3], stride: [usize; 3], padding: [usize; 3]) -> Window {
        Window { dimensions: 3, kernel, stride, padding }
    }

    /// The sizes for a batch (N, [D,] H, W, C) that the graph let through.
    pub fn conv_shape(&self, input: &[usize], out_channels: usize) -> ConvShape {
        let (size, in_channels) = split(&input[1..], self.dimensions).expect("the graph has checked the input");
        self.sizes(input[0], size, in_channels, out_channels)
    }

    /// Shape of one output sample ([D',] H', W', `outputs`) for one input sample, or why it does not fit.
    pub fn output_shape(&self, inputs: &[&[usize]], outputs: Option<usize>) -> Result<Vec<usize>> {
        let input = one(inputs)?;
        let (size, channels) = split(input, self.dimensions)?;
        let own = 3 - self.dimensions..3;
        if self.kernel.contains(&0) || self.stride.contains(&0) || outputs == Some(0) {
            return Err(Error::usage("kernel, stride and channels are at least 1"));
        }
        if own.clone().any(|d| size[d] + 2 * self.padding[d] < self.kernel[d]) {
            return Err(Error::usage(format!("a {} window does not fit into {input:?}", times(&self.kernel[own]))));
        }
        let outputs = outputs.unwrap_or(channels);
        let mut shape = self.sizes(1, size, channels, outputs).output()[own].to_vec();
        shape.push(outputs);
        Ok(shape)
    }

    /// As [`Window::output_shape`], for a pooling: no window lies wholly in the padding.
    pub fn pooled_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        if (0..3).any(|d| 2 * self.padding[d] > self.kernel[d]) {
            return Err(Error::usage("padding is at most half the window"));
        }
        self.output_shape(inputs, None)
    }

    /// Shape of the sample that a convolution to one input sample begins with, with `outputs` channels:
    /// the smallest, (size - 1) stride - 2 padding + kernel each way.
    pub fn transposed_shape(&self, inputs: &[&[usize]], outputs: usize) -> Result<Vec<usize>> {
        let input = one(inputs)?;
        let (size, _) = split(input, self.dimensions)?;
        if self.kernel.contains(&0) || self.stride.contains(&0) || outputs == 0 {
            return Err(Error::usage("kernel, stride and channels are at least 1"));
        }
        let own = 3 - self.dimensions..3;
        let padded = |d: usize| (size[d] - 1) * self.stride[d] + self.kernel[d];
        if own.clone().any(|d| padded(d) <= 2 * self.padding[d]) {
            return Err(Error::usage(format!("the padding takes all of what {input:?} becomes")));
        }
        let mut shape: Vec<usize> = own.map(|d| padded(d) - 2 * self.padding[d]).collect();
        shape.push(outputs);
        Ok(shape)
    }

    /// As weight files hold it: (kh, kw) or (kd, kh, kw).
    pub fn kernel_shape(&self) -> &[usize] {
        &self.kernel[3 - self.dimensions..]
    }

    /// Positions of the kernel.
    pub fn taps(&self) -> usize {
        self.kernel.iter().product()
    }

    /// `3x3, stride 2, padding 1`; a stride of `usual` is not told.
    pub fn detail(&self, usual: [usize; 3]) -> String {
        let own = 3 - self.dimensions..3;
        let mut text = times(&self.kernel[own.clone()]);
        if self.stride != usual {
            text += &format!(", stride {}", times(&self.stride[own.clone()]));
        }
        if self.padding != [0; 3] {
            text += &format!(", padding {}", times(&self.padding[own]));
        }
        text
    }

    fn sizes(&self, batch: usize, input: [usize; 3], in_channels: usize, out_channels: usize) -> ConvShape {
        let Window { kernel, stride, padding, .. } = *self;
        ConvShape { batch, input, in_channels, out_channels, kernel, stride, padding }
    }
}

/// Depth, height and width of a sample, and its channels.
fn split(sample: &[usize], dimensions: usize) -> Result<([usize; 3], usize)> {
    match (sample, dimensions) {
        (&[h, w, c], 2) => Ok(([1, h, w], c)),
        (&[d, h, w, c], 3) => Ok(([d, h, w], c)),
        (_, 2) => Err(Error::usage(format!("takes images (height, width, channels), not {sample:?}"))),
        _ => Err(Error::usage(format!("takes volumes (depth, height, width, channels), not {sample:?}"))),
    }
}

/// `3x5x5`.
fn times(sizes: &[usize]) -> String {
    sizes.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}
