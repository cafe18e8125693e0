//! Every kernel, under every instruction set of the machine, against plain loops in f64.

use super::conv::Epilogue;
use super::linear::LinearShape;
use super::norm::Gate;
use super::update::{AdamStep, SgdStep};
use super::*;
use crate::nn::compute::{Compute, Precision};

/// Repeatable values of about unit size, few of them equal.
pub(super) fn values(len: usize, seed: u64) -> Vec<f32> {
    let draw = |i: usize| {
        let mut z = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ seed.wrapping_mul(0xd134_2543_de82_ef95);
        z = (z ^ (z >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((z >> 40) as f32 / (1u64 << 24) as f32) * 2.0 - 1.0
    };
    (0..len).map(draw).collect()
}

/// Lends `len` floats with guards on both sides and fails where a kernel wrote beyond them.
pub(super) fn guarded(len: usize, job: impl FnOnce(&mut [f32])) -> Vec<f32> {
    const GUARD: usize = 40;
    let mut buffer = vec![77.25f32; len + 2 * GUARD];
    job(&mut buffer[GUARD..GUARD + len]);
    let outside = buffer[..GUARD].iter().chain(&buffer[GUARD + len..]);
    assert!(outside.into_iter().all(|v| *v == 77.25), "a kernel wrote beyond its output");
    buffer[GUARD..GUARD + len].to_vec()
}

fn close(what: &str, got: &[f32], want: &[f64]) {
    assert_eq!(got.len(), want.len());
    let off: f64 = got.iter().zip(want).map(|(g, w)| (*g as f64 - w).powi(2)).sum();
    let all: f64 = want.iter().map(|w| w * w).sum();
    assert!((off / all.max(1e-30)).sqrt() < 2e-6, "{what}: {:.2e}", (off / all).sqrt());
}

/// Every (z, y, x) below the three sizes.
fn places([d, h, w]: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    (0..d * h * w).map(move |i| [i / (h * w), i / w % h, i % w])
}

/// Calls `visit(input index, weight index, output index)` for every product of a convolution.
pub(super) fn products(s: &ConvShape, mut visit: impl FnMut(usize, usize, usize)) {
    let (size, out) = (s.input, s.output());
    let (ci, co) = (s.in_channels, s.out_channels);
    let at = |[_, h, w]: [usize; 3], n: usize, d: usize, [z, y, x]: [usize; 3]| ((n * d + z) * h + y) * w + x;
    for n in 0..s.batch {
        for o in places(out) {
            for tap in places(s.kernel) {
                let i = [0, 1, 2].map(|d| (o[d] * s.stride[d] + tap[d]).wrapping_sub(s.padding[d]));
                if (0..3).any(|d| i[d] >= size[d]) {
                    continue;
                }
                let (from, to) = (at(size, n, size[0], i), at(out, n, out[0], o));
                let tap = at(s.kernel, 0, 0, tap);
                for (c, k) in (0..ci).flat_map(|c| (0..co).map(move |k| (c, k))) {
                    visit(from * ci + c, (tap * ci + c) * co + k, to * co + k);
                }
            }
        }
    }
}

#[test]
fn linear_products_are_right_whatever_the_tails() {
    for (batch, inputs, outputs) in [(1, 1, 1), (3, 17, 5), (8, 16, 1), (5, 33, 8), (2, 2049, 3), (9, 300, 33)] {
        let s = LinearShape { batch, inputs, outputs };
        let (x, w) = (values(batch * inputs, 1), values(outputs * inputs, 2));
        let (g, bias) = (values(batch * outputs, 3), values(outputs, 4));
        let mut y: Vec<f64> = (0..batch * outputs).map(|i| bias[i % outputs] as f64).collect();
        let (mut dx, mut dw) = (vec![0f64; x.len()], vec![0f64; w.len()]);
        for (n, o, i) in (0..batch).flat_map(|n| (0..outputs).flat_map(move |o| (0..inputs).map(move |i| (n, o, i)))) {
            y[n * outputs + o] += x[n * inputs + i] as f64 * w[o * inputs + i] as f64;
            dx[n * inputs + i] += g[n * outputs + o] as f64 * w[o * inputs + i] as f64;
            dw[o * inputs + i] += g[n * outputs + o] as f64 * x[n * inputs + i] as f64;
        }
        for isa in Isa::available() {
            let name = format!("{s:?} under {}", isa.name());
            let compute = Compute { isa, precision: Precision::F32 };
            close(&name, &guarded(y.len(), |out| linear::forward(compute, &s, &x, &w, &bias, false, out)), &y);
            close(&name, &guarded(dx.len(), |out| linear::backward_data(compute, &s, &g, &w, out)), &dx);
            let got = guarded(dw.len(), |out| linear::backward_weight(compute, &s, &x, &g, false, out));
            close(&name, &got, &dw);
        }
    }
}

#[test]
fn channel_sums_are_right_for_every_number_of_rows_and_channels() {
    for channels in [1, 3, 5, 8, 16, 17, 33, 48] {
        for rows in [1, 2, 15, 16, 67, 700] {
            let (x, g) = (values(rows * channels, 1), values(rows * channels, 2));
            let by_channel = |f: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
                (0..channels).map(|c| (0..rows).map(|r| f(r * channels + c, c)).sum()).collect()
            };
            let mean: Vec<f64> = by_channel(&|i, _| x[i] as f64 / rows as f64);
            let var = by_channel(&|i, c| (x[i] as f64 - mean[c]).powi(2) / rows as f64);
            let narrow: Vec<f32> = mean.iter().map(|m| *m as f32).collect();
            for isa in Isa::available() {
                let name = format!("{rows} rows of {channels} under {}", isa.name());

                let close = |got: Vec<f64>, want: &[f64]| {
                    // Sums of signed values cancel: measured against what was summed.
                    let scale = (rows as f64).sqrt();
                    got.iter().zip(want).for_each(|(g, w)| assert!((g - w).abs() < 1e-6 * scale, "{name}: {g} {w}"));
                };
                let (m, v) = norm::moments(isa, &x, channels);
                close(m, &mean);
                close(v, &var);
                let (sums, centred) = norm::grad_sums(isa, &g, &x, &narrow, Gate::Open);
                close(sums, &by_channel(&|i, _| g[i] as f64));
                close(centred, &by_channel(&|i, c| g[i] as f64 * (x[i] as f64 - mean[c])));
                let mut masked = g.clone();
                let sums = norm::mask_and_sum(isa, &mut masked, Some(&x), channels);
                close(sums, &by_channel(&|i, _| if x[i] > 0.0 { g[i] as f64 } else { 0.0 }));
                assert!((0..x.len()).all(|i| masked[i] == if x[i] > 0.0 { g[i] } else { 0.0 }), "{name}");
                let (scale, shift) = (values(channels, 3), values(channels, 4));
                let got = guarded(x.len(), |out| norm::scale_shift(isa, &x, &scale, &shift, None, false, out));
                let want: Vec<f64> = (0..x.len())
                    .map(|i| x[i] as f64 * scale[i % channels] as f64 + shift[i % channels] as f64)
                    .collect();
                super::tests::close(&name, &got, &want);
                let third = values(channels, 5);
                let got = guarded(x.len(), |out| {
                    out.copy_from_slice(&g);
                    norm::blend(isa, out, &x, [&scale, &shift, &third], Gate::Open)
                });
                let want: Vec<f64> = (0..x.len())
                    .map(|i| (i, i % channels))
                    .map(|(i, c)| g[i] as f64 * scale[c] as f64 + x[i] as f64 * shift[c] as f64 + third[c] as f64)
                    .collect();
                super::tests::close(&name, &got, &want);
            }
        }
    }
}

#[test]
fn a_gate_lets_a_gradient_through_where_the_relu_behind_the_normalisation_did() {
    for (rows, channels) in [(1, 1), (67, 5), (40, 16), (33, 48)] {
        let (x, g, add) = (values(rows * channels, 1), values(rows * channels, 2), values(rows * channels, 3));
        let [scale, shift, a, b, c] = [4, 5, 6, 7, 8].map(|seed| values(channels, seed));
        let narrow = vec![0.25; channels];
        for (isa, sum) in Isa::available().flat_map(|isa| [(isa, false), (isa, true)]) {
            let name = format!("{rows} rows of {channels} under {}, sum {sum}", isa.name());
            let y =
                guarded(x.len(), |out| norm::scale_shift(isa, &x, &scale, &shift, sum.then_some(&add[..]), true, out));
            let want: Vec<f64> = (0..x.len())
                .map(|i| x[i] as f64 * scale[i % channels] as f64 + shift[i % channels] as f64)
                .enumerate()
                .map(|(i, v)| (if sum { v + add[i] as f64 } else { v }).max(0.0))
                .collect();
            close(&name, &y, &want);
            let gate = if sum { Gate::Output(&y) } else { Gate::ScaleShift(&scale, &shift) };
            let gated: Vec<f32> = (0..x.len()).map(|i| if y[i] > 0.0 { g[i] } else { 0.0 }).collect();
            assert_eq!(
                norm::grad_sums(isa, &g, &x, &narrow, gate),
                norm::grad_sums(isa, &gated, &x, &narrow, Gate::Open),
                "{name}"
            );
            let open = |out: &mut [f32]| {
                out.copy_from_slice(&gated);
                norm::blend(isa, out, &x, [&a, &b, &c], Gate::Open)
            };
            let want = guarded(x.len(), open);
            let got = guarded(x.len(), |out| {
                out.copy_from_slice(&g);
                norm::blend(isa, out, &x, [&a, &b, &c], gate)
            });
            assert_eq!(got, want, "{name}");
            let mut beside = vec![0.0; x.len()];
            let kept = guarded(x.len(), |out| {
                out.copy_from_slice(&g);
                norm::blend_beside(isa, out, &x, [&a, &b, &c], gate, Some(&mut beside))
            });
            assert_eq!((kept, beside), (gated.clone(), want), "{name}");
        }
    }
}

#[test]
fn pooling_takes_the_first_maximum_under_every_instruction_set() {
    for (input, channels, kernel, stride, padding) in [
        ([1, 8, 6], 17, [1, 2, 2], [1, 2, 2], [0, 0, 0]),
        ([1, 7, 9], 5, [1, 2, 2], [1, 2, 2], [0, 0, 0]),
        ([1, 9, 8], 8, [1, 3, 3], [1, 2, 2], [0, 1, 1]),
        ([1, 6, 11], 33, [1, 3, 2], [1, 1, 3], [0, 1, 1]),
        ([1, 5, 5], 1, [1, 5, 5], [1, 1, 1], [0, 2, 2]),
        ([1, 7, 7], 16, [1, 2, 2], [1, 3, 3], [0, 0, 0]),
        ([5, 6, 7], 17, [3, 2, 3], [2, 2, 1], [1, 0, 1]),
        ([4, 4, 4], 8, [2, 2, 2], [2, 2, 2], [0, 0, 0]),
    ] {
        let s = ConvShape { batch: 2, input, in_channels: channels, out_channels: channels, kernel, stride, padding };
        // Few distinct values, so that ties are common.
        let x: Vec<f32> = values(s.input_len(), 1).iter().map(|v| (v * 2.0).round()).collect();
        let g = values(s.output_len(), 2);
        let (mut y, mut holder) = (vec![f32::NEG_INFINITY; s.output_len()], vec![usize::MAX; s.output_len()]);
        let one = ConvShape { in_channels: 1, out_channels: 1, ..s };
        products(&one, |i, _, o| {
            for c in 0..channels {
                let (i, o) = (i * channels + c, o * channels + c);
                if x[i] > y[o] {
                    (y[o], holder[o]) = (x[i], i);
                }
            }
        });
        let mut dx = vec![0f32; x.len()];
        holder.iter().zip(&g).for_each(|(i, g)| dx[*i] += g);
        for isa in Isa::available() {
            let mut first = vec![0; y.len()];
            let got = guarded(y.len(), |out| pool::max_forward(isa, &s, &x, out, &mut first));
            assert_eq!(got, y, "{s:?} under {}", isa.name());
            let got = guarded(x.len(), |out| pool::max_backward(isa, &s, &g, &first, out));
            let off = got.iter().zip(&dx).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off < 1e-5, "{s:?} under {}: {off}", isa.name());
        }
    }
}

#[test]
fn a_nan_is_not_pooled_away() {
    let s = ConvShape {
        batch: 1,
        input: [1, 2, 2],
        in_channels: 1,
        out_channels: 1,
        kernel: [1, 2, 2],
        stride: [1, 2, 2],
        padding: [0; 3],
    };
    for isa in Isa::available() {
        for place in 0..4 {
            let mut x = vec![1.0, 2.0, 3.0, 4.0];
            x[place] = f32::NAN;
            let (mut y, mut first) = (vec![0.0], vec![0]);
            pool::max_forward(isa, &s, &x, &mut y, &mut first);
            assert!(y[0].is_nan(), "place {place} under {}", isa.name());
        }
    }
}

#[test]
fn optimizer_steps_agree_between_instruction_sets() {
    for len in [1, 7, 16, 33, 20_001] {
        let (g, m, v) = (values(len, 2), values(len, 3), values(len, 4).iter().map(|v| v.abs()).collect::<Vec<_>>());
        let adam = AdamStep {
            beta2: 0.999,
            one_minus_beta1: 0.1,
            one_minus_beta2: 0.001,
            step_size: 0.01,
            correction2_sqrt: 0.3,
            eps: 1e-8,
            l2: 0.1,
            shrink: 0.99,
        };
        let sgd = SgdStep { lr: 0.1, momentum: 0.9, l2: 0.01, first_step: false };
        let run = |isa| {
            let (mut w1, mut m1, mut v1) = (values(len, 1), m.clone(), v.clone());
            update::adam(isa, adam, &mut w1, &g, &mut m1, &mut v1);
            let (mut w2, mut m2) = (values(len, 1), m.clone());
            update::sgd(isa, sgd, &mut w2, &g, &mut m2);
            [w1, m1, v1, w2, m2]
        };
        let want = run(Isa::Portable).map(|a| a.into_iter().map(|v| v as f64).collect::<Vec<_>>());
        for isa in Isa::available() {
            run(isa).iter().zip(&want).for_each(|(got, want)| close(&format!("{len} under {}", isa.name()), got, want));
        }
    }
}

#[test]
fn results_are_bit_equal_for_every_number_of_threads() {
    let s = ConvShape {
        batch: 3,
        input: [2, 37, 29],
        in_channels: 5,
        out_channels: 17,
        kernel: [1, 3, 3],
        stride: [1; 3],
        padding: [0, 1, 1],
    };
    let (x, w, g) = (values(s.input_len(), 1), values(s.weight_len(), 2), values(s.output_len(), 3));
    let l = LinearShape { batch: 3, inputs: 5000, outputs: 20 };
    let (lx, lw) = (values(l.batch * l.inputs, 4), values(l.outputs * l.inputs, 5));
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let isa = Isa::detect();
            let (mut y, mut dx) = (vec![0.0; s.output_len()], vec![0.0; s.input_len()]);
            let (mut dw, mut ly) = (vec![0.0; s.weight_len()], vec![0.0; l.batch * l.outputs]);
            let compute = Compute { isa, precision: Precision::F32Strict };
            conv::forward(compute, &s, &x, &w, Epilogue { relu: true, ..Epilogue::default() }, &mut y);
            conv::backward_data(compute, &s, &g, &w, Epilogue::default(), &mut dx);
            conv::backward_weight(compute, &s, &x, &g, false, &mut dw);
            linear::forward(compute, &l, &lx, &lw, &[], false, &mut ly);
            let (mean, var) = norm::moments(isa, &y, s.out_channels);
            (y, dx, dw, ly, mean, var, norm::mask_and_sum(isa, &mut g.clone(), None, s.out_channels))
        })
    };
    let one = run(1);
    for threads in [2, 3, 7] {
        assert!(run(threads) == one, "{threads} threads");
    }
}
