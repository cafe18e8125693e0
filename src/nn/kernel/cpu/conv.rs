//! Direct 2D convolution, forward and towards the input, as an implicit GEMM.
//!
//! Channels-last, a kernel row times the input channels is one contiguous run of the image, so a
//! row of output pixels is a product of `kernel height` segments. Weights are (kh, kw, in, out).

use super::gemm::{Block, Tile, gemm, pack};
use super::parallel::{Shared, for_each, with_scratch};
use super::shape::ConvShape;
use super::simd::Isa;

/// `output = input * weight + bias`, then ReLU if asked for.
pub fn forward(
    isa: Isa,
    shape: &ConvShape,
    input: &[f32],
    weight: &[f32],
    bias: &[f32],
    relu: bool,
    output: &mut [f32],
) {
    shape.check();
    assert_eq!(input.len(), shape.input_len());
    assert_eq!(weight.len(), shape.weight_len());
    assert_eq!(output.len(), shape.output_len());
    assert!(bias.is_empty() || bias.len() == shape.out_channels);
    let [kh, kw] = shape.kernel;
    let k = shape.out_channels;
    let packed = pack(isa, kh * kw * shape.in_channels, k, weight, |r| r * k, 1);
    let [oh, ow] = shape.output();
    let sweep = Sweep {
        source: input,
        batch: shape.batch,
        size: shape.input,
        channels: shape.in_channels,
        origin: shape.padding.map(|p| -(p as isize)),
        step: shape.stride,
        taps: shape.kernel,
        packed: &packed,
        out_channels: k,
        out: [oh, ow],
        target: Shared::new(output),
        first: 0,
        image: oh * ow * k,
        row: ow * k,
        pixel: k,
        bias,
        relu,
    };
    // Safety: origin, step and image cover exactly the output, whose length was checked above.
    unsafe { sweep.run(isa) }
}

/// The gradient towards the input: one stride-1 sweep over `grad` for each phase of the stride.
pub fn backward_data(isa: Isa, shape: &ConvShape, grad: &[f32], weight: &[f32], grad_input: &mut [f32]) {
    shape.check();
    assert_eq!(grad.len(), shape.output_len());
    assert_eq!(weight.len(), shape.weight_len());
    assert_eq!(grad_input.len(), shape.input_len());
    let (c, k) = (shape.in_channels, shape.out_channels);
    let [h, w] = shape.input;
    if shape.kernel[0] < shape.stride[0] || shape.kernel[1] < shape.stride[1] {
        // Some phases see no tap at all.
        grad_input.fill(0.0);
    }
    let target = Shared::new(grad_input);
    for a in 0..shape.stride[0].min(h) {
        for b in 0..shape.stride[1].min(w) {
            let (v, u) = (Phase::of(shape, 0, a), Phase::of(shape, 1, b));
            if v.taps == 0 || u.taps == 0 {
                continue;
            }
            let weight_row = |r: usize| {
                let (tap, out) = (r / k, r % k);
                let (y, x) = (v.kernel_at(tap / u.taps), u.kernel_at(tap % u.taps));
                (y * shape.kernel[1] + x) * c * k + out
            };
            let packed = pack(isa, v.taps * u.taps * k, c, weight, weight_row, k);
            let sweep = Sweep {
                source: grad,
                batch: shape.batch,
                size: shape.output(),
                channels: k,
                origin: [v.origin, u.origin],
                step: [1, 1],
                taps: [v.taps, u.taps],
                packed: &packed,
                out_channels: c,
                out: [(h - a).div_ceil(shape.stride[0]), (w - b).div_ceil(shape.stride[1])],
                target,
                first: (a * w + b) * c,
                image: h * w * c,
                row: shape.stride[0] * w * c,
                pixel: shape.stride[1] * c,
                bias: &[],
                relu: false,
            };
            // Safety: phase (a, b) writes the pixels y = a, x = b modulo the stride, inside the image.
            unsafe { sweep.run(isa) }
        }
    }
}

/// Which kernel taps reach the input positions `i = phase` modulo the stride, in one direction.
struct Phase {
    taps: usize,
    /// Output position of the first tap for the first of these input positions.
    origin: isize,
    first: usize,
    stride: usize,
}

impl Phase {
    /// Input `i` meets tap `t` at output `(i + padding - t) / stride` where that is whole.
    fn of(shape: &ConvShape, direction: usize, phase: usize) -> Phase {
        let (kernel, stride) = (shape.kernel[direction], shape.stride[direction]);
        let shifted = phase + shape.padding[direction];
        let first = shifted % stride;
        let taps = if first < kernel { (kernel - first).div_ceil(stride) } else { 0 };
        // Tap `first` lies at output `shifted / stride`, each further one an output before it.
        Phase { taps, origin: (shifted / stride) as isize - taps as isize + 1, first, stride }
    }

    /// The kernel index of tap `t`, counted in the order in which the outputs lie.
    fn kernel_at(&self, t: usize) -> usize {
        self.first + (self.taps - 1 - t) * self.stride
    }
}

/// A correlation of `source` with packed weights, written on a grid of the target.
struct Sweep<'a> {
    source: &'a [f32],
    batch: usize,
    size: [usize; 2],
    channels: usize,
    /// Source position of the first tap of the first output; may lie outside the image.
    origin: [isize; 2],
    step: [usize; 2],
    taps: [usize; 2],
    packed: &'a [f32],
    out_channels: usize,
    out: [usize; 2],
    target: Shared<f32>,
    /// Floats of the target to the first output, and from image, row, pixel to the next.
    first: usize,
    image: usize,
    row: usize,
    pixel: usize,
    bias: &'a [f32],
    relu: bool,
}

impl Sweep<'_> {
    /// # Safety
    /// Every output of the grid must lie in the target.
    unsafe fn run(&self, isa: Isa) {
        let [oh, ow] = self.out;
        if oh == 0 || ow == 0 {
            return;
        }
        let window = Window {
            source: self.source,
            size: self.size,
            channels: self.channels,
            left: self.origin[1],
            width: (ow - 1) * self.step[1] + self.taps[1],
        };
        let line = window.width * self.channels;
        let rows = rows_per_job(self.batch, oh, self.step[0], line);
        let per_image = oh.div_ceil(rows);
        for_each(self.batch * per_image, |job| {
            let (n, y0) = (job / per_image, job % per_image * rows);
            let rows = rows.min(oh - y0);
            let needed = (rows - 1) * self.step[0] + self.taps[0];
            with_scratch(needed * line, |scratch| {
                let top = self.origin[0] + (y0 * self.step[0]) as isize;
                // Safety: the scratch holds `needed` lines, and the grid lies in the target.
                unsafe {
                    let (a, line) = window.rows(n, top, needed, scratch);
                    self.rows(isa, n, y0, rows, a, line);
                }
            });
        });
    }

    /// Output rows `y0..y0 + rows` of image `n`, whose source window starts at `a`.
    ///
    /// # Safety
    /// As [`Sweep::run`]; `a` must hold all lines that the rows need, `line` floats apart.
    unsafe fn rows(&self, isa: Isa, n: usize, y0: usize, rows: usize, a: *const f32, line: usize) {
        let panel = isa.panel();
        let depth = self.taps[0] * self.taps[1] * self.channels;
        for j in (0..self.out_channels).step_by(panel) {
            for r in 0..rows {
                let tile = Tile {
                    steps: self.taps[1] * self.channels,
                    segments: self.taps[0],
                    a: a.add(r * self.step[0] * line),
                    a_row: self.step[1] * self.channels,
                    a_step: 1,
                    a_segment: line,
                    a_group: None,
                    b: self.packed.as_ptr().add(j * depth),
                    b_step: panel,
                    c: self.target.at(self.first + n * self.image + (y0 + r) * self.row + j),
                    c_row: self.pixel,
                    accumulate: false,
                    bias: if self.bias.is_empty() { std::ptr::null() } else { self.bias.as_ptr().add(j) },
                    relu: self.relu,
                };
                gemm(isa, Block { m: self.out[1], n: panel.min(self.out_channels - j), panel: 0, tile });
            }
        }
    }
}

/// Output rows that one job takes: about 256 KiB of input, and enough jobs for many threads.
pub(super) fn rows_per_job(batch: usize, rows: usize, step: usize, line: usize) -> usize {
    let in_cache = ((1 << 16) / line.max(1)).saturating_sub(2) / step;
    let for_threads = rows.div_ceil(64usize.div_ceil(batch.max(1)));
    in_cache.min(for_threads.max(4)).clamp(1, rows)
}

/// Columns `left..left + width` of padded images, which may reach beyond their borders.
pub(super) struct Window<'a> {
    pub source: &'a [f32],
    pub size: [usize; 2],
    pub channels: usize,
    pub left: isize,
    pub width: usize,
}

impl Window<'_> {
    /// Lines `top..top + count` of image `n`, and the floats from line to line: in place where the
    /// window lies inside the image, else copied into `scratch` with zeros beyond the border.
    ///
    /// # Safety
    /// `scratch` must hold `count * width * channels` floats, and `n` be an image of the source.
    pub unsafe fn rows(&self, n: usize, top: isize, count: usize, scratch: &mut [f32]) -> (*const f32, usize) {
        let [h, w] = self.size.map(|s| s as isize);
        let c = self.channels;
        let image = n * self.size[0] * self.size[1] * c;
        let (right, bottom) = (self.left + self.width as isize, top + count as isize);
        if self.left >= 0 && right <= w && top >= 0 && bottom <= h {
            let start = image + (top as usize * self.size[1] + self.left as usize) * c;
            return (self.source[start..].as_ptr(), self.size[1] * c);
        }
        let line = self.width * c;
        // The part of a line that the image covers, in pixels of the window.
        let from = (-self.left).clamp(0, self.width as isize) as usize;
        let to = (w - self.left).clamp(from as isize, self.width as isize) as usize;
        for (r, out) in scratch[..count * line].chunks_exact_mut(line).enumerate() {
            let y = top + r as isize;
            if y < 0 || y >= h || from == to {
                out.fill(0.0);
                continue;
            }
            let x = (self.left + from as isize) as usize;
            let start = image + (y as usize * self.size[1] + x) * c;
            out[..from * c].fill(0.0);
            out[from * c..to * c].copy_from_slice(&self.source[start..start + (to - from) * c]);
            out[to * c..].fill(0.0);
        }
        (scratch.as_ptr(), line)
    }
}
