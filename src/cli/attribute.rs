//! `hcwb attribute`: weights and inputs in, a map for each input out; for checking against other tools.

use super::model;
use crate::error::{Error, Result};
use crate::explain::inputs::Given;
use crate::explain::{ANALYZERS, Analyzer, Explainer, Settings};
use crate::model::{ModelOptions, draw, options};
use crate::nn::network::AuditRow;
use crate::nn::{Array, Network, Tensor, weights};
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
    /// What is computed: gradient, smoothgrad, integrated-gradients, lrp-z …; a wrong name lists them all
    #[arg(long)]
    analyzer: String,
    /// A setting of the analyzer (start=output) or of the model (stride_in=3x3); may repeat
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Where `attribution` and `output` are written (safetensors)
    #[arg(short, long, value_name = "FILE", required_unless_present = "audit")]
    output: Option<PathBuf>,
    /// Print what each layer does to the relevance: what comes in, goes out, is taken by biases, and leaks
    #[arg(long)]
    audit: bool,
    /// Print the audit as JSON
    #[arg(long, requires = "audit")]
    json: bool,
}

pub fn run(args: &Attribute) -> Result<()> {
    let analyzer = Analyzer::find(&args.analyzer)?;
    let (settings, mut options) = settings(analyzer, &args.set)?;
    let method = analyzer.with(&settings)?;
    let (spec, _) = model::spec(args.model.as_deref(), args.spec.as_ref())?;
    let (state, metadata) = weights::load(&args.weights)?;
    take_from_metadata(&mut options, &metadata, &args.weights, args.model.is_some())?;
    let mut graph = spec.with(&options).build()?;
    let (input, given) = read_input(&args.input, graph.input_shape())?;
    // No gradients of weights: they take as much memory as the weights.
    graph.freeze();
    let mut network = Network::new(graph, 0);
    network.load_state(&state).map_err(|e| e.at(&args.weights))?;
    drop(state);
    let mut explainer = Explainer::new(&network)?;
    drop(network);
    if let Some(file) = &args.output {
        let found = explainer.explain(&method, &input, &given)?;
        if !found.silent.is_empty() {
            let which: Vec<String> = found.silent.iter().map(usize::to_string).collect();
            eprintln!(
                "hcwb: f(x) <= 0 for input {}: {} explains positive outputs only, so there the map is zero everywhere",
                which.join(", "),
                analyzer.name
            );
        }
        let array = |t: &Tensor| Array { shape: t.shape().to_vec(), values: t.data().to_vec() };
        let arrays = BTreeMap::from([
            ("attribution".to_owned(), array(&found.map)),
            ("output".to_owned(), array(&found.output)),
        ]);
        let metadata = BTreeMap::from([("analyzer".to_owned(), args.analyzer.clone())]);
        weights::save(file, &arrays, &metadata)?;
    }
    if args.audit {
        let audits = explainer.audit(&method, &input)?;
        if args.json {
            println!(
                "{}",
                serde_json::Value::from_iter(audits.iter().map(|rows| rows.iter().map(json).collect::<Vec<_>>()))
            );
        } else {
            audits.iter().enumerate().for_each(|(i, rows)| print(i, rows));
        }
    }
    Ok(())
}

fn json(row: &AuditRow) -> serde_json::Value {
    serde_json::json!({
        "layer": row.name, "kind": row.kind, "relevance_in": row.relevance_in, "relevance_out": row.relevance_out,
        "absorbed": row.absorbed, "leaked": row.leaked(),
    })
}

fn print(input: usize, rows: &[AuditRow]) {
    println!("input {input}");
    println!("{:<28} {:<18} {:>12} {:>12} {:>12} {:>12}", "layer", "kind", "in", "out", "biases", "leaked");
    for row in rows {
        let [came, went, absorbed, leaked] = [row.relevance_in, row.relevance_out, row.absorbed, row.leaked()];
        println!(
            "{:<28} {:<18} {came:>12.4e} {went:>12.4e} {absorbed:>12.4e} {leaked:>12.4e}",
            text::line(&row.name),
            row.kind
        );
    }
    let sum = |of: fn(&AuditRow) -> f64| rows.iter().map(of).sum::<f64>();
    let (first, last) = (rows.first().map_or(0.0, |r| r.relevance_in), rows.last().map_or(0.0, |r| r.relevance_out));
    println!(
        "{:<28} {:<18} {first:>12.4e} {last:>12.4e} {:>12.4e} {:>12.4e}",
        "all",
        "",
        sum(|r| r.absorbed),
        sum(AuditRow::leaked)
    );
}

/// Settings of the analyzer, and of the model: whatever the analyzer does not know.
fn settings(analyzer: &Analyzer, pairs: &[String]) -> Result<(Settings, ModelOptions)> {
    let (mut settings, mut options) = (Settings::default(), ModelOptions::default());
    for pair in pairs {
        match pair.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
            Some((key, value)) if analyzer.settings.contains(&key) => settings.set(key, value),
            Some((key, _)) if !options::KEYS.iter().any(|(name, _)| *name == key.trim_start_matches("model.")) => {
                return Err(unknown(analyzer, key));
            }
            _ => options.set_pair(pair)?,
        }
    }
    Ok((settings, options))
}

/// Neither the analyzer nor a model has that setting.
fn unknown(analyzer: &Analyzer, key: &str) -> Error {
    let error = Error::usage(format!("{} has no setting `{}`", analyzer.name, text::line(key)));
    let models = options::KEYS.iter().map(|(name, _)| *name);
    if let Some(near) = text::nearest(key, analyzer.settings.iter().copied().chain(models)) {
        return error.cure(format!("did you mean {near}?"));
    }
    let others: Vec<_> = ANALYZERS.iter().filter(|a| a.settings.contains(&key)).map(|a| a.name).collect();
    match (&others[..], analyzer.settings) {
        ([_, ..], _) => error.cure(format!("it belongs to {}", others.join(", "))),
        ([], []) => error.cure("it has none; settings of the model are those of `hcwb model show`"),
        ([], own) => error.cure(format!("its settings are {}; others are the model's", own.join(", "))),
    }
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

/// The tensor `input`, which has to hold at least one input of the network's shape, and what came with it.
fn read_input(file: &Path, wanted: &[usize]) -> Result<(Tensor, Given)> {
    let spoilt = "an input holds finite numbers only: normalise it again";
    let names = ["input", "smoothgrad_noise", "baseline"];
    let (mut arrays, _) =
        weights::load_only(file, |name| names.contains(&name)).map_err(|e| match e.what.contains("finite") {
            true => e.cure(spoilt),
            false => e,
        })?;
    let Some(array) = arrays.remove("input") else {
        return Err(Error::new("there is no tensor `input`").at(file).cure("call it input, of shape (N, H, W, C)"));
    };
    let fits = |shape: &[usize]| shape.len() == wanted.len() + 1 && shape[1..] == *wanted && shape[0] > 0;
    let size = draw::times(wanted);
    if !fits(&array.shape) {
        let given = &array.shape;
        return Err(Error::new(format!(
            "input has shape {given:?}, and the network takes (N, {})",
            size.replace('x', ", ")
        ))
        .at(file)
        .cure(format!("give inputs of {size}, or another size with --set input=… or in the spec")));
    }
    // Beside the input they matter to a few analyzers only, and those say what is wrong with them.
    let mut beside = |name: &str| {
        let array = arrays.remove(name).filter(|a| !a.shape.is_empty());
        array.map(|a| Tensor::from_vec(&a.shape, a.values)).transpose()
    };
    let given = Given { noise: beside("smoothgrad_noise")?, baseline: beside("baseline")? };
    Ok((Tensor::from_vec(&array.shape, array.values)?, given))
}
