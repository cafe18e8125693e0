//! From the scanner's values to what a network sees: (x - mu) / sigma (S4, 5.3.1).

use super::prepared::PreparedHearts;
use serde::{Deserialize, Serialize};

/// Over what mean and standard deviation are taken.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum HeartNormalise {
    /// Over each heart. Scanners share no unit, so this is what serves; S4 does not say which it took.
    Each,
    /// Over a training part.
    Fixed { mean: f64, sd: f64 },
}

impl HeartNormalise {
    /// Over all voxels of the samples `indices`.
    pub fn over(hearts: &PreparedHearts, indices: &[usize]) -> HeartNormalise {
        let sums = indices.iter().fold([0.0; 3], |[count, sum, squares], &i| {
            let voxels = hearts.shape(i).iter().product::<usize>() as f64;
            let [mean, sd] = hearts.moments(i);
            [count + voxels, sum + voxels * mean, squares + voxels * (sd * sd + mean * mean)]
        });
        let [mean, sd] = of_sums(sums);
        HeartNormalise::Fixed { mean, sd: usable(mean, sd) }
    }

    /// Mean and standard deviation to use for sample `i`.
    pub fn of(&self, hearts: &PreparedHearts, i: usize) -> [f64; 2] {
        match *self {
            HeartNormalise::Fixed { mean, sd } => [mean, sd],
            HeartNormalise::Each => {
                let [mean, sd] = hearts.moments(i);
                [mean, usable(mean, sd)]
            }
        }
    }
}

/// Mean and standard deviation of `values`, the latter over all of them.
pub fn moments(values: &[f32]) -> [f64; 2] {
    let (sum, squares) = values.iter().fold((0.0, 0.0), |(sum, squares), v| {
        let v = f64::from(*v);
        (sum + v, squares + v * v)
    });
    of_sums([values.len() as f64, sum, squares])
}

fn of_sums([count, sum, squares]: [f64; 3]) -> [f64; 2] {
    let count = count.max(1.0);
    let mean = sum / count;
    [mean, (squares / count - mean * mean).max(0.0).sqrt()]
}

/// A heart of one value becomes 0, not infinite; rounding leaves it a deviation of about 1e-8 of its mean.
fn usable(mean: f64, sd: f64) -> f64 {
    if sd > 1e-6 * mean.abs() { sd } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_formula() {
        // Mean 5, squared distances 9 1 1 1 0 0 4 16.
        let [mean, sd] = moments(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert!((mean - 5.0).abs() < 1e-12 && (sd - 2.0).abs() < 1e-12);
        assert_eq!(usable(700.0, moments(&[700.1; 1000])[1]), 1.0);
    }
}
