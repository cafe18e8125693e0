//! The gradient of a convolution of one tap towards its weights: a product summed over the pixels.

use super::pointwise::{FAR, Pixels};
use crate::nn::kernel::cpu::gemm::{Ahead, Block, Tile, gemm_fetching};
use crate::nn::kernel::cpu::lend::lend;
use crate::nn::kernel::cpu::parallel::{Shared, for_each, piece, with_scratch};
use crate::nn::kernel::cpu::shape::ConvShape;
use crate::nn::kernel::cpu::simd::{Isa, Kernel, Simd, dispatch, load_upto, store_upto};
use crate::nn::kernel::cpu::update;
use std::ops::Range;

/// Pixels that are summed over in one go.
const PIXELS: usize = 192;
/// Channels of both sides that a job of the weight gradient takes at most.
const SIDE: usize = 256;

/// Adds to (or, without `accumulate`, writes) the gradient of the weights (in, out); lengths were
/// checked by the caller.
pub(super) fn backward_weight(
    isa: Isa,
    shape: &ConvShape,
    input: &[f32],
    grad: &[f32],
    accumulate: bool,
    grad_weight: &mut [f32],
) {
    let (c, k) = (shape.in_channels, shape.out_channels);
    let pixels = shape.output_len() / k;
    let (rows, panel) = (isa.rows(), isa.panel());
    let side = |n: usize, unit: usize| n.div_ceil(n.div_ceil(SIDE)).next_multiple_of(unit);
    let (tall, wide) = (side(c, rows), side(k, panel));
    let (down, across) = (c.div_ceil(tall), k.div_ceil(wide));
    let sides = (
        Side { values: input, channels: c, pixels: Pixels::under(shape), strip: rows },
        Side { values: grad, channels: k, pixels: Pixels::dense(shape), strip: panel },
    );
    let chunks = pixels.div_ceil(PIXELS);
    // Few weights: parts of the pixels sum on their own and are added in order.
    let parts = 16usize.div_ceil(down * across).min(chunks.div_ceil(4)).max(1);
    let mut sums = lend(if parts > 1 { parts * c * k } else { 0 });
    let (sums_at, target) = (Shared::new(&mut sums), Shared::new(&mut *grad_weight));
    for_each(parts * down * across, |i| {
        let (part, i) = (i / (down * across), i % (down * across));
        let c0 = i / across * tall..c.min((i / across + 1) * tall);
        let k0 = i % across * wide..k.min((i % across + 1) * wide);
        with_scratch(PIXELS * (tall + wide), |scratch| {
            let (strips, panels) = scratch.split_at_mut(PIXELS * tall);
            let chunks = piece(chunks, parts, part);
            for chunk in chunks.clone() {
                let first = chunk * PIXELS;
                let n = PIXELS.min(pixels - first);
                // Safety: the jobs of a part write squares of its weights that do not overlap.
                unsafe {
                    let left = sides.0.operand(isa, first, n, c0.clone(), strips);
                    let right = sides.1.operand(isa, first, n, k0.clone(), panels);
                    let c_start = if parts > 1 { sums_at.at(part * c * k) } else { target.at(0) };
                    let strips = c0.len().div_ceil(rows);
                    for strip in 0..strips {
                        let i = strip * rows;
                        let tile = Tile {
                            steps: n,
                            a: left.start.add(strip * left.strip),
                            a_row: 1,
                            a_step: left.step,
                            b: right.start,
                            b_step: right.step,
                            c: c_start.add((c0.start + i) * k + k0.start),
                            c_row: k,
                            accumulate: chunk > chunks.start || (parts == 1 && accumulate),
                            ..Tile::PLAIN
                        };
                        let block = Block { m: rows.min(c0.len() - i), n: k0.len(), panel: right.strip, tile };
                        // The strips share out what is fetched: first the next input, then its gradient.
                        let half = strips.div_ceil(2);
                        let ahead = if chunk + 1 == chunks.end {
                            Ahead::NOTHING
                        } else if strip < half {
                            sides.0.ahead(first + PIXELS, &c0, piece(PIXELS, half, strip))
                        } else {
                            sides.1.ahead(first + PIXELS, &k0, piece(PIXELS, strips - half, strip - half))
                        };
                        gemm_fetching(isa, block, ahead);
                    }
                }
            }
        });
    });
    if parts > 1 {
        update::sum_parts(isa, &sums, accumulate, grad_weight);
    } else if chunks == 0 && !accumulate {
        grad_weight.fill(0.0);
    }
}

/// One of the two tensors whose pixels the weight gradient sums over.
#[derive(Clone, Copy)]
struct Side<'a> {
    values: &'a [f32],
    channels: usize,
    pixels: Pixels,
    /// Channels that one register tile takes.
    strip: usize,
}

/// Some pixels and channels of a side, as the microkernel reads them.
struct Operand {
    start: *const f32,
    /// Floats from pixel to pixel, and from strip to strip.
    step: usize,
    strip: usize,
}

impl Side<'_> {
    /// In place where the pixels are neighbours and not too far apart, else copied to `scratch`.
    ///
    /// # Safety
    /// The pixels must be there, and the scratch must hold them.
    unsafe fn operand(&self, isa: Isa, first: usize, n: usize, channels: Range<usize>, scratch: &mut [f32]) -> Operand {
        if self.pixels.stride == [1; 3] && self.channels < FAR {
            let start = self.values[first * self.channels + channels.start..].as_ptr();
            return Operand { start, step: self.channels, strip: self.strip };
        }
        let out = scratch.as_mut_ptr();
        dispatch(isa, CopyStrips { side: *self, pixels: first..first + n, channels, out });
        Operand { start: out, step: self.strip, strip: n * self.strip }
    }

    /// Rows `which` of the pixels from `first` on.
    fn ahead(&self, first: usize, channels: &Range<usize>, which: Range<usize>) -> Ahead {
        let (_, apart) = self.pixels.run(first);
        Ahead {
            start: self
                .values
                .as_ptr()
                .wrapping_add(self.pixels.at(first + which.start) * self.channels + channels.start),
            row: apart * self.channels,
            rows: which.len(),
            columns: channels.len(),
        }
    }
}

/// Lays channels into strips, one after another, each with a line for each pixel.
struct CopyStrips<'a> {
    side: Side<'a>,
    pixels: Range<usize>,
    channels: Range<usize>,
    out: *mut f32,
}

impl Kernel for CopyStrips<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Side { values, channels, pixels, strip } = self.side;
        let n = self.pixels.len();
        for (i, p) in self.pixels.enumerate() {
            let start = pixels.at(p) * channels;
            let row = &values[start + self.channels.start..start + self.channels.end];
            for s in (0..row.len()).step_by(strip) {
                let to = self.out.add(s * n + i * strip);
                // Whole vectors, where what they overwrite beyond the strip's line is written later.
                if strip <= S::LANES && s + S::LANES <= row.len() && i * strip + S::LANES <= n * strip {
                    S::store(to, S::load(row.as_ptr().add(s)));
                    continue;
                }
                let end = strip.min(row.len() - s);
                for v in (0..end).step_by(S::LANES) {
                    let x = load_upto::<S>(row.as_ptr().add(s + v), end - v);
                    store_upto::<S>(to.add(v), x, end - v);
                }
            }
        }
    }
}
