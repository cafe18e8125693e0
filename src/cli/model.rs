//! `hcwb model`: networks, their parameters to the unit, their layers.

use super::output;
use crate::error::Result;
use crate::model;
use crate::nn::Network;
use clap::Subcommand;
use serde_json::json;

#[derive(Subcommand)]
pub enum ModelCommand {
    /// Every network with its trainable parameters
    List {
        #[arg(long)]
        json: bool,
    },
    /// A network's layers
    Show {
        name: String,
        #[arg(long)]
        json: bool,
    },
}

pub fn run(command: ModelCommand) -> Result<()> {
    match command {
        ModelCommand::List { json } => list(json),
        ModelCommand::Show { name, json } => show(&name, json),
    }
}

fn list(as_json: bool) -> Result<()> {
    let mut found = Vec::new();
    for info in model::list() {
        let net = Network::new(model::build(info.name, info.input)?, 0);
        found.push((info, net.trainable(), net.non_trainable()));
    }
    if as_json {
        let value: Vec<_> = found
            .iter()
            .map(|(info, trainable, non)| json!({"name": info.name, "trainable": trainable, "non_trainable": non}))
            .collect();
        return output::json(&value);
    }
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|(info, trainable, _)| {
            let [h, w, c] = info.input;
            vec![
                info.name.into(),
                output::thousands(*trainable),
                format!("{w}x{h}x{c}"),
                info.purpose.into(),
                info.source.into(),
            ]
        })
        .collect();
    output::print(&output::table(&["network", ">trainable", "input", "what it is", "source"], &rows))
}

fn show(name: &str, as_json: bool) -> Result<()> {
    let build = |input| model::build(name, input);
    let input = model::list().iter().find(|i| i.name == name).map_or([128, 128, 1], |i| i.input);
    let net = Network::new(build(input)?, 0);
    let layers = net.graph().layer_table();
    if as_json {
        let layers: Vec<_> = layers
            .iter()
            .map(|l| json!({"name": l.name, "kind": l.kind, "output": l.output, "trainable": l.trainable, "non_trainable": l.non_trainable}))
            .collect();
        let tensors: Vec<_> =
            net.state().iter().map(|(name, array)| json!({"name": name, "shape": array.shape})).collect();
        return output::json(&json!({
            "name": name, "trainable": net.trainable(), "non_trainable": net.non_trainable(),
            "layers": layers, "tensors": tensors,
        }));
    }
    let rows: Vec<Vec<String>> = layers
        .iter()
        .map(|l| {
            let shape: Vec<String> = l.output.iter().map(|n| n.to_string()).collect();
            vec![
                l.name.clone(),
                l.kind.to_string(),
                shape.join("x"),
                output::thousands(l.trainable),
                output::thousands(l.non_trainable),
            ]
        })
        .collect();
    let mut text = output::table(&["name", "layer", ">output", ">trainable", ">other"], &rows);
    text.push_str(&format!(
        "{name}: {} trainable parameters, {} others\n",
        output::thousands(net.trainable()),
        output::thousands(net.non_trainable())
    ));
    output::print(&text)
}
