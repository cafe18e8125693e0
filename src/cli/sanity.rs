//! `hcwb sanity`: whether a run's explanations depend on what it learned, and how much of them lies on the skull.

use super::output;
use crate::error::Result;
use crate::explain::of_run::HeadRegions;
use crate::explain::of_run::sanity::{self, Figure, Located, Study, Summary};
use crate::explain::randomise::Mode;
use crate::progress::Progress;
use crate::run::find;
use crate::text;
use crate::workspace::Workspace;
use clap::Args;

#[derive(Args)]
pub struct Sanity {
    /// The run whose best weights are judged, as `hcwb run list` has it
    #[arg(long, value_name = "ID")]
    run: String,
    /// Held-out images, evenly spread over the file names
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// Analyzers, between commas; random is always shown beside them
    #[arg(long, value_name = "A,B", value_delimiter = ',', default_value = sanity::USUAL)]
    analyzer: Vec<String>,
    /// A setting of those analyzers that have it (n=16); may repeat
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Let layer after layer forget what it learned, from the output down: the default
    #[arg(long)]
    cascade: bool,
    /// Let one layer at a time forget what it learned
    #[arg(long, conflicts_with = "cascade")]
    independent: bool,
    /// Of the random weights
    #[arg(long, default_value_t = 0)]
    seed: u32,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Sanity, ws: &Workspace, progress: &dyn Progress) -> Result<()> {
    let study = Study {
        count: args.count as usize,
        analyzers: args.analyzer.clone(),
        set: args.set.clone(),
        mode: if args.independent { Mode::Independent } else { Mode::Cascade },
        seed: u64::from(args.seed),
    };
    let found = sanity::check(ws, &args.run, &study, progress)?;
    for file in &found.without_annotation {
        eprintln!("hcwb: {}: there is no annotated ellipse, so where its maps lie is not counted", text::line(file));
    }
    let path = sanity::path(&find(ws, &args.run)?).display().to_string();
    match args.json {
        true => output::json(&found),
        false => output::print(&format!("{}report: {}\n", shown(&found), text::line(&path))),
    }
}

const SIMILARITY: &str = "Maps of the trained network beside those with random weights, mean over images ± half of the \
    95 % interval: Spearman's rank correlation with signs and of absolute values, and SSIM of absolute values. An \
    analyzer whose maps hardly change when the weights are random does not explain the model; random is what two \
    unrelated maps share.";
const FLAT: &str = "Maps that are the same everywhere, as those of deep-taylor where f(x) <= 0, are left out: --json \
    says how many were compared.";
const LOCALISATION: &str = "Mass: the share of all relevance that lies on the annotated ring of the skull, inside of it, \
    outside. Rank: of as many most relevant pixels as the ring has, the share that lies on it. Chance gives the share of \
    the area.";

/// Tables of at most 80 columns, and what they mean.
fn shown(found: &Summary) -> String {
    let random = if found.head.mode == "cascade" { "random down to" } else { "random alone" };
    let mut rows = Vec::new();
    for of_one in found.similarity.chunk_by(|a, b| a.analyzer == b.analyzer) {
        for (i, row) in of_one.iter().enumerate() {
            let name = if i == 0 { row.analyzer.clone() } else { String::new() };
            let figures = [row.spearman, row.spearman_absolute, row.ssim].map(whole);
            rows.push([vec![name, row.layer.clone()], figures.to_vec()].concat());
        }
    }
    let mut out = output::table(&["analyzer", random, ">rank corr.", ">of sizes", ">SSIM"], &rows);
    out += &paragraph(&format!("{} images. {SIMILARITY}", found.head.images));
    if found.similarity.iter().any(|row| row.images < found.head.images) {
        out += &paragraph(FLAT);
    }
    // Mass and rank.
    type Both = fn(&Located) -> [Figure; 2];
    let tables: [(&str, Both); 2] = [
        ("positive relevance", |l| [l.mass_positive, l.rank_positive]),
        ("absolute relevance", |l| [l.mass_absolute, l.rank_absolute]),
    ];
    for (title, of) in tables {
        let mut rows: Vec<Vec<String>> = Vec::new();
        for regions in found.localisation.chunks_exact(HeadRegions::NAMES.len()) {
            let mut row = vec![regions[0].analyzer.clone()];
            row.extend(of(&regions[0]).map(finer));
            row.extend(regions[1..].iter().map(|l| finer(Figure { interval: None, ..of(l)[0] })));
            rows.push(row);
        }
        if let [ring, inside, outside, ..] = &found.localisation[..] {
            let off_ring = [inside, outside].map(|l| finer(Figure { interval: None, ..l.area }));
            let ring = [finer(ring.area), finer(ring.area)];
            rows.push([vec!["share of the area".to_owned()], ring.to_vec(), off_ring.to_vec()].concat());
        }
        let header = [title, ">mass on ring", ">rank on ring", ">mass inside", ">mass outside"];
        out += &format!("\n{}", output::table(&header, &rows));
    }
    out + &paragraph(LOCALISATION)
}

/// With half of its interval, where it has one.
fn whole(figure: Figure) -> String {
    output::figure_sd(figure.mean, figure.interval)
}

/// The same with three decimals: a ring is a small share of an image.
fn finer(figure: Figure) -> String {
    match (figure.mean, figure.interval) {
        (Some(mean), Some(half)) => format!("{mean:.3} ± {half:.3}"),
        (Some(mean), None) => format!("{mean:.3}"),
        (None, _) => "–".to_owned(),
    }
}

fn paragraph(text: &str) -> String {
    format!("\n{}\n", output::wrap(text, 80).join("\n"))
}
