//! Part of a slice at another size: linear for values, nearest or likeliest for labels, edges to edges, the border
//! repeated.
//!
//! Where it enlarges, values are those of `scipy.ndimage.zoom(order=1, mode="nearest", grid_mode=True)`; where it
//! reduces, the triangle is as wide as the reduction, as in Pillow's `Image.resize(…, BILINEAR)`.

/// What one output pixel along an axis is made of.
#[derive(Clone, Debug, PartialEq)]
struct Tap {
    nearest: usize,
    /// (input pixel, weight); the weights add up to 1.
    linear: Vec<(usize, f32)>,
}

/// How one axis is resampled.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    taps: Vec<Tap>,
}

impl Axis {
    /// `count` pixels over the stretch from the edge `from` (0 is the left edge of pixel 0) to `from + extent`, in px of
    /// the input. Only the pixels `first` to `last` are looked at; beyond them these two are repeated.
    ///
    /// Panics where `count` is 0, `extent` is not above 0, or `last` lies before `first`.
    pub fn new(from: f64, extent: f64, count: usize, (first, last): (usize, usize)) -> Axis {
        assert!(count > 0 && extent > 0.0 && first <= last, "an axis has a length and a direction");
        let step = extent / count as f64;
        let support = step.max(1.0);
        let within = |pixel: f64| pixel.clamp(first as f64, last as f64) as usize;
        let tap = |out: usize| {
            let edge = from + (out as f64 + 0.5) * step;
            let center = edge - 0.5;
            let (low, high) = ((center - support).floor() as i64, (center + support).ceil() as i64);
            let weight = |pixel: i64| (1.0 - (pixel as f64 - center).abs() / support).max(0.0);
            let sum: f64 = (low..=high).map(weight).sum();
            let mut linear: Vec<(usize, f64)> = Vec::new();
            for pixel in low..=high {
                let (pixel, weight) = (within(pixel as f64), weight(pixel) / sum);
                match linear.last_mut() {
                    Some((last, all)) if *last == pixel => *all += weight,
                    _ => linear.push((pixel, weight)),
                }
            }
            linear.retain(|(_, weight)| *weight > 0.0);
            let linear = linear.into_iter().map(|(pixel, weight)| (pixel, weight as f32)).collect();
            Tap { nearest: within(edge.floor()), linear }
        };
        Axis { taps: (0..count).map(tap).collect() }
    }

    /// How many pixels it gives.
    pub fn count(&self) -> usize {
        self.taps.len()
    }
}

/// A slice of `width` columns at the pixels of `columns` and `rows`, into `out` row by row. `scratch` is reused from call
/// to call.
pub fn resample_linear(
    slice: &[f32],
    width: usize,
    columns: &Axis,
    rows: &Axis,
    out: &mut [f32],
    scratch: &mut Vec<f32>,
) {
    let count = columns.count();
    assert_eq!(out.len(), count * rows.count(), "the caller gives a slice of exactly the new size");
    // Every row that is needed, once.
    let needed = || rows.taps.iter().flat_map(|tap| tap.linear.iter().map(|(row, _)| *row));
    let (first, last) = needed().fold((usize::MAX, 0), |(low, high), row| (low.min(row), high.max(row)));
    scratch.resize((last + 1 - first) * count, 0.0);
    for (line, row) in scratch.chunks_exact_mut(count).zip(slice.chunks_exact(width).skip(first)) {
        for (value, tap) in line.iter_mut().zip(&columns.taps) {
            *value = tap.linear.iter().map(|(pixel, weight)| weight * row[*pixel]).sum();
        }
    }
    for (line, tap) in out.chunks_exact_mut(count).zip(&rows.taps) {
        line.fill(0.0);
        for (row, weight) in &tap.linear {
            let from = &scratch[(row - first) * count..][..count];
            line.iter_mut().zip(from).for_each(|(sum, value)| *sum += weight * value);
        }
    }
}

/// As [`resample_linear`], each pixel that of the input which it lies in.
pub fn resample_nearest(slice: &[u8], width: usize, columns: &Axis, rows: &Axis, out: &mut [u8]) {
    assert_eq!(out.len(), columns.count() * rows.count(), "the caller gives a slice of exactly the new size");
    for (line, tap) in out.chunks_exact_mut(columns.count()).zip(&rows.taps) {
        let row = &slice[tap.nearest * width..][..width];
        line.iter_mut().zip(&columns.taps).for_each(|(out, tap)| *out = row[tap.nearest]);
    }
}

/// As [`resample_linear`], each pixel the label of greatest weight; of equal ones the smallest.
pub fn resample_likeliest(slice: &[u8], width: usize, columns: &Axis, rows: &Axis, out: &mut [u8]) {
    assert_eq!(out.len(), columns.count() * rows.count(), "the caller gives a slice of exactly the new size");
    out.fill(0);
    let (mut one, mut shares, mut scratch) = (vec![0.0; slice.len()], vec![0.0; out.len()], Vec::new());
    let mut most = vec![0.0f32; out.len()];
    for label in 0..=slice.iter().copied().max().unwrap_or(0) {
        one.iter_mut().zip(slice).for_each(|(one, l)| *one = if *l == label { 1.0 } else { 0.0 });
        resample_linear(&one, width, columns, rows, &mut shares, &mut scratch);
        for ((out, most), share) in out.iter_mut().zip(&mut most).zip(&shares) {
            if *share > *most {
                (*out, *most) = (label, *share);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linear(slice: &[f32], width: usize, columns: &Axis, rows: &Axis) -> Vec<f32> {
        let mut out = vec![0.0; columns.count() * rows.count()];
        resample_linear(slice, width, columns, rows, &mut out, &mut vec![7.0; 3]);
        out
    }

    #[test]
    fn the_same_size_changes_nothing_and_a_flat_slice_stays_flat() {
        let slice: Vec<f32> = (0..7 * 5).map(|i| (i * 31 % 17) as f32 - 8.0).collect();
        let same = |count: usize| Axis::new(0.0, count as f64, count, (0, count - 1));
        assert_eq!(linear(&slice, 7, &same(7), &same(5)), slice);
        for (columns, rows) in [(3, 4), (14, 11), (1, 1)] {
            let (columns, rows) = (Axis::new(-2.0, 11.0, columns, (0, 6)), Axis::new(1.0, 3.0, rows, (1, 3)));
            assert!(linear(&[3.25; 35], 7, &columns, &rows).iter().all(|v| (v - 3.25).abs() < 1e-6));
        }
    }

    #[test]
    fn beyond_the_border_its_pixels_are_repeated() {
        let (line, one) = ([1.0, 2.0, 4.0, 8.0], Axis::new(0.0, 1.0, 1, (0, 0)));
        let cropped =
            |from: f64, count: usize, limits| linear(&line, 4, &Axis::new(from, count as f64, count, limits), &one);
        assert_eq!(cropped(-2.0, 5, (0, 3)), [1.0, 1.0, 1.0, 2.0, 4.0]);
        assert_eq!(cropped(2.0, 4, (0, 3)), [4.0, 8.0, 8.0, 8.0]);
        // A crop that ends at pixel 2 does not look at what follows.
        assert_eq!(cropped(1.0, 3, (1, 2)), [2.0, 4.0, 4.0]);
        let mut out = [0; 5];
        resample_likeliest(&[1, 2, 3, 3], 4, &Axis::new(-1.25, 5.0, 5, (0, 3)), &one, &mut out);
        assert_eq!(out, [1, 1, 2, 3, 3]);
        resample_nearest(&[1, 2, 3, 3], 4, &Axis::new(-2.0, 5.0, 5, (0, 3)), &one, &mut out);
        assert_eq!(out, [1, 1, 1, 2, 3]);
    }
}
