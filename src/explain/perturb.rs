//! Perturbation: regions of an image covered with noise, the most relevant first, and what that does to the error.
//!
//! Samek et al. 2017 for classification; the preprint's equation 9 for regression. Pure: whoever has a network
//! asks for [`Perturbation::step`] and gives the errors to [`aopc`].

use super::noise::{normal, uniform};
use super::settings::wrong;
use crate::error::{Error, Result};
use std::str::FromStr;

/// An image cut into regions of equal size; those at the right and lower border may be smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Regions {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    /// Height and width of a region, px.
    pub size: [usize; 2],
}

impl Regions {
    /// Fails where a region is larger than the image, or has no size.
    pub fn new([height, width, channels]: [usize; 3], size: [usize; 2]) -> Result<Regions> {
        if size.contains(&0) || size[0] > height || size[1] > width {
            return Err(Error::usage(format!(
                "regions of {}x{} px do not fit into {height}x{width}",
                size[0], size[1]
            ))
            .cure("let them be at least one pixel and at most the image"));
        }
        Ok(Regions { height, width, channels, size })
    }

    /// How many there are, row by row.
    pub fn count(&self) -> usize {
        self.height.div_ceil(self.size[0]) * self.columns()
    }

    fn columns(&self) -> usize {
        self.width.div_ceil(self.size[1])
    }

    /// Rows of values (first, count) that make up region `r`, all channels.
    fn lines(&self, r: usize) -> impl Iterator<Item = (usize, usize)> {
        let [tall, wide] = self.size;
        let (y, x) = (r / self.columns() * tall, r % self.columns() * wide);
        let (rows, columns) = (tall.min(self.height - y), wide.min(self.width - x));
        let (width, channels) = (self.width, self.channels);
        (y..y + rows).map(move |row| ((row * width + x) * channels, columns * channels))
    }

    /// The regions' scores: the mean of the map over pixels and channels, signed or of absolute values.
    pub fn scores(&self, map: &[f32], absolute: bool) -> Vec<f64> {
        let value = |v: &f32| f64::from(if absolute { v.abs() } else { *v });
        let score = |r: usize| {
            let (sum, count) = self.lines(r).fold((0.0, 0), |(sum, count), (first, n)| {
                (sum + map[first..first + n].iter().map(value).sum::<f64>(), count + n)
            });
            sum / count as f64
        };
        (0..self.count()).map(score).collect()
    }

    /// Regions in the order in which they are perturbed; of equal scores the first region comes first. `seed` shuffles
    /// them where the order is random.
    pub fn ranked(&self, map: &[f32], absolute: bool, order: Order, seed: u64) -> Vec<usize> {
        let scores = self.scores(map, absolute);
        let mut ranked: Vec<usize> = (0..self.count()).collect();
        match order {
            Order::MostRelevantFirst => ranked.sort_by(|a, b| scores[*b].total_cmp(&scores[*a])),
            Order::LeastRelevantFirst => ranked.sort_by(|a, b| scores[*a].total_cmp(&scores[*b])),
            Order::Random => {
                for i in (1..ranked.len()).rev() {
                    ranked.swap(i, (uniform(seed, i as u64) * (i + 1) as f64) as usize);
                }
            }
        }
        ranked
    }
}

/// Which regions go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    MostRelevantFirst,
    LeastRelevantFirst,
    Random,
}

impl Order {
    /// As it is written on the command line and in `aopc.csv`.
    pub fn word(self) -> &'static str {
        match self {
            Order::MostRelevantFirst => "most",
            Order::LeastRelevantFirst => "least",
            Order::Random => "random",
        }
    }
}

impl FromStr for Order {
    type Err = Error;
    fn from_str(word: &str) -> Result<Order> {
        let all = [Order::MostRelevantFirst, Order::LeastRelevantFirst, Order::Random];
        all.into_iter().find(|o| o.word() == word).ok_or_else(|| wrong("order", word, "most, least or random"))
    }
}

/// What a region becomes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Noise {
    /// N(0, sd), in the network's units, in place of the region: what iNNvestigate does.
    Replace {
        sd: f64,
    },
    /// N(0, sd) added to it: what the preprint's sentence says.
    Add {
        sd: f64,
    },
    /// Uniform between two values.
    Uniform {
        low: f64,
        high: f64,
    },
    /// Its own mean, channel by channel.
    Mean,
    Zero,
    /// Each pixel the mean of the square around it, `radius` px each way, inside the clean image.
    Blur {
        radius: usize,
    },
}

/// The standard deviation of iNNvestigate's noise, in the network's input units.
pub const NOISE_SD: f64 = 0.3;

impl FromStr for Noise {
    type Err = Error;
    fn from_str(word: &str) -> Result<Noise> {
        match word {
            "replace" => Ok(Noise::Replace { sd: NOISE_SD }),
            "add" => Ok(Noise::Add { sd: NOISE_SD }),
            "uniform" => Ok(Noise::Uniform { low: -1.0, high: 1.0 }),
            "mean" => Ok(Noise::Mean),
            "zero" => Ok(Noise::Zero),
            "blur" => Ok(Noise::Blur { radius: 8 }),
            _ => Err(wrong("noise", word, "replace, add, uniform, mean, zero or blur")),
        }
    }
}

/// One image with its regions in order.
#[derive(Clone, Debug)]
pub struct Perturbation<'a> {
    pub regions: Regions,
    pub ranked: Vec<usize>,
    pub noise: Noise,
    /// Other seeds draw other noise; each step draws its own.
    pub seed: u64,
    /// (H, W, C), clean.
    pub image: &'a [f32],
}

impl Perturbation<'_> {
    /// The clean image with its first `k` regions perturbed, the noise of every step fresh; appended to `to`.
    /// Nothing is clipped; step 0 is the clean image.
    pub fn step(&self, k: usize, to: &mut Vec<f32>) {
        let start = to.len();
        to.extend_from_slice(self.image);
        let image = &mut to[start..];
        let values = self.image.len() as u64;
        for &region in self.ranked.iter().take(k) {
            let mean = if self.noise == Noise::Mean { self.mean(region) } else { Vec::new() };
            for (first, n) in self.regions.lines(region) {
                for i in first..first + n {
                    let draw = k as u64 * values + i as u64;
                    image[i] = match self.noise {
                        Noise::Replace { sd } => (sd * normal(self.seed, draw)) as f32,
                        Noise::Add { sd } => self.image[i] + (sd * normal(self.seed, draw)) as f32,
                        Noise::Uniform { low, high } => (low + (high - low) * uniform(self.seed, draw)) as f32,
                        Noise::Mean => mean[i % self.regions.channels],
                        Noise::Zero => 0.0,
                        Noise::Blur { radius } => self.blurred(i, radius),
                    };
                }
            }
        }
    }

    fn mean(&self, region: usize) -> Vec<f32> {
        let channels = self.regions.channels;
        let (mut sums, mut pixels) = (vec![0f64; channels], 0);
        for (first, n) in self.regions.lines(region) {
            self.image[first..first + n].iter().enumerate().for_each(|(i, v)| sums[i % channels] += f64::from(*v));
            pixels += n / channels;
        }
        sums.iter().map(|s| (s / f64::from(pixels as u32)) as f32).collect()
    }

    fn blurred(&self, i: usize, radius: usize) -> f32 {
        let Regions { height, width, channels, .. } = self.regions;
        let (y, x, c) = (i / channels / width, i / channels % width, i % channels);
        let rows = y.saturating_sub(radius)..(y + radius + 1).min(height);
        let columns = x.saturating_sub(radius)..(x + radius + 1).min(width);
        let count = rows.len() * columns.len();
        let row =
            |y: usize| columns.clone().map(|x| f64::from(self.image[(y * width + x) * channels + c])).sum::<f64>();
        (rows.map(row).sum::<f64>() / count as f64) as f32
    }
}

/// By what the sum over steps is divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Denominator {
    /// K + 1: as many as the terms of the sum.
    #[default]
    Corrected,
    /// K, as equations 8 and 9 are printed.
    Printed,
}

/// Area over the perturbation curve of one image: the sum over steps k = 0 .. K of e(x_0) - e(x_k), divided.
///
/// `curve` holds e(x_0), e(x_1) … e(x_K): errors (equation 9, negative where they grow) or outputs (equation 8).
/// No step, no area: 0.
pub fn aopc(curve: &[f64], denominator: Denominator) -> f64 {
    let terms = match denominator {
        Denominator::Corrected => curve.len(),
        Denominator::Printed => curve.len().saturating_sub(1),
    };
    let sum: f64 = curve.iter().map(|e| curve[0] - e).sum();
    if terms == 0 { 0.0 } else { sum / terms as f64 }
}

/// Mean over images, and half of its 95 % interval by the normal approximation; with one image the interval is 0.
pub fn mean_and_interval(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    if values.is_empty() {
        return (0.0, 0.0);
    }
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    (mean, 1.96 * (variance / n).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 4x5 px, 2 channels, regions of 2x2: 2 rows of 3 regions, the last column 1 px wide.
    fn regions() -> Regions {
        Regions::new([4, 5, 2], [2, 2]).unwrap()
    }

    #[test]
    fn regions_tile_the_image_once() {
        let regions = regions();
        assert_eq!(regions.count(), 6);
        let mut seen = vec![0; 40];
        for r in 0..6 {
            regions.lines(r).for_each(|(first, n)| seen[first..first + n].iter_mut().for_each(|s| *s += 1));
        }
        assert_eq!(seen, [1; 40]);
        assert!(Regions::new([4, 5, 2], [5, 1]).is_err() && Regions::new([4, 5, 2], [0, 1]).is_err());
    }

    #[test]
    fn regions_are_ranked_by_their_signed_mean_and_ties_keep_their_order() {
        let regions = regions();
        let mut map = vec![0f32; 40];
        // Region 4 (rows 2 and 3, columns 2 and 3): one large negative value. Region 2: half as much, positive.
        map[(2 * 5 + 2) * 2] = -8.0;
        map[4 * 2 + 1] = 2.0;
        assert_eq!(regions.scores(&map, false), [0.0, 0.0, 0.5, 0.0, -1.0, 0.0]);
        assert_eq!(regions.ranked(&map, false, Order::MostRelevantFirst, 0), [2, 0, 1, 3, 5, 4]);
        assert_eq!(regions.ranked(&map, false, Order::LeastRelevantFirst, 0), [4, 0, 1, 3, 5, 2]);
        assert_eq!(regions.ranked(&map, true, Order::MostRelevantFirst, 0), [4, 2, 0, 1, 3, 5]);
        let mut random = regions.ranked(&map, false, Order::Random, 3);
        assert_eq!(random, regions.ranked(&map, false, Order::Random, 3));
        random.sort();
        assert_eq!(random, [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn each_step_perturbs_the_first_regions_of_the_clean_image_with_fresh_noise() {
        let image: Vec<f32> = (0..40).map(|i| 10.0 + i as f32).collect();
        let make =
            |noise| Perturbation { regions: regions(), ranked: vec![2, 0, 1, 3, 4, 5], noise, seed: 1, image: &image };
        let step = |noise, k| {
            let mut to = Vec::new();
            make(noise).step(k, &mut to);
            to
        };
        let noise = Noise::Replace { sd: 0.3 };
        assert_eq!(step(noise, 0), image);
        let (one, two) = (step(noise, 1), step(noise, 2));
        let changed = |to: &[f32]| (0..40).filter(|i| to[*i] != image[*i]).collect::<Vec<_>>();
        assert_eq!(changed(&one), [8, 9, 18, 19]);
        assert_eq!(changed(&two).len(), 4 + 8);
        assert_ne!(one[8], two[8], "fresh noise");
        assert!(one[8].abs() < 3.0, "in place of the pixel, not added to it");
        assert!((step(Noise::Add { sd: 0.3 }, 1)[8] - image[8]).abs() < 3.0);
        assert_eq!(step(Noise::Zero, 1)[19], 0.0);
        // Channel 0 of region 2: values 8 and 18 of the image.
        assert_eq!(step(Noise::Mean, 1)[8], (image[8] + image[18]) / 2.0);
        // Around the pixel in the corner, 1 px each way: 2x2 px, channel 0.
        let corner = [6, 8, 16, 18].map(|i| image[i]).iter().sum::<f32>() / 4.0;
        assert_eq!(step(Noise::Blur { radius: 1 }, 1)[8], corner);
        let all = step(Noise::Uniform { low: 2.0, high: 3.0 }, 6);
        assert!(all.iter().all(|v| (2.0..3.0).contains(v)));
    }

    #[test]
    fn noise_has_the_spread_that_is_asked_for() {
        let image = vec![0f32; 40_000];
        let regions = Regions::new([200, 200, 1], [200, 200]).unwrap();
        let mut to = Vec::new();
        Perturbation { regions, ranked: vec![0], noise: "replace".parse().unwrap(), seed: 4, image: &image }
            .step(1, &mut to);
        let sd = (to.iter().map(|v| f64::from(v * v)).sum::<f64>() / 40_000.0).sqrt();
        assert!((sd - 0.3).abs() < 0.005, "{sd}");
        assert!("gauss".parse::<Noise>().is_err());
    }

    #[test]
    fn the_area_is_that_of_the_formula() {
        // Errors 2, 3, 5: differences 0, -1, -3.
        assert_eq!(aopc(&[2.0, 3.0, 5.0], Denominator::Corrected), -4.0 / 3.0);
        assert_eq!(aopc(&[2.0, 3.0, 5.0], Denominator::Printed), -2.0);
        assert_eq!(aopc(&[2.0], Denominator::Printed), 0.0);
        let (mean, half) = mean_and_interval(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(mean, 2.5);
        assert!((half - 1.96 * (5.0f64 / 3.0 / 4.0).sqrt()).abs() < 1e-12);
    }
}
