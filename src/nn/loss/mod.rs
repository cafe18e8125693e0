//! Losses: how far predictions are from the truth, and the gradient towards the predictions.
//!
//! Each is a sum of at most two parts: a mean over single predictions ([`difference`], [`entropy`]) and a function of
//! three sums over a channel ([`overlap`]). [`passes`] walks over the values.

pub mod difference;
pub mod entropy;
mod log;
pub mod overlap;
mod passes;
mod word;

pub use overlap::Overlap;
pub use passes::{Real, Sums};
pub use word::{Settings, WORDS};

use super::tensor::Tensor;

/// What is minimised.
///
/// Predictions are (N, 1), or masks (N, H, W, K) of probabilities with a truth of the same shape, from 0 to 1. What is
/// a mean goes over all values; overlaps are summed over the whole batch, channel by channel, and averaged over the K.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// Mean of |error|; the gradient at zero is zero, as in PyTorch.
    Mae,
    /// Mean of error squared.
    Mse,
    /// Huber 1964: error² / 2 up to `delta`, then `delta * (|error| - delta / 2)`.
    Huber { delta: f64 },
    /// 1 - 2 sum(p t) / (sum(p) + sum(t)) (preprint, equation 1).
    Dice,
    /// 1 - Cohen's kappa between prediction and truth (Zhang and others, ISBI 2020).
    Kappa,
    /// The preprint's equation 2 as it is printed: not zero for a perfect prediction.
    KappaPrinted,
    /// Lin and others 2017: cross-entropy, weighted `alpha` on positives and `1 - alpha` on negatives, times
    /// (1 - probability of what is true)^`gamma`.
    Focal { alpha: f64, gamma: f64 },
    /// (1 - `lambda`) focal + `lambda` kappa (preprint, equation 3).
    FocalKappa { lambda: f64, alpha: f64, gamma: f64 },
    /// Mean binary cross-entropy.
    Bce,
    /// Dice + mean binary cross-entropy.
    DiceBce,
}

/// A loss of one prediction, whose mean is taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Point {
    Mae,
    Mse,
    Huber { delta: f64 },
    Bce,
    Focal { alpha: f64, gamma: f64 },
}

/// The parts of a loss, with their weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    pub point: Option<(f64, Point)>,
    pub overlap: Option<(f64, Overlap)>,
}

impl Loss {
    pub fn terms(self) -> Terms {
        let (point, overlap) = match self {
            Loss::Mae => (Some((1.0, Point::Mae)), None),
            Loss::Mse => (Some((1.0, Point::Mse)), None),
            Loss::Huber { delta } => (Some((1.0, Point::Huber { delta })), None),
            Loss::Bce => (Some((1.0, Point::Bce)), None),
            Loss::Focal { alpha, gamma } => (Some((1.0, Point::Focal { alpha, gamma })), None),
            Loss::Dice => (None, Some((1.0, Overlap::Dice))),
            Loss::Kappa => (None, Some((1.0, Overlap::Kappa))),
            Loss::KappaPrinted => (None, Some((1.0, Overlap::KappaPrinted))),
            Loss::FocalKappa { lambda, alpha, gamma } => {
                (Some((1.0 - lambda, Point::Focal { alpha, gamma })), Some((lambda, Overlap::Kappa)))
            }
            Loss::DiceBce => (Some((1.0, Point::Bce)), Some((1.0, Overlap::Dice))),
        };
        Terms { point, overlap }
    }

    /// Whether predictions must be probabilities, and the truth a mask.
    pub fn takes_masks(self) -> bool {
        !matches!(self, Loss::Mae | Loss::Mse | Loss::Huber { .. })
    }

    /// The loss over predictions, (N, 1) or (N, H, W, K), and its gradient of that shape.
    ///
    /// Runs on the current rayon pool; the result does not depend on how many threads there are. A NaN prediction gives
    /// a NaN loss. Panics where there are not as many truths as predictions.
    pub fn value_and_grad(&self, prediction: &Tensor, truth: &[f32]) -> (f64, Tensor) {
        let mut grad = Tensor::zeros(prediction.shape());
        let channels = channels(prediction);
        let value = self.value_and_grad_of(prediction.data(), truth, channels, grad.data_mut());
        (value, grad)
    }

    /// [`Loss::value_and_grad`] on bare values of either width, `channels` of each position side by side; whatever is
    /// in `grad` is overwritten.
    pub fn value_and_grad_of<R: Real>(&self, prediction: &[R], truth: &[R], channels: usize, grad: &mut [R]) -> f64 {
        passes::value_and_grad(self.terms(), prediction, truth, channels, grad)
    }

    /// What the loss is made of, so that a set can be evaluated batch by batch: [`Sums::add`], then [`Loss::value`].
    pub fn sums(&self, prediction: &Tensor, truth: &[f32]) -> Sums {
        passes::sums(self.terms(), prediction.data(), truth, channels(prediction))
    }

    /// The loss over all that was summed: for overlaps not the mean of the batches' losses.
    pub fn value(&self, sums: &Sums) -> f64 {
        passes::value(self.terms(), sums)
    }
}

fn channels(prediction: &Tensor) -> usize {
    prediction.shape().last().copied().unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_is_the_mean_over_the_samples() {
        let p = Tensor::from_vec(&[4, 1], vec![1.0, 2.0, 3.0, 4.0]).unwrap();
        let (value, grad) = Loss::Mae.value_and_grad(&p, &[1.0, 0.0, 4.0, 4.5]);
        assert_eq!(value, (0.0 + 2.0 + 1.0 + 0.5) / 4.0);
        assert_eq!(grad.data(), [0.0, 0.25, -0.25, -0.25]);
        assert_eq!(Loss::Mse.value_and_grad(&p, &[1.0, 0.0, 4.0, 4.5]).0, (4.0 + 1.0 + 0.25) / 4.0);
        let (value, grad) = Loss::Huber { delta: 1.0 }.value_and_grad(&p, &[1.0, 0.0, 4.0, 4.5]);
        assert_eq!(value, (0.0 + 1.5 + 0.5 + 0.125) / 4.0);
        assert_eq!(grad.data(), [0.0, 0.25, -0.25, -0.125]);
    }

    #[test]
    fn a_nan_prediction_gives_a_nan_loss() {
        for word in WORDS {
            let loss = Loss::parse(word, &Settings::default()).unwrap();
            for truth in [0.0, 0.5, 1.0] {
                let p = Tensor::from_vec(&[3, 1], vec![0.5, f32::NAN, 0.5]).unwrap();
                assert!(loss.value_and_grad(&p, &[1.0, truth, 0.0]).0.is_nan(), "{word}");
            }
        }
    }
}
