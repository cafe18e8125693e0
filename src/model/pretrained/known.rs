//! The weights that can be fetched by name, and what is known of them.

use super::recognise::Architecture;
use crate::error::{Error, Result};
use crate::text;

/// Where the repositories below lie; mirrors have the same layout.
pub const HUB: &str = "https://huggingface.co";

/// Weights on the Hugging Face hub, as timm keeps them.
#[derive(Debug, PartialEq, Eq)]
pub struct Known {
    pub name: &'static str,
    pub repository: &'static str,
    pub architecture: Architecture,
    pub training: &'static str,
    pub licence: &'static str,
}

pub const KNOWN: &[Known] = &[
    Known {
        name: "vgg16",
        repository: "timm/vgg16.tv_in1k",
        architecture: Architecture::Vgg16,
        training: "ImageNet-1k (torchvision)",
        licence: "BSD-3-Clause",
    },
    Known {
        name: "resnet50",
        repository: "timm/resnet50.tv_in1k",
        architecture: Architecture::ResNet50,
        training: "ImageNet-1k (torchvision)",
        licence: "BSD-3-Clause",
    },
    Known {
        name: "resnet50-a1",
        repository: "timm/resnet50.a1_in1k",
        architecture: Architecture::ResNet50,
        training: "ImageNet-1k (timm, recipe A1: Wightman et al. 2021)",
        licence: "Apache-2.0",
    },
];

impl Known {
    /// The weights called `name`; fails with the nearest name.
    pub fn named(name: &str) -> Result<&'static Known> {
        let names = || KNOWN.iter().map(|k| k.name);
        KNOWN.iter().find(|k| k.name == name).ok_or_else(|| {
            let all = names().collect::<Vec<_>>().join(", ");
            let cure = match text::nearest(name, names()) {
                Some(nearest) => format!("did you mean {nearest}? There are: {all}"),
                None => format!("fetch one of {all}; other files come in by hcwb weights import FILE"),
            };
            Error::usage(format!("there are no weights called {} to fetch", text::line(name))).cure(cure)
        })
    }

    pub fn url(&self, hub: &str) -> String {
        format!("{}/{}/resolve/main/model.safetensors", hub.trim_end_matches('/'), self.repository)
    }

    /// v1.5 of a ResNet, as in torchvision and timm.
    pub fn variant(&self) -> Option<&'static str> {
        (self.architecture == Architecture::ResNet50).then_some("v1.5")
    }
}
