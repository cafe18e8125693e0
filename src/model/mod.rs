//! The zoo: what learns. A name or a spec in, a graph out.

pub mod cnn;
pub mod pretrained;

use crate::error::{Error, Result};
use crate::nn::Graph;
use crate::nn::layer::BatchNorm;
use crate::text;
use cnn::CnnSpec;

/// A model that can be asked for by name.
#[derive(Clone, Debug)]
pub struct ModelInfo {
    pub name: &'static str,
    pub purpose: &'static str,
    pub source: &'static str,
    /// Height, width and channels that it was published with.
    pub input: [usize; 3],
}

/// All models, in the order of their families.
pub fn list() -> &'static [ModelInfo] {
    cnn::MODELS
}

/// The graph of the model called `name` for inputs (height, width, channels), with PyTorch's batch norm.
///
/// Fails on an unknown name, suggesting the nearest, and on an input too small for its pools.
pub fn build(name: &str, input: [usize; 3]) -> Result<Graph> {
    build_with(name, input, &BatchNorm::default())
}

/// [`build`] with another `eps` and `momentum` in every batch norm.
pub fn build_with(name: &str, input: [usize; 3], batch_norm: &BatchNorm) -> Result<Graph> {
    match CnnSpec::named(name, input) {
        Some(spec) => CnnSpec { batch_norm: batch_norm.clone(), ..spec }.build(),
        None => Err(unknown(name)),
    }
}

fn unknown(name: &str) -> Error {
    let names: Vec<_> = list().iter().map(|m| m.name).collect();
    let error = Error::usage(format!("there is no model called {}", text::line(name)));
    match text::nearest(name, names.iter().copied()) {
        Some(nearest) => error.cure(format!("use {nearest}, or one of: {}", names.join(", "))),
        None => error.cure(format!("use one of: {}", names.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_answered_with_the_nearest() {
        let error = build("cnn236k", [128, 128, 1]).unwrap_err();
        assert_eq!(error.kind, crate::error::Kind::Usage);
        assert!(error.cure.unwrap().starts_with("use cnn263k"));
    }

    #[test]
    fn every_listed_model_builds_for_its_own_input() {
        for model in list() {
            let graph = build(model.name, model.input).unwrap();
            assert_eq!(graph.output_shape(), [1], "{}", model.name);
        }
    }
}
