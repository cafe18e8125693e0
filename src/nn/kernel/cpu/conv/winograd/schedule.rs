//! How the work is cut: by the shape and the instruction set alone.

use crate::nn::kernel::cpu::simd::Isa;

/// What a schedule is made for.
pub(super) struct Work {
    /// Points of the transform in both directions.
    pub points: usize,
    pub depth_taps: usize,
    /// Tiles (or pairs of tiles, whose values then count as channels) of one slice, in all volumes.
    pub tiles: usize,
    /// Slices of a volume that are transformed, and that are summed (or, for weights, summed over).
    pub slices: [usize; 2],
    /// Channels of the one and of the other.
    pub channels: [usize; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Schedule {
    /// Blocks of so many tiles, each taken through all phases in its job's own memory: the
    /// transformed kernel (or its gradient) stays in the cache.
    Blocks { tiles: usize },
    /// So many tiles are transformed for all; then each job takes `columns` output channels of
    /// `1 / parts` of them, `tiles` at a time. What is as large as the kernel exists by columns only.
    Columns { group: usize, parts: usize, columns: usize, tiles: usize },
}

/// The kernel's transform, above which blocks would stream it from far away.
const KERNEL: usize = 5 << 19;
/// What the tiles of a block may take.
const BLOCK: usize = 2 << 20;
/// What the tiles that are transformed for all may take.
const GROUP: usize = 10 << 20;
/// What the sums of a column job may take.
const SUMS: usize = 1 << 19;
/// Output channels of a column job.
const COLUMNS: usize = 32;

impl Schedule {
    pub fn of(isa: Isa, work: &Work) -> Schedule {
        let one = work.points * size_of::<f32>();
        let [from, to] = [0, 1].map(|i| one * work.slices[i] * work.channels[i].next_multiple_of(16));
        let whole = |tiles: usize| if tiles > isa.rows() { tiles / isa.rows() * isa.rows() } else { tiles.max(1) };
        let kernel = one * work.depth_taps * work.channels[0] * work.channels[1];
        if kernel <= KERNEL && work.tiles * work.slices[1] > 160 {
            let tiles = whole((BLOCK / (from + to)).min(112)).min(work.tiles);
            let blocks = work.tiles.div_ceil(tiles);
            // Few blocks: a number that halves.
            let blocks = if blocks < 16 { blocks.next_multiple_of(4).min(work.tiles) } else { blocks };
            let even = work.tiles.div_ceil(blocks);
            return Schedule::Blocks { tiles: if blocks < 16 { even } else { whole(tiles) } };
        }
        let groups = work.tiles.div_ceil((GROUP / from).max(1));
        let group = work.tiles.div_ceil(groups);
        let columns = COLUMNS.min(work.channels[1]);
        let jobs = work.channels[1].div_ceil(columns);
        let parts = if jobs < 8 { 8usize.div_ceil(jobs).min(group.div_ceil(4 * isa.rows())) } else { 1 };
        let tiles = whole(SUMS / (one * columns * work.slices[1])).min(group.div_ceil(parts));
        Schedule::Columns { group, parts, columns, tiles }
    }
}
