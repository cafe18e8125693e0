//! Batch normalisation over the last dimension: volumes, images and rows (N, C) alike; with the
//! residual sum and the ReLU behind it in the same breath.

use super::*;
use crate::nn::kernel::cpu::{norm, relevance as kernel};
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

    fn as_batch_norm(&self) -> Option<&BatchNorm> {
        Some(self)
    }

    /// The sign of the sum behind a fused addition is not to be had from the input alone.
    fn needs(&self, fused: Fused) -> Needs {
        Needs { input: true, output: fused.add && fused.relu }
    }

    fn fuses(&self, _: bool) -> Fused {
        Fused { add: true, relu: true, batch_norm: false }
    }

    fn forward(&self, pass: Forward, inputs: &[&Tensor]) -> Tensor {
        let x = inputs[0].data();
        let channels = pass.parameters[WEIGHT].value.len();
        let (mean, var) = match pass.pass {
            Pass::Train { .. } => {
                let (mean, var) = norm::moments(pass.compute.isa, x, channels);
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
            Pass::Eval => running(pass.parameters),
        };
        let ScaleShift { scale, shift } = self.scale_shift(pass.parameters, &mean, &var);
        let mut output = pass.recycle.tensor(pass.output_shape);
        let add = pass.fused.add.then(|| inputs[1].data());
        norm::scale_shift(pass.compute.isa, x, &scale, &shift, add, pass.fused.relu, output.data_mut());
        let inverse_sd = var.iter().map(|v| 1.0 / (v + self.eps).sqrt());
        let inverse_sd = inverse_sd.map(|v| v as f32).collect();
        let narrow: Vec<f32> = mean.iter().map(|v| *v as f32).collect();
        // What an f32 loses of a mean counts where it is large beside the spread.
        let rest = mean.iter().zip(&narrow).map(|(m, n)| (m - *n as f64) as f32).collect();
        pass.saved.floats = vec![narrow, rest, inverse_sd, scale, shift];
        output
    }

    /// With x' = (x - mean) / sd, dx = w / sd * (dy - mean(dy) - x' * mean(dy * x')) in training;
    /// with fixed statistics the two means are not subtracted.
    fn backward(&self, pass: Backward, mut grad: Tensor) -> Vec<Option<Tensor>> {
        let isa = pass.compute.isa;
        let x = pass.input(0).data();
        let [mean, rest, inverse_sd, scale, shift] = &pass.saved.floats[..] else {
            unreachable!("forward saved five rows of statistics")
        };
        let channels = mean.len();
        let rows = (x.len() / channels) as f64;
        let gate = match pass.fused {
            Fused { relu: false, .. } => norm::Gate::Open,
            // The same arithmetic as forward, so the same signs, and no other activation to read.
            Fused { add: false, .. } => norm::Gate::ScaleShift(scale, shift),
            _ => norm::Gate::Output(pass.output().data()),
        };
        let (sums, mut centred) = norm::grad_sums(isa, grad.data(), x, mean, gate);
        centred.iter_mut().zip(&sums).zip(rest).for_each(|((c, s), r)| *c -= s * *r as f64);
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
                c[i] = (-scale * sums[i] / rows - slope * (mean[i] as f64 + rest[i] as f64)) as f32;
            }
        }
        if pass.parameters[WEIGHT].spec.trainable {
            pass.parameters[WEIGHT].add_grad(&in_sd);
            pass.parameters[BIAS].add_grad(&sums);
        }
        if !pass.fused.add {
            norm::blend(isa, grad.data_mut(), x, [&a, &b, &c], gate);
            return vec![Some(grad)];
        }
        // The other summand gets the gated gradient itself, in place.
        let mut grad_input = pass.wanted[0].then(|| pass.recycle.tensor(pass.input_shapes[0].clone()));
        let target = grad_input.as_mut().map(|t| t.data_mut());
        norm::blend_beside(isa, grad.data_mut(), x, [&a, &b, &c], gate, target);
        vec![grad_input, Some(grad)]
    }

    fn treats(&self, _: &Rule) -> bool {
        true
    }

    fn relevance_needs(&self, fused: Fused, rule: &Rule) -> Needs {
        match rule.norm {
            Norm::Gradient => self.needs(fused),
            Norm::Epsilon { .. } => Needs { input: true, output: true },
            Norm::Identity => Needs::default(),
        }
    }

    /// With fixed statistics it is y = scale x + shift, one value a channel.
    fn relevance(&self, mut pass: Relevance, mut relevance: Tensor) -> Vec<Option<Tensor>> {
        let isa = pass.backward.compute.isa;
        let epsilon = match pass.rule.norm {
            Norm::Gradient => return self.backward(pass.backward, relevance),
            Norm::Identity => return vec![Some(relevance)],
            Norm::Epsilon { epsilon } => epsilon,
        };
        let [.., scale, shift] = &pass.backward.saved.floats[..] else {
            unreachable!("forward saved five rows of statistics")
        };
        kernel::divide(isa, relevance.data_mut(), pass.backward.output().data(), epsilon);
        product::absorb(&mut pass.absorbed, relevance.data(), shift);
        let mut result = pass.backward.recycle.tensor(relevance.shape().to_vec());
        let none = vec![0.0; scale.len()];
        norm::scale_shift(isa, relevance.data(), scale, &none, None, false, result.data_mut());
        kernel::multiply(isa, result.data_mut(), pass.backward.input(0).data());
        pass.backward.recycle.give(relevance);
        vec![Some(result)]
    }

    fn emit_forward(&self, e: &mut Emitter, site: &mut Site) -> Value {
        let x = site.inputs[0].clone();
        let moments = match site.training {
            true => e.batch_moments(&x, &site.parameters, self.momentum, self.eps),
            false => e.running(&site.parameters, self.eps, x.channels()),
        };
        site.saved = vec![moments.mean, moments.inverse_sd, moments.scale, moments.shift];
        let output = e.value(site.output_shape.clone(), x.element);
        let addend = site.fused.add.then(|| site.inputs[1].clone());
        e.apply_norm(&x, moments, addend.as_ref(), site.fused.relu, &output);
        output
    }

    fn emit_backward(&self, e: &mut Emitter, site: &mut Site, grad: Value) -> Vec<Option<Value>> {
        let [mean, inverse_sd, scale, shift] = site.saved[..] else {
            unreachable!("forward saved four rows of statistics")
        };
        let grad_input = e.norm_backward(site, &grad, Moments { mean, inverse_sd, scale, shift });
        if site.fused.add { vec![grad_input, Some(grad)] } else { vec![grad_input] }
    }
}

impl BatchNorm {
    /// What it does with its running statistics: the layer before it may do that on the way.
    pub(in crate::nn) fn running_scale_shift(&self, parameters: &[Parameter]) -> ScaleShift {
        let (mean, var) = running(parameters);
        self.scale_shift(parameters, &mean, &var)
    }

    /// The same, scale and shift of each channel unrounded.
    pub(in crate::nn) fn running_scale_shift_f64(&self, parameters: &[Parameter]) -> Vec<(f64, f64)> {
        let (mean, var) = running(parameters);
        self.scale_shift_f64(parameters, &mean, &var).collect()
    }

    fn scale_shift(&self, parameters: &[Parameter], mean: &[f64], var: &[f64]) -> ScaleShift {
        let each = self.scale_shift_f64(parameters, mean, var);
        let (scale, shift) = each.map(|(scale, shift)| (scale as f32, shift as f32)).unzip();
        ScaleShift { scale, shift }
    }

    fn scale_shift_f64(&self, parameters: &[Parameter], mean: &[f64], var: &[f64]) -> impl Iterator<Item = (f64, f64)> {
        let (weight, bias) = (&parameters[WEIGHT].value, &parameters[BIAS].value);
        (0..mean.len()).map(move |c| {
            let scale = weight[c] as f64 / (var[c] + self.eps).sqrt();
            (scale, bias[c] as f64 - scale * mean[c])
        })
    }
}

/// Running mean and variance.
fn running(parameters: &[Parameter]) -> (Vec<f64>, Vec<f64>) {
    let wide = |i: usize| parameters[i].value.iter().map(|v| *v as f64).collect::<Vec<_>>();
    (wide(RUNNING_MEAN), wide(RUNNING_VAR))
}
