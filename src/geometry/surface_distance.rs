//! Distances between the surfaces of two volumes in millimetres, whatever the spacing of their voxels.

/// The Hausdorff distance between the surfaces of `label` in two label maps of one shape (x fastest, then y, then z).
///
/// The surface is every voxel with one of its six neighbours outside, as `medpy.metric.hd` has it, which ACDC's
/// evaluation uses; what is not in the array is outside. `None` where either has no such voxel.
pub fn hausdorff_mm(
    truth: &[u8],
    prediction: &[u8],
    label: u8,
    shape: [usize; 3],
    spacing_mm: [f64; 3],
) -> Option<f64> {
    let (truth, prediction) = (surface(truth, label, shape), surface(prediction, label, shape));
    let (low, high) = bounds(truth.iter().chain(&prediction))?;
    let grid = Grid { low, size: [0, 1, 2].map(|i| high[i] - low[i] + 1), spacing_mm };
    let greatest = |from: &[[usize; 3]], to: &[[usize; 3]]| {
        let squared = grid.squared_distances_mm2(to);
        from.iter().map(|v| squared[grid.index(v)]).fold(0.0, f64::max)
    };
    if truth.is_empty() || prediction.is_empty() {
        return None;
    }
    Some(greatest(&truth, &prediction).max(greatest(&prediction, &truth)).sqrt())
}

/// Voxels of the surface, as x, y, z.
fn surface(labels: &[u8], label: u8, [nx, ny, nz]: [usize; 3]) -> Vec<[usize; 3]> {
    let inside = |at: usize| labels[at] == label;
    let strides = [1, nx, nx * ny];
    let mut found = Vec::new();
    for (at, _) in labels.iter().enumerate().filter(|(_, l)| **l == label) {
        let voxel = [at % nx, at / nx % ny, at / (nx * ny)];
        let hidden = [nx, ny, nz]
            .iter()
            .zip(strides)
            .zip(voxel)
            .all(|((n, stride), i)| i > 0 && i + 1 < *n && inside(at - stride) && inside(at + stride));
        if !hidden {
            found.push(voxel);
        }
    }
    found
}

/// The least and the greatest x, y and z; `None` of no voxels.
fn bounds<'a>(voxels: impl Iterator<Item = &'a [usize; 3]>) -> Option<([usize; 3], [usize; 3])> {
    voxels.fold(None, |bounds, voxel| {
        let (low, high) = bounds.unwrap_or((*voxel, *voxel));
        Some(([0, 1, 2].map(|i| low[i].min(voxel[i])), [0, 1, 2].map(|i| high[i].max(voxel[i]))))
    })
}

/// The box in which distances are taken.
struct Grid {
    low: [usize; 3],
    size: [usize; 3],
    spacing_mm: [f64; 3],
}

impl Grid {
    fn index(&self, voxel: &[usize; 3]) -> usize {
        let [x, y, z] = [0, 1, 2].map(|i| voxel[i] - self.low[i]);
        (z * self.size[1] + y) * self.size[0] + x
    }

    /// To the nearest of `targets`, of which there is one at least, from every voxel of the box: along one axis after
    /// the other (Felzenszwalb and Huttenlocher, Theory of Computing 8:415-428, 2012).
    fn squared_distances_mm2(&self, targets: &[[usize; 3]]) -> Vec<f64> {
        let mut squared = vec![f64::INFINITY; self.size.iter().product()];
        targets.iter().for_each(|v| squared[self.index(v)] = 0.0);
        let longest = self.size.iter().copied().max().unwrap_or(0);
        let (mut line, mut envelope) = (vec![0.0; longest], Envelope::default());
        let mut stride = 1;
        for (n, spacing) in self.size.into_iter().zip(self.spacing_mm) {
            for start in (0..squared.len()).filter(|i| i / stride % n == 0) {
                (0..n).for_each(|i| line[i] = squared[start + i * stride]);
                envelope.under(&line[..n], spacing);
                envelope.read(n, |i, value| squared[start + i * stride] = value);
            }
            stride *= n;
        }
        squared
    }
}

/// The least of the parabolas value + (spacing * (x - i))^2, left to right.
#[derive(Default)]
struct Envelope {
    /// Where each parabola stands, its value there, and from which x on it is the least; x in mm.
    parts: Vec<(f64, f64, f64)>,
    spacing: f64,
}

impl Envelope {
    fn under(&mut self, line: &[f64], spacing: f64) {
        self.parts.clear();
        self.spacing = spacing;
        for (i, value) in line.iter().enumerate().filter(|(_, v)| v.is_finite()) {
            let at = i as f64 * spacing;
            let mut from = f64::NEG_INFINITY;
            while let Some((other, lowest, begins)) = self.parts.last().copied() {
                let crossing = ((value + at * at) - (lowest + other * other)) / (2.0 * (at - other));
                if crossing > begins {
                    from = crossing;
                    break;
                }
                self.parts.pop();
            }
            self.parts.push((at, *value, from));
        }
    }

    /// Hands out the envelope at the first `n` places; nothing where there is no parabola.
    fn read(&self, n: usize, mut out: impl FnMut(usize, f64)) {
        let mut part = 0;
        for i in 0..n {
            let x = i as f64 * self.spacing;
            while part + 1 < self.parts.len() && self.parts[part + 1].2 <= x {
                part += 1;
            }
            if let Some((at, value, _)) = self.parts.get(part) {
                out(i, value + (x - at).powi(2));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every voxel of one surface against every one of the other.
    fn by_trying(truth: &[u8], prediction: &[u8], shape: [usize; 3], spacing: [f64; 3]) -> Option<f64> {
        let (a, b) = (surface(truth, 1, shape), surface(prediction, 1, shape));
        let apart = |p: &[usize; 3], q: &[usize; 3]| {
            (0..3).map(|i| ((p[i] as f64 - q[i] as f64) * spacing[i]).powi(2)).sum::<f64>().sqrt()
        };
        let one = |from: &[[usize; 3]], to: &[[usize; 3]]| {
            from.iter().map(|p| to.iter().map(|q| apart(p, q)).fold(f64::INFINITY, f64::min)).fold(0.0, f64::max)
        };
        (!a.is_empty() && !b.is_empty()).then(|| one(&a, &b).max(one(&b, &a)))
    }

    #[test]
    fn it_is_the_greatest_of_all_least_distances_at_uneven_spacing() {
        for round in 0..40u64 {
            let shape = [9 + round as usize % 5, 7, 4];
            let spacing = [1.5625, 1.4, [10.0, 0.5, 1.0][round as usize % 3]];
            let n = shape.iter().product::<usize>();
            // Dense and sparse ones.
            let draw = |salt: u64| -> Vec<u8> {
                let share = 1 + round % 7;
                let mut state = salt + 2 * round;
                let mut next = || {
                    // Knuth's MMIX.
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    state >> 61
                };
                (0..n).map(|_| u8::from(next() < share)).collect()
            };
            let (a, b) = (draw(1), draw(2));
            let (found, wanted) = (hausdorff_mm(&a, &b, 1, shape, spacing), by_trying(&a, &b, shape, spacing));
            match (found, wanted) {
                (Some(found), Some(wanted)) => assert!((found - wanted).abs() < 1e-9, "{found} {wanted}"),
                other => assert_eq!(other, (None, None)),
            }
        }
    }

    #[test]
    fn a_box_moved_along_the_slices_is_as_far_as_they_are_apart() {
        let shape = [6, 6, 5];
        let boxed = |low: usize| -> Vec<u8> {
            (0..180).map(|i| u8::from((1..5).contains(&(i % 6)) && (low..low + 2).contains(&(i / 36)))).collect()
        };
        assert_eq!(hausdorff_mm(&boxed(0), &boxed(3), 1, shape, [1.0, 1.0, 10.0]), Some(30.0));
        assert_eq!(hausdorff_mm(&boxed(1), &boxed(1), 1, shape, [1.0, 1.0, 10.0]), Some(0.0));
        assert_eq!(hausdorff_mm(&boxed(1), &[0; 180], 1, shape, [1.0; 3]), None);
        assert_eq!(hausdorff_mm(&[0; 180], &[0; 180], 1, shape, [1.0; 3]), None);
    }
}
