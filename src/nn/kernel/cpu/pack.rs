//! Right-hand sides laid into panels, as the microkernel reads them.

use super::lend::{Lent, lend};
use super::parallel::{Shared, for_each};
use super::simd::{Isa, Kernel, Simd, dispatch, load_upto, store_upto};

/// Packs a `rows x columns` matrix into panels of [`Isa::panel`] columns, zero-filled at the right.
///
/// Element `(r, c)` is read at `row(r) + c * column_stride` of `src`.
pub(super) fn pack(
    isa: Isa,
    rows: usize,
    columns: usize,
    src: &[f32],
    row: impl Fn(usize) -> usize + Sync,
    column_stride: usize,
) -> Lent {
    let width = isa.panel();
    let panels = columns.div_ceil(width);
    let mut packed = lend(panels * rows * width);
    let shared = Shared::new(&mut packed);
    // Pieces of about 64 KiB, so that few panels keep more than one thread busy.
    let tall = (1 << 14) / width;
    let pieces = rows.div_ceil(tall);
    for_each(panels * pieces, |i| {
        let (panel, first) = (i / pieces, i % pieces * tall);
        let job = Panel {
            src,
            row: |r| row(first + r) + panel * width * column_stride,
            column_stride,
            rows: tall.min(rows - first),
            columns: width.min(columns - panel * width),
            width,
            // Safety: inside the buffer.
            out: unsafe { shared.at((panel * rows + first) * width) },
        };
        // Safety: this job alone writes these rows of its panel; `run` checks what it reads.
        unsafe { dispatch(isa, job) }
    });
    packed
}

/// Some rows of one panel.
struct Panel<'a, R> {
    src: &'a [f32],
    row: R,
    column_stride: usize,
    rows: usize,
    columns: usize,
    width: usize,
    out: *mut f32,
}

impl<R: Fn(usize) -> usize> Kernel for Panel<'_, R> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        if self.columns < self.width {
            std::slice::from_raw_parts_mut(self.out, self.rows * self.width).fill(0.0);
        }
        if self.column_stride == 1 {
            for r in 0..self.rows {
                let start = (self.row)(r);
                let from = &self.src[start..start + self.columns];
                for v in (0..self.columns).step_by(S::LANES) {
                    let n = self.columns - v;
                    let x = load_upto::<S>(from.as_ptr().add(v), n);
                    store_upto::<S>(self.out.add(r * self.width + v), x, n);
                }
            }
            return;
        }
        for r in (0..self.rows).step_by(8) {
            let start = (self.row)(r);
            // Eight rows side by side in the source: squares of eight are turned at once.
            let whole = r + 8 <= self.rows && (self.row)(r + 7) == start + 7;
            for c in (0..self.columns).step_by(8) {
                if whole && c + 8 <= self.columns {
                    let from = &self.src[start + c * self.column_stride..start + (c + 7) * self.column_stride + 8];
                    S::transpose8(from.as_ptr(), self.column_stride, self.out.add(r * self.width + c), self.width);
                    continue;
                }
                for r in r..self.rows.min(r + 8) {
                    let start = (self.row)(r);
                    for c in c..self.columns.min(c + 8) {
                        *self.out.add(r * self.width + c) = self.src[start + c * self.column_stride];
                    }
                }
            }
        }
    }
}
