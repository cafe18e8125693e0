//! Speckle: the magnitude of a smoothed complex Gaussian field on the beam's own grid (depth x angle), so that its
//! grains widen with depth as in a real sector scan.

use rand::RngCore;
use rand_chacha::ChaCha8Rng;

/// A field on a grid, sampled bilinearly.
pub struct Field {
    rows: usize,
    columns: usize,
    values: Vec<f32>,
}

impl Field {
    /// Rayleigh-like, mean 1: magnitude of two Gaussian fields smoothed over a few cells.
    pub fn rayleigh(rng: &mut ChaCha8Rng, rows: usize, columns: usize) -> Field {
        let (real, imaginary) = (smooth_noise(rng, rows, columns, 1, 2), smooth_noise(rng, rows, columns, 1, 2));
        let mut values: Vec<f32> = real.iter().zip(&imaginary).map(|(r, i)| (r * r + i * i).sqrt()).collect();
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        values.iter_mut().for_each(|v| *v /= mean);
        Field { rows, columns, values }
    }

    /// Slowly varying, around 1 and never below 0.1: tissue that differs from place to place.
    pub fn tissue(rng: &mut ChaCha8Rng, rows: usize, columns: usize, reach: usize, contrast: f32) -> Field {
        let mut values = smooth_noise(rng, rows, columns, reach, reach);
        let square = values.iter().map(|v| v * v).sum::<f32>() / values.len() as f32;
        let scale = contrast / square.sqrt().max(1e-6);
        values.iter_mut().for_each(|v| *v = (1.0 + *v * scale).max(0.1));
        Field { rows, columns, values }
    }

    /// At fractional (row, column), which are held within the grid.
    pub fn at(&self, row: f32, column: f32) -> f32 {
        let row = row.clamp(0.0, (self.rows - 1) as f32);
        let column = column.clamp(0.0, (self.columns - 1) as f32);
        let (r0, c0) = (row as usize, column as usize);
        let (r1, c1) = ((r0 + 1).min(self.rows - 1), (c0 + 1).min(self.columns - 1));
        let (fr, fc) = (row - r0 as f32, column - c0 as f32);
        let value = |r: usize, c: usize| self.values[r * self.columns + c];
        let top = value(r0, c0) * (1.0 - fc) + value(r0, c1) * fc;
        let bottom = value(r1, c0) * (1.0 - fc) + value(r1, c1) * fc;
        top * (1.0 - fr) + bottom * fr
    }
}

/// Gaussian noise, box-smoothed over `2 reach + 1` cells each way, twice.
fn smooth_noise(
    rng: &mut ChaCha8Rng,
    rows: usize,
    columns: usize,
    reach_rows: usize,
    reach_columns: usize,
) -> Vec<f32> {
    let mut values: Vec<f32> = (0..rows * columns).map(|_| gaussian(rng.next_u64())).collect();
    let mut turned = vec![0.0; values.len()];
    for _ in 0..2 {
        smooth_lines_transposed(&values, columns, reach_columns, &mut turned);
        smooth_lines_transposed(&turned, rows, reach_rows, &mut values);
    }
    values
}

/// A running mean along each line of `length` values, written as columns.
fn smooth_lines_transposed(values: &[f32], length: usize, reach: usize, out: &mut [f32]) {
    let lines = values.len() / length;
    for (number, line) in values.chunks_exact(length).enumerate() {
        // Mirrored ends keep the variance even up to the border.
        let mirrored = |i: isize| {
            let last = length as isize - 1;
            let i = if i < 0 {
                -i
            } else if i > last {
                2 * last - i
            } else {
                i
            };
            line[i.clamp(0, last) as usize]
        };
        let reach = reach as isize;
        let mut sum: f32 = (-reach..=reach).map(mirrored).sum();
        for position in 0..length {
            out[position * lines + number] = sum;
            let i = position as isize;
            sum += mirrored(i + reach + 1) - mirrored(i - reach);
        }
    }
}

/// Nearly Gaussian, SD about 1: the sum of the four 16-bit words of a draw.
fn gaussian(draw: u64) -> f32 {
    let sum: u64 = (0..4).map(|k| (draw >> (16 * k)) & 0xffff).sum();
    (sum as f32 / 65536.0 - 2.0) * 1.732
}
