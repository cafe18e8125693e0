//! Inputs that an analyzer looks at instead of the one it explains: noisy copies, and points on a path.

use super::noise::normal;
use super::settings::wrong;
use crate::error::{Error, Result};
use crate::nn::Tensor;
use std::f64::consts::PI;

/// What is fed to the network for each input x.
#[derive(Clone, Debug, PartialEq)]
pub enum Inputs {
    /// x itself.
    Own,
    /// x + sigma * noise, `count` times (Smilkov et al. 2017). With `relative` sigma is a share of x's range.
    Noisy { count: Option<usize>, sigma: f64, relative: bool, seed: u64 },
    /// Points between a baseline and x (Sundararajan et al. 2017).
    Path { grid: Grid, baseline: Baseline },
}

/// Where integrated gradients begin.
#[derive(Clone, Debug, PartialEq)]
pub enum Baseline {
    /// Zero in the network's units: the mean image where inputs are standardised.
    Zero,
    /// The image of grey value 0: -mean / sd of its channel, or of all.
    Black(Vec<f32>),
    /// The mean of the inputs that are explained together.
    Mean,
    /// An image that is given: one for all, or one for each.
    Given,
}

/// Points on the way from the baseline (0) to the input (1), and their weights, which sum to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grid {
    /// k / n for k = 0 .. n-1, as iNNvestigate 2.1.2 does.
    Left(usize),
    /// k / (n - 1): both ends.
    Linspace(usize),
    /// The n-point Gauss-Legendre rule, captum's.
    GaussLegendre(usize),
}

impl Grid {
    /// `left64`, `linspace64`, `gauss-legendre50`; 2 to 1000 points.
    pub fn parse(word: &str) -> Result<Grid> {
        let digits = word.find(|c: char| c.is_ascii_digit()).unwrap_or(word.len());
        let (name, points) = word.split_at(digits);
        let points = points.parse().ok().filter(|n| (2..=1000).contains(n));
        let found = match (name, points) {
            ("left", Some(n)) => Some(Grid::Left(n)),
            ("linspace", Some(n)) => Some(Grid::Linspace(n)),
            ("gauss-legendre", Some(n)) => Some(Grid::GaussLegendre(n)),
            _ => None,
        };
        found.ok_or_else(|| wrong("grid", word, "left64, linspace64 or gauss-legendre50, with 2 to 1000 points"))
    }

    /// Positions and weights.
    pub fn points(self) -> Vec<(f64, f64)> {
        match self {
            Grid::Left(n) => (0..n).map(|k| (k as f64 / n as f64, 1.0 / n as f64)).collect(),
            Grid::Linspace(n) => (0..n).map(|k| (k as f64 / (n - 1) as f64, 1.0 / n as f64)).collect(),
            Grid::GaussLegendre(n) => gauss_legendre(n),
        }
    }
}

/// Nodes and weights on [0, 1]: the roots of the Legendre polynomial, by Newton from Tricomi's guess.
fn gauss_legendre(n: usize) -> Vec<(f64, f64)> {
    let node = |i: usize| {
        let mut x = (PI * (i as f64 + 0.75) / (n as f64 + 0.5)).cos();
        let mut slope = 0.0;
        for _ in 0..100 {
            let (mut before, mut p) = (1.0, x);
            for k in 2..=n {
                let k = k as f64;
                (before, p) = (p, ((2.0 * k - 1.0) * x * p - (k - 1.0) * before) / k);
            }
            slope = n as f64 * (x * p - before) / (x * x - 1.0);
            let step = p / slope;
            x -= step;
            if step.abs() < 1e-15 {
                break;
            }
        }
        ((1.0 - x) / 2.0, 1.0 / ((1.0 - x * x) * slope * slope))
    };
    (0..n).map(node).collect()
}

/// Noisy copies or points of one kind, ready to be written out for any input.
pub enum Variants {
    Own,
    /// Noise of every copy (n, sample).
    Noise {
        noise: Vec<f32>,
        sigma: f64,
        relative: bool,
    },
    /// Baselines of every input, or one for all.
    Path {
        points: Vec<(f64, f64)>,
        baselines: Vec<f32>,
    },
}

impl Inputs {
    /// For inputs (N, …), with what was given beside them.
    pub fn variants(&self, inputs: &Tensor, given: &Given) -> Result<Variants> {
        let (input, sample) = (inputs.data(), inputs.data().len() / inputs.batch().max(1));
        let of_one_shape = |name: &str, beside: &Tensor| match beside.shape()[1..] == inputs.shape()[1..] {
            true => Ok(()),
            false => {
                Err(Error::new(format!("{name} has shape {:?}, and the input {:?}", beside.shape(), inputs.shape()))
                    .cure("only their first numbers may differ"))
            }
        };
        match self {
            Inputs::Own => Ok(Variants::Own),
            Inputs::Noisy { count, sigma, relative, seed } => {
                let noise = match &given.noise {
                    None => {
                        let values = 0..(count.unwrap_or(16) * sample) as u64;
                        values.map(|i| normal(*seed, i) as f32).collect()
                    }
                    Some(noise) => {
                        of_one_shape("smoothgrad_noise", noise)?;
                        if let Some(n) = count.filter(|n| *n != noise.batch()) {
                            return Err(Error::usage(format!(
                                "n = {n}, and smoothgrad_noise holds {} copies",
                                noise.batch()
                            ))
                            .cure("leave n out, or the noise"));
                        }
                        noise.data().to_vec()
                    }
                };
                Ok(Variants::Noise { noise, sigma: *sigma, relative: *relative })
            }
            Inputs::Path { grid, baseline } => {
                let baselines = match baseline {
                    Baseline::Zero => vec![0.0; sample],
                    Baseline::Black(values) => {
                        let channels = inputs.shape()[inputs.shape().len() - 1];
                        if !channels.is_multiple_of(values.len()) {
                            return Err(Error::usage(format!(
                                "black has {} values, and an input {channels} channels",
                                values.len()
                            )));
                        }
                        values.iter().copied().cycle().take(sample).collect()
                    }
                    Baseline::Mean => {
                        let count = input.len() / sample;
                        let sum = |j: usize| (0..count).map(|i| f64::from(input[i * sample + j])).sum::<f64>();
                        (0..sample).map(|j| (sum(j) / count as f64) as f32).collect()
                    }
                    Baseline::Given => {
                        let Some(values) = &given.baseline else {
                            return Err(Error::new("there is no tensor `baseline` beside the input")
                                .cure("put one there, of shape (1, height, width, channels) or one for each input"));
                        };
                        of_one_shape("baseline", values)?;
                        if values.batch() != 1 && values.batch() != inputs.batch() {
                            return Err(Error::new(format!("there are {} baselines", values.batch()))
                                .cure("give one for all inputs, or one for each"));
                        }
                        values.data().to_vec()
                    }
                };
                Ok(Variants::Path { points: grid.points(), baselines })
            }
        }
    }
}

impl Variants {
    /// How many there are of one input, which is `sample` values long.
    pub fn count(&self, sample: usize) -> usize {
        match self {
            Variants::Own => 1,
            Variants::Noise { noise, .. } => noise.len() / sample,
            Variants::Path { points, .. } => points.len(),
        }
    }

    /// Share of variant `k` in the mean.
    pub fn weight(&self, k: usize, sample: usize) -> f64 {
        match self {
            Variants::Path { points, .. } => points[k].1,
            _ => 1.0 / self.count(sample) as f64,
        }
    }

    /// Writes variant `k` of input `x`, which is number `i`; as long as `x`.
    pub fn write(&self, i: usize, k: usize, x: &[f32], to: &mut [f32]) {
        match self {
            Variants::Own => to.copy_from_slice(x),
            Variants::Noise { noise, sigma, relative } => {
                let sigma = if *relative { sigma * range(x) } else { *sigma } as f32;
                let noise = &noise[k * x.len()..(k + 1) * x.len()];
                to.iter_mut().zip(x.iter().zip(noise)).for_each(|(to, (x, n))| *to = x + sigma * n);
            }
            Variants::Path { points, .. } => {
                let t = points[k].0;
                let between = |x: f32, b: f32| (f64::from(b) + t * (f64::from(x) - f64::from(b))) as f32;
                let ends = x.iter().zip(self.baseline(i, x.len()));
                to.iter_mut().zip(ends).for_each(|(to, (x, b))| *to = between(*x, *b));
            }
        }
    }

    /// What the map of input `i` is multiplied by `x` less of; nothing off the path.
    pub fn baseline(&self, i: usize, sample: usize) -> &[f32] {
        match self {
            Variants::Path { baselines, .. } if baselines.len() == sample => baselines,
            Variants::Path { baselines, .. } => &baselines[i * sample..(i + 1) * sample],
            _ => &[],
        }
    }
}

fn range(x: &[f32]) -> f64 {
    let (low, high) = x.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    f64::from(high) - f64::from(low)
}

/// What may come with the inputs.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// (n, …): each copy's noise, before sigma.
    pub noise: Option<Tensor>,
    /// (1, …) or (N, …).
    pub baseline: Option<Tensor>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_integrate_what_they_should() {
        // 50 Gauss-Legendre points are exact for polynomials up to degree 99.
        let integral = |grid: Grid, power: i32| grid.points().iter().map(|(t, w)| w * t.powi(power)).sum::<f64>();
        for power in [0, 1, 2, 17, 60, 99] {
            let off = integral(Grid::GaussLegendre(50), power) - 1.0 / f64::from(power + 1);
            assert!(off.abs() < 1e-14, "{power}: {off:e}");
        }
        assert!((integral(Grid::Left(64), 1) - 63.0 / 128.0).abs() < 1e-14);
        assert!((integral(Grid::Linspace(64), 1) - 0.5).abs() < 1e-14);
        assert_eq!(Grid::Linspace(64).points()[63].0, 1.0);
        assert_eq!(Grid::parse("left8").unwrap(), Grid::Left(8));
        assert!(Grid::parse("left1").is_err() && Grid::parse("right8").is_err() && Grid::parse("left1001").is_err());
    }
}
