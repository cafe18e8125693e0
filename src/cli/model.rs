//! `hcwb model`: networks, their parameters to the unit, their layers, their drawing.

use super::output;
use crate::error::{Error, Result};
use crate::model::{self, ModelOptions, Spec, draw};
use crate::nn::Graph;
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;

#[derive(Subcommand)]
pub enum ModelCommand {
    /// Every network with its trainable parameters
    List {
        #[arg(long)]
        json: bool,
    },
    /// A network's layers and parameters, or its drawing
    Show(Show),
}

#[derive(Args)]
pub struct Show {
    /// A network, as `hcwb model list` names it
    #[arg(required_unless_present = "spec", conflicts_with = "spec")]
    name: Option<String>,
    /// A network of your own: a TOML file that names a family and its settings
    #[arg(long, value_name = "FILE")]
    spec: Option<PathBuf>,
    /// Changes a setting, such as classes=3 or head=[512,256]; may repeat
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Draws the network
    #[arg(long)]
    draw: bool,
    /// Draws every layer on its own, equal ones too
    #[arg(long, requires = "draw")]
    full: bool,
    #[arg(long)]
    json: bool,
}

pub fn run(command: ModelCommand) -> Result<()> {
    match command {
        ModelCommand::List { json } => list(json),
        ModelCommand::Show(args) => show(&args),
    }
}

/// The named model's spec or the file's, and what errors and titles call it.
pub fn spec(name: Option<&str>, file: Option<&PathBuf>) -> Result<(Spec, String)> {
    match (name, file) {
        (Some(name), None) => Ok((model::find(name)?.spec(), name.to_owned())),
        (None, Some(file)) => {
            let stem = file.file_stem().map(|s| s.to_string_lossy().into_owned());
            Ok((Spec::load(file)?, stem.unwrap_or_default()))
        }
        _ => Err(Error::usage("give either a model's name or --spec FILE")),
    }
}

fn list(as_json: bool) -> Result<()> {
    let mut found = Vec::new();
    for info in model::list() {
        found.push((info, info.spec().build()?.parameter_count()));
    }
    if as_json {
        let value: Vec<_> = found
            .iter()
            .map(|(info, (trainable, others))| {
                json!({
                    "name": info.name, "trainable": trainable, "non_trainable": others, "task": info.task,
                    "input": info.input(), "purpose": info.purpose, "source": info.source,
                    "settings": info.spec().keys(),
                })
            })
            .collect();
        return output::json(&value);
    }
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|(info, (trainable, _))| {
            vec![
                info.name.into(),
                output::thousands(*trainable),
                draw::times(&info.input()),
                info.task.name().into(),
                info.purpose.into(),
            ]
        })
        .collect();
    let table = output::table(&["network", ">trainable", ">input", "task", "what it is"], &rows);
    output::print(&format!("{table}hcwb model show NAME --set KEY=VALUE counts a variant, --draw draws it\n"))
}

fn show(args: &Show) -> Result<()> {
    let (spec, name) = spec(args.name.as_deref(), args.spec.as_ref())?;
    let mut options = ModelOptions::default();
    args.set.iter().try_for_each(|pair| options.set_pair(pair))?;
    let spec = spec.with(&options);
    let graph = spec.build()?;
    let (trainable, others) = graph.parameter_count();
    if args.json {
        return output::json(&described(&name, &graph));
    }
    if args.draw {
        return output::print(&draw::draw(&name, &graph, args.full));
    }
    let rows: Vec<Vec<String>> = graph
        .layer_table()
        .into_iter()
        .map(|l| {
            let layer = if l.detail.is_empty() { l.kind.to_owned() } else { format!("{} {}", l.kind, l.detail) };
            let (trained, other) = (output::thousands(l.trainable), output::thousands(l.non_trainable));
            vec![l.name, layer, draw::times(&l.output), trained, other]
        })
        .collect();
    let mut text = output::table(&["name", "layer", ">output", ">trainable", ">other"], &rows);
    text.push_str(&format!(
        "{name}: {} trainable parameters, {} others\n",
        output::thousands(trainable),
        output::thousands(others)
    ));
    if let Some(info) = args.name.as_deref().and_then(|n| model::find(n).ok()) {
        text.push_str(&format!("from {}\n", info.source));
    }
    let mut line = "--set changes".to_owned();
    for key in spec.keys() {
        if line.len() + key.len() > 78 {
            text.push_str(&format!("{line}\n"));
            line = " ".repeat(13);
        }
        line.push_str(&format!(" {key}"));
    }
    text.push_str(&format!("{line}\n"));
    output::print(&text)
}

/// Layers and tensors, in the order of the graph.
fn described(name: &str, graph: &Graph) -> serde_json::Value {
    let (trainable, others) = graph.parameter_count();
    let layers: Vec<_> = graph
        .nodes()
        .iter()
        .zip(graph.layer_table())
        .map(|(node, row)| {
            json!({
                "name": row.name, "kind": row.kind, "detail": row.detail,
                "inputs": node.inputs.iter().map(|i| &graph.node(*i).name).collect::<Vec<_>>(),
                "output": row.output, "trainable": row.trainable, "non_trainable": row.non_trainable,
                "encoder": node.encoder,
            })
        })
        .collect();
    let tensors: Vec<_> =
        graph.parameter_shapes().into_iter().map(|(name, shape)| json!({"name": name, "shape": shape})).collect();
    json!({
        "name": name, "trainable": trainable, "non_trainable": others,
        "input": graph.input_shape(), "output": graph.output_shape(),
        "layers": layers, "tensors": tensors,
    })
}
