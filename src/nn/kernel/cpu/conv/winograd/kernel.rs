//! The kernel's way into the transform domain, and its gradient's way out.

use super::matrices::Matrices;
use super::points::{MOST, Minimal};
use crate::nn::kernel::cpu::parallel::Shared;
use crate::nn::kernel::cpu::simd::{Kernel, Simd, load_upto, store_upto};
use std::marker::PhantomData;
use std::ops::Range;

/// Weights (depth taps, 3, 3, in, out), and the side from which they are looked at.
#[derive(Clone, Copy)]
pub(super) struct Weights<'a> {
    pub values: &'a [f32],
    pub depth: usize,
    /// The last two sizes.
    pub size: [usize; 2],
    /// For the data gradient: the taps reversed, and out taken for in.
    pub transposed: bool,
}

/// Where the transformed kernel lies: for each point panels of columns, in each the rows
/// (depth tap, channel).
#[derive(Clone, Copy)]
pub(super) struct Panels {
    pub start: Shared<f32>,
    /// Columns of a panel.
    pub width: usize,
    /// Channels for each depth tap.
    pub channels: usize,
    /// Floats from panel to panel, and from point to point.
    pub panel: usize,
    pub point: usize,
}

impl Panels {
    /// Floats of a transformed kernel, and its strides.
    pub fn carve(points: usize, width: usize, rows: [usize; 2], columns: usize, rest: &mut &mut [f32]) -> Panels {
        let (panel, point) = Panels::strides(width, rows, columns);
        let (front, behind) = std::mem::take(rest).split_at_mut(points * point);
        *rest = behind;
        Panels { start: Shared::new(front), width, channels: rows[1], panel, point }
    }

    pub fn len(points: usize, width: usize, rows: [usize; 2], columns: usize) -> usize {
        points * Panels::strides(width, rows, columns).1
    }

    fn strides(width: usize, [depth, channels]: [usize; 2], columns: usize) -> (usize, usize) {
        let panel = depth * channels * width;
        // Another line, so that the points do not share a set of the cache.
        (panel, columns.div_ceil(width) * panel + 16)
    }

    /// # Safety
    /// The point must be there.
    #[inline(always)]
    pub unsafe fn at(&self, point: usize) -> *mut f32 {
        self.start.at(point * self.point)
    }
}

/// G g G^T of some of the kernel's channels, for some of its columns.
pub(super) struct Transform<'a, F> {
    pub weights: Weights<'a>,
    /// Channels that are summed over.
    pub channels: Range<usize>,
    /// Columns, the first of which is the first of the panels.
    pub columns: Range<usize>,
    pub out: Panels,
    pub filter: PhantomData<F>,
}

/// Channels that the transposed side takes at a time, and the widest vector.
const BLOCK: usize = 8;
const WIDEST: usize = 16;

impl<F: Minimal> Kernel for Transform<'_, F> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        for depth in 0..self.weights.depth {
            for k in self.columns.clone().step_by(S::LANES) {
                let n = S::LANES.min(self.columns.end - k);
                if self.weights.transposed {
                    self.transposed::<S>(depth, k, n);
                } else {
                    self.plain::<S>(depth, k, n);
                }
            }
        }
    }
}

impl<F: Minimal> Transform<'_, F> {
    #[inline(always)]
    unsafe fn plain<S: Simd>(&self, depth: usize, k: usize, n: usize) {
        let [inputs, outputs] = self.weights.size;
        for c in self.channels.clone() {
            let mut taps = [[S::splat(0.0); 3]; 3];
            for (i, row) in taps.iter_mut().enumerate() {
                for (j, v) in row.iter_mut().enumerate() {
                    let tap = depth * 9 + i * 3 + j;
                    let from = self.weights.values.as_ptr().add((tap * inputs + c) * outputs + k);
                    *v = F::operand::<S>(load_upto::<S>(from, n));
                }
            }
            self.one::<S>(taps, depth, c, k);
        }
    }

    /// As the data gradient sees it: channels are the weights' outputs, columns their inputs.
    #[inline(always)]
    unsafe fn transposed<S: Simd>(&self, depth: usize, k: usize, n: usize) {
        let [inputs, outputs] = self.weights.size;
        let mut block = [0f32; 9 * BLOCK * WIDEST];
        for c0 in self.channels.clone().step_by(BLOCK) {
            let count = BLOCK.min(self.channels.end - c0);
            for tap in 0..9 {
                // The last tap of the last depth first.
                let last = (self.weights.depth - 1 - depth) * 9 + 8 - tap;
                let from = self.weights.values.as_ptr().add((last * inputs + k) * outputs + c0);
                let to = block.as_mut_ptr().add(tap * BLOCK * WIDEST);
                for i in (0..n).step_by(8) {
                    if count == BLOCK && i + 8 <= n {
                        S::transpose8(from.add(i * outputs), outputs, to.add(i), WIDEST);
                        continue;
                    }
                    for i in i..n.min(i + 8) {
                        for j in 0..count {
                            *to.add(j * WIDEST + i) = *from.add(i * outputs + j);
                        }
                    }
                }
            }
            for j in 0..count {
                let mut taps = [[S::splat(0.0); 3]; 3];
                for (tap, v) in taps.as_flattened_mut().iter_mut().enumerate() {
                    *v = F::operand::<S>(load_upto::<S>(block.as_ptr().add((tap * BLOCK + j) * WIDEST), n));
                }
                self.one::<S>(taps, depth, c0 + j, k);
            }
        }
    }

    #[inline(always)]
    unsafe fn one<S: Simd>(&self, taps: [[S::V; 3]; 3], depth: usize, c: usize, k: usize) {
        let u = &self.out;
        let mut t = [[S::splat(0.0); 3]; MOST];
        for j in 0..3 {
            let column = F::kernel::<S>([taps[0][j], taps[1][j], taps[2][j]]);
            for i in 0..F::POINTS {
                t[i][j] = column[i];
            }
        }
        let column = k - self.columns.start;
        let row = depth * u.channels + c;
        let out = u.at(0).add(column / u.width * u.panel + row * u.width + column % u.width);
        for i in 0..F::POINTS {
            let row = F::kernel::<S>(t[i]);
            for j in 0..F::POINTS {
                S::store(out.add((i * F::POINTS + j) * u.point), row[j]);
            }
        }
    }
}

/// G^T (sum of the parts) G: the gradient of some of the weights (depth taps, 3, 3, in, out).
pub(super) struct TransformBack<'a, F> {
    /// The sums of one depth tap, one row an input channel; added in order.
    pub parts: &'a [Matrices],
    pub depth: usize,
    pub size: [usize; 2],
    pub channels: Range<usize>,
    /// Output channels, the first of which is the matrices' first column.
    pub columns: Range<usize>,
    pub target: Shared<f32>,
    pub accumulate: bool,
    pub filter: PhantomData<F>,
}

impl<F: Minimal> Kernel for TransformBack<'_, F> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let [inputs, outputs] = self.size;
        for c in self.channels.clone() {
            for k in self.columns.clone().step_by(S::LANES) {
                let n = S::LANES.min(self.columns.end - k);
                let mut t = [[S::splat(0.0); 3]; MOST];
                for i in 0..F::POINTS {
                    let mut row = [S::splat(0.0); MOST];
                    for part in self.parts {
                        for j in 0..F::POINTS {
                            let p = part.at(i * F::POINTS + j, c).add(k - self.columns.start);
                            row[j] = S::add(row[j], S::load(p));
                        }
                    }
                    t[i] = F::grad_kernel::<S>(row);
                }
                for j in 0..3 {
                    let column = F::grad_kernel::<S>([t[0][j], t[1][j], t[2][j], t[3][j], t[4][j], t[5][j]]);
                    for (i, v) in column.into_iter().enumerate() {
                        let tap = self.depth * 9 + i * 3 + j;
                        let p = self.target.at((tap * inputs + c) * outputs + k);
                        let v = if self.accumulate { S::add(load_upto::<S>(p, n), v) } else { v };
                        store_upto::<S>(p, v, n);
                    }
                }
            }
        }
    }
}
