//! Edges of a grey image by Canny's method, below a pixel: blur, gradient, ridge, hysteresis.
//!
//! Canny, IEEE TPAMI 8(6), 1986. On a filled mask the ridge of the gradient lies between the pixels, and the parabola
//! through three gradients finds it there; whole-pixel Canny would choose one side or the other.

use crate::error::{Error, Result};

/// The settings of the method; the defaults suit masks and probability maps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Canny {
    /// Standard deviation of the blur, in px.
    pub sigma_px: f64,
    /// Edges weaker than this share of the strongest gradient are dropped …
    pub low: f64,
    /// … and so are those that no edge of this share is joined to.
    pub high: f64,
}

impl Default for Canny {
    fn default() -> Self {
        Canny { sigma_px: 1.0, low: 0.2, high: 0.5 }
    }
}

impl Canny {
    /// Points on the edges of `values`, `height` rows of `width`, in px, row by row. An image of one value has none.
    pub fn edges(&self, values: &[f32], width: usize, height: usize) -> Result<Vec<(f64, f64)>> {
        if width.checked_mul(height) != Some(values.len()) {
            return Err(Error::new(format!("{} values are no image of {width}x{height} px", values.len())));
        }
        let sane =
            (0.1..=100.0).contains(&self.sigma_px) && 0.0 < self.low && self.low <= self.high && self.high <= 1.0;
        if !sane {
            return Err(Error::usage("Canny takes a blur of 0.1 to 100 px and thresholds 0 < low <= high <= 1"));
        }
        if width < 3 || height < 3 {
            return Ok(Vec::new());
        }
        let smooth = blur(values, width, height, self.sigma_px);
        let gradient = gradients(&smooth, width, height);
        let size = |i: usize| f64::from(gradient[i].0).hypot(f64::from(gradient[i].1));
        let sizes: Vec<f64> = (0..values.len()).map(size).collect();
        let strongest = sizes.iter().fold(0.0, |most: f64, size| most.max(*size));
        // Rounding alone makes no edge.
        if strongest.is_nan() || strongest < 1e-6 {
            return Ok(Vec::new());
        }
        let mut ridge = vec![None; values.len()];
        for y in 1..height - 1 {
            for x in 1..width - 1 {
                let i = y * width + x;
                if sizes[i] >= self.low * strongest {
                    ridge[i] = on_ridge(&sizes, width, i, gradient[i], (x, y));
                }
            }
        }
        Ok(joined(&ridge, width, |i| sizes[i] >= self.high * strongest))
    }
}

/// The place of the greatest gradient across the edge, if it lies within this pixel.
fn on_ridge(sizes: &[f64], width: usize, i: usize, (gx, gy): (f32, f32), at: (usize, usize)) -> Option<(f64, f64)> {
    let (gx, gy) = (f64::from(gx) / sizes[i], f64::from(gy) / sizes[i]);
    // A step across that ends between two neighbours, one of them straight, the other diagonal.
    let longer = gx.abs().max(gy.abs());
    let (dx, dy) = (gx / longer, gy / longer);
    let sample = |sign: f64| {
        let (x, y) = (at.0 as f64 + sign * dx, at.1 as f64 + sign * dy);
        let (u, v) = (x.floor(), y.floor());
        let (fx, fy) = (x - u, y - v);
        let value = |u: f64, v: f64| {
            let (u, v) = ((u as usize).min(width - 1), (v as usize).min(sizes.len() / width - 1));
            sizes[v * width + u]
        };
        (value(u, v) * (1.0 - fx) + value(u + 1.0, v) * fx) * (1.0 - fy)
            + (value(u, v + 1.0) * (1.0 - fx) + value(u + 1.0, v + 1.0) * fx) * fy
    };
    let (before, here, behind) = (sample(-1.0), sizes[i], sample(1.0));
    if here < before || here < behind {
        return None;
    }
    let bend = before - 2.0 * here + behind;
    let offset = if bend < 0.0 { (0.5 * (before - behind) / bend).clamp(-0.5, 0.5) } else { 0.0 };
    Some((at.0 as f64 + offset * dx, at.1 as f64 + offset * dy))
}

/// The ridge points that are joined, from pixel to pixel, to a strong one.
fn joined(ridge: &[Option<(f64, f64)>], width: usize, strong: impl Fn(usize) -> bool) -> Vec<(f64, f64)> {
    let mut kept = vec![false; ridge.len()];
    let mut stack: Vec<usize> = (0..ridge.len()).filter(|i| ridge[*i].is_some() && strong(*i)).collect();
    stack.iter().for_each(|i| kept[*i] = true);
    while let Some(i) = stack.pop() {
        // Ridges keep off the border: every neighbour exists.
        for j in [i - width - 1, i - width, i - width + 1, i - 1, i + 1, i + width - 1, i + width, i + width + 1] {
            if ridge[j].is_some() && !kept[j] {
                kept[j] = true;
                stack.push(j);
            }
        }
    }
    ridge.iter().zip(&kept).filter(|(_, kept)| **kept).filter_map(|(point, _)| *point).collect()
}

/// A Gaussian blur along rows, then columns; the border is continued outwards.
fn blur(values: &[f32], width: usize, height: usize, sigma_px: f64) -> Vec<f32> {
    let radius = (3.0 * sigma_px).ceil() as isize;
    let weight = |d: isize| (-0.5 * (d as f64 / sigma_px).powi(2)).exp();
    let sum: f64 = (-radius..=radius).map(weight).sum();
    let weights: Vec<f32> = (-radius..=radius).map(|d| (weight(d) / sum) as f32).collect();
    let along = |line: &[f32], out: &mut [f32]| {
        let last = line.len() as isize - 1;
        for (x, value) in out.iter_mut().enumerate() {
            let from = x as isize - radius;
            *value = weights.iter().zip(from..).map(|(w, i)| w * line[i.clamp(0, last) as usize]).sum();
        }
    };
    let mut rows = vec![0.0; values.len()];
    values.chunks_exact(width).zip(rows.chunks_exact_mut(width)).for_each(|(line, out)| along(line, out));
    let (mut column, mut out, mut smooth) = (vec![0.0; height], vec![0.0; height], vec![0.0; values.len()]);
    for x in 0..width {
        column.iter_mut().enumerate().for_each(|(y, v)| *v = rows[y * width + x]);
        along(&column, &mut out);
        out.iter().enumerate().for_each(|(y, v)| smooth[y * width + x] = *v);
    }
    smooth
}

/// Sobel's gradients, (along x, along y); none on the border.
fn gradients(values: &[f32], width: usize, height: usize) -> Vec<(f32, f32)> {
    let mut gradients = vec![(0.0, 0.0); values.len()];
    for y in 1..height - 1 {
        for x in 1..width - 1 {
            let at = |dx: usize, dy: usize| values[(y + dy - 1) * width + x + dx - 1];
            let along_x = at(2, 0) + 2.0 * at(2, 1) + at(2, 2) - at(0, 0) - 2.0 * at(0, 1) - at(0, 2);
            let along_y = at(0, 2) + 2.0 * at(1, 2) + at(2, 2) - at(0, 0) - 2.0 * at(1, 0) - at(2, 0);
            gradients[y * width + x] = (along_x / 8.0, along_y / 8.0);
        }
    }
    gradients
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Ellipse, fill, fit_ellipse};

    #[test]
    fn edges_of_a_filled_ellipse_give_its_circumference_without_bias() {
        let mut sum = 0.0;
        for i in 0..20 {
            let i = f64::from(i);
            let truth = Ellipse::new(120.0 + i * 0.31, 100.0 + i * 0.17, 60.0 + i, 45.0 + i * 0.8, i * 0.7);
            let mask = fill(&truth, 250, 210);
            let values: Vec<f32> = mask.values.iter().map(|v| f32::from(*v) / 255.0).collect();
            let edges = Canny::default().edges(&values, 250, 210).unwrap();
            let fitted = fit_ellipse(&edges).unwrap().circumference_exact_px();
            let error = fitted - truth.circumference_exact_px();
            assert!(error.abs() < 0.6, "{error}");
            sum += error;
        }
        assert!((sum / 20.0f64).abs() < 0.25, "{}", sum / 20.0);
    }

    #[test]
    fn faint_edges_stay_only_where_they_join_strong_ones() {
        // A step that fades downwards, and a faint one apart from it.
        let (width, height) = (60, 40);
        let values: Vec<f32> = (0..width * height)
            .map(|i| (i % width, i / width))
            .map(|(x, y)| if x >= 20 { 1.0 - y as f32 / 60.0 } else { 0.0 } + if x >= 45 { 0.3 } else { 0.0 })
            .collect();
        let edges = Canny { low: 0.25, high: 0.8, ..Canny::default() }.edges(&values, width, height).unwrap();
        assert!(edges.iter().all(|(x, _)| (x - 19.5).abs() < 0.2), "{edges:?}");
        assert!(edges.iter().any(|(_, y)| *y > 37.0));
    }

    #[test]
    fn plain_tiny_and_odd_images_have_no_edges() {
        let canny = Canny::default();
        assert!(canny.edges(&[0.7; 100], 10, 10).unwrap().is_empty());
        assert!(canny.edges(&[0.0, 1.0], 2, 1).unwrap().is_empty());
        assert!(canny.edges(&[0.0; 5], 2, 2).is_err());
        assert!(Canny { low: 0.6, ..canny }.edges(&[0.0; 16], 4, 4).is_err());
    }
}
