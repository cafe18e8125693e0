//! Max pooling and its gradient, for any kernel, stride and padding.

use super::parallel::{Shared, for_each};
use super::shape::ConvShape;
use super::simd::{Isa, Kernel, Simd, dispatch, load_upto, store_upto};

/// Writes the maximum of each window, and which position of the window (row-major) held it first.
///
/// `shape.in_channels == shape.out_channels`; a window has at most 256 positions and, with padding
/// at most half the kernel, at least one inside the image.
pub fn max_forward(isa: Isa, shape: &ConvShape, input: &[f32], output: &mut [f32], first: &mut [u8]) {
    let isa = check(isa, shape);
    assert_eq!(input.len(), shape.input_len());
    assert!(output.len() == shape.output_len() && first.len() == output.len());
    let [od, oh, ow] = shape.output();
    let line = ow * shape.in_channels;
    let (output, first) = (Shared::new(output), Shared::new(first));
    for_each(shape.batch * od * oh, |job| {
        let (n, z, y) = (job / (od * oh), job / oh % od, job % oh);
        // Safety: every job writes an output row of its own.
        unsafe {
            let output = output.slice(job * line..(job + 1) * line);
            let first = first.slice(job * line..(job + 1) * line);
            dispatch(isa, Forward { shape, input, n, z, y, output, first });
        }
    });
}

/// The gradient towards the input: each output's gradient goes to the position that held its maximum.
pub fn max_backward(isa: Isa, shape: &ConvShape, grad: &[f32], first: &[u8], grad_input: &mut [f32]) {
    let isa = check(isa, shape);
    assert!(grad.len() == shape.output_len() && first.len() == grad.len());
    assert_eq!(grad_input.len(), shape.input_len());
    let [d, h, w] = shape.input;
    let line = w * shape.in_channels;
    let target = Shared::new(grad_input);
    for_each(shape.batch * d * h, |job| {
        // Safety: every job writes an input row of its own.
        unsafe {
            let grad_input = target.slice(job * line..(job + 1) * line);
            let (n, z, y) = (job / (d * h), job / h % d, job % h);
            dispatch(isa, Backward { shape, grad, first, n, z, y, grad_input });
        }
    });
}

/// Panics on a shape that cannot be pooled; else says which instruction set suits it best.
fn check(isa: Isa, shape: &ConvShape) -> Isa {
    shape.check();
    assert_eq!(shape.in_channels, shape.out_channels);
    assert!(shape.taps() <= 256, "a position in the window fits into a byte");
    assert!((0..3).all(|d| 2 * shape.padding[d] <= shape.kernel[d]), "no window lies wholly in the padding");
    // Eight channels fill a vector of eight; half-masked vectors of sixteen take three times as long.
    if shape.in_channels <= 8 { isa.min(Isa::Avx2) } else { isa }
}

struct Forward<'a> {
    shape: &'a ConvShape,
    input: &'a [f32],
    n: usize,
    z: usize,
    y: usize,
    output: &'a mut [f32],
    first: &'a mut [u8],
}

impl Kernel for Forward<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let s = self.shape;
        let (channels, [d, h, w]) = (s.in_channels, s.input);
        let (slices, rows) = (s.inside(0, self.z), s.inside(1, self.y));
        let tap = |z: usize, y: usize, x: usize| (((z * s.kernel[1]) + y) * s.kernel[2] + x) as f32;
        for x in 0..s.output()[2] {
            let columns = s.inside(2, x);
            for c in (0..channels).step_by(S::LANES) {
                let n = channels - c;
                let mut best = S::splat(f32::NEG_INFINITY);
                // Where nothing beats minus infinity, the first position inside holds the maximum.
                let mut place = S::splat(tap(slices.start, rows.start, columns.start));
                for (kz, ky) in slices.clone().flat_map(|z| rows.clone().map(move |y| (z, y))) {
                    let in_z = self.z * s.stride[0] + kz - s.padding[0];
                    let in_y = self.y * s.stride[1] + ky - s.padding[1];
                    for kx in columns.clone() {
                        let in_x = x * s.stride[2] + kx - s.padding[2];
                        let at = ((self.n * d + in_z) * h + in_y) * w + in_x;
                        let p = self.input.as_ptr().add(at * channels + c);
                        let v = load_upto::<S>(p, n);
                        let beats = S::beats(v, best);
                        best = S::select(beats, v, best);
                        place = S::select(beats, S::splat(tap(kz, ky, kx)), place);
                    }
                }
                let o = x * channels + c;
                store_upto::<S>(self.output.as_mut_ptr().add(o), best, n);
                S::store_bytes(self.first.as_mut_ptr().add(o), place, n.min(S::LANES));
            }
        }
    }
}

struct Backward<'a> {
    shape: &'a ConvShape,
    grad: &'a [f32],
    first: &'a [u8],
    n: usize,
    z: usize,
    y: usize,
    grad_input: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let s = self.shape;
        let (channels, [od, oh, ow]) = (s.in_channels, s.output());
        self.grad_input.fill(0.0);
        // Outputs whose window covers this input position in direction `d`, and the window's place that does.
        let covering = |d: usize, i: usize| s.covering(d, i).map(move |o| (o, i + s.padding[d] - o * s.stride[d]));
        for (oz, kz) in covering(0, self.z) {
            for (oy, ky) in covering(1, self.y) {
                for ox in 0..ow {
                    let o = (((self.n * od + oz) * oh + oy) * ow + ox) * channels;
                    for c in (0..channels).step_by(S::LANES) {
                        let n = channels - c;
                        let g = load_upto::<S>(self.grad.as_ptr().add(o + c), n);
                        let place = S::load_bytes(self.first.as_ptr().add(o + c), n.min(S::LANES));
                        for kx in s.inside(2, ox) {
                            let tap = ((kz * s.kernel[1] + ky) * s.kernel[2] + kx) as f32;
                            let here = S::equal(place, S::splat(tap));
                            let x = ox * s.stride[2] + kx - s.padding[2];
                            let p = self.grad_input.as_mut_ptr().add(x * channels + c);
                            let sum = S::add(load_upto::<S>(p, n), S::select(here, g, S::splat(0.0)));
                            store_upto::<S>(p, sum, n);
                        }
                    }
                }
            }
        }
    }
}
