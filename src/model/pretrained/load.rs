//! Pre-trained weights put into a network's encoder, and a report of what became of every tensor.

use super::recognise::{few, is_head};
use super::variant;
use crate::error::{Error, Result};
use crate::nn::weights::shape_fault;
use crate::nn::{Array, Network};
use crate::text;
use std::collections::{BTreeMap, BTreeSet};

/// What became of the file's tensors, and of the encoder's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// The network's names.
    pub loaded: Vec<String>,
    /// The file's names that went nowhere, and why.
    pub skipped: Vec<(String, String)>,
    /// The network's names that the file does not have and need not: biases before a batch norm, which are now 0.
    pub missing: Vec<String>,
    /// The network's names that were loaded in another shape than the file's, and how.
    pub mismatched: Vec<(String, String)>,
}

/// Names in the file for names in the network: those behind `prefix` (`encoder.`, or nothing), heads left out.
pub fn encoder_names(prefix: &str) -> impl Fn(&str) -> Option<String> + use<> {
    let prefix = prefix.to_owned();
    move |name| name.strip_prefix(&prefix).filter(|name| !is_head(name)).map(str::to_owned)
}

/// [`load_encoder`] into whatever `network` calls its encoder, built as whichever variant it is.
pub fn into_encoder(
    network: &mut Network,
    weights: &BTreeMap<String, Array>,
    metadata: &BTreeMap<String, String>,
) -> Result<LoadReport> {
    let built_as = variant::of(network.graph());
    let encoder: Vec<String> =
        network.graph().nodes().iter().filter(|n| n.encoder).map(|n| format!("{}.", n.name)).collect();
    let prefix = if encoder.iter().any(|n| n.starts_with("encoder.")) { "encoder." } else { "" };
    let in_file = encoder_names(prefix);
    let names = |name: &str| match encoder.iter().any(|node| name.starts_with(node.as_str())) {
        true => in_file(name),
        false => None,
    };
    load_encoder(network, weights, names, built_as, metadata.get("variant").map(String::as_str))
}

/// Loads `weights` into the parameters of `network` for which `names` gives the name in the file; the others stay.
///
/// `file_variant` is what the file's metadata say under `variant`, `graph_variant` what the network was built as: `v1`
/// (stride 2 in the first 1x1 of a stage) or `v1.5` (in the 3x3). A first convolution over one channel takes the sum
/// over the file's three. Fails, changing nothing, where both variants are known and differ, and where the file lacks
/// a tensor or has it in another shape.
pub fn load_encoder(
    network: &mut Network,
    weights: &BTreeMap<String, Array>,
    names: impl Fn(&str) -> Option<String>,
    graph_variant: Option<&str>,
    file_variant: Option<&str>,
) -> Result<LoadReport> {
    check_variants(graph_variant, file_variant)?;
    let mut report = LoadReport::default();
    let mut state = network.state();
    let kernels: BTreeSet<String> = kernels(&state);
    let biased = self::kernels(weights).iter().any(|kernel| weights.contains_key(&bias_of(kernel)));
    let (mut absent, mut wrong, mut used) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (name, array) in &mut state {
        let Some(in_file) = names(name) else { continue };
        let Some(found) = weights.get(&in_file) else {
            let before_a_norm = !biased && name.ends_with(".bias") && kernels.iter().any(|k| bias_of(k) == *name);
            if before_a_norm {
                array.values.fill(0.0);
                report.missing.push(name.clone());
            } else {
                absent.push(in_file);
            }
            continue;
        };
        if let Some(grey) = summed_over_colours(found, &array.shape) {
            array.values = grey;
            report.mismatched.push((name.clone(), "the file's three input channels, summed to one".into()));
        } else if let Some(fault) = shape_fault(&found.shape, &array.shape) {
            wrong.push(format!("{in_file} {fault}"));
            continue;
        } else {
            array.values.clone_from(&found.values);
        }
        report.loaded.push(name.clone());
        used.insert(in_file);
    }
    let mut faults = Vec::new();
    if !absent.is_empty() {
        faults.push(format!("the file lacks {}", few(absent)));
    }
    if !wrong.is_empty() {
        faults.push(few(wrong));
    }
    if faults.is_empty() && report.loaded.is_empty() {
        faults.push("nothing in the network has a name that is in the file".into());
    }
    if !faults.is_empty() {
        return Err(Error::new(format!("these weights do not fit the network's encoder: {}", faults.join("; ")))
            .cure("choose weights of the same network; hcwb weights list shows what each file is"));
    }
    for name in weights.keys().filter(|name| !used.contains(*name)) {
        let why = if is_head(name) { "a head; the network has its own" } else { "the network has no such tensor" };
        report.skipped.push((text::line(name).into_owned(), why.into()));
    }
    network.load_state(&state)?;
    Ok(report)
}

fn check_variants(graph: Option<&str>, file: Option<&str>) -> Result<()> {
    match (graph.and_then(variant::word), file.and_then(variant::word)) {
        (Some(graph), Some(file)) if graph != file => Err(Error::usage(format!(
            "the weights are of ResNet {file} (stride in the {}), and the network is built as {graph} (in the {})",
            variant::stride_in(file),
            variant::stride_in(graph)
        ))
        .cure(format!("build it as the weights are: --set model.stride_in={}", variant::stride_in(file)))),
        _ => Ok(()),
    }
}

/// Names of the convolutions' kernels.
fn kernels(state: &BTreeMap<String, Array>) -> BTreeSet<String> {
    let kernel = |(name, array): &(&String, &Array)| name.ends_with(".weight") && array.shape.len() > 2;
    state.iter().filter(kernel).map(|(name, _)| name.clone()).collect()
}

fn bias_of(kernel: &str) -> String {
    format!("{}.bias", kernel.trim_end_matches(".weight"))
}

/// A kernel (out, 3, height, width) for one input channel: what it answers to an image whose three channels are equal.
fn summed_over_colours(found: &Array, wanted: &[usize]) -> Option<Vec<f32>> {
    let (&[outputs, 3, height, width], &[o, 1, h, w]) = (&found.shape[..], wanted) else { return None };
    if (outputs, height, width) != (o, h, w) {
        return None;
    }
    let taps = height * width;
    let sums = found
        .values
        .chunks_exact(3 * taps)
        .flat_map(|kernel| (0..taps).map(|t| (0..3).map(|c| f64::from(kernel[c * taps + t])).sum::<f64>() as f32));
    Some(sums.collect())
}
