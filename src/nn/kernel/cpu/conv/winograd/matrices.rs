//! How the transforms of tiles lie in the workspace: one matrix (tiles x channels) for each point.

use crate::nn::kernel::cpu::parallel::Shared;

/// Floats of a cache line.
const LINE: usize = 16;

/// `n` floats or a little more: an odd number of cache lines, so that what lies so far apart does
/// not share a set of the cache.
fn odd_lines(n: usize) -> usize {
    (n.div_ceil(LINE) | 1) * LINE
}

/// Where the matrices of the points lie, `rows x columns` each.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    /// Floats from row to row of one matrix.
    pub row: usize,
    /// Floats from one point's matrix to the next.
    pub point: usize,
    /// Floats in all.
    pub len: usize,
}

impl Layout {
    /// Few channels: all points of a tile together, one stream of stores. Many: point by point.
    pub fn of(points: usize, rows: usize, columns: usize) -> Layout {
        let padded = columns.next_multiple_of(LINE);
        if columns <= 64 {
            let row = odd_lines(points * padded);
            return Layout { row, point: padded, len: rows * row };
        }
        Layout::by_point(points, rows, columns)
    }

    pub fn by_point(points: usize, rows: usize, columns: usize) -> Layout {
        let row = odd_lines(columns);
        let point = odd_lines(rows * row);
        Layout { row, point, len: points * point }
    }
}

/// Matrices in the workspace.
#[derive(Clone, Copy)]
pub(super) struct Matrices {
    pub start: Shared<f32>,
    pub layout: Layout,
}

impl Matrices {
    /// Lays them into the front of `rest` and leaves what is behind them.
    pub fn carve(layout: Layout, rest: &mut &mut [f32]) -> Matrices {
        let (front, behind) = std::mem::take(rest).split_at_mut(layout.len);
        *rest = behind;
        Matrices { start: Shared::new(front), layout }
    }

    /// # Safety
    /// The point and the row must be there.
    #[inline(always)]
    pub unsafe fn at(&self, point: usize, row: usize) -> *mut f32 {
        self.start.at(point * self.layout.point + row * self.layout.row)
    }
}
