//! Pixels of channels-last images on their way into tiles: as rows, as rows of channels, in pairs.

use super::pack::{Pairs, interleave, transpose};
use super::round::round;
use super::scratch::lend;
use super::tile::{PANEL, SIDE, STEP};
use crate::nn::kernel::cpu::simd::{Isa, Kernel, Simd};

/// Numbers that a tile or a copy may touch beyond its end.
pub(super) const SLACK: usize = 64;

/// A grid of pixels of one channels-last image, `[lines, width]` of them.
#[derive(Clone, Copy)]
pub(super) struct Grid<'a> {
    /// The image, or nothing: a slice beyond the volume is zero.
    pub image: Option<&'a [f32]>,
    /// Height and width of the image, in pixels.
    pub size: [usize; 2],
    pub channels: usize,
    /// The first pixel of the grid; may lie outside the image, where everything is zero.
    pub origin: [isize; 2],
    pub step: [usize; 2],
    pub grid: [usize; 2],
}

impl Grid<'_> {
    /// The pixel at a line and column of the grid, or null outside the image.
    #[inline(always)]
    pub fn pixel(&self, line: usize, column: usize) -> *const f32 {
        let y = self.origin[0] + (line * self.step[0]) as isize;
        let x = self.origin[1] + (column * self.step[1]) as isize;
        let inside = (0..self.size[0] as isize).contains(&y) && (0..self.size[1] as isize).contains(&x);
        match self.image {
            Some(image) if inside => {
                let start = (y as usize * self.size[1] + x as usize) * self.channels;
                image[start..start + self.channels].as_ptr()
            }
            _ => std::ptr::null(),
        }
    }
}

impl Grid<'_> {
    /// The columns of a line that lie inside the image, for a step of one pixel.
    #[inline(always)]
    fn inside(&self, line: usize) -> std::ops::Range<usize> {
        let y = self.origin[0] + (line * self.step[0]) as isize;
        if self.image.is_none() || !(0..self.size[0] as isize).contains(&y) {
            return 0..0;
        }
        let width = self.grid[1] as isize;
        let column = |x: isize| (x - self.origin[1]).clamp(0, width) as usize;
        column(0)..column(self.size[1] as isize)
    }
}

/// Rounds a grid to bf16: a pixel every `pitch` numbers, `padded` of them written, zero beyond the channels.
pub(super) struct Rows<'a> {
    pub grid: Grid<'a>,
    pub padded: usize,
    pub pitch: usize,
    pub to: &'a mut [u16],
}

impl Kernel for Rows<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let [lines, width] = self.grid.grid;
        let channels = self.grid.channels;
        let dense = self.grid.step[1] == 1 && channels == self.pitch;
        for line in 0..lines {
            let inside = if dense { self.grid.inside(line) } else { 0..0 };
            if !inside.is_empty() {
                // Pixels without a gap between them: one run.
                let to = &mut self.to[line * width * channels..(line + 1) * width * channels];
                let (left, right) = (inside.start * channels, inside.end * channels);
                let from = std::slice::from_raw_parts(self.grid.pixel(line, inside.start), right - left);
                to[..left].fill(0);
                to[left..right].iter_mut().zip(from).for_each(|(to, from)| *to = round(*from));
                to[right..].fill(0);
                continue;
            }
            for column in 0..width {
                let start = (line * width + column) * self.pitch;
                let to = &mut self.to[start..start + self.padded];
                let pixel = self.grid.pixel(line, column);
                if pixel.is_null() {
                    to.fill(0);
                    continue;
                }
                let from = std::slice::from_raw_parts(pixel, channels);
                to.iter_mut().zip(from).for_each(|(to, from)| *to = round(*from));
                to[channels..].fill(0);
            }
        }
    }
}

/// Copies runs of bf16 numbers one behind the other, pixel by pixel, and zeros up to the next step.
pub(super) struct Gather<'a> {
    pub source: &'a [u16],
    /// Where the runs of the first pixel begin, and their length.
    pub runs: &'a [usize],
    pub length: usize,
    /// From there to the next pixel down and to the right.
    pub pixel: [usize; 2],
    pub size: [usize; 2],
    pub pitch: usize,
    pub to: &'a mut [u16],
}

impl Kernel for Gather<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let [rows, columns] = self.size;
        // Copies come in lines of 32: what one writes too many, the next one overwrites.
        let last = (rows - 1) * self.pixel[0] + (columns - 1) * self.pixel[1];
        assert!(self.runs.iter().all(|run| last + run + self.length + 31 < self.source.len()));
        assert!(self.runs.len() * self.length <= self.pitch);
        assert!(self.to.len() >= rows * columns * self.pitch + SLACK);
        for (y, x) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
            let from = self.source.as_ptr().add(y * self.pixel[0] + x * self.pixel[1]);
            let mut to = self.to.as_mut_ptr().add((y * columns + x) * self.pitch);
            for run in self.runs {
                let mut i = 0;
                while i < self.length {
                    let line = from.add(run + i).cast::<[u16; 32]>().read_unaligned();
                    to.add(i).cast::<[u16; 32]>().write_unaligned(line);
                    i += 32;
                }
                to = to.add(self.length);
            }
            to.cast::<[u16; 32]>().write_unaligned([0; 32]);
        }
    }
}

/// Rows of pixels turned into rows of channels, rounded; zero where the grid or the channels end.
pub(super) struct Turn<'a> {
    pub isa: Isa,
    pub grid: Option<Grid<'a>>,
    /// Pixels to write, a whole number of steps.
    pub pixels: usize,
    pub channels: usize,
    /// bf16 numbers from channel to channel.
    pub row: usize,
    pub to: &'a mut [u16],
}

impl Kernel for Turn<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        assert!(self.to.len() >= (self.channels - 1) * self.row + self.pixels);
        let there = self.grid.map_or(0, |grid| grid.channels);
        let blocks = self.channels / 16;
        let mut cursor = Cursor::default();
        lend(blocks * 512, |pairs| {
            let pairs: *mut Pairs = pairs.as_mut_ptr().cast();
            for p in (0..self.pixels).step_by(STEP) {
                let rows = cursor.next(self.grid.as_ref());
                interleave::<S>(&rows, there, blocks, |i| pairs.add(i).cast());
                for i in 0..blocks {
                    let to = self.to.as_mut_ptr().add(16 * i * self.row + p);
                    transpose(self.isa, &*pairs.add(i), to, self.row);
                }
            }
        })
    }
}

/// Pixels in pairs, panel by panel, rounded; zero where the grid or the columns end.
pub(super) struct Paired<'a> {
    pub grid: Option<Grid<'a>>,
    pub steps: usize,
    /// bf16 numbers from panel to panel.
    pub panel: usize,
    pub columns: usize,
    pub to: &'a mut [u16],
}

impl Kernel for Paired<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let mut cursor = Cursor::default();
        for step in 0..self.steps {
            let rows = cursor.next(self.grid.as_ref());
            let blocks = 2 * self.columns.div_ceil(SIDE);
            let start = |i: usize| i / 2 * self.panel + step * PANEL + i % 2 * (PANEL / 2);
            assert!(self.to.len() >= start(blocks - 1) + PANEL / 2);
            let to = self.to.as_mut_ptr();
            interleave::<S>(&rows, self.columns, blocks, |i| to.add(start(i)).cast());
        }
    }
}

/// Walks the pixels of a grid, 32 at a time; beyond it they are null.
#[derive(Default)]
pub(super) struct Cursor {
    pub line: usize,
    pub column: usize,
}

impl Cursor {
    #[inline(always)]
    fn next(&mut self, grid: Option<&Grid>) -> [*const f32; STEP] {
        let mut pixels = [std::ptr::null(); STEP];
        let Some(grid) = grid else { return pixels };
        for pixel in &mut pixels {
            if self.line >= grid.grid[0] {
                break;
            }
            *pixel = grid.pixel(self.line, self.column);
            self.column += 1;
            if self.column == grid.grid[1] {
                (self.line, self.column) = (self.line + 1, 0);
            }
        }
        pixels
    }
}
