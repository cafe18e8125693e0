//! How far predictions are from the truth: MAE, MSE, RMSE, R² and PMAE, each with its spread.

use crate::run::predictions::Prediction;
use std::collections::BTreeMap;

/// A figure and its standard deviation.
///
/// For means over images (MAE, MSE, PMAE) it is the standard deviation of the images' errors, as the
/// papers print it (n in the denominator, as NumPy's and Keras' default). RMSE and R² are no means:
/// theirs is the jackknife standard error of the figure itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    pub value: f64,
    pub sd: f64,
}

/// Figures of one set of images, in the unit of what was given (`px` or `mm`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Regression {
    /// Mean absolute error.
    pub mae: Figure,
    /// Mean squared error, in the unit squared.
    pub mse: Figure,
    pub rmse: Figure,
    /// 1 - residual sum of squares over total sum of squares; not a number for fewer than two different truths.
    pub r2: Figure,
    /// Mean of |error| / truth, in percent.
    pub pmae: Figure,
}

/// Compares `predictions` with `truths`, both of length n >= 1 in one unit.
pub fn regression(truths: &[f64], predictions: &[f64]) -> Regression {
    let errors: Vec<f64> = predictions.iter().zip(truths).map(|(p, t)| p - t).collect();
    let squared: Vec<f64> = errors.iter().map(|e| e * e).collect();
    let mse = mean_and_sd(&squared);
    Regression {
        mae: mean_and_sd(&errors.iter().map(|e| e.abs()).collect::<Vec<_>>()),
        mse,
        rmse: Figure {
            value: mse.value.sqrt(),
            sd: jackknife(errors.len(), |left_out| rmse_without(&squared, left_out)),
        },
        r2: r2(truths, &squared),
        pmae: mean_and_sd(&errors.iter().zip(truths).map(|(e, t)| 100.0 * e.abs() / t).collect::<Vec<_>>()),
    }
}

impl Regression {
    /// Adds `<prefix>mae_<unit>`, `…_sd` and so on; what is not finite becomes `None`.
    /// R² and PMAE have no unit and are named without one.
    pub fn record(&self, prefix: &str, unit: &str, metrics: &mut BTreeMap<String, Option<f64>>) {
        let named = [
            (format!("{prefix}mae_{unit}"), self.mae),
            (format!("{prefix}mse_{unit}2"), self.mse),
            (format!("{prefix}rmse_{unit}"), self.rmse),
            (format!("{prefix}r2"), self.r2),
            (format!("{prefix}pmae"), self.pmae),
        ];
        for (name, figure) in named {
            metrics.insert(format!("{name}_sd"), Some(figure.sd).filter(|x| x.is_finite()));
            metrics.insert(name, Some(figure.value).filter(|x| x.is_finite()));
        }
    }
}

/// Adds the agreement of masks: `<prefix>dice`, `<prefix>hausdorff_mm` and so on of the fitted ellipse (what the preprint
/// means), the same with `raw_` and `mask_` of the mask before and after post-processing, each with its SD; and how many
/// images have no head (`<prefix>no_head`). Means are over the images that have the figure: an empty mask has no distance.
pub fn masks(rows: &[Prediction], prefix: &str, metrics: &mut BTreeMap<String, Option<f64>>) {
    type Column = (&'static str, fn(&Prediction) -> Option<f64>);
    let columns: [Column; 21] = [
        ("dice", |r| r.ellipse_dice),
        ("iou", |r| r.ellipse_iou),
        ("pixel_accuracy", |r| r.ellipse_pixel_accuracy),
        ("hausdorff_px", |r| r.ellipse_hausdorff_px),
        ("hausdorff_mm", |r| r.ellipse_hausdorff_mm),
        ("assd_px", |r| r.ellipse_assd_px),
        ("assd_mm", |r| r.ellipse_assd_mm),
        ("mask_dice", |r| r.mask_dice),
        ("mask_iou", |r| r.mask_iou),
        ("mask_pixel_accuracy", |r| r.mask_pixel_accuracy),
        ("mask_hausdorff_px", |r| r.mask_hausdorff_px),
        ("mask_hausdorff_mm", |r| r.mask_hausdorff_mm),
        ("mask_assd_px", |r| r.mask_assd_px),
        ("mask_assd_mm", |r| r.mask_assd_mm),
        ("raw_dice", |r| r.raw_dice),
        ("raw_iou", |r| r.raw_iou),
        ("raw_pixel_accuracy", |r| r.raw_pixel_accuracy),
        ("raw_hausdorff_px", |r| r.raw_hausdorff_px),
        ("raw_hausdorff_mm", |r| r.raw_hausdorff_mm),
        ("raw_assd_px", |r| r.raw_assd_px),
        ("raw_assd_mm", |r| r.raw_assd_mm),
    ];
    for (name, of) in columns {
        let values: Vec<f64> = rows.iter().filter_map(of).collect();
        let figure = (!values.is_empty()).then(|| mean_and_sd(&values));
        metrics.insert(format!("{prefix}{name}"), figure.map(|f| f.value));
        metrics.insert(format!("{prefix}{name}_sd"), figure.map(|f| f.sd));
    }
    let none = rows.iter().filter(|r| r.prediction_center_x_px.is_none()).count();
    metrics.insert(format!("{prefix}no_head"), Some(none as f64));
    let df: Vec<f64> = rows.iter().map(|r| r.error_mm).collect();
    let df = mean_and_sd(&df);
    metrics.insert(format!("{prefix}df_mm"), Some(df.value));
    metrics.insert(format!("{prefix}df_mm_sd"), Some(df.sd));
}

pub(super) fn mean_and_sd(values: &[f64]) -> Figure {
    let n = values.len() as f64;
    let value = values.iter().sum::<f64>() / n;
    let sd = (values.iter().map(|v| (v - value).powi(2)).sum::<f64>() / n).sqrt();
    Figure { value, sd }
}

fn rmse_without(squared: &[f64], left_out: usize) -> f64 {
    // Summed anew rather than subtracted: one huge error must not cancel.
    let rest: f64 = squared.iter().enumerate().filter(|(i, _)| *i != left_out).map(|(_, s)| s).sum();
    (rest / (squared.len() - 1) as f64).sqrt()
}

fn r2(truths: &[f64], squared: &[f64]) -> Figure {
    let of = |left_out: Option<usize>| {
        let kept = || (0..truths.len()).filter(|i| Some(*i) != left_out);
        let mean = kept().map(|i| truths[i]).sum::<f64>() / kept().count() as f64;
        let total: f64 = kept().map(|i| (truths[i] - mean).powi(2)).sum();
        1.0 - kept().map(|i| squared[i]).sum::<f64>() / total
    };
    let value = of(None);
    Figure { value: if value.is_finite() { value } else { f64::NAN }, sd: jackknife(truths.len(), |i| of(Some(i))) }
}

/// Jackknife standard error of a figure of `n` images, given the figure without image i (Efron & Tibshirani, 11.5).
fn jackknife(n: usize, without: impl Fn(usize) -> f64) -> f64 {
    if n < 2 {
        return f64::NAN;
    }
    let values: Vec<f64> = (0..n).map(without).collect();
    let mean = values.iter().sum::<f64>() / n as f64;
    ((n - 1) as f64 / n as f64 * values.iter().map(|v| (v - mean).powi(2)).sum::<f64>()).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12 * b.abs().max(1.0)
    }

    #[test]
    fn figures_agree_with_the_formulas_by_hand() {
        // Errors 1, -2, 3 on truths 10, 20, 30.
        let r = regression(&[10.0, 20.0, 30.0], &[11.0, 18.0, 33.0]);
        assert!(close(r.mae.value, 2.0) && close(r.mae.sd, (2.0f64 / 3.0).sqrt()));
        assert!(close(r.mse.value, 14.0 / 3.0) && close(r.rmse.value, (14.0f64 / 3.0).sqrt()));
        assert!(close(r.r2.value, 1.0 - 14.0 / 200.0));
        assert!(close(r.pmae.value, 10.0) && close(r.pmae.sd, 0.0));
    }

    #[test]
    fn the_jackknife_of_a_mean_is_its_standard_error() {
        let values = [1.0, 4.0, 7.0, 9.0];
        let n = values.len() as f64;
        let without = |i: usize| (values.iter().sum::<f64>() - values[i]) / (n - 1.0);
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
        assert!(close(jackknife(values.len(), without), (variance / n).sqrt()));
    }

    #[test]
    fn a_single_image_has_no_r2_and_says_so() {
        let mut metrics = BTreeMap::new();
        regression(&[10.0], &[12.0]).record("val_", "px", &mut metrics);
        assert_eq!(metrics["val_mae_px"], Some(2.0));
        assert_eq!(metrics["val_r2"], None);
        assert_eq!(metrics["val_rmse_px_sd"], None);
    }
}
