//! `hcwb aopc`: how much a run's errors grow when what an analyzer calls relevant goes under noise.

use super::output;
use crate::error::Result;
use crate::explain::of_run::aopc::{self, Line, Study, USUAL};
use crate::explain::perturb::Order;
use crate::progress::Progress;
use crate::run::find;
use crate::text;
use crate::workspace::Workspace;
use clap::{Args, ValueEnum};

#[derive(Args)]
pub struct Aopc {
    /// The run whose best weights are judged, as `hcwb run list` has it: a regression
    #[arg(long, value_name = "ID")]
    run: String,
    /// Held-out images, evenly spread over the file names (--images is how pictures are drawn)
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
    /// Which regions go first, the most relevant, the least relevant or any: most, least, random; several between commas
    #[arg(long, value_name = "ORDER", value_delimiter = ',', default_value = "most")]
    order: Vec<Order>,
    /// What the area is of
    #[arg(long, value_enum, default_value = "error")]
    of: Of,
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

/// What the area is of. Both come from the same curves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Of {
    /// The error in px and mm: the preprint's equation 9
    Error,
    /// What the network says, as in classification: equation 8
    Output,
}

pub fn run(args: &Aopc, ws: &Workspace, progress: &dyn Progress) -> Result<()> {
    let study = Study {
        count: args.count as usize,
        steps: args.steps as usize,
        analyzers: args.analyzer.clone(),
        set: args.set.clone(),
        orders: args.order.clone(),
        noise: args.noise.clone(),
        region_px: args.region as usize,
        absolute: args.absolute,
        repeats: u64::from(args.repeats),
        seed: u64::from(args.seed),
    };
    let lines = aopc::measure(ws, &args.run, &study, progress)?;
    match args.json {
        true => output::json(&lines),
        false => {
            let path = aopc::path(&find(ws, &args.run)?).display().to_string();
            output::print(&shown(&lines, args.of, &path))
        }
    }
}

/// A table an order.
fn shown(lines: &[Line], of: Of, path: &str) -> String {
    let mut out = String::new();
    for order in lines.chunk_by(|a, b| a.order == b.order) {
        let rows: Vec<_> = order.iter().map(|line| row(line, of)).collect();
        let header: &[&str] = match of {
            Of::Error => &["analyzer", ">AOPC px", ">by K", ">AOPC mm", ">error px, clean", ">at the end"],
            Of::Output => &["analyzer", ">AOPC px (eq. 8)", ">error px, clean", ">at the end"],
        };
        let first = match order[0].order.as_str() {
            "random" => "regions in random order".to_owned(),
            word => format!("{word} relevant first"),
        };
        out += &format!("{first}, {} images, {} steps\n", order[0].images, order[0].steps);
        out += &output::table(header, &rows);
        out.push('\n');
    }
    out += match of {
        Of::Error => {
            "AOPC is negative where errors grow; ± is half the 95 % interval over images; by K: the denominator of \
             equation 9 as printed\n"
        }
        Of::Output => "AOPC is positive where the circumference that the network says falls\n",
    };
    out + &format!("curves: {}\n", text::line(path))
}

fn row(line: &Line, of: Of) -> Vec<String> {
    let interval = |mean: f64, half: f64| format!("{mean:.3} ± {half:.3}");
    let areas = match of {
        Of::Error => vec![
            interval(line.aopc_px, line.aopc_px_interval),
            format!("{:.3}", line.aopc_px_printed),
            interval(line.aopc_mm, line.aopc_mm_interval),
        ],
        Of::Output => vec![interval(line.aopc_output_px, line.aopc_output_px_interval)],
    };
    let errors = [line.error_px, line.curve_px.last().copied().unwrap_or(f64::NAN)].map(|e| format!("{e:.1}"));
    [vec![line.analyzer.clone()], areas, errors.to_vec()].concat()
}
