//! Changes of grey values: gamma, contrast, brightness, noise, in this order.

use super::Augment;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::f64::consts::TAU;

/// One drawn change; by default the one that changes nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Intensity {
    /// Exponent of grey values from 0 to 1.
    pub gamma: f64,
    /// Factor of the distance from the image's mean.
    pub contrast: f64,
    /// Added, in shares of the grey range.
    pub brightness: f64,
    /// Standard deviation, in shares of the grey range.
    pub noise: f64,
    noise_seed: u64,
}

impl Default for Intensity {
    fn default() -> Intensity {
        Intensity { gamma: 1.0, contrast: 1.0, brightness: 0.0, noise: 0.0, noise_seed: 0 }
    }
}

impl Intensity {
    pub(super) fn draw(bounds: &Augment, rng: &mut impl Rng) -> Intensity {
        let [gamma, contrast, brightness] = std::array::from_fn(|_| 2.0 * rng.random::<f64>() - 1.0);
        Intensity {
            // Doubling is as likely as halving.
            gamma: (1.0 + bounds.gamma.max(0.0)).powf(gamma),
            contrast: 1.0 + contrast * bounds.contrast,
            brightness: brightness * bounds.brightness,
            noise: rng.random::<f64>() * bounds.noise,
            noise_seed: rng.random(),
        }
    }

    /// Whether it changes nothing.
    pub fn is_none(&self) -> bool {
        Intensity { noise_seed: 0, ..*self } == Intensity::default()
    }

    /// Changes grey values, 0 to 255, which stay within that.
    pub fn apply(&self, grey: &mut [f32]) {
        if self.is_none() || grey.is_empty() {
            return;
        }
        if self.gamma != 1.0 {
            let exponent = self.gamma as f32;
            grey.iter_mut().for_each(|v| *v = 255.0 * (*v / 255.0).clamp(0.0, 1.0).powf(exponent));
        }
        let mean = (grey.iter().map(|v| f64::from(*v)).sum::<f64>() / grey.len() as f64) as f32;
        let (contrast, brightness) = (self.contrast as f32, 255.0 * self.brightness as f32);
        grey.iter_mut().for_each(|v| *v = ((*v - mean) * contrast + mean + brightness).clamp(0.0, 255.0));
        if self.noise > 0.0 {
            let mut rng = ChaCha8Rng::seed_from_u64(self.noise_seed);
            let sd = 255.0 * self.noise;
            for pair in grey.chunks_mut(2) {
                let noise = normals(&mut rng);
                pair.iter_mut().zip(noise).for_each(|(v, n)| *v = (*v + (sd * n) as f32).clamp(0.0, 255.0));
            }
        }
    }
}

/// A normal deviate of mean 0 and standard deviation 1.
pub(in crate::dataset) fn normal(rng: &mut impl Rng) -> f64 {
    normals(rng)[0]
}

/// Two of them (Box and Muller 1958).
fn normals(rng: &mut impl Rng) -> [f64; 2] {
    // From (0, 1], so that the logarithm is finite.
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    let (sin, cos) = (TAU * rng.random::<f64>()).sin_cos();
    [radius * cos, radius * sin]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(intensity: Intensity, grey: &[f32]) -> Vec<f32> {
        let mut grey = grey.to_vec();
        intensity.apply(&mut grey);
        grey
    }

    #[test]
    fn gamma_contrast_and_brightness_are_what_they_say() {
        let usual = Intensity::default();
        assert_eq!(changed(usual, &[0.0, 100.5, 255.0]), [0.0, 100.5, 255.0]);
        let close = |a: Vec<f32>, b: [f32; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-3);
        // 255 * sqrt(0.25) and the ends as they were.
        assert!(close(changed(Intensity { gamma: 0.5, ..usual }, &[0.0, 63.75, 255.0]), [0.0, 127.5, 255.0]));
        assert!(close(changed(Intensity { contrast: 1.5, ..usual }, &[80.0, 100.0, 120.0]), [70.0, 100.0, 130.0]));
        assert!(close(changed(Intensity { brightness: 0.1, ..usual }, &[0.0, 100.0, 250.0]), [25.5, 125.5, 255.0]));
    }

    #[test]
    fn noise_has_its_deviation_and_is_the_same_every_time() {
        let noisy = Intensity { noise: 0.05, noise_seed: 3, ..Intensity::default() };
        let found = changed(noisy, &[127.0; 20_001]);
        assert_eq!(found, changed(noisy, &[127.0; 20_001]));
        let mean = found.iter().sum::<f32>() / 20_001.0;
        let sd = (found.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / 20_000.0).sqrt();
        assert!((mean - 127.0).abs() < 0.3 && (sd - 12.75).abs() < 0.3, "{mean} {sd}");
    }

    #[test]
    fn draws_stay_within_their_bounds_and_grey_within_its_range() {
        let bounds = Augment { brightness: 0.2, contrast: 0.3, gamma: 0.5, noise: 0.1, ..Augment::default() };
        let mut seen = [0.0f64; 4];
        for i in 0..500 {
            let it = bounds.draw(1, 1, i).intensity;
            let sizes = [it.brightness.abs(), (it.contrast - 1.0).abs(), it.gamma.ln().abs().exp() - 1.0, it.noise];
            seen.iter_mut().zip(sizes).for_each(|(seen, size)| *seen = seen.max(size));
            assert!(changed(it, &[0.0, 30.0, 128.0, 250.0, 255.0]).iter().all(|v| (0.0..=255.0).contains(v)));
        }
        for (seen, bound) in seen.iter().zip([0.2, 0.3, 0.5, 0.1]) {
            assert!(*seen <= bound + 1e-9 && *seen > 0.95 * bound, "{seen} of {bound}");
        }
    }
}
