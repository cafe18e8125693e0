//! How alike two maps are: Spearman's rank correlation, and SSIM as they would look side by side.

use super::pixels::Pixels;

/// Side of SSIM's Gaussian window in px, its standard deviation, and the constants that keep the quotients from
/// growing where maps are flat (Wang et al. 2004, where the range of values is 1).
const WINDOW_PX: usize = 11;
const SIGMA_PX: f64 = 1.5;
const C1: f64 = 0.01 * 0.01;
const C2: f64 = 0.03 * 0.03;
/// The share of the pixels whose sizes are told apart; the rest is as strong as the strongest of these.
const SHOWN: f64 = 0.99;

/// How alike two maps of an image are: 1 for the same map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Similarity {
    /// Rank correlation of the values with their signs.
    pub spearman: f64,
    /// Rank correlation of their sizes.
    pub spearman_absolute: f64,
    /// Of the sizes, each map scaled to its own strength and cut at its 99th percentile.
    pub ssim: f64,
}

impl Similarity {
    /// `None` where one of the maps is constant or no number, or smaller than SSIM's window of 11x11 px.
    pub fn between(one: &Pixels, other: &Pixels, size: [usize; 2]) -> Option<Similarity> {
        Some(Similarity {
            spearman: spearman(&one.signed, &other.signed)?,
            spearman_absolute: spearman(&one.absolute, &other.absolute)?,
            ssim: ssim(&shown(&one.absolute), &shown(&other.absolute), size)?,
        })
    }
}

/// The correlation of the ranks; equal values share the mean of theirs.
///
/// `None` where one of the two is constant or holds what is no number.
pub fn spearman(one: &[f64], other: &[f64]) -> Option<f64> {
    let finite = one.iter().chain(other).all(|v| v.is_finite());
    if one.len() != other.len() || !finite {
        return None;
    }
    pearson(&ranks(one), &ranks(other))
}

fn pearson(one: &[f64], other: &[f64]) -> Option<f64> {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (a, b) = (mean(one), mean(other));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in one.iter().zip(other) {
        ab += (x - a) * (y - b);
        aa += (x - a) * (x - a);
        bb += (y - b) * (y - b);
    }
    (aa > 0.0 && bb > 0.0).then(|| ab / (aa * bb).sqrt())
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for equal in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let rank = first as f64 + (equal.len() - 1) as f64 / 2.0;
        equal.iter().for_each(|i| ranks[*i] = rank);
        first += equal.len();
    }
    ranks
}

/// Sizes as shares of the strength that all but a hundredth stay below, cut at 1.
fn shown(sizes: &[f64]) -> Vec<f64> {
    let mut sorted = sizes.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let Some(largest) = sorted.last() else { return Vec::new() };
    let strong = sorted[((sorted.len() - 1) as f64 * SHOWN) as usize];
    let strength = if strong > 0.0 { strong } else { *largest };
    sizes.iter().map(|v| if strength > 0.0 { (v / strength).min(1.0) } else { 0.0 }).collect()
}

/// The mean structural similarity (Wang et al. 2004) of two images (height, width) of values from 0 to 1: under a
/// Gaussian window, with the windows' own variances, over all places where the window fits.
///
/// `None` where it fits nowhere.
pub fn ssim(one: &[f64], other: &[f64], [height, width]: [usize; 2]) -> Option<f64> {
    if height < WINDOW_PX || width < WINDOW_PX || [one.len(), other.len()] != [height * width; 2] {
        return None;
    }
    let blurred = |value: &dyn Fn(usize) -> f64| blur(&(0..one.len()).map(value).collect::<Vec<_>>(), width);
    let (a, b) = (blurred(&|i| one[i]), blurred(&|i| other[i]));
    let (aa, bb) = (blurred(&|i| one[i] * one[i]), blurred(&|i| other[i] * other[i]));
    let ab = blurred(&|i| one[i] * other[i]);
    let at = |i: usize| {
        let (square_a, square_b, product) = (a[i] * a[i], b[i] * b[i], a[i] * b[i]);
        let likeness = (2.0 * product + C1) * (2.0 * (ab[i] - product) + C2);
        likeness / ((square_a + square_b + C1) * (aa[i] - square_a + bb[i] - square_b + C2))
    };
    Some((0..a.len()).map(at).sum::<f64>() / a.len() as f64)
}

/// Under the window, wherever it fits.
fn blur(image: &[f64], width: usize) -> Vec<f64> {
    let weight = |i: usize| (-0.5 * ((i as f64 - (WINDOW_PX / 2) as f64) / SIGMA_PX).powi(2)).exp();
    let sum: f64 = (0..WINDOW_PX).map(weight).sum();
    let kernel: Vec<f64> = (0..WINDOW_PX).map(|i| weight(i) / sum).collect();
    let under = |values: &[f64], step: usize| -> f64 {
        kernel.iter().zip(values.iter().step_by(step)).map(|(k, v)| k * v).sum()
    };
    let along: Vec<f64> =
        image.chunks_exact(width).flat_map(|row| row.windows(WINDOW_PX).map(|w| under(w, 1))).collect();
    let narrow = width - WINDOW_PX + 1;
    (0..along.len() - (WINDOW_PX - 1) * narrow).map(|i| under(&along[i..], narrow)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_their_ranks() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0, -0.0, 0.0]), [4.5, 2.0, 4.5, 3.0, 0.5, 0.5]);
    }

    #[test]
    fn a_map_is_like_itself_at_any_scale_and_unlike_its_negative() {
        let map: Vec<f32> = (0..256).map(|i| ((i * 37) % 101) as f32 - 50.0).collect();
        let [one, twice, negative] =
            [1.0, 2.0, -1.0].map(|by| Pixels::of(&map.iter().map(|v| by * v).collect::<Vec<_>>(), 1));
        let same = Similarity::between(&one, &twice, [16, 16]).unwrap();
        let close = |a: f64, b: f64| (a - b).abs() < 1e-12;
        assert!(close(same.spearman, 1.0) && close(same.spearman_absolute, 1.0) && close(same.ssim, 1.0), "{same:?}");
        let against = Similarity::between(&one, &negative, [16, 16]).unwrap();
        assert!(close(against.spearman, -1.0) && close(against.spearman_absolute, 1.0), "{against:?}");
    }

    #[test]
    fn constant_maps_and_maps_of_no_numbers_are_like_nothing() {
        let of = |value: f32| Pixels::of(&[value; 256], 1);
        let map = Pixels::of(&(0..256).map(|i| i as f32).collect::<Vec<_>>(), 1);
        for other in [of(0.0), of(3.0), of(f32::NAN), of(f32::INFINITY)] {
            assert_eq!(Similarity::between(&map, &other, [16, 16]), None);
        }
        assert_eq!(Similarity::between(&map, &map, [4, 64]), None, "smaller than the window");
    }
}
