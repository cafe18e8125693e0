//! Between channels-last slices and the transform domain: tiles gathered and scattered.

use super::matrices::Matrices;
use super::points::{MOST, Minimal, WIDEST};
use crate::nn::kernel::cpu::conv::Epilogue;
use crate::nn::kernel::cpu::parallel::Shared;
use crate::nn::kernel::cpu::simd::{Kernel, Simd, load_upto, store_upto};
use std::marker::PhantomData;
use std::ops::Range;

/// Channels-last slices, seen as tiles.
#[derive(Clone, Copy)]
pub(super) struct Grid {
    /// Slices of one volume, and their size.
    pub size: [usize; 3],
    pub channels: usize,
    /// Rows of tiles down one slice, and how many rows of the matrices each of them makes.
    pub tiles: [usize; 2],
}

impl Grid {
    /// Volume, and place down and across, of the tile or the pair of tiles `i` of all volumes.
    #[inline(always)]
    fn place(&self, i: usize) -> (usize, usize, usize) {
        let [down, across] = self.tiles;
        (i / (down * across), i / across % down, i % across)
    }

    /// Floats to a pixel.
    #[inline(always)]
    fn at(&self, volume: usize, slice: usize, y: usize, x: usize) -> usize {
        (((volume * self.size[0] + slice) * self.size[1] + y) * self.size[2] + x) * self.channels
    }
}

/// Channels between two looks at where the pixels of a border tile lie.
const CHUNK: usize = 256;
/// What lies beyond the border. Pairs take half a chunk.
static ZEROS: [f32; CHUNK] = [0.0; CHUNK];

/// B^T d B of input tiles or, with `GRAD`, A g A^T of the gradient's tiles, one row a tile (or a pair).
pub(super) struct Gather<'a, F, const GRAD: bool> {
    pub values: &'a [f32],
    pub grid: Grid,
    /// Pixels by which the first tile reaches beyond the upper and the left border.
    pub padding: [usize; 2],
    pub channels: Range<usize>,
    pub slice: usize,
    pub tiles: Range<usize>,
    pub out: Matrices,
    /// The row of the first tile.
    pub row: usize,
    pub filter: PhantomData<F>,
}

impl<F: Minimal, const GRAD: bool> Kernel for Gather<'_, F, GRAD> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let g = &self.grid;
        let [_, height, width] = g.size;
        let reach = if GRAD { F::OUT } else { F::POINTS };
        let wide = reach + (F::TILES - 1) * F::OUT;
        for (i, tile) in self.tiles.clone().enumerate() {
            let (volume, down, across) = g.place(tile);
            let (y, x) = (down * F::OUT, across * F::OUT * F::TILES);
            let [up, left] = self.padding;
            let out = self.out.at(0, self.row + i);
            if y >= up && x >= left && y - up + reach <= height && x - left + wide <= width {
                let start = self.values.as_ptr().add(g.at(volume, self.slice, y - up, x - left));
                let from = Pixels { start, row: width * g.channels, pixel: g.channels, table: &EMPTY };
                self.channels::<S, false>(from, self.channels.clone(), out);
                continue;
            }
            for c0 in self.channels.clone().step_by(CHUNK) {
                let mut table = EMPTY;
                for (r, row) in table.iter_mut().enumerate().take(reach) {
                    for (q, p) in row.iter_mut().enumerate().take(wide) {
                        let (y, x) = ((y + r).wrapping_sub(up), (x + q).wrapping_sub(left));
                        *p = if y < height && x < width {
                            self.values.as_ptr().add(g.at(volume, self.slice, y, x) + c0)
                        } else {
                            ZEROS.as_ptr()
                        };
                    }
                }
                let from = Pixels { start: ZEROS.as_ptr(), row: 0, pixel: 0, table: &table };
                let count = CHUNK.min(self.channels.end - c0);
                self.channels::<S, true>(from, 0..count, out.add((c0 - self.channels.start) * F::TILES));
            }
        }
    }
}

/// A tile's pixels: at even distances inside the slice, by a table at its border.
#[derive(Clone, Copy)]
struct Pixels<'a> {
    start: *const f32,
    row: usize,
    pixel: usize,
    table: &'a [[*const f32; WIDEST]; MOST],
}

const EMPTY: [[*const f32; WIDEST]; MOST] = [[std::ptr::null(); WIDEST]; MOST];

impl Pixels<'_> {
    #[inline(always)]
    unsafe fn at<const BORDER: bool>(&self, i: usize, j: usize) -> *const f32 {
        if BORDER { self.table[i][j] } else { self.start.add(i * self.row + j * self.pixel) }
    }
}

impl<F: Minimal, const GRAD: bool> Gather<'_, F, GRAD> {
    #[inline(always)]
    unsafe fn channels<S: Simd, const BORDER: bool>(&self, from: Pixels, channels: Range<usize>, out: *mut f32) {
        let (mut c, mut out) = (channels.start, out);
        let step = S::LANES / F::TILES;
        while c + step <= channels.end {
            self.tile::<S, BORDER, true>(from, c, step, out);
            c += step;
            out = out.add(S::LANES);
        }
        if c < channels.end {
            self.tile::<S, BORDER, false>(from, c, channels.end - c, out);
        }
    }

    /// One vector of channels, of which `n` count; the others are written as zeros.
    #[inline(always)]
    unsafe fn tile<S: Simd, const BORDER: bool, const FULL: bool>(
        &self,
        from: Pixels,
        c: usize,
        n: usize,
        out: *mut f32,
    ) {
        let reach = if GRAD { F::OUT } else { F::POINTS };
        let mut t = [[S::splat(0.0); MOST]; MOST];
        for i in 0..reach {
            let mut row = [S::splat(0.0); MOST];
            for j in 0..reach {
                let p = from.at::<BORDER>(i, j).add(c);
                row[j] = F::operand::<S>(match (F::TILES, FULL) {
                    (1, true) => S::load(p),
                    (1, false) => S::load_n(p, n),
                    (_, true) => S::load_pair(p, from.at::<BORDER>(i, j + F::OUT).add(c), S::LANES / 2),
                    (_, false) => S::load_pair(p, from.at::<BORDER>(i, j + F::OUT).add(c), n),
                });
            }
            t[i] = if GRAD { F::grad::<S>(row) } else { F::input::<S>(row) };
        }
        for j in 0..F::POINTS {
            let column = [t[0][j], t[1][j], t[2][j], t[3][j], t[4][j], t[5][j]];
            let column = if GRAD { F::grad::<S>(column) } else { F::input::<S>(column) };
            for i in 0..F::POINTS {
                S::store(out.add((i * F::POINTS + j) * self.out.layout.point), column[i]);
            }
        }
    }
}

/// A^T m A of rows of the products, and the epilogue, to tiles of the target.
pub(super) struct Scatter<'a, F> {
    pub products: Matrices,
    /// The row of the first tile.
    pub row: usize,
    pub grid: Grid,
    /// Channels of the target that the columns are.
    pub channels: Range<usize>,
    pub slice: usize,
    pub tiles: Range<usize>,
    pub target: Shared<f32>,
    pub epilogue: Epilogue<'a>,
    /// Leave no copy in the cache: whole vectors on line boundaries only.
    pub stream: bool,
    pub filter: PhantomData<F>,
}

impl<F: Minimal> Kernel for Scatter<'_, F> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let g = &self.grid;
        for (i, tile) in self.tiles.clone().enumerate() {
            let (volume, down, across) = g.place(tile);
            let (y, x) = (down * F::OUT, across * F::OUT * F::TILES);
            let start = g.at(volume, self.slice, y, x);
            let inside = [(g.size[1] - y).min(F::OUT), (g.size[2] - x).min(F::OUT * F::TILES)];
            let whole = inside == [F::OUT, F::OUT * F::TILES];
            let mut from = self.products.at(0, self.row + i) as *const f32;
            let mut c = self.channels.start;
            let step = S::LANES / F::TILES;
            while c < self.channels.end {
                let n = self.channels.end - c;
                match (n >= step, whole) {
                    (true, true) => self.tile::<S, true, true>(from, start, c, n, inside),
                    (true, false) => self.tile::<S, true, false>(from, start, c, n, inside),
                    (false, _) => self.tile::<S, false, false>(from, start, c, n, inside),
                }
                c += step;
                from = from.add(S::LANES);
            }
        }
        if self.stream {
            S::fence()
        }
    }
}

impl<F: Minimal> Scatter<'_, F> {
    /// One vector of channels from `c` on, of which `n` count; the tile's first pixel is at `start`.
    #[inline(always)]
    unsafe fn tile<S: Simd, const FULL: bool, const WHOLE: bool>(
        &self,
        from: *const f32,
        start: usize,
        c: usize,
        n: usize,
        [rows, columns]: [usize; 2],
    ) {
        let mut t = [[S::splat(0.0); MOST]; MOST];
        for i in 0..F::POINTS {
            let mut row = [S::splat(0.0); MOST];
            for j in 0..F::POINTS {
                row[j] = S::load(from.add((i * F::POINTS + j) * self.products.layout.point));
            }
            t[i] = F::output::<S>(row);
        }
        let e = &self.epilogue;
        let n = if FULL { S::LANES / F::TILES } else { n };
        let load = |p, q| if F::TILES == 1 { load_upto::<S>(p, n) } else { S::load_pair(p, q, n) };
        let channel = |values: &[f32], none| match values.get(c..) {
            Some(values) if !values.is_empty() => load(values.as_ptr(), values.as_ptr()),
            _ => S::splat(none),
        };
        let (scale, bias) = (channel(e.scale, 1.0), channel(e.bias, 0.0));
        let across = self.grid.size[2] * self.grid.channels;
        // What a pair's second tile has beyond the border.
        let mut sink = [0f32; 16];
        for j in 0..F::OUT {
            let column = F::output::<S>([t[0][j], t[1][j], t[2][j], t[3][j], t[4][j], t[5][j]]);
            for i in 0..F::OUT {
                if !WHOLE && (i >= rows || j >= columns) {
                    continue;
                }
                let at = start + i * across + j * self.grid.channels + c;
                let right = at + F::OUT * self.grid.channels;
                let both = F::TILES > 1 && (WHOLE || j + F::OUT < columns);
                let mut v = S::fma(column[i], scale, bias);
                if let Some(add) = e.add {
                    let p = add.as_ptr().add(at);
                    v = S::add(v, load(p, if both { add.as_ptr().add(right) } else { p }));
                }
                if e.relu {
                    v = S::relu(v);
                }
                let p = self.target.at(at);
                if both {
                    S::store_pair(p, self.target.at(right), v, n)
                } else if F::TILES > 1 {
                    S::store_pair(p, sink.as_mut_ptr(), v, n)
                } else if !FULL {
                    store_upto::<S>(p, v, n)
                } else if self.stream {
                    S::stream(p, v)
                } else {
                    S::store(p, v)
                }
            }
        }
    }
}
