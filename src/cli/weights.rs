//! `hcwb weights`: list, fetch, import.

use super::output;
use crate::error::{Error, Result};
use crate::fetch::Patience;
use crate::model::pretrained::{self, Imported, Known, Origin, Stored, known, variant};
use crate::progress::Progress;
use crate::text;
use crate::workspace::Workspace;
use clap::Subcommand;
use serde_json::json;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The verbs of `hcwb weights`.
#[derive(Debug, Subcommand)]
pub enum WeightsCommand {
    /// What is in the workspace, and what can be fetched
    List {
        #[arg(long)]
        json: bool,
    },
    /// Fetch ImageNet weights from the Hugging Face hub: vgg16, resnet50, resnet50-a1
    Fetch {
        name: String,
        /// A mirror of the hub
        #[arg(long, value_name = "ADDRESS", env = "HF_ENDPOINT", default_value = known::HUB)]
        url: String,
        #[arg(long)]
        json: bool,
    },
    /// Keep a file of VGG16 or ResNet50 weights: safetensors, or PyTorch's .pth and .pt
    Import {
        file: PathBuf,
        /// What to call the weights [default: the file's name]
        #[arg(long)]
        name: Option<String>,
        /// Where a stage of a ResNet halves its image: v1 (first 1x1) or v1.5 (3x3) [default: as the file says, else v1.5]
        #[arg(long, value_parser = parse_variant)]
        variant: Option<String>,
        #[arg(long)]
        json: bool,
    },
}

fn parse_variant(text: &str) -> Result<String, String> {
    variant::word(text).map(str::to_owned).ok_or_else(|| "it is v1 or v1.5".into())
}

pub fn run(command: WeightsCommand, ws: &Workspace, progress: &dyn Progress) -> Result<()> {
    match command {
        WeightsCommand::List { json } => list(ws, json),
        WeightsCommand::Fetch { name, url, json } => {
            let known = Known::named(&name)?;
            let fetched = pretrained::fetch(ws, known, &url, &Patience::default(), progress)?;
            if !fetched.checked {
                eprintln!("note: this server tells no checksum; only the length was compared");
            }
            match fetched.imported {
                Some(imported) => show(&imported, json),
                None if json => output::json(&stored(ws, &name)?),
                None => output::print(&format!("{name} is there already\n")),
            }
        }
        WeightsCommand::Import { file, name, variant, json } => {
            let name = name.unwrap_or_else(|| name_of(&file));
            let origin = Origin { variant, ..Origin::default() };
            show(&pretrained::import(ws, &file, &name, &origin, progress)?, json)
        }
    }
}

/// The file's name without its ending; whatever a name cannot hold becomes `-`.
fn name_of(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    stem.chars().map(|c| if fits(c) { c } else { '-' }).collect()
}

fn stored(ws: &Workspace, name: &str) -> Result<Stored> {
    let all = pretrained::list(ws)?;
    all.into_iter().find(|s| s.name == name).ok_or_else(|| Error::new(format!("{name} is not there any more")))
}

fn list(ws: &Workspace, as_json: bool) -> Result<()> {
    let here = pretrained::list(ws)?;
    if as_json {
        let known = known::KNOWN.iter().map(|k| {
            json!({
                "name": k.name, "architecture": k.architecture.word(), "variant": k.variant(),
                "training": k.training, "licence": k.licence, "url": k.url(known::HUB),
            })
        });
        return output::json(&json!({ "weights": here, "known": known.collect::<Vec<_>>() }));
    }
    let mut text = if here.is_empty() {
        "no weights yet; fetch some: hcwb weights fetch vgg16\n".to_owned()
    } else {
        let or_dash = |word: &Option<String>| word.clone().unwrap_or_else(|| "–".into());
        let row = |s: &Stored| {
            let variant = s.variant.as_ref().map_or(String::new(), |v| format!(" {v}"));
            vec![
                s.name.clone(),
                format!("{}{variant}", or_dash(&s.architecture)),
                s.tensors.to_string(),
                format!("{:.1}", s.bytes as f64 / 1e6),
                s.fault
                    .as_ref()
                    .map_or_else(|| short(&or_dash(&s.training)), |fault| format!("cannot be used: {fault}")),
            ]
        };
        let header = ["name", "network", ">tensors", ">MB", "trained on"];
        output::table(&header, &here.iter().map(row).collect::<Vec<_>>())
    };
    let rest: Vec<_> = known::KNOWN.iter().filter(|k| here.iter().all(|s| s.name != k.name)).collect();
    if !rest.is_empty() {
        text.push_str("\nto be fetched\n");
        let row = |k: &&Known| vec![k.name.into(), k.repository.into(), k.licence.into()];
        text.push_str(&output::table(&["name", "repository", "licence"], &rest.iter().map(row).collect::<Vec<_>>()));
    }
    output::print(&text)
}

fn show(imported: &Imported, as_json: bool) -> Result<()> {
    let Imported { name, path, architecture, variant, variant_assumed, tensors, values, heads, extra, already } =
        imported;
    if *variant_assumed {
        eprintln!("note: the file does not say its variant; taken as v1.5, as torchvision's (else: --variant v1)");
    }
    if as_json {
        return output::json(&json!({
            "name": name, "file": path, "architecture": architecture.word(), "variant": variant,
            "variant_assumed": variant_assumed, "tensors": tensors, "values": values,
            "heads": heads, "extra": extra, "already": already,
        }));
    }
    let variant = variant.as_ref().map_or(String::new(), |v| format!(" {v}"));
    let mut text = format!(
        "{name}: {}{variant}, {tensors} tensors, {} numbers, none missing\n",
        architecture.word(),
        output::thousands(*values)
    );
    // Writing to a string cannot fail.
    if !heads.is_empty() {
        let _ = writeln!(text, "not kept, a head: {}", heads.join(", "));
    }
    if !extra.is_empty() {
        let _ = writeln!(text, "not kept, not the network's: {}", extra.join(", "));
    }
    let how = if *already { "was there already" } else { "kept as" };
    let _ = writeln!(text, "{how} {}", text::line(&path.to_string_lossy()));
    output::print(&text)
}

/// As much as a line of 80 columns has room for; `--json` says all.
fn short(text: &str) -> String {
    const ROOM: usize = 36;
    match text.char_indices().nth(ROOM) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
