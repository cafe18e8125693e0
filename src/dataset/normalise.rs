//! From grey values to what a network sees: `(value - mean) / sd`, channel by channel.

use super::cache::Prepared;
use rayon::prelude::*;

/// Mean and deviation of the images that ImageNet encoders were trained on (torchvision, timm), of 0 to 1.
const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const IMAGENET_SD: [f32; 3] = [0.229, 0.224, 0.225];

/// One mean and one deviation a channel, in grey values 0 to 255; a grey image is repeated into all of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalise {
    pub mean: Vec<f32>,
    pub sd: Vec<f32>,
}

impl Normalise {
    /// z-score: mean and standard deviation over all pixels of the samples `indices`; exact, since
    /// grey values are counted.
    pub fn z_score(prepared: &Prepared, indices: &[usize], channels: usize) -> Normalise {
        let counts = indices
            .par_iter()
            .map(|i| {
                let mut counts = [0u64; 256];
                prepared.image(*i).iter().for_each(|v| counts[usize::from(*v)] += 1);
                counts
            })
            .reduce(
                || [0; 256],
                |mut all, some| {
                    all.iter_mut().zip(some).for_each(|(a, s)| *a += s);
                    all
                },
            );
        let n = counts.iter().sum::<u64>().max(1) as f64;
        let moment =
            |power: i32| counts.iter().enumerate().map(|(v, c)| (v as f64).powi(power) * *c as f64).sum::<f64>() / n;
        let mean = moment(1);
        let sd = (moment(2) - mean * mean).max(0.0).sqrt();
        // Images of one grey value become 0, not infinite.
        let sd = if sd > 0.0 { sd as f32 } else { 1.0 };
        Normalise { mean: vec![mean as f32; channels], sd: vec![sd; channels] }
    }

    /// As the pre-trained encoders want it; a single channel gets the means over the three.
    pub fn encoder(channels: usize) -> Normalise {
        let of = |values: [f32; 3]| match channels {
            3 => values.map(|v| v * 255.0).to_vec(),
            n => vec![values.iter().sum::<f32>() / 3.0 * 255.0; n],
        };
        Normalise { mean: of(IMAGENET_MEAN), sd: of(IMAGENET_SD) }
    }

    /// To 0 to 1.
    pub fn unit(channels: usize) -> Normalise {
        Normalise { mean: vec![0.0; channels], sd: vec![255.0; channels] }
    }

    pub fn channels(&self) -> usize {
        self.mean.len()
    }

    /// Writes the pixels `grey` (0 to 255) into `out`, which holds every channel of each in turn.
    pub fn apply(&self, grey: impl Iterator<Item = f32>, out: &mut [f32]) {
        for (out, value) in out.chunks_exact_mut(self.channels()).zip(grey) {
            for ((out, mean), sd) in out.iter_mut().zip(&self.mean).zip(&self.sd) {
                *out = (value - mean) / sd;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoder_sees_the_grey_value_in_all_three_channels_as_torchvision_would_scale_it() {
        let mut out = [0.0; 6];
        Normalise::encoder(3).apply([0.0, 255.0].into_iter(), &mut out);
        // (0 - 0.485) / 0.229 and so on, then (1 - 0.485) / 0.229.
        let want = [-2.117_904, -2.035_714_4, -1.804_444_4, 2.248_908_3, 2.428_571_4, 2.64];
        out.iter().zip(want).for_each(|(a, b)| assert!((a - b).abs() < 1e-5, "{a} {b}"));
    }

    #[test]
    fn unit_scaling_ends_at_0_and_1() {
        let mut out = [7.0; 2];
        Normalise::unit(1).apply([0.0, 255.0].into_iter(), &mut out);
        assert_eq!(out, [0.0, 1.0]);
    }
}
