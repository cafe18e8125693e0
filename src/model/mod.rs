//! The zoo: what learns. A name or a spec in, a graph out.
//!
//! [`spec`] the TOML that describes a network, [`options`] changes to it, one file a family ([`cnn`],
//! [`vgg`], [`vgg3d`], [`resnet`], [`unet`], [`unet_vgg`]), [`head`] what follows an encoder,
//! [`draw`] a network as a picture of characters, [`pretrained`] weights that were trained elsewhere.
//!
//! Parameters are called as PyTorch calls them: `features.N` and `classifier.N` in the small CNNs (two
//! `Sequential`s), torchvision's `features.N` in a VGG and `conv1`, `bn1`, `layer1.0.conv1`,
//! `layer1.0.downsample.0` … in a ResNet, then `fc`; a head of several layers is the `Sequential`
//! `fc.0`, `fc.1` … U-Nets have `encoder.N.*`, `decoder.N.*` and `head`; the one with a VGG inside
//! calls it `encoder.features.N`.

pub mod cnn;
pub mod draw;
pub mod head;
pub mod options;
pub mod pretrained;
pub mod resnet;
mod sequential;
pub mod spec;
pub mod unet;
pub mod unet_vgg;
pub mod vgg;
pub mod vgg3d;

pub use options::ModelOptions;
pub use spec::Spec;

use crate::error::{Error, Result};
use crate::nn::Graph;
use crate::text;
use std::sync::LazyLock;

/// What a network is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// A head's circumference, from an image.
    Regression,
    /// A mask, as large as the image.
    Segmentation,
    /// Volumes of a heart's parts, from its slices.
    Volume,
}

impl Task {
    pub fn name(self) -> &'static str {
        match self {
            Task::Regression => "regression",
            Task::Segmentation => "segmentation",
            Task::Volume => "volume",
        }
    }
}

/// A model that can be asked for by name.
#[derive(Clone, Debug)]
pub struct ModelInfo {
    pub name: &'static str,
    pub task: Task,
    /// What it is, in half a line.
    pub purpose: &'static str,
    pub source: &'static str,
    /// The spec, as a file would hold it.
    pub spec: &'static str,
}

impl ModelInfo {
    pub fn spec(&self) -> Spec {
        Spec::parse(self.spec, self.name).expect("the specs of named models are tested")
    }

    /// Height, width and channels (before them the depth, of a volume) that it was published with.
    pub fn input(&self) -> Vec<usize> {
        self.spec().input().expect("the specs of named models are tested")
    }
}

/// All models, in the order of their families.
pub fn list() -> &'static [ModelInfo] {
    static LIST: LazyLock<Vec<ModelInfo>> = LazyLock::new(|| {
        [cnn::MODELS, vgg::MODELS, resnet::MODELS, unet::MODELS, unet_vgg::MODELS, vgg3d::MODELS].concat()
    });
    &LIST
}

/// The model called `name`; a wrong name is answered with the nearest.
pub fn find(name: &str) -> Result<&'static ModelInfo> {
    list().iter().find(|m| m.name == name).ok_or_else(|| {
        let names: Vec<_> = list().iter().map(|m| m.name).collect();
        let error = Error::usage(format!("there is no model called {}", text::line(name)));
        match text::nearest(name, names.iter().copied()) {
            Some(nearest) => error.cure(format!("use {nearest}, or one of: {}", names.join(", "))),
            None => error.cure(format!("use one of: {}", names.join(", "))),
        }
    })
}

/// The graph of the model called `name`, changed by `options`.
///
/// Fails on an unknown name, on an option that this model has no use for, and on sizes that do not fit.
pub fn build(name: &str, options: &ModelOptions) -> Result<Graph> {
    find(name)?.spec().with(options).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_answered_with_the_nearest() {
        let error = build("cnn236k", &ModelOptions::default()).unwrap_err();
        assert_eq!(error.kind, crate::error::Kind::Usage);
        assert!(error.cure.unwrap().starts_with("use cnn263k"));
    }

    #[test]
    fn every_listed_model_builds_for_its_own_input_and_does_its_task() {
        for model in list() {
            let graph = build(model.name, &ModelOptions::default()).unwrap();
            let (input, output) = (model.input(), graph.output_shape());
            assert_eq!(graph.input_shape(), input, "{}", model.name);
            match model.task {
                Task::Segmentation => assert_eq!(output, [input[0], input[1], 1], "{}", model.name),
                _ => assert_eq!(output, [1], "{}", model.name),
            }
            assert!(model.purpose.len() <= 25, "{}: the list has 80 columns", model.name);
        }
    }
}
