//! AOPC of a run: curves of its held-out images under perturbation, kept on disk image by image, and their areas.

use super::curves_file::{self, Curves, Key, Row, word_of};
use super::{Opened, as_seen, hc_px_or_mm, held_out, methods};
use crate::dataset::hc18::decode_gray;
use crate::dataset::registry;
use crate::error::{Error, Result};
use crate::explain::Analyzer;
use crate::explain::curve::{Design, curves};
use crate::explain::inputs::Given;
use crate::explain::perturb::{Denominator, Noise, Order, aopc, mean_and_interval};
use crate::nn::Tensor;
use crate::progress::Progress;
use crate::run::RunDir;
use crate::run::predictions::Prediction;
use crate::workspace::Workspace;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::HashMap;
use std::path::PathBuf;

/// The preprint's eight (section 4), and the control.
pub const USUAL: &str =
    "gradient,smoothgrad,deconvnet,deep-taylor,guided-backprop,input-x-gradient,integrated-gradients,lrp-z,random";

/// What is measured.
#[derive(Clone, Debug)]
pub struct Study {
    /// Held-out images, evenly spread over the file names: in HC18 these follow the age, and with it the error's sign.
    pub count: usize,
    /// Regions that go under noise, one a step: K.
    pub steps: usize,
    pub analyzers: Vec<String>,
    /// `key=value` for those analyzers that have the key.
    pub set: Vec<String>,
    pub orders: Vec<Order>,
    /// As [`Noise`] is written.
    pub noise: String,
    /// Side of a region, px at the network's size.
    pub region_px: usize,
    pub absolute: bool,
    /// The same again with other noise, averaged.
    pub repeats: u64,
    pub seed: u64,
}

impl Default for Study {
    /// The preprint's: eight analyzers and the control, 15 steps, regions of iNNvestigate's 9 px.
    fn default() -> Study {
        Study {
            count: 100,
            steps: 15,
            analyzers: USUAL.split(',').map(str::to_owned).collect(),
            set: Vec::new(),
            orders: vec![Order::MostRelevantFirst],
            noise: "replace".to_owned(),
            region_px: 9,
            absolute: false,
            repeats: 1,
            seed: 0,
        }
    }
}

impl Study {
    /// Everything that decides a curve besides analyzer and image, in words that are kept beside it.
    fn design(&self, weights: &str, order: Order) -> String {
        let ranking = if self.absolute { "absolute" } else { "signed" };
        let Study { noise, region_px, steps, seed, .. } = self;
        let words = self.set.join(" ");
        let all = format!(
            "weights={weights} order={} ranking={ranking} noise={noise} region={region_px} steps={steps} seed={seed} {words}",
            order.word()
        );
        all.trim().to_lowercase()
    }
}

/// One analyzer's areas in one order. Those of equation 9 are negative where errors grow, those of equation 8 positive
/// where the output falls.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    pub analyzer: String,
    /// Which regions went first: `most`, `least` or `random`.
    pub order: String,
    /// The words that decide a curve.
    #[serde(skip)]
    pub design: String,
    pub images: usize,
    pub steps: usize,
    pub aopc_px: f64,
    /// Half of the 95 % interval over images.
    pub aopc_px_interval: f64,
    /// By K instead of K + 1, as equation 9 is printed.
    pub aopc_px_printed: f64,
    pub aopc_mm: f64,
    pub aopc_mm_interval: f64,
    /// Equation 8: of the circumference that the network says instead of its error.
    pub aopc_output_px: f64,
    pub aopc_output_px_interval: f64,
    /// Mean error of the clean images.
    pub error_px: f64,
    /// Mean error at each step.
    pub curve_px: Vec<f64>,
}

/// Where a run's curves are kept.
pub fn path(run: &RunDir) -> PathBuf {
    run.path().join("explain").join("aopc.csv")
}

/// Images whose maps are made at once.
const IMAGES_AT_ONCE: usize = 8;

/// The lines of `study`, order by order; curves that are on disk already are not made again.
///
/// # Errors
/// A run without weights or predictions, unknown analyzers and settings, images that cannot be read, regions that do
/// not fit.
pub fn measure(ws: &Workspace, id: &str, study: &Study, progress: &dyn Progress) -> Result<Vec<Line>> {
    let analyzers: Vec<_> = study.analyzers.iter().map(|name| Analyzer::find(name)).collect::<Result<_>>()?;
    let noise: Noise = study.noise.parse()?;
    let Opened { run, about, mut explainer, weights } = Opened::best_of(ws, id)?;
    if about.segments() {
        return Err(Error::usage(format!("{} draws masks, and these errors are of a circumference", run.id()))
            .cure("take the run of a regression; `hcwb explain` and `hcwb sanity` explain masks too"));
    }
    let methods = methods(&analyzers, &study.set, &about)?;
    // Each image's noise hangs on its place among all, so that a larger count only adds images.
    let (places, held_out): (Vec<usize>, Vec<Prediction>) = held_out(&run, study.count)?.into_iter().unzip();
    let dataset = registry::load(ws, &run.recipe()?.data.dataset)?;
    let designs: Vec<(Order, String)> = study.orders.iter().map(|o| (*o, study.design(&weights, *o))).collect();
    let key = |design: &str, name: &str, row: &Prediction, repeat| Key {
        design: design.to_owned(),
        analyzer: name.to_owned(),
        file: row.file.clone(),
        repeat,
    };
    let mut known = curves_file::read(&path(&run))?;
    let mut file = Curves::open(&path(&run))?;
    let curves_of_one = (designs.len() * methods.len()) as u64 * study.repeats;
    progress.begin("perturbing", held_out.len() as u64 * curves_of_one);
    for (chunk, rows) in held_out.chunks(IMAGES_AT_ONCE).enumerate() {
        let numbers: Vec<u64> =
            places.iter().skip(chunk * IMAGES_AT_ONCE).take(rows.len()).map(|p| *p as u64).collect();
        let mut images: Option<(Tensor, Vec<f32>)> = None;
        for (name, method) in &methods {
            let mut maps: Option<Tensor> = None;
            for ((order, design), repeat) in designs.iter().flat_map(|d| (0..study.repeats).map(move |r| (d, r))) {
                let missing = |row: &Prediction| !known.contains_key(&key(design, name, row, repeat));
                if rows.iter().any(missing) {
                    // Decoded, asked about and explained once, however many curves want it.
                    let (input, clean): &(Tensor, Vec<f32>) = match &mut images {
                        Some(images) => images,
                        none => {
                            let decode = |row: &Prediction| decode_gray(&dataset.image_path(&row.file)?);
                            let input = as_seen(&about, &rows.par_iter().map(decode).collect::<Result<Vec<_>>>()?)?;
                            let clean = explainer.outputs(&input)?.data().to_vec();
                            none.insert((input, clean))
                        }
                    };
                    let maps: &Tensor = match &mut maps {
                        Some(maps) => maps,
                        none => none.insert(explainer.maps(method, input, &Given::default())?),
                    };
                    let seed = study.seed + 1000 * repeat;
                    let Study { region_px, steps, absolute, .. } = *study;
                    let design_of = Design { region_px, steps, order: *order, noise, absolute, seed };
                    let found = curves(&mut explainer, input, clean, maps, &numbers, &design_of)?;
                    for (row, outputs) in rows.iter().zip(found).filter(|(row, _)| missing(row)).collect::<Vec<_>>() {
                        let key = key(design, name, row, repeat);
                        let curve: Vec<Row> = outputs
                            .iter()
                            .enumerate()
                            .map(|(step, output)| {
                                let (px, mm) = hc_px_or_mm(&about, *output);
                                let hc_px = px.or(mm.map(|mm| mm / row.pixel_size_mm)).unwrap_or(f64::NAN);
                                let error_px = (hc_px - row.truth_hc_px).abs();
                                let Key { design, analyzer, file, repeat } = key.clone();
                                let error_mm = error_px * row.pixel_size_mm;
                                Row { design, analyzer, file, repeat, step, hc_px, error_px, error_mm }
                            })
                            .collect();
                        file.append(&curve)?;
                        known.insert(key, curve);
                    }
                }
                progress.advance(rows.len() as u64);
            }
        }
    }
    let line_of = |(_, design): &(Order, String), name: &str| {
        let repeats = |row: &Prediction| {
            (0..study.repeats).map(|repeat| known[&key(design, name, row, repeat)].as_slice()).collect::<Vec<_>>()
        };
        line(name, design, &held_out.iter().map(repeats).collect::<Vec<_>>())
    };
    Ok(designs.iter().flat_map(|d| methods.iter().map(move |(name, _)| line_of(d, name))).collect())
}

/// Every line that a run's curves give for the weights called `weights`, by design, then analyzer; images with several
/// repeats count once, with their mean.
pub fn known(run: &RunDir, weights: &str) -> Result<Vec<Line>> {
    // Of each image the curves of all repeats.
    type Images = HashMap<String, Vec<Vec<Row>>>;
    let mut lines: HashMap<(String, String), Images> = HashMap::new();
    for (key, curve) in curves_file::read(&path(run))? {
        if key.design.starts_with(&format!("weights={weights} ")) {
            lines.entry((key.design, key.analyzer)).or_default().entry(key.file).or_default().push(curve);
        }
    }
    let mut lines: Vec<Line> = lines
        .into_iter()
        .map(|((design, analyzer), images)| {
            let curves = images.values().map(|repeats| repeats.iter().map(Vec::as_slice).collect());
            line(&analyzer, &design, &curves.collect::<Vec<Vec<&[Row]>>>())
        })
        .collect();
    lines.sort_by(|a, b| (&a.design, &a.analyzer).cmp(&(&b.design, &b.analyzer)));
    Ok(lines)
}

/// Mean over images of what each image's repeats say on average.
fn line(analyzer: &str, design: &str, curves: &[Vec<&[Row]>]) -> Line {
    let of_images = |value: &dyn Fn(&[Row]) -> f64| -> Vec<f64> {
        let mean = |repeats: &Vec<&[Row]>| repeats.iter().map(|c| value(c)).sum::<f64>() / repeats.len() as f64;
        curves.iter().map(mean).collect()
    };
    let area = |of: fn(&Row) -> f64, denominator| {
        let values = |curve: &[Row]| curve.iter().map(of).collect::<Vec<f64>>();
        mean_and_interval(&of_images(&|c| aopc(&values(c), denominator)))
    };
    let steps = curves.iter().flatten().map(|c| c.len() - 1).min().unwrap_or(0);
    let (aopc_px, aopc_px_interval) = area(|row| row.error_px, Denominator::Corrected);
    let (aopc_px_printed, _) = area(|row| row.error_px, Denominator::Printed);
    let (aopc_mm, aopc_mm_interval) = area(|row| row.error_mm, Denominator::Corrected);
    let (aopc_output_px, aopc_output_px_interval) = area(|row| row.hc_px, Denominator::Corrected);
    let curve_px: Vec<f64> = (0..=steps).map(|k| mean_and_interval(&of_images(&|c| c[k].error_px)).0).collect();
    Line {
        analyzer: analyzer.to_owned(),
        order: word_of(design, "order").unwrap_or("?").to_owned(),
        design: design.to_owned(),
        images: curves.len(),
        steps,
        aopc_px,
        aopc_px_interval,
        aopc_px_printed,
        aopc_mm,
        aopc_mm_interval,
        aopc_output_px,
        aopc_output_px_interval,
        error_px: curve_px[0],
        curve_px,
    }
}
