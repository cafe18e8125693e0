//! Figures of a data set: counts, sizes, circumferences, pixel sizes.

use super::cache::Sample;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Least, mean, median and greatest of some values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Range {
    pub min: f64,
    pub mean: f64,
    pub median: f64,
    pub max: f64,
}

impl Range {
    /// `None` of no values.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Range> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let n = sorted.len();
        let median = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0;
        Some(Range { min, mean: sorted.iter().sum::<f64>() / n as f64, median, max })
    }
}

/// Images of a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SizeCount {
    pub width_px: u32,
    pub height_px: u32,
    pub images: usize,
}

/// Figures of some of the images.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    pub images: usize,
    pub exams: usize,
    pub hc_px: Range,
    pub hc_mm: Range,
    pub pixel_size_mm: Range,
}

/// Figures of all images, and of each trimester where it is known (inferred from file order).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stats {
    #[serde(flatten)]
    pub all: Group,
    /// Most frequent first.
    pub sizes: Vec<SizeCount>,
    pub without_ring: usize,
    pub trimesters: BTreeMap<u8, Group>,
}

/// `None` of no samples.
pub fn stats(samples: &[Sample]) -> Option<Stats> {
    let mut sizes: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    for sample in samples {
        *sizes.entry((sample.width_px, sample.height_px)).or_default() += 1;
    }
    let mut sizes: Vec<SizeCount> =
        sizes.into_iter().map(|((width_px, height_px), images)| SizeCount { width_px, height_px, images }).collect();
    sizes.sort_by_key(|size| std::cmp::Reverse(size.images));
    let trimesters = (1..=3).filter_map(|t| Some((t, group(samples.iter().filter(|s| s.trimester == Some(t)))?)));
    Some(Stats {
        all: group(samples.iter())?,
        sizes,
        without_ring: samples.iter().filter(|s| s.truth.is_none()).count(),
        trimesters: trimesters.collect(),
    })
}

fn group<'a>(samples: impl Iterator<Item = &'a Sample> + Clone) -> Option<Group> {
    Some(Group {
        images: samples.clone().count(),
        exams: samples.clone().map(|s| s.exam).collect::<BTreeSet<_>>().len(),
        hc_px: Range::of(samples.clone().map(|s| s.hc_px))?,
        hc_mm: Range::of(samples.clone().map(|s| s.hc_mm))?,
        pixel_size_mm: Range::of(samples.map(|s| s.pixel_size_mm))?,
    })
}

/// A bin of a histogram: values from `low` up to `high`, which the last bin includes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bin {
    pub low: f64,
    pub high: f64,
    pub count: usize,
}

/// `bins` bins of equal width over the finite `values`; empty of no values.
pub fn histogram(values: &[f64], bins: usize) -> Vec<Bin> {
    let finite = values.iter().copied().filter(|v| v.is_finite());
    let (Some(range), true) = (Range::of(finite.clone()), bins > 0) else { return Vec::new() };
    let width = (range.max - range.min) / bins as f64;
    let mut counts = vec![0; bins];
    for value in finite {
        let bin = if width > 0.0 { ((value - range.min) / width) as usize } else { 0 };
        counts[bin.min(bins - 1)] += 1;
    }
    let edge = |k: usize| range.min + width * k as f64;
    counts.into_iter().enumerate().map(|(k, count)| Bin { low: edge(k), high: edge(k + 1), count }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_histograms_of_few_values() {
        assert_eq!(Range::of([]), None);
        assert_eq!(Range::of([3.0, 1.0, 2.0, 10.0]), Some(Range { min: 1.0, mean: 4.0, median: 2.5, max: 10.0 }));
        let bins = histogram(&[0.0, 1.0, 2.0, 3.0, 4.0, f64::NAN], 2);
        assert_eq!(bins.iter().map(|b| b.count).collect::<Vec<_>>(), [2, 3]);
        assert_eq!((bins[0].low, bins[1].high), (0.0, 4.0));
        assert_eq!(histogram(&[5.0; 7], 3)[0].count, 7);
        assert!(histogram(&[], 3).is_empty() && histogram(&[1.0], 0).is_empty());
    }
}
