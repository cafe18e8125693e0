//! Sums over windows, and values spread over windows: average pooling and nearest upsampling are
//! one of these each, and each is the other's gradient.

use super::parallel::{Shared, for_each};
use super::shape::ConvShape;
use super::simd::{Isa, Kernel, Simd, dispatch, load_upto, store_upto};

/// `output = scale * sum over each window of input`, channel by channel; padding counts as zeros.
pub fn gather(isa: Isa, shape: &ConvShape, input: &[f32], scale: f32, output: &mut [f32]) {
    check(shape, input, output);
    let [od, oh, ow] = shape.output();
    let line = ow * shape.in_channels;
    let target = Shared::new(output);
    for_each(shape.batch * od * oh, |job| {
        let place = [job / (od * oh), job / oh % od, job % oh];
        // Safety: every job writes an output row of its own.
        unsafe {
            let output = target.slice(job * line..(job + 1) * line);
            dispatch(isa, Gather { shape, input, scale, place, output });
        }
    });
}

/// `input = scale * sum over the windows that cover it of output`: the transpose of [`gather`].
pub fn spread(isa: Isa, shape: &ConvShape, output: &[f32], scale: f32, input: &mut [f32]) {
    check(shape, input, output);
    let [d, h, w] = shape.input;
    let line = w * shape.in_channels;
    let target = Shared::new(input);
    for_each(shape.batch * d * h, |job| {
        let place = [job / (d * h), job / h % d, job % h];
        // Safety: every job writes an input row of its own.
        unsafe {
            let input = target.slice(job * line..(job + 1) * line);
            dispatch(isa, Spread { shape, output, scale, place, input });
        }
    });
}

fn check(shape: &ConvShape, input: &[f32], output: &[f32]) {
    shape.check();
    assert_eq!(shape.in_channels, shape.out_channels);
    assert!(input.len() == shape.input_len() && output.len() == shape.output_len());
}

struct Gather<'a> {
    shape: &'a ConvShape,
    input: &'a [f32],
    scale: f32,
    /// Sample, slice and row of the output.
    place: [usize; 3],
    output: &'a mut [f32],
}

impl Kernel for Gather<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let (s, [n, z, y]) = (self.shape, self.place);
        let (channels, [d, h, w]) = (s.in_channels, s.input);
        // Input positions under the window, in each direction.
        let under = |i: usize, o: usize| {
            let taps = s.inside(i, o);
            let shift = |tap: usize| o * s.stride[i] + tap - s.padding[i];
            if taps.is_empty() { 0..0 } else { shift(taps.start)..shift(taps.end - 1) + 1 }
        };
        let (slices, rows) = (under(0, z), under(1, y));
        for x in 0..s.output()[2] {
            let columns = under(2, x);
            for c in (0..channels).step_by(S::LANES) {
                let left = channels - c;
                let mut sum = S::splat(0.0);
                for iz in slices.clone() {
                    for iy in rows.clone() {
                        let line = self.input.as_ptr().add(((n * d + iz) * h + iy) * w * channels + c);
                        for ix in columns.clone() {
                            sum = S::add(sum, load_upto::<S>(line.add(ix * channels), left));
                        }
                    }
                }
                let p = self.output.as_mut_ptr().add(x * channels + c);
                store_upto::<S>(p, S::mul(sum, S::splat(self.scale)), left);
            }
        }
    }
}

struct Spread<'a> {
    shape: &'a ConvShape,
    output: &'a [f32],
    scale: f32,
    /// Sample, slice and row of the input.
    place: [usize; 3],
    input: &'a mut [f32],
}

impl Kernel for Spread<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let (s, [n, z, y]) = (self.shape, self.place);
        let (channels, [od, oh, ow]) = (s.in_channels, s.output());
        let (slices, rows) = (s.covering(0, z), s.covering(1, y));
        for x in 0..s.input[2] {
            let columns = s.covering(2, x);
            for c in (0..channels).step_by(S::LANES) {
                let left = channels - c;
                let mut sum = S::splat(0.0);
                for oz in slices.clone() {
                    for oy in rows.clone() {
                        let line = self.output.as_ptr().add(((n * od + oz) * oh + oy) * ow * channels + c);
                        for ox in columns.clone() {
                            sum = S::add(sum, load_upto::<S>(line.add(ox * channels), left));
                        }
                    }
                }
                let p = self.input.as_mut_ptr().add(x * channels + c);
                store_upto::<S>(p, S::mul(sum, S::splat(self.scale)), left);
            }
        }
    }
}
