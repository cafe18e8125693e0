//! The sizes of a convolution or pooling, checked once.

/// Sizes of a 2D window operation on channels-last images; pairs are (vertical, horizontal).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    pub batch: usize,
    pub input: [usize; 2],
    pub in_channels: usize,
    pub out_channels: usize,
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub padding: [usize; 2],
}

impl ConvShape {
    /// Height and width of the output.
    pub fn output(&self) -> [usize; 2] {
        [0, 1].map(|d| (self.input[d] + 2 * self.padding[d] - self.kernel[d]) / self.stride[d] + 1)
    }
    pub fn input_len(&self) -> usize {
        self.batch * self.input[0] * self.input[1] * self.in_channels
    }
    pub fn output_len(&self) -> usize {
        let [h, w] = self.output();
        self.batch * h * w * self.out_channels
    }
    pub fn weight_len(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.in_channels * self.out_channels
    }
    /// Panics where no window fits or a size is zero: the graph has checked it before.
    pub(super) fn check(&self) {
        for d in 0..2 {
            assert!(self.kernel[d] > 0 && self.stride[d] > 0, "a window has a size and a stride");
            assert!(self.input[d] + 2 * self.padding[d] >= self.kernel[d], "a window fits into the padded image");
        }
        assert!(self.in_channels > 0 && self.out_channels > 0, "an image has channels");
    }
}
