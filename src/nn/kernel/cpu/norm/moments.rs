//! Mean and variance of every channel.

use super::{Centred, SumRows, Values, rows_of};
use crate::nn::kernel::cpu::channels::{Cut, repeat};
use crate::nn::kernel::cpu::parallel::Shared;
use crate::nn::kernel::cpu::simd::{Isa, dispatch};

/// Mean and variance (divided by the number of rows) of each channel.
///
/// Each block is centred on its own mean while it lies in the cache, and the mean corrected by what is
/// left (the corrected two-pass algorithm); blocks are merged in f64 (Chan, Golub and LeVeque 1983,
/// eq. 2.1), so a large mean costs no digits.
pub fn moments(isa: Isa, x: &[f32], channels: usize) -> (Vec<f64>, Vec<f64>) {
    let rows = rows_of(x, channels);
    let cut = Cut::new(rows, channels);
    let mut states = cut.states(Moments { rows: 0.0, mean: vec![0.0; channels], squares: vec![0.0; channels] });
    let shared = Shared::new(&mut states);
    cut.for_each(|part, blocks| {
        // Safety: one job a part.
        let state = unsafe { &mut *shared.at(part) };
        let mut sums = vec![0f32; channels];
        let mut centred = vec![0f32; 2 * channels];
        for (first, rows) in blocks {
            sums.fill(0.0);
            // Safety: the rows lie in `x`.
            unsafe { dispatch(isa, SumRows { term: Values { x }, channels, first, rows, sums: &mut sums }) };
            let mean: Vec<f32> = sums.iter().map(|s| s / rows as f32).collect();
            let pattern = repeat(isa, &mean);
            let term = Centred { x, mean: &pattern };
            centred.fill(0.0);
            // Safety: as above; the pattern was made for this instruction set.
            unsafe { dispatch(isa, SumRows { term, channels, first, rows, sums: &mut centred }) };
            let (left, squares) = centred.split_at(channels);
            let off = left.iter().map(|l| *l as f64 / rows as f64);
            let mean = mean.iter().zip(off.clone()).map(|(m, off)| *m as f64 + off);
            let squares = squares.iter().zip(off).map(|(s, off)| *s as f64 - off * off * rows as f64);
            state.merge(rows as f64, mean, squares);
        }
    });
    let mut all = Moments { rows: 0.0, mean: vec![0.0; channels], squares: vec![0.0; channels] };
    for s in states {
        all.merge(s.rows, s.mean.into_iter(), s.squares.into_iter());
    }
    all.squares.iter_mut().for_each(|s| *s /= rows as f64);
    (all.mean, all.squares)
}

#[derive(Clone)]
struct Moments {
    rows: f64,
    mean: Vec<f64>,
    /// Sum of squared distances from the mean.
    squares: Vec<f64>,
}

impl Moments {
    fn merge(&mut self, rows: f64, mean: impl Iterator<Item = f64>, squares: impl Iterator<Item = f64>) {
        let total = self.rows + rows;
        if rows == 0.0 {
            return;
        }
        let (share, weight) = (rows / total, self.rows * rows / total);
        for (c, (mean, squares)) in mean.zip(squares).enumerate() {
            let delta = mean - self.mean[c];
            self.mean[c] += delta * share;
            self.squares[c] += squares + delta * delta * weight;
        }
        self.rows = total;
    }
}
