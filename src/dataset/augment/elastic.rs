//! Elastic bending: displacements drawn at the knots of a coarse grid, smooth in between (Ronneberger and others 2015).

use super::intensity::normal;
use rand::Rng;

/// Cells each way over the image.
const CELLS: usize = 3;
/// A cubic B-spline reaches one knot beyond the cells on either side.
const KNOTS: usize = CELLS + 3;

/// Displacements at the knots, in px.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Elastic {
    knots: [[[f64; 2]; KNOTS]; KNOTS],
}

impl Elastic {
    /// Displacements whose standard deviation at a knot is `sd_px`.
    pub fn draw(sd_px: f64, rng: &mut impl Rng) -> Elastic {
        // The spline's weights at a knot are 1/6, 4/6, 1/6 each way: it passes on half of a deviation.
        let mut one = || 2.0 * sd_px * normal(rng);
        Elastic { knots: std::array::from_fn(|_| std::array::from_fn(|_| [one(), one()])) }
    }

    /// Displacements (dx, dy) of the pixels of row `row` of `height`, in px.
    pub fn row(&self, row: usize, height: usize, out: &mut [[f64; 2]]) {
        let (first, weights) = spline(row, height);
        let lines: [[f64; 2]; KNOTS] = std::array::from_fn(|column| {
            let of = |axis: usize| (0..4).map(|k| weights[k] * self.knots[first + k][column][axis]).sum();
            [of(0), of(1)]
        });
        let width = out.len();
        for (column, out) in out.iter_mut().enumerate() {
            let (first, weights) = spline(column, width);
            *out = [0, 1].map(|axis| (0..4).map(|k| weights[k] * lines[first + k][axis]).sum());
        }
    }
}

/// The first of the four knots that a pixel hangs on, and their weights.
fn spline(pixel: usize, size: usize) -> (usize, [f64; 4]) {
    let at = (pixel as f64 + 0.5) / size as f64 * CELLS as f64;
    let cell = (at as usize).min(CELLS - 1);
    let t = at - cell as f64;
    let (t2, t3, u) = (t * t, t * t * t, 1.0 - t);
    let weights = [u * u * u, 3.0 * t3 - 6.0 * t2 + 4.0, -3.0 * t3 + 3.0 * t2 + 3.0 * t + 1.0, t3];
    (cell, weights.map(|w| w / 6.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    #[test]
    fn displacements_are_smooth_and_as_large_as_asked_for() {
        let (width, height, mut square, mut count) = (90, 60, 0.0, 0.0);
        let mut steepest = 0f64;
        for seed in 0..400 {
            let elastic = Elastic::draw(4.0, &mut ChaCha8Rng::seed_from_u64(seed));
            let mut lines = vec![vec![[0.0; 2]; width]; height];
            lines.iter_mut().enumerate().for_each(|(row, line)| elastic.row(row, height, line));
            // Between four cells, at a knot.
            let [dx, dy] = lines[20][30];
            square += dx * dx + dy * dy;
            count += 2.0;
            for pair in lines.windows(2).flat_map(|rows| rows[0].iter().zip(&rows[1])) {
                steepest = steepest.max((pair.0[0] - pair.1[0]).abs());
            }
        }
        let sd = f64::sqrt(square / count);
        assert!((sd - 4.0).abs() < 0.3, "{sd}");
        // A cell is 20 rows high: neighbours are moved almost alike.
        assert!(steepest < 2.0, "{steepest}");
    }

    #[test]
    fn the_weights_of_every_pixel_add_up_to_one() {
        for size in [1, 2, 7, 224] {
            for pixel in 0..size {
                let (first, weights) = spline(pixel, size);
                assert!(first + 3 < KNOTS && (weights.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{pixel} of {size}");
            }
        }
    }
}
