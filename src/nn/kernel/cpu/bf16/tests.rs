//! Every body of the bf16 product, and the passes on each, against plain loops in f64 on rounded operands.

use super::round::{round, rounded, widen};
use super::tile::{PANEL, Product, SIDE, STEP};
use super::*;
use crate::nn::kernel::cpu::linear::LinearShape;
use crate::nn::kernel::cpu::tests::{guarded, products, values};

#[test]
fn rounding_is_to_nearest_with_ties_to_even_for_every_upper_half() {
    for upper in 0..=u16::MAX {
        for lower in [0u32, 1, 0x7fff, 0x8000, 0x8001, 0xffff] {
            let x = f32::from_bits((upper as u32) << 16 | lower);
            let got = widen(round(x));
            if x.is_nan() {
                assert!(got.is_nan(), "{upper:04x} {lower:04x}");
                continue;
            }
            // The two neighbours by magnitude; beyond the largest, where the next one would be.
            let value = |half: u16| match widen(half) {
                v if v.is_infinite() => 2f64.powi(128).copysign(v as f64),
                v => v as f64,
            };
            let (below, x64) = (value(upper), if x.is_infinite() { value(upper) } else { x as f64 });
            let above = if x.is_infinite() { below } else { value(upper + 1) };
            let (down, up) = ((x64 - below).abs(), (above - x64).abs());
            let nearest =
                if down < up || (down == up && (upper % 2 == 0 || x.is_infinite())) { upper } else { upper + 1 };
            assert_eq!(got.to_bits(), widen(nearest).to_bits(), "{upper:04x} {lower:04x}");
        }
    }
}

#[test]
fn rounded_copies_are_rounded_under_every_instruction_set_whatever_their_length() {
    for len in [0, 1, 17, 70_001] {
        let x = values(len, 1);
        let want: Vec<f32> = x.iter().map(|x| widen(round(*x))).collect();
        for isa in Isa::available() {
            assert_eq!(rounded(isa, &x), want, "{len} under {}", isa.name());
        }
    }
}

/// Every body with the instruction set that packs for it.
fn bodies() -> Vec<Body> {
    let model = Isa::available().map(|isa| Body { isa, unit: Bf16Unit::Portable });
    let units = Bf16Unit::available().filter(|unit| *unit != Bf16Unit::Portable);
    let bodies: Vec<Body> = model.chain(units.map(|unit| Body { isa: Isa::Avx512, unit })).collect();
    if !bodies.iter().any(|body| body.unit == Bf16Unit::Amx) {
        eprintln!("left out: this machine has no AMX, so its tiles were not compared");
    }
    bodies
}

#[test]
fn every_body_multiplies_as_the_model_does() {
    let a: Vec<u16> = values(8192, 1).iter().map(|v| round(*v)).collect();
    let b: Vec<u16> = values(3 * PANEL, 2).iter().map(|v| round(*v)).collect();
    let start = values(SIDE * 40, 3);
    for (rows, columns) in [1, 5, 12, 16, 17, 31, 32].into_iter().flat_map(|r| [1, 16, 17, 32].map(|c| (r, c))) {
        // Steps may lie anywhere, at odd places too, and follow in any order.
        for steps in [&[][..], &[0], &[64, 7, 31]] {
            for accumulate in [false, true] {
                let run = |body: Body| {
                    guarded(start.len(), |c| {
                        c.copy_from_slice(&start);
                        let product = Product {
                            a: a.as_ptr(),
                            a_row: 5 * STEP,
                            steps,
                            b: b.as_ptr(),
                            rows,
                            columns,
                            c: c.as_mut_ptr(),
                            c_row: 40,
                            accumulate,
                        };
                        // Safety: the operands hold 32 rows and three steps, C 32 rows of 40.
                        body.unit.enter(|| unsafe { body.unit.multiply(product) })
                    })
                };
                let want = run(Body { isa: Isa::Portable, unit: Bf16Unit::Portable });
                for body in bodies() {
                    let got = run(body);
                    for (i, j) in (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))) {
                        let (got, want) = (got[i * 40 + j], want[i * 40 + j]);
                        let name = format!("{rows}x{columns} {steps:?} {accumulate} on {}", body.unit.name());
                        assert!((got - want).abs() < 4e-6, "{name}: {got} {want}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_body_treats_what_is_not_finite_or_not_normal_alike() {
    let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e-39, -1e-39, f32::MAX, 1e-20, 0.0, 1.0];
    for (x, y) in odd.into_iter().flat_map(|x| odd.map(|y| (x, y))) {
        let (mut a, mut b) = (vec![0; SIDE * STEP], vec![0; PANEL]);
        (a[0], b[0]) = (round(x), round(y));
        let run = |body: Body| {
            let mut c = vec![0f32; SIDE * SIDE];
            let product = Product {
                a: a.as_ptr(),
                a_row: STEP,
                steps: &[0],
                b: b.as_ptr(),
                rows: SIDE,
                columns: SIDE,
                c: c.as_mut_ptr(),
                c_row: SIDE,
                accumulate: false,
            };
            // Safety: one step of 32 rows and 32 columns.
            body.unit.enter(|| unsafe { body.unit.multiply(product) });
            c[0]
        };
        let want = run(Body { isa: Isa::Portable, unit: Bf16Unit::Portable });
        for body in bodies() {
            let got = run(body);
            assert!(got == want || (got.is_nan() && want.is_nan()), "{x} * {y} on {}: {got} {want}", body.unit.name());
        }
    }
}

fn close(what: &str, got: &[f32], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len());
    let off: f64 = got.iter().zip(want).map(|(g, w)| (*g as f64 - w).powi(2)).sum();
    let all: f64 = want.iter().map(|w| w * w).sum();
    let off = (off / all.max(1e-30)).sqrt();
    assert!(off < tolerance, "{what}: {off:.2e}");
}

/// Odd sizes, tails, strides, paddings and depths; whole steps of channels, many taps of few, many blocks.
fn shapes() -> Vec<ConvShape> {
    let mut shapes = Vec::new();
    let mut add = |batch, input, in_channels, out_channels, kernel, stride, padding| {
        shapes.push(ConvShape { batch, input, in_channels, out_channels, kernel, stride, padding })
    };
    for channels in [1, 3, 5, 8, 16, 17, 33] {
        add(2, [1, 7, 19], channels, 8, [1, 3, 3], [1, 1, 1], [0, 1, 1]);
        add(1, [1, 6, 5], 3, channels, [1, 3, 3], [1, 1, 1], [0, 1, 1]);
        add(2, [1, 9, 8], channels, channels, [1, 3, 3], [1, 2, 2], [0, 1, 1]);
    }
    add(2, [5, 6, 7], 3, 5, [3, 3, 3], [1, 1, 1], [1, 1, 1]);
    add(1, [6, 5, 9], 17, 18, [3, 3, 2], [2, 1, 2], [1, 0, 1]);
    add(1, [4, 3, 5], 2, 3, [2, 2, 1], [1, 2, 3], [3, 0, 0]);
    add(2, [3, 4, 4], 4, 16, [1, 1, 1], [2, 1, 1], [0, 0, 0]);
    add(1, [1, 9, 11], 3, 16, [1, 7, 7], [1, 2, 2], [0, 3, 3]);
    add(2, [1, 8, 9], 5, 3, [1, 2, 2], [1, 3, 3], [0, 0, 0]);
    add(2, [1, 8, 9], 65, 3, [1, 2, 2], [1, 3, 3], [0, 0, 0]);
    add(1, [1, 4, 3], 8, 64, [1, 1, 1], [1, 1, 1], [0, 0, 0]);
    add(2, [1, 7, 6], 17, 5, [1, 1, 1], [1, 2, 2], [0, 0, 0]);
    add(1, [1, 5, 9], 1, 1, [1, 5, 3], [1, 2, 3], [0, 2, 1]);
    // More padding than the kernel is wide: whole windows of zeros.
    add(1, [1, 3, 4], 2, 3, [1, 2, 2], [1, 1, 1], [0, 3, 3]);
    add(1, [2, 3, 4], 40, 3, [2, 2, 2], [1, 1, 1], [2, 3, 3]);
    // One output, the kernel as large as the image.
    add(3, [1, 4, 5], 3, 7, [1, 4, 5], [1, 1, 1], [0, 0, 0]);
    add(2, [1, 9, 10], 32, 33, [1, 3, 3], [1, 1, 1], [0, 1, 1]);
    add(3, [1, 7, 7], 64, 40, [1, 3, 3], [1, 1, 1], [0, 1, 1]);
    add(2, [1, 11, 10], 64, 32, [1, 3, 3], [1, 2, 2], [0, 1, 1]);
    add(1, [3, 8, 9], 64, 48, [3, 3, 3], [2, 2, 1], [1, 1, 0]);
    add(2, [1, 9, 7], 96, 65, [1, 1, 1], [1, 2, 2], [0, 0, 0]);
    // The inner dimension in several pieces, and several slices in a job.
    add(9, [1, 4, 5], 576, 34, [1, 1, 1], [1, 1, 1], [0, 0, 0]);
    add(1, [1, 90, 70], 33, 16, [1, 3, 3], [1, 1, 1], [0, 1, 1]);
    add(1, [1, 150, 40], 3, 16, [1, 3, 3], [1, 1, 1], [0, 1, 1]);
    add(1, [1, 60, 70], 3, 64, [1, 7, 7], [1, 2, 2], [0, 3, 3]);
    // More packed numbers than are held at a time.
    add(1, [1, 260, 260], 48, 48, [1, 1, 1], [1, 1, 1], [0, 0, 0]);
    shapes
}
