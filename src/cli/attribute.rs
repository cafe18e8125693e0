//! `hcwb attribute`: weights and inputs in, a map for each input out; for checking against other tools.

use super::model;
use crate::error::{Error, Result};
use crate::explain::gradient::{Start, gradient};
use crate::model::{ModelOptions, draw};
use crate::nn::{Array, Network, Precision, Tensor, weights};
use crate::text;
use clap::Args;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct Attribute {
    /// A network, as `hcwb model list` names it
    #[arg(long, required_unless_present = "spec", conflicts_with = "spec")]
    model: Option<String>,
    /// A network of your own: a TOML file that names a family and its settings
    #[arg(long, value_name = "FILE")]
    spec: Option<PathBuf>,
    /// Its weights (safetensors), under the names of `hcwb model show NAME --json`
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,
    /// A safetensors file with a tensor `input` (N, height, width, channels), already normalised
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// What is computed: gradient
    #[arg(long)]
    analyzer: String,
    /// A setting of the analyzer (start=output) or of the model (stride_in=3x3); may repeat
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Where `attribution` and `output` are written (safetensors)
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

const ANALYZERS: [&str; 1] = ["gradient"];

pub fn run(args: &Attribute) -> Result<()> {
    if !ANALYZERS.contains(&args.analyzer.as_str()) {
        return Err(Error::usage(format!("there is no analyzer called {}", text::line(&args.analyzer)))
            .cure(format!("this version has: {}", ANALYZERS.join(", "))));
    }
    let (start, mut options) = settings(&args.set)?;
    let (spec, _) = model::spec(args.model.as_deref(), args.spec.as_ref())?;
    let (state, metadata) = weights::load(&args.weights)?;
    take_from_metadata(&mut options, &metadata, &args.weights, args.model.is_some())?;
    let mut graph = spec.with(&options).build()?;
    let input = read_input(&args.input, graph.input_shape())?;
    graph.freeze();
    let mut network = Network::new(graph, 0);
    network.load_state(&state).map_err(|e| e.at(&args.weights))?;
    network.set_precision(Precision::F32Strict);
    let found = gradient(&mut network, &input, start)?;
    let array = |t: &Tensor| Array { shape: t.shape().to_vec(), values: t.data().to_vec() };
    let arrays =
        BTreeMap::from([("attribution".to_owned(), array(&found.map)), ("output".to_owned(), array(&found.output))]);
    let metadata = BTreeMap::from([("analyzer".to_owned(), args.analyzer.clone())]);
    weights::save(&args.output, &arrays, &metadata)
}

/// Settings of the analyzer, and of the model: whatever the analyzer does not know.
fn settings(pairs: &[String]) -> Result<(Start, ModelOptions)> {
    let (mut start, mut options) = (Start::default(), ModelOptions::default());
    for pair in pairs {
        match pair.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
            Some(("start", word)) => start = word.parse()?,
            Some((key, _)) if text::nearest(key, ["start"]).is_some() => {
                return Err(
                    Error::usage(format!("gradient has no setting `{}`", text::line(key))).cure("did you mean start?")
                );
            }
            _ => options.set_pair(pair)?,
        }
    }
    Ok((start, options))
}

/// What the weights' own file says of the network that they belong to, unless the command says otherwise:
/// batch norm's eps, and for a named model the size of its input.
fn take_from_metadata(
    options: &mut ModelOptions,
    metadata: &BTreeMap<String, String>,
    file: &Path,
    named: bool,
) -> Result<()> {
    if let Some(eps) = metadata.get("batch_norm_eps").or_else(|| metadata.get("bn_eps"))
        && !options.has("batch_norm_eps")
    {
        let Some(eps) = eps.trim().parse::<f64>().ok().filter(|e| *e > 0.0 && *e <= 1.0) else {
            return Err(Error::new(format!("its metadata's batch norm eps is `{}`", text::line(eps)))
                .at(file)
                .cure("it lies between 0 and 1; --set batch_norm_eps=… overrules the file"));
        };
        options.set("batch_norm_eps", &format!("{eps:e}"))?;
    }
    if let Some(input) = metadata.get("input").filter(|_| named && !options.has("input")) {
        options.set("input", &input.replace(',', "x"))?;
    }
    Ok(())
}

/// The tensor `input`, which has to hold at least one input of the network's shape.
fn read_input(file: &Path, wanted: &[usize]) -> Result<Tensor> {
    let spoilt = "an input holds finite numbers only: normalise it again";
    let (mut arrays, _) =
        weights::load_only(file, |name| name == "input").map_err(|e| match e.what.contains("finite") {
            true => e.cure(spoilt),
            false => e,
        })?;
    let Some(array) = arrays.remove("input") else {
        return Err(Error::new("there is no tensor `input`").at(file).cure("call it input, of shape (N, H, W, C)"));
    };
    if array.shape.len() != wanted.len() + 1 || array.shape[1..] != *wanted || array.shape[0] == 0 {
        let (given, size) = (&array.shape, draw::times(wanted));
        return Err(Error::new(format!(
            "input has shape {given:?}, and the network takes (N, {})",
            size.replace('x', ", ")
        ))
        .at(file)
        .cure(format!("give inputs of {size}, or another size with --set input=… or in the spec")));
    }
    Tensor::from_vec(&array.shape, array.values)
}
