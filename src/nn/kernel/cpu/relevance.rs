//! Element by element over relevance: quotients that know zero, products, and the gates of ReLUs.

use super::elementwise::in_place;
use super::simd::Isa;
use rayon::prelude::*;

/// `r = r / (z + epsilon sign z)`, where sign 0 is positive and a quotient by zero is zero.
/// `z` repeats where it is shorter.
pub fn divide(isa: Isa, r: &mut [f32], z: &[f32], epsilon: f32) {
    assert!(!z.is_empty() && r.len().is_multiple_of(z.len()));
    repeating(isa, r, z, |r, z| {
        for (r, z) in r.iter_mut().zip(z) {
            let d = if *z < 0.0 { *z - epsilon } else { *z + epsilon };
            *r = if d == 0.0 { 0.0 } else { *r / d };
        }
    });
}

/// `z = factor * r / z`, where a quotient by zero is zero.
pub fn divide_into(isa: Isa, z: &mut [f32], r: &[f32], factor: f32) {
    assert_eq!(r.len(), z.len());
    repeating(isa, z, r, |z, r| {
        z.iter_mut().zip(r).for_each(|(z, r)| *z = if *z == 0.0 { 0.0 } else { factor * *r / *z });
    });
}

/// `r = r * x`.
pub fn multiply(isa: Isa, r: &mut [f32], x: &[f32]) {
    assert_eq!(r.len(), x.len());
    repeating(isa, r, x, |r, x| r.iter_mut().zip(x).for_each(|(r, x)| *r *= x));
}

/// `r = r - y`; `y` repeats where it is shorter.
pub fn subtract(isa: Isa, r: &mut [f32], y: &[f32]) {
    assert!(!y.is_empty() && r.len().is_multiple_of(y.len()));
    repeating(isa, r, y, |r, y| r.iter_mut().zip(y).for_each(|(r, y)| *r -= y));
}

/// What is positive of `x`, or what is negative, to `y`.
pub fn part(isa: Isa, x: &[f32], positive: bool, y: &mut [f32]) {
    assert_eq!(x.len(), y.len());
    repeating(isa, y, x, |y, x| match positive {
        true => y.iter_mut().zip(x).for_each(|(y, x)| *y = if *x > 0.0 { *x } else { 0.0 }),
        false => y.iter_mut().zip(x).for_each(|(y, x)| *y = if *x < 0.0 { *x } else { 0.0 }),
    });
}

/// DeConvNet's gate: what is negative becomes zero.
pub fn keep_positive(isa: Isa, r: &mut [f32]) {
    in_place(isa, r, |_, r| r.iter_mut().for_each(|r| *r = if *r > 0.0 { *r } else { 0.0 }));
}

/// Guided backpropagation's gate: zero where `r` or `output` is not positive.
pub fn keep_guided(isa: Isa, r: &mut [f32], output: &[f32]) {
    assert_eq!(r.len(), output.len());
    repeating(isa, r, output, |r, y| {
        r.iter_mut().zip(y).for_each(|(r, y)| *r = if *r > 0.0 && *y > 0.0 { *r } else { 0.0 });
    });
}

/// Whether any value is below zero.
pub fn any_negative(values: &[f32]) -> bool {
    values.par_chunks(1 << 14).any(|chunk| chunk.iter().any(|v| *v < 0.0))
}

/// The sum of all values.
pub fn total(values: &[f32]) -> f64 {
    values.iter().map(|v| f64::from(*v)).sum()
}

/// Runs `job` over stretches of `y` and of `x`, which begins again where it ends.
fn repeating(isa: Isa, y: &mut [f32], x: &[f32], job: impl Fn(&mut [f32], &[f32]) + Sync + Send) {
    in_place(isa, y, |first, mut y| {
        let mut at = first % x.len();
        while !y.is_empty() {
            let n = y.len().min(x.len() - at);
            let (now, later) = y.split_at_mut(n);
            job(now, &x[at..at + n]);
            (y, at) = (later, 0);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotient_knows_zero_and_repeats_its_denominators() {
        for isa in Isa::available() {
            let mut r = vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
            divide(isa, &mut r, &[2.0, 0.0, -1.0], 0.0);
            assert_eq!(r, [0.5, 0.0, -3.0, 2.0, 0.0, -6.0]);
            let mut r = vec![1.0, 1.0, 1.0];
            divide(isa, &mut r, &[0.0, 1.0, -1.0], 1.0);
            assert_eq!(r, [1.0, 0.5, -0.5]);
            let mut z = vec![2.0, 0.0];
            divide_into(isa, &mut z, &[3.0, 3.0], -2.0);
            assert_eq!(z, [-3.0, 0.0]);
        }
    }

    #[test]
    fn long_arrays_are_cut_where_both_are() {
        let x: Vec<f32> = (0..1000).map(|i| i as f32).collect();
        let mut y = vec![0.0; 100_000];
        subtract(Isa::current(), &mut y, &x);
        assert!(y.iter().enumerate().all(|(i, y)| *y == -((i % 1000) as f32)));
        assert!(any_negative(&y) && !any_negative(&x));
    }

    #[test]
    fn gates_and_parts_keep_what_they_say() {
        for isa in Isa::available() {
            let mut r = vec![1.0, -1.0, 2.0, -2.0];
            keep_guided(isa, &mut r, &[0.0, 1.0, 3.0, 0.0]);
            assert_eq!(r, [0.0, 0.0, 2.0, 0.0]);
            let mut r = vec![1.0, -1.0];
            keep_positive(isa, &mut r);
            assert_eq!(r, [1.0, 0.0]);
            let mut y = vec![9.0; 2];
            part(isa, &[3.0, -4.0], false, &mut y);
            assert_eq!(y, [0.0, -4.0]);
        }
    }
}
