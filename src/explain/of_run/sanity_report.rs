//! What a sanity check has found: collected image by image, then as means over images.

use super::HeadRegions;
use super::sanity::Study;
use crate::explain::localise::{area, mass, rank};
use crate::explain::perturb::mean_and_interval;
use crate::explain::pixels::Pixels;
use crate::explain::randomise::{Mode, Point};
use crate::explain::similarity::Similarity;
use serde::Serialize;

/// Everything of every image.
pub struct Report {
    head: Head,
    analyzers: Vec<String>,
    points: Vec<String>,
    /// By analyzer and point.
    similarities: Vec<Vec<Vec<Option<Similarity>>>>,
    /// By analyzer: each image's area, then mass and rank of positive and of absolute relevance, by region.
    places: Vec<Vec<[Place; 3]>>,
    pub without_annotation: Vec<String>,
}

#[derive(Clone, Copy)]
struct Place {
    area: f64,
    positive: [Option<f64>; 2],
    absolute: [Option<f64>; 2],
}

/// What was checked, and how.
#[derive(Clone, Debug, Serialize)]
pub struct Head {
    pub run: String,
    /// The beginning of their file's SHA-256.
    pub weights: String,
    /// `cascade` or `independent`.
    pub mode: &'static str,
    pub seed: u64,
    /// Held-out images.
    pub images: usize,
    pub settings: Vec<String>,
}

/// Means over images.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    #[serde(flatten)]
    pub head: Head,
    /// The trained network's maps beside those of the randomised, point by point from the output down.
    pub similarity: Vec<Alike>,
    pub localisation: Vec<Located>,
    /// Images that localisation leaves out.
    pub without_annotation: Vec<String>,
}

/// How alike an analyzer's maps are before and after.
#[derive(Clone, Debug, Serialize)]
pub struct Alike {
    pub analyzer: String,
    /// The layer that is random, or down to which all are.
    pub layer: String,
    /// Images whose two maps could be compared: neither is the same everywhere.
    pub images: usize,
    pub spearman: Figure,
    pub spearman_absolute: Figure,
    pub ssim: Figure,
}

/// How much of an analyzer's maps lies in a region.
#[derive(Clone, Debug, Serialize)]
pub struct Located {
    pub analyzer: String,
    /// `ring`, `inside` or `outside`.
    pub region: &'static str,
    /// Images with an annotation and a map that is not zero.
    pub images: usize,
    /// The region's share of the area: what chance gives.
    pub area: Figure,
    pub mass_positive: Figure,
    pub rank_positive: Figure,
    pub mass_absolute: Figure,
    pub rank_absolute: Figure,
}

/// A mean over images and half of its 95 % interval; neither where no image has a value, no interval of one.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Figure {
    pub mean: Option<f64>,
    pub interval: Option<f64>,
}

impl Figure {
    fn of(values: &[f64]) -> Figure {
        let (mean, interval) = mean_and_interval(values);
        Figure { mean: (!values.is_empty()).then_some(mean), interval: (values.len() > 1).then_some(interval) }
    }
}

impl Report {
    pub fn new<'a>(
        [run, weights]: [&str; 2],
        images: usize,
        study: &Study,
        analyzers: impl Iterator<Item = &'a str>,
        points: &[Point],
    ) -> Report {
        let mode = if study.mode == Mode::Cascade { "cascade" } else { "independent" };
        let (run, weights, settings) = (run.to_owned(), weights.to_owned(), study.set.clone());
        let analyzers: Vec<String> = analyzers.map(str::to_owned).collect();
        Report {
            head: Head { run, weights, mode, seed: study.seed, images, settings },
            points: points.iter().map(|p| p.name.clone()).collect(),
            similarities: vec![vec![Vec::new(); points.len()]; analyzers.len()],
            places: vec![Vec::new(); analyzers.len()],
            without_annotation: Vec::new(),
            analyzers,
        }
    }

    /// Where one image's map of that analyzer lies.
    pub fn locate(&mut self, analyzer: usize, map: &Pixels, regions: &HeadRegions) {
        let positive = map.positive();
        let both = |relevance: &[f64], region: &[bool]| [mass(relevance, region), rank(relevance, region)];
        self.places[analyzer].push(regions.each().map(|region| Place {
            area: area(region),
            positive: both(&positive, region),
            absolute: both(&map.absolute, region),
        }));
    }

    /// How alike the maps of some images are at that point.
    pub fn compare(&mut self, analyzer: usize, point: usize, alike: Vec<Option<Similarity>>) {
        self.similarities[analyzer][point].extend(alike);
    }

    pub fn summary(&self) -> Summary {
        let (mut similarity, mut localisation) = (Vec::new(), Vec::new());
        for (i, analyzer) in self.analyzers.iter().enumerate() {
            for (point, alike) in self.points.iter().zip(&self.similarities[i]) {
                let some: Vec<Similarity> = alike.iter().flatten().copied().collect();
                let figure = |of: fn(&Similarity) -> f64| Figure::of(&some.iter().map(of).collect::<Vec<_>>());
                similarity.push(Alike {
                    analyzer: analyzer.clone(),
                    layer: point.clone(),
                    images: some.len(),
                    spearman: figure(|s| s.spearman),
                    spearman_absolute: figure(|s| s.spearman_absolute),
                    ssim: figure(|s| s.ssim),
                });
            }
            for (region, name) in HeadRegions::NAMES.into_iter().enumerate() {
                let places = || self.places[i].iter().map(move |place| place[region]);
                let figure =
                    |of: fn(&Place) -> Option<f64>| Figure::of(&places().filter_map(|p| of(&p)).collect::<Vec<_>>());
                localisation.push(Located {
                    analyzer: analyzer.clone(),
                    region: name,
                    images: places().filter(|p| p.absolute[0].is_some()).count(),
                    area: figure(|p| Some(p.area)),
                    mass_positive: figure(|p| p.positive[0]),
                    rank_positive: figure(|p| p.positive[1]),
                    mass_absolute: figure(|p| p.absolute[0]),
                    rank_absolute: figure(|p| p.absolute[1]),
                });
            }
        }
        let without_annotation = self.without_annotation.clone();
        Summary { head: self.head.clone(), similarity, localisation, without_annotation }
    }
}
