//! Batch normalisation over the last dimension: images (N, H, W, C) and rows (N, C) alike.

use super::*;
use crate::nn::kernel::cpu::norm;
use crate::nn::parameter::{Init, Order};

/// Ioffe and Szegedy 2015, with PyTorch's conventions: `eps` inside the root, running statistics
/// moved by `momentum` towards the batch's, the running variance unbiased.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNorm {
    pub eps: f64,
    pub momentum: f64,
}

impl Default for BatchNorm {
    fn default() -> Self {
        BatchNorm { eps: 1e-5, momentum: 0.1 }
    }
}

const WEIGHT: usize = 0;
const BIAS: usize = 1;
const RUNNING_MEAN: usize = 2;
const RUNNING_VAR: usize = 3;

impl Layer for BatchNorm {
    fn kind(&self) -> &'static str {
        "batch-norm"
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        Ok(one(inputs)?.to_vec())
    }

    fn parameters(&self, inputs: &[&[usize]]) -> Vec<ParameterSpec> {
        let channels = inputs[0][inputs[0].len() - 1];
        let of = |name, value, trainable| ParameterSpec {
            name,
            shape: vec![channels],
            order: Order::Same,
            init: Init::Constant(value),
            trainable,
        };
        vec![
            of("weight", 1.0, true),
            of("bias", 0.0, true),
            of("running_mean", 0.0, false),
            of("running_var", 1.0, false),
        ]
    }

    fn needs(&self) -> Needs {
        Needs { input: true, output: false }
    }

    fn forward(&self, pass: Forward, inputs: &[&Tensor]) -> Tensor {
        let x = inputs[0].data();
        let channels = pass.parameters[WEIGHT].value.len();
        let (mean, var) = match pass.pass {
            Pass::Train { .. } => {
                let (mean, var) = norm::moments(pass.isa, x, channels);
                let rows = (x.len() / channels) as f64;
                // One row has no variance, and PyTorch refuses it; here the statistics just stay.
                if rows > 1.0 {
                    let momentum = self.momentum;
                    let towards = |running: &mut [f32], batch: &[f64], factor: f64| {
                        for (r, b) in running.iter_mut().zip(batch) {
                            *r = ((1.0 - momentum) * *r as f64 + momentum * b * factor) as f32;
                        }
                    };
                    towards(&mut pass.parameters[RUNNING_MEAN].value, &mean, 1.0);
                    towards(&mut pass.parameters[RUNNING_VAR].value, &var, rows / (rows - 1.0));
                }
                (mean, var)
            }
            Pass::Eval => {
                let wide = |i: usize| pass.parameters[i].value.iter().map(|v| *v as f64).collect::<Vec<_>>();
                (wide(RUNNING_MEAN), wide(RUNNING_VAR))
            }
        };
        let inverse_sd: Vec<f64> = var.iter().map(|v| 1.0 / (v + self.eps).sqrt()).collect();
        let (weight, bias) = (&pass.parameters[WEIGHT].value, &pass.parameters[BIAS].value);
        let scale: Vec<f32> = weight.iter().zip(&inverse_sd).map(|(w, i)| (*w as f64 * i) as f32).collect();
        let shift: Vec<f32> =
            (0..channels).map(|c| (bias[c] as f64 - weight[c] as f64 * mean[c] * inverse_sd[c]) as f32).collect();
        let mut output = pass.recycle.tensor(inputs[0].shape().to_vec());
        norm::scale_shift(pass.isa, x, &scale, &shift, output.data_mut());
        let narrow = |v: Vec<f64>| v.into_iter().map(|v| v as f32).collect();
        pass.saved.floats = vec![narrow(mean), narrow(inverse_sd)];
        output
    }

    /// With x' = (x - mean) / sd, dx = w / sd * (dy - mean(dy) - x' * mean(dy * x')) in training;
    /// with fixed statistics the two means are not subtracted.
    fn backward(&self, pass: Backward, mut grad: Tensor) -> Vec<Option<Tensor>> {
        let x = pass.input(0).data();
        let [mean, inverse_sd] = &pass.saved.floats[..] else { unreachable!("forward saved two rows of statistics") };
        let channels = mean.len();
        let rows = (x.len() / channels) as f64;
        let (sums, centred) = norm::grad_sums(pass.isa, grad.data(), x, mean);
        let weight: Vec<f64> = pass.parameters[WEIGHT].value.iter().map(|w| *w as f64).collect();
        let in_sd: Vec<f64> = centred.iter().zip(inverse_sd).map(|(s, i)| s * *i as f64).collect();
        let (mut a, mut b, mut c) = (vec![0f32; channels], vec![0f32; channels], vec![0f32; channels]);
        for i in 0..channels {
            let inverse = inverse_sd[i] as f64;
            let scale = weight[i] * inverse;
            a[i] = scale as f32;
            if matches!(pass.pass, Pass::Train { .. }) {
                let slope = -scale * inverse * in_sd[i] / rows;
                b[i] = slope as f32;
                c[i] = (-scale * sums[i] / rows - slope * mean[i] as f64) as f32;
            }
        }
        norm::blend(pass.isa, grad.data_mut(), x, &a, &b, &c);
        pass.parameters[WEIGHT].add_grad(&in_sd);
        pass.parameters[BIAS].add_grad(&sums);
        vec![Some(grad)]
    }
}
