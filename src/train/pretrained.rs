//! Pre-trained weights into a new run's encoder, and one sentence of what became of them.

use crate::error::{Error, Result};
use crate::model::pretrained::{load, store};
use crate::nn::Network;
use crate::recipe::Recipe;
use crate::workspace::Workspace;

/// Loads what `model.pretrained` names into the encoder of `network`; nothing where it says `none`.
///
/// Fails where there are no such weights in the workspace, or where they do not fit.
pub fn load(ws: &Workspace, recipe: &Recipe, network: &mut Network) -> Result<Option<String>> {
    let name = recipe.model.pretrained.as_str();
    if name == "none" {
        return Ok(None);
    }
    check(ws, recipe)?;
    let (weights, metadata) = store::open(ws, name)?;
    let report = load::into_encoder(network, &weights, &metadata)?;
    // The whole list, name by name, for whoever reads the run's console.log.
    for name in &report.loaded {
        eprintln!("loaded      {name}");
    }
    for (name, why) in &report.skipped {
        eprintln!("skipped     {name}: {why}");
    }
    for (name, how) in &report.mismatched {
        eprintln!("changed     {name}: {how}");
    }
    for name in &report.missing {
        eprintln!("set to 0    {name}: not in the file");
    }
    let mut said = format!("{name}: {} tensors loaded into the encoder", report.loaded.len());
    for (count, what) in [
        (report.skipped.len(), "of the file not used"),
        (report.missing.len(), "not in the file and set to 0"),
        (report.mismatched.len(), "summed over colours"),
    ] {
        if count > 0 {
            said += &format!(", {count} {what}");
        }
    }
    Ok(Some(said))
}

/// Fails early, before a run is made, where the weights are not there or the network has no encoder.
pub fn check(ws: &Workspace, recipe: &Recipe) -> Result<()> {
    let name = recipe.model.pretrained.as_str();
    if name == "none" {
        return Ok(());
    }
    if !recipe.graph()?.nodes().iter().any(|n| n.encoder) {
        return Err(Error::usage(format!("{} has no encoder to load weights into", recipe.model.name))
            .cure("set model.pretrained=none, or take a network with an encoder, such as reg-vgg16"));
    }
    store::check_name(name)?;
    if !store::path(ws, name).exists() {
        return Err(Error::new(format!("there are no weights called {name} in this workspace")).cure(format!(
            "get them with `hcwb weights fetch {name}` or `hcwb weights import FILE --name {name}`, or train from scratch: \
             --set model.pretrained=none"
        )));
    }
    Ok(())
}
