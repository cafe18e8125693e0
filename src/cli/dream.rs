//! `hcwb dream`: an image changed so that layers of a run's network answer more strongly.

use super::output;
use crate::dataset::hc18::decode_gray;
use crate::error::{Error, Result};
use crate::explain::dream::layers::{self, Choice};
use crate::explain::dream::{Options, Step};
use crate::explain::of_run::{best_network, dream};
use crate::progress::Progress;
use crate::run::find;
use crate::text;
use crate::workspace::Workspace;
use clap::Args;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Args)]
pub struct Dream {
    /// The run whose best weights are used, as `hcwb run list` has it: a segmentation or a regression of heads
    #[arg(long, value_name = "ID")]
    run: String,
    /// A PNG file of any size; it is seen at the network's
    #[arg(value_name = "IMAGE")]
    image: Option<PathBuf>,
    /// Layers or groups, with weights: encoder-deep, or encoder.1=1,decoder.0=0.5; without it, or `list`: what there is
    #[arg(long, value_name = "SPEC", default_value = "list")]
    layers: String,
    /// Sizes of the image that are dreamt one after the other
    #[arg(long, value_name = "N", default_value_t = Options::default().octaves)]
    octaves: usize,
    /// How much larger each is than the one before
    #[arg(long, value_name = "X", default_value_t = Options::default().octave_scale)]
    octave_scale: f64,
    /// Steps in each octave
    #[arg(long, value_name = "N", default_value_t = Options::default().steps)]
    steps: usize,
    /// What a pixel changes by in a step, in the mean: a share of the way from black to white
    #[arg(long, value_name = "X", default_value_t = Options::default().step_length)]
    step_length: f64,
    /// Shift the image by up to so many px in each step
    #[arg(long, value_name = "PX", default_value_t = 0)]
    jitter: usize,
    /// Of the shifts
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// End an octave once the loss is above this
    #[arg(long, value_name = "LOSS")]
    loss_limit: Option<f64>,
    /// The picture [default: IMAGE.dream.png, in the current folder]
    #[arg(short, long, value_name = "PNG")]
    output: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Dream, ws: &Workspace, progress: &dyn Progress) -> Result<()> {
    let run = find(ws, &args.run)?;
    let (about, network) = best_network(&run)?;
    let choices = dream::choices(&network);
    if args.layers == "list" {
        return list(&choices, args.json);
    }
    let weights = layers::parse(&args.layers, &choices)?;
    if weights.iter().all(|(_, weight)| *weight == 0.0) {
        return Err(Error::usage("every weight is 0: there is nothing to dream of").cure("give a layer a weight"));
    }
    let file = args.image.as_ref().ok_or_else(|| {
        Error::usage("no image was named that the dream could begin with").cure("name a PNG file after the options")
    })?;
    let output = match &args.output {
        Some(output) => output.clone(),
        None => {
            let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            PathBuf::from(format!("{stem}.dream.png"))
        }
    };
    let options = Options {
        octaves: args.octaves,
        octave_scale: args.octave_scale,
        steps: args.steps,
        step_length: args.step_length,
        jitter_px: args.jitter,
        seed: args.seed,
        loss_limit: args.loss_limit,
    };
    let mut dreaming = dream::begin(&about, &network, &decode_gray(file)?, &weights, options)?;
    let sizes = dreaming.sizes();
    let mut steps: Vec<Step> = Vec::new();
    while !dreaming.is_done() {
        let (octave, step) = dreaming.place();
        if step == 0 {
            let [height, width] = sizes[octave];
            let octaves = sizes.len();
            progress
                .begin(&format!("dreaming octave {} of {octaves}, {width}x{height}", octave + 1), args.steps as u64);
        }
        steps.push(dreaming.step()?);
        progress.advance(1);
    }
    let picture = dream::picture(&dreaming);
    let (width, height) = picture.dimensions();
    dream::save(&picture, &output)?;
    if args.json {
        let octave = |(i, [height, width]): (usize, &[usize; 2])| {
            let losses: Vec<f64> = steps.iter().filter(|s| s.octave == i).map(|s| s.loss).collect();
            json!({"width": width, "height": height, "losses": losses})
        };
        return output::json(&json!({
            "run": run.id(), "file": file, "picture": output, "layers": weights.iter().cloned().collect::<BTreeMap<_, _>>(),
            "octaves": sizes.iter().enumerate().map(octave).collect::<Vec<_>>(),
        }));
    }
    let loss = |step: Option<&Step>| step.map_or("–".to_owned(), |s| format!("{:.4}", s.loss));
    output::print(&format!(
        "{}: {width}x{height} px, {}, {} steps, loss {} at first and {} before the last step\n",
        text::line(&output.display().to_string()),
        if weights.len() == 1 { "1 layer".to_owned() } else { format!("{} layers", weights.len()) },
        steps.len(),
        loss(steps.first()),
        loss(steps.last())
    ))
}

/// The layers and the groups that they form.
fn list(choices: &[Choice], as_json: bool) -> Result<()> {
    let groups = layers::groups(choices);
    if as_json {
        return output::json(&json!({"groups": groups, "layers": choices}));
    }
    let group = |g: &layers::Group| {
        let (first, last) =
            (g.layers.first().cloned().unwrap_or_default(), g.layers.last().cloned().unwrap_or_default());
        vec![g.name.clone(), g.layers.len().to_string(), first, last]
    };
    let layer = |c: &Choice| {
        vec![c.layer.clone(), c.kind.to_owned(), format!("{}x{}", c.width, c.height), c.channels.to_string()]
    };
    let mut text = output::table(&["group", ">layers", "first", "last"], &groups.iter().map(group).collect::<Vec<_>>());
    text += "\n";
    let rows: Vec<_> = choices.iter().map(layer).collect();
    text += &output::table(&["layer", "kind", ">width x height", ">channels"], &rows);
    output::print(&text)
}
