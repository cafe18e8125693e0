//! The sizes of a convolution or pooling, checked once.

use std::ops::Range;

/// Sizes of a window operation on channels-last volumes; triples are (depth, height, width).
///
/// An image is a volume of depth 1, with a kernel of depth 1, stride 1 and no padding that way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvShape {
    pub batch: usize,
    pub input: [usize; 3],
    pub in_channels: usize,
    pub out_channels: usize,
    pub kernel: [usize; 3],
    pub stride: [usize; 3],
    pub padding: [usize; 3],
}

impl ConvShape {
    /// Depth, height and width of the output.
    pub fn output(&self) -> [usize; 3] {
        [0, 1, 2].map(|d| (self.input[d] + 2 * self.padding[d] - self.kernel[d]) / self.stride[d] + 1)
    }
    pub fn input_len(&self) -> usize {
        self.batch * self.input.iter().product::<usize>() * self.in_channels
    }
    pub fn output_len(&self) -> usize {
        self.batch * self.output().iter().product::<usize>() * self.out_channels
    }
    /// Positions of the kernel.
    pub fn taps(&self) -> usize {
        self.kernel.iter().product()
    }
    pub fn weight_len(&self) -> usize {
        self.taps() * self.in_channels * self.out_channels
    }
    /// The taps of the window at output `o` in direction `d` that lie inside the image.
    pub(super) fn inside(&self, d: usize, o: usize) -> Range<usize> {
        let start = o * self.stride[d];
        let from = self.padding[d].saturating_sub(start);
        let to = (self.input[d] + self.padding[d]).saturating_sub(start).min(self.kernel[d]);
        from..to
    }

    /// The outputs whose window covers input position `i` in direction `d`.
    pub(super) fn covering(&self, d: usize, i: usize) -> Range<usize> {
        let shifted = i + self.padding[d];
        let lowest = (shifted + 1).saturating_sub(self.kernel[d]).div_ceil(self.stride[d]);
        lowest..(shifted / self.stride[d] + 1).min(self.output()[d])
    }

    /// Panics where no window fits or a size is zero: the graph has checked it before.
    pub(super) fn check(&self) {
        for d in 0..3 {
            assert!(self.kernel[d] > 0 && self.stride[d] > 0, "a window has a size and a stride");
            assert!(self.input[d] + 2 * self.padding[d] >= self.kernel[d], "a window fits into the padded image");
        }
        assert!(self.in_channels > 0 && self.out_channels > 0, "an image has channels");
    }
}
