//! `hcwb aopc`: how much a run's errors grow when what an analyzer calls relevant goes under noise.

mod table;

use super::explained::{Opened, as_seen, hc_px_or_mm, settings};
use super::output;
use crate::dataset::hc18::decode_gray;
use crate::dataset::registry;
use crate::error::{Error, Result};
use crate::explain::Analyzer;
use crate::explain::analyzer::Method;
use crate::explain::curve::{Design, curves};
use crate::explain::perturb::{Denominator, Noise, Order, aopc, mean_and_interval};
use crate::progress::Progress;
use crate::run::predictions::{self, Prediction};
use crate::text;
use crate::workspace::Workspace;
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::collections::hash_map::Entry;
use table::{Curves, Key, Row};

/// The preprint's eight (section 4), and the control.
const USUAL: &str =
    "gradient,smoothgrad,deconvnet,deep-taylor,guided-backprop,input-x-gradient,integrated-gradients,lrp-z,random";

#[derive(Args)]
pub struct Aopc {
    /// The run whose best weights are judged, as `hcwb run list` has it: a regression
    #[arg(long, value_name = "ID")]
    run: String,
    /// Held-out images, the first ones by file name (--images is how pictures are drawn)
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// Regions that go under noise, one a step
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=4096))]
    steps: u32,
    /// Analyzers, between commas
    #[arg(long, value_name = "A,B", value_delimiter = ',', default_value = USUAL)]
    analyzer: Vec<String>,
    /// A setting of those analyzers that have it (n=16); may repeat
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Which regions go first
    #[arg(long, value_enum, default_value = "most")]
    order: First,
    /// What a region becomes: replace, add, uniform, mean, zero or blur
    #[arg(long, default_value = "replace")]
    noise: String,
    /// Side of a region in px at the network's size
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=4096))]
    region: u32,
    /// Rank regions by absolute values of the map
    #[arg(long)]
    absolute: bool,
    /// The same again with other noise, averaged
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeats: u32,
    #[arg(long, default_value_t = 0)]
    seed: u32,
    /// Print one JSON array
    #[arg(long)]
    json: bool,
}

/// Which regions go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum First {
    /// The most relevant
    Most,
    /// The least relevant
    Least,
    /// Any
    Random,
}

/// Images whose maps are made at once.
const IMAGES_AT_ONCE: usize = 8;

/// One analyzer's line of the table. AOPC is negative where errors grow.
#[derive(Serialize)]
struct Line {
    analyzer: String,
    images: usize,
    steps: usize,
    aopc_px: f64,
    /// Half of the 95 % interval over images.
    aopc_px_interval: f64,
    /// By K instead of K + 1, as equation 9 is printed.
    aopc_px_printed: f64,
    aopc_mm: f64,
    aopc_mm_interval: f64,
    /// Mean error of the clean images.
    error_px: f64,
    /// Mean error at each step.
    curve_px: Vec<f64>,
}

pub fn run(args: &Aopc, ws: &Workspace, progress: &dyn Progress) -> Result<()> {
    let analyzers: Vec<_> = args.analyzer.iter().map(|name| Analyzer::find(name)).collect::<Result<_>>()?;
    let noise: Noise = args.noise.parse()?;
    let Opened { run, about, mut explainer, weights } = Opened::best_of(ws, &args.run)?;
    let methods = analyzers
        .iter()
        .map(|analyzer| {
            let settings = settings(analyzer, &analyzers, &args.set, &about)?;
            Ok((analyzer.name, analyzer.with(&settings)?))
        })
        .collect::<Result<Vec<(&str, Method)>>>()?;
    let mut held_out = predictions::read(&run)?;
    if held_out.is_empty() {
        return Err(Error::new(format!("{} has no predictions yet", run.id())).cure("wait for its first best epoch"));
    }
    held_out.sort_by(|a, b| a.file.cmp(&b.file));
    held_out.truncate(args.count as usize);
    let dataset = registry::load(ws, &run.recipe()?.data.dataset)?;
    let words = args.set.join(" ");
    let ranking = if args.absolute { "absolute" } else { "signed" };
    let design_words = format!(
        "weights={weights} order={:?} ranking={ranking} noise={} region={} steps={} seed={} {words}",
        args.order, args.noise, args.region, args.steps, args.seed
    );
    let design_words = design_words.trim().to_lowercase();
    let path = run.path().join("explain").join("aopc.csv");
    let steps = args.steps as usize;
    let mut known = table::read(&path, &design_words, steps)?;
    let mut file = Curves::open(&path)?;
    let repeats = u64::from(args.repeats);
    progress.begin("perturbing", held_out.len() as u64 * methods.len() as u64 * repeats);
    for (chunk, rows) in held_out.chunks(IMAGES_AT_ONCE).enumerate() {
        let key = |name: &str, row: &Prediction, repeat| Key {
            design: design_words.clone(),
            analyzer: name.to_owned(),
            file: row.file.clone(),
            repeat,
        };
        let all = || methods.iter().flat_map(|(name, _)| (0..repeats).map(move |repeat| (*name, repeat)));
        if all().all(|(name, repeat)| rows.iter().all(|row| known.contains_key(&key(name, row, repeat)))) {
            progress.advance(rows.len() as u64 * methods.len() as u64 * repeats);
            continue;
        }
        let images = rows.iter().map(|row| decode_gray(&dataset.image_path(&row.file)?)).collect::<Result<Vec<_>>>()?;
        let input = as_seen(&about, &images)?;
        for (name, method) in &methods {
            for repeat in 0..repeats {
                if !rows.iter().all(|row| known.contains_key(&key(name, row, repeat))) {
                    let seed = u64::from(args.seed) + 1000 * repeat;
                    let order = match args.order {
                        First::Most => Order::MostRelevantFirst,
                        First::Least => Order::LeastRelevantFirst,
                        First::Random => Order::Random { seed },
                    };
                    let (region_px, absolute) = (args.region as usize, args.absolute);
                    let design = Design { region_px, steps, order, noise, absolute, seed };
                    let numbers: Vec<u64> = (0..rows.len()).map(|i| (chunk * IMAGES_AT_ONCE + i) as u64).collect();
                    let found = curves(&mut explainer, method, &input, &numbers, &design)?;
                    for (row, outputs) in rows.iter().zip(found) {
                        let key = key(name, row, repeat);
                        let step = |(step, output): (usize, &f32)| {
                            let (px, mm) = hc_px_or_mm(&about, *output);
                            let hc_px = px.or(mm.map(|mm| mm / row.pixel_size_mm)).unwrap_or(f64::NAN);
                            let error_px = (hc_px - row.truth_hc_px).abs();
                            let Key { design, analyzer, file, repeat } = key.clone();
                            let error_mm = error_px * row.pixel_size_mm;
                            Row { design, analyzer, file, repeat, step, hc_px, error_px, error_mm }
                        };
                        let curve: Vec<Row> = outputs.iter().enumerate().map(step).collect();
                        if let Entry::Vacant(place) = known.entry(key) {
                            file.append(&curve)?;
                            place.insert(curve);
                        }
                    }
                }
                progress.advance(rows.len() as u64);
            }
        }
    }
    let lines: Vec<Line> = methods
        .iter()
        .map(|(name, _)| {
            let curves = held_out.iter().map(|row| {
                let of = |repeat| {
                    &known[&Key {
                        design: design_words.clone(),
                        analyzer: (*name).to_owned(),
                        file: row.file.clone(),
                        repeat,
                    }]
                };
                (0..repeats).map(of).collect::<Vec<_>>()
            });
            line(name, steps, &curves.collect::<Vec<_>>())
        })
        .collect();
    match args.json {
        true => output::json(&lines),
        false => output::print(&shown(&lines, args, &path.display().to_string())),
    }
}

/// Mean over images of what each image's repeats say on average.
fn line(name: &str, steps: usize, curves: &[Vec<&Vec<Row>>]) -> Line {
    let of_images = |value: &dyn Fn(&[Row]) -> f64| -> Vec<f64> {
        let mean = |repeats: &Vec<&Vec<Row>>| repeats.iter().map(|c| value(c)).sum::<f64>() / repeats.len() as f64;
        curves.iter().map(mean).collect()
    };
    let px = |curve: &[Row]| curve.iter().map(|row| row.error_px).collect::<Vec<f64>>();
    let mm = |curve: &[Row]| curve.iter().map(|row| row.error_mm).collect::<Vec<f64>>();
    let (aopc_px, aopc_px_interval) = mean_and_interval(&of_images(&|c| aopc(&px(c), Denominator::Corrected)));
    let (aopc_px_printed, _) = mean_and_interval(&of_images(&|c| aopc(&px(c), Denominator::Printed)));
    let (aopc_mm, aopc_mm_interval) = mean_and_interval(&of_images(&|c| aopc(&mm(c), Denominator::Corrected)));
    let curve_px: Vec<f64> = (0..=steps).map(|k| mean_and_interval(&of_images(&|c| c[k].error_px)).0).collect();
    Line {
        analyzer: name.to_owned(),
        images: curves.len(),
        steps,
        aopc_px,
        aopc_px_interval,
        aopc_px_printed,
        aopc_mm,
        aopc_mm_interval,
        error_px: curve_px[0],
        curve_px,
    }
}

fn shown(lines: &[Line], args: &Aopc, path: &str) -> String {
    let row = |line: &Line| {
        vec![
            line.analyzer.clone(),
            format!("{:.3} ± {:.3}", line.aopc_px, line.aopc_px_interval),
            format!("{:.3}", line.aopc_px_printed),
            format!("{:.3} ± {:.3}", line.aopc_mm, line.aopc_mm_interval),
            format!("{:.1}", line.error_px),
            format!("{:.1}", line.curve_px.last().copied().unwrap_or(f64::NAN)),
        ]
    };
    let header = ["analyzer", ">AOPC px", ">by K", ">AOPC mm", ">error px, clean", ">at the end"];
    let mut out = output::table(&header, &lines.iter().map(row).collect::<Vec<_>>());
    let images = lines.first().map_or(0, |line| line.images);
    out += &format!(
        "\n{images} images, {} steps, {:?} relevant first; AOPC is negative where errors grow, ± is half the 95 % interval over \
         images; by K: the denominator of equation 9 as printed\ncurves: {}\n",
        args.steps,
        args.order,
        text::line(path)
    );
    out
}
