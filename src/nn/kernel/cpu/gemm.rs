//! The one GEMM microkernel: a register tile with free strides, segments and an epilogue.

use super::simd::{Isa, Kernel, Simd, dispatch};
use std::hint::black_box;

/// Operands of one register tile: `C[m x n] = sum over segments and steps of column a times row b`.
///
/// A segment starts `a_segment` floats after the one before, while `b` simply continues: with one
/// segment a kernel row this makes a direct convolution an implicit GEMM.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    pub steps: usize,
    pub segments: usize,
    pub a: *const f32,
    pub a_row: usize,
    pub a_step: usize,
    pub a_segment: usize,
    /// Exactly nine rows, which lie three and three, so far apart: a 3x3 window over one channel.
    pub a_group: Option<usize>,
    /// An element of `a` is two floats, for the even and for the odd columns. Whole vectors of columns only.
    pub a_pairs: bool,
    pub b: *const f32,
    pub b_step: usize,
    pub c: *mut f32,
    pub c_row: usize,
    /// Add to what `c` holds.
    pub accumulate: bool,
    /// What the sum is multiplied by: one value a column, or null.
    pub scale: *const f32,
    /// One value a column, or null.
    pub bias: *const f32,
    /// Added like the bias, in rows as far apart as those of `c`; or null.
    pub add: *const f32,
    pub relu: bool,
}

impl Tile {
    /// A product without an epilogue: everything but the operands.
    pub const PLAIN: Tile = Tile {
        steps: 0,
        segments: 1,
        a: std::ptr::null(),
        a_row: 0,
        a_step: 1,
        a_segment: 0,
        a_group: None,
        a_pairs: false,
        b: std::ptr::null(),
        b_step: 0,
        c: std::ptr::null_mut(),
        c_row: 0,
        accumulate: false,
        scale: std::ptr::null(),
        bias: std::ptr::null(),
        add: std::ptr::null(),
        relu: false,
    };
}

/// # Safety
/// As [`Simd::tile`]: `b` readable and `c` writable for `(VECTORS - 1) * LANES + tail` columns.
#[inline(always)]
pub(super) unsafe fn register_tile<
    S: Simd,
    const ROWS: usize,
    const VECTORS: usize,
    const FULL: bool,
    const GROUP: usize,
    const PAIRS: bool,
>(
    tail: usize,
    t: Tile,
) -> usize {
    let mut sum = [[S::splat(0.0); VECTORS]; ROWS];
    // `GROUP` rows share a pointer that walks, the distances from it to them being constants that the
    // compiler may not take apart: else it makes each row's address from the one before, and that
    // chain of additions takes longer than the products.
    let away = [0, black_box(t.a_row), black_box(2 * t.a_row), black_box(3 * t.a_row)];
    let next = black_box(t.a_group.unwrap_or(GROUP * t.a_row));
    let mut b = t.b;
    for segment in 0..t.segments {
        let mut a = [t.a.wrapping_add(segment * t.a_segment); 4];
        for group in 1..4 {
            a[group] = a[group - 1].wrapping_add(next);
        }
        for _ in 0..t.steps {
            let mut row = [S::splat(0.0); VECTORS];
            for (j, v) in row.iter_mut().enumerate() {
                let p = b.add(j * S::LANES);
                *v = if FULL || j + 1 < VECTORS { S::load(p) } else { S::load_n(p, tail) };
            }
            for (i, sum) in sum.iter_mut().enumerate() {
                let x = a[i / GROUP].add(away[i % GROUP]);
                let x = if PAIRS { S::splat_pair(x) } else { S::splat(*x) };
                for j in 0..VECTORS {
                    sum[j] = S::fma(x, row[j], sum[j]);
                }
            }
            for a in &mut a {
                *a = a.wrapping_add(t.a_step);
            }
            b = b.add(t.b_step);
        }
    }
    // A copy, because the compiler keeps an array in registers only while every index into it is a
    // constant, and the loop below is too long to be unrolled.
    let done = sum;
    for j in 0..VECTORS {
        let whole = FULL || j + 1 < VECTORS;
        let column = |p: *const f32, none: f32| match p.is_null() {
            true => S::splat(none),
            false if whole => S::load(p.add(j * S::LANES)),
            false => S::load_n(p.add(j * S::LANES), tail),
        };
        let (scale, bias) = (column(t.scale, 1.0), column(t.bias, 0.0));
        for (i, sum) in done.iter().enumerate() {
            let p = t.c.add(i * t.c_row + j * S::LANES);
            let mut v = sum[j];
            if t.accumulate {
                v = S::add(v, if whole { S::load(p) } else { S::load_n(p, tail) });
            }
            v = S::fma(v, scale, bias);
            if !t.add.is_null() {
                let p = t.add.add(i * t.c_row + j * S::LANES);
                v = S::add(v, if whole { S::load(p) } else { S::load_n(p, tail) });
            }
            if t.relu {
                v = S::relu(v);
            }
            if whole { S::store(p, v) } else { S::store_n(p, v, tail) }
        }
    }
    ROWS
}

/// Picks the tallest register tile among `$rows` that fits into the `$m` rows left.
macro_rules! tallest {
    ($simd:ty, $m:expr, $vectors:expr, $tail:expr, $t:expr, $($rows:literal),*) => {{
        use $crate::nn::kernel::cpu::gemm::register_tile;
        let lanes = <$simd as $crate::nn::kernel::cpu::simd::Simd>::LANES;
        if $t.a_group.is_some() {
            return match ($vectors, $tail == lanes) {
                (1, true) => register_tile::<$simd, 9, 1, true, 3, false>($tail, $t),
                (1, false) => register_tile::<$simd, 9, 1, false, 3, false>($tail, $t),
                (_, true) => register_tile::<$simd, 9, 2, true, 3, false>($tail, $t),
                (_, false) => register_tile::<$simd, 9, 2, false, 3, false>($tail, $t),
            };
        }
        if $t.a_pairs {
            debug_assert!($tail == lanes);
            match $vectors {
                1 => { $(if $m >= $rows { return register_tile::<$simd, $rows, 1, true, 4, true>($tail, $t); })* }
                _ => { $(if $m >= $rows { return register_tile::<$simd, $rows, 2, true, 4, true>($tail, $t); })* }
            }
        }
        match ($vectors, $tail == lanes) {
            (1, true) => { $(if $m >= $rows { return register_tile::<$simd, $rows, 1, true, 4, false>($tail, $t); })* }
            (1, false) => { $(if $m >= $rows { return register_tile::<$simd, $rows, 1, false, 4, false>($tail, $t); })* }
            (_, true) => { $(if $m >= $rows { return register_tile::<$simd, $rows, 2, true, 4, false>($tail, $t); })* }
            (_, false) => { $(if $m >= $rows { return register_tile::<$simd, $rows, 2, false, 4, false>($tail, $t); })* }
        }
        unreachable!("the list of tile heights ends in 1 and m is at least 1")
    }};
}
pub(super) use tallest;

/// A block of C, cut into register tiles.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub m: usize,
    pub n: usize,
    /// Floats from one panel of [`Isa::panel`] columns of `b` to the next.
    pub panel: usize,
    pub tile: Tile,
}

/// Rows that the next product reads, fetched into the cache while this one computes.
#[derive(Clone, Copy)]
pub(super) struct Ahead {
    pub start: *const f32,
    /// Floats from row to row.
    pub row: usize,
    pub rows: usize,
    /// Floats of a row.
    pub columns: usize,
}

impl Ahead {
    pub const NOTHING: Ahead = Ahead { start: std::ptr::null(), row: 0, rows: 0, columns: 0 };

    /// Asks for `count` rows from `first` on, or as many as there are.
    #[inline(always)]
    fn fetch(&self, first: usize, count: usize) {
        for r in first..self.rows.min(first + count) {
            for c in (0..self.columns).step_by(16) {
                prefetch(self.start.wrapping_add(r * self.row + c));
            }
        }
    }
}

/// Asks for the cache line at `p`, which need not be there.
#[inline(always)]
fn prefetch(p: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // Safety: a hint, which no address makes fail.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T1>(p.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = p;
}

impl Kernel for Block {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        self.compute::<S>(Ahead::NOTHING)
    }
}

/// A block, and what is fetched beside it.
struct Fetching(Block, Ahead);

impl Kernel for Fetching {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        self.0.compute::<S>(self.1)
    }
}

impl Block {
    #[inline(always)]
    unsafe fn compute<S: Simd>(self, fetch: Ahead) {
        let width = 2 * S::LANES;
        // Shared out over the register tiles, of which there are at least so many.
        let tiles = self.n.div_ceil(width) * self.m.div_ceil(S::ROWS);
        let share = fetch.rows.div_ceil(tiles.max(1));
        let mut fetched = 0;
        for j in (0..self.n).step_by(width) {
            let columns = width.min(self.n - j);
            let vectors = columns.div_ceil(S::LANES);
            let tail = columns - (vectors - 1) * S::LANES;
            let mut i = 0;
            while i < self.m {
                let tile = Tile {
                    a: self.tile.a.add(i * self.tile.a_row),
                    b: self.tile.b.add(j / width * self.panel),
                    c: self.tile.c.add(i * self.tile.c_row + j),
                    scale: ahead(self.tile.scale, j),
                    bias: ahead(self.tile.bias, j),
                    add: ahead(self.tile.add, i * self.tile.c_row + j),
                    ..self.tile
                };
                i += S::tile(self.m - i, vectors, tail, tile);
                if fetched < fetch.rows {
                    fetch.fetch(fetched, share);
                    fetched += share;
                }
            }
        }
    }
}

/// `n` floats further, if it points anywhere.
///
/// # Safety
/// As [`pointer::add`].
#[inline(always)]
unsafe fn ahead(p: *const f32, n: usize) -> *const f32 {
    if p.is_null() { p } else { p.add(n) }
}

/// # Safety
/// `a` readable for m rows, `b` and `bias` readable and `c` writable for the
/// `n` columns (packed panels of `b` may be read in whole vectors only where they are padded).
pub(super) unsafe fn gemm(isa: Isa, block: Block) {
    dispatch(isa, block)
}

/// The same, while `ahead` is fetched.
///
/// # Safety
/// As [`gemm`].
pub(super) unsafe fn gemm_fetching(isa: Isa, block: Block, ahead: Ahead) {
    dispatch(isa, Fetching(block, ahead))
}
