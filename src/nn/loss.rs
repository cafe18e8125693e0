//! Losses of a regression: mean over the samples, and the gradient towards the predictions.

use super::tensor::Tensor;

/// How far predictions are from the truth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// Mean of |error|; the gradient at zero is zero, as in PyTorch.
    Mae,
    /// Mean of error squared.
    Mse,
    /// Huber 1964: error² / 2 up to `delta`, then `delta * (|error| - delta / 2)`.
    Huber { delta: f64 },
    /// 1 - 2 sum(p t) / (sum(p) + sum(t)) over the whole batch (preprint, eq. 1): masks of 0 to 1.
    Dice,
}

impl Loss {
    /// The mean loss over predictions, (N, 1) or masks (N, H, W, 1), and its gradient of that shape.
    ///
    /// Panics where there are not as many truths as predictions.
    pub fn value_and_grad(&self, prediction: &Tensor, truth: &[f32]) -> (f64, Tensor) {
        assert_eq!(prediction.data().len(), truth.len(), "one truth for each prediction");
        if *self == Loss::Dice {
            return dice(prediction, truth);
        }
        let count = truth.len() as f64;
        let mut grad = Tensor::zeros(prediction.shape());
        let mut sum = 0.0;
        for ((g, p), t) in grad.data_mut().iter_mut().zip(prediction.data()).zip(truth) {
            let error = *p as f64 - *t as f64;
            let (value, slope) = self.of_error(error);
            sum += value;
            *g = (slope / count) as f32;
        }
        (sum / count, grad)
    }

    /// Loss of one error, and its slope.
    fn of_error(&self, error: f64) -> (f64, f64) {
        match *self {
            Loss::Mae if error == 0.0 => (0.0, 0.0),
            // Not `signum` of a NaN's sign bit: a NaN stays one.
            Loss::Mae => (error.abs(), error / error.abs()),
            Loss::Mse => (error * error, 2.0 * error),
            Loss::Huber { delta } if error.abs() > delta => {
                (delta * (error.abs() - 0.5 * delta), delta * error.signum())
            }
            Loss::Huber { .. } => (0.5 * error * error, error),
            Loss::Dice => unreachable!("Dice is no sum over single errors"),
        }
    }
}

/// With I = sum(p t) and U = sum(p) + sum(t), d(1 - 2 I / U) / dp = 2 I / U² - 2 t / U; two empty masks agree.
fn dice(prediction: &Tensor, truth: &[f32]) -> (f64, Tensor) {
    let pairs = || prediction.data().iter().zip(truth).map(|(p, t)| (f64::from(*p), f64::from(*t)));
    let common: f64 = pairs().map(|(p, t)| p * t).sum();
    let all: f64 = pairs().map(|(p, t)| p + t).sum();
    let mut grad = Tensor::zeros(prediction.shape());
    if all == 0.0 {
        return (0.0, grad);
    }
    for (g, (_, t)) in grad.data_mut().iter_mut().zip(pairs()) {
        *g = (2.0 * common / (all * all) - 2.0 * t / all) as f32;
    }
    (1.0 - 2.0 * common / all, grad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_the_values() {
        for loss in [Loss::Mae, Loss::Mse, Loss::Huber { delta: 0.7 }] {
            for error in [-2.0, -0.7001, -0.3, 0.2, 0.6999, 5.0] {
                let h = 1e-6;
                let numeric = (loss.of_error(error + h).0 - loss.of_error(error - h).0) / (2.0 * h);
                assert!((numeric - loss.of_error(error).1).abs() < 1e-4, "{loss:?} at {error}");
            }
        }
    }

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
    fn dice_and_its_slope_are_those_of_the_formula() {
        let truth = [1.0, 0.0, 1.0];
        let at = |p: [f32; 3]| Loss::Dice.value_and_grad(&Tensor::from_vec(&[1, 3, 1, 1], p.to_vec()).unwrap(), &truth);
        assert_eq!(at([1.0, 0.0, 1.0]).0, 0.0);
        let p = [0.5f32, 0.25, 0.75];
        let (value, grad) = at(p);
        assert!((value - (1.0 - 2.5 / 3.5)).abs() < 1e-12);
        for i in 0..3 {
            let h = 1.0 / 1024.0;
            let mut moved = [p, p];
            moved[0][i] += h;
            moved[1][i] -= h;
            let numeric = (at(moved[0]).0 - at(moved[1]).0) / (2.0 * f64::from(h));
            assert!((numeric - f64::from(grad.data()[i])).abs() < 1e-6, "{i}");
        }
    }

    #[test]
    fn a_nan_prediction_gives_a_nan_loss() {
        let p = Tensor::from_vec(&[1, 1], vec![f32::NAN]).unwrap();
        for loss in [Loss::Mae, Loss::Mse, Loss::Huber { delta: 1.0 }] {
            assert!(loss.value_and_grad(&p, &[0.0]).0.is_nan());
        }
    }
}
