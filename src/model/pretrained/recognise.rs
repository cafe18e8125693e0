//! Which network a file of weights belongs to: names and shapes as in torchvision and timm.

use crate::error::{Error, Result};
use crate::nn::weights::shape_fault;
use crate::text;
use std::collections::BTreeMap;

/// A network whose weights are known by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    Vgg16,
    ResNet50,
}

/// Names and shapes.
pub type Shapes = BTreeMap<String, Vec<usize>>;

impl Architecture {
    pub const ALL: [Architecture; 2] = [Architecture::Vgg16, Architecture::ResNet50];

    pub fn word(self) -> &'static str {
        match self {
            Architecture::Vgg16 => "vgg16",
            Architecture::ResNet50 => "resnet50",
        }
    }

    /// The tensors that make up the encoder.
    pub fn tensors(self) -> Shapes {
        match self {
            Architecture::Vgg16 => vgg16(),
            Architecture::ResNet50 => resnet50(),
        }
    }

    /// Tensors that a file may have beside them: biases before a batch norm, as in Keras' ResNet50.
    fn optional(self) -> Shapes {
        let kernels = self.tensors().into_iter().filter(|(_, shape)| shape.len() == 4);
        match self {
            Architecture::Vgg16 => Shapes::new(),
            Architecture::ResNet50 => kernels.map(|(n, s)| (n.replace(".weight", ".bias"), vec![s[0]])).collect(),
        }
    }

    fn begins_like_a_layer(self, name: &str) -> bool {
        let first = name.split('.').next().unwrap_or("");
        match self {
            Architecture::Vgg16 => first == "features",
            Architecture::ResNet50 => first.starts_with("layer") || ["conv1", "bn1"].contains(&first),
        }
    }
}

/// Thirteen 3x3 convolutions; the gaps in the numbers are ReLUs and pools (Simonyan and Zisserman 2014, table 1, D).
fn vgg16() -> Shapes {
    let widths = [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512];
    let places = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28];
    let mut shapes = Shapes::new();
    let mut inputs = 3;
    for (place, width) in places.into_iter().zip(widths) {
        shapes.insert(format!("features.{place}.weight"), vec![width, inputs, 3, 3]);
        shapes.insert(format!("features.{place}.bias"), vec![width]);
        inputs = width;
    }
    shapes
}

/// Bottlenecks of 1x1, 3x3, 1x1 in four stages of 3, 4, 6, 3 (He et al. 2015, table 1).
fn resnet50() -> Shapes {
    let mut shapes = Shapes::new();
    let mut unit = |convolution: String, norm: String, kernel: [usize; 4]| {
        shapes.insert(format!("{convolution}.weight"), kernel.to_vec());
        for part in ["weight", "bias", "running_mean", "running_var"] {
            shapes.insert(format!("{norm}.{part}"), vec![kernel[0]]);
        }
    };
    unit("conv1".into(), "bn1".into(), [64, 3, 7, 7]);
    let mut inputs = 64;
    for (stage, blocks) in [3, 4, 6, 3].into_iter().enumerate() {
        let width = 64 << stage;
        for block in 0..blocks {
            let at = format!("layer{}.{block}", stage + 1);
            unit(format!("{at}.conv1"), format!("{at}.bn1"), [width, inputs, 1, 1]);
            unit(format!("{at}.conv2"), format!("{at}.bn2"), [width, width, 3, 3]);
            unit(format!("{at}.conv3"), format!("{at}.bn3"), [4 * width, width, 1, 1]);
            if block == 0 {
                unit(format!("{at}.downsample.0"), format!("{at}.downsample.1"), [4 * width, inputs, 1, 1]);
            }
            inputs = 4 * width;
        }
    }
    shapes
}

/// Whether a tensor belongs to a classifier: `fc`, `classifier`, and timm's `head` and `pre_logits`.
pub fn is_head(name: &str) -> bool {
    name.split('.').any(|part| ["fc", "classifier", "head", "pre_logits"].contains(&part))
}

/// What a file was found to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognised {
    pub architecture: Architecture,
    /// What stands before every name, with its dot: `module.`; often nothing.
    pub prefix: String,
    /// Names without the prefix that are neither the encoder's nor a head's.
    pub extra: Vec<String>,
}

/// Finds the network that `shapes` (heads may be among them) belong to.
///
/// Fails where it is none of the known ones, or lacks a tensor of it, has one of another shape, or has further layers.
pub fn recognise(shapes: &Shapes) -> Result<Recognised> {
    let mut stripped = shapes.clone();
    let mut prefix = String::new();
    for _ in 0..4 {
        let likeness = |a: &Architecture| a.tensors().keys().filter(|n| stripped.contains_key(*n)).count();
        let architecture = Architecture::ALL.into_iter().max_by_key(likeness).expect("there are two");
        if 2 * likeness(&architecture) >= architecture.tensors().len() {
            let extra = check(architecture, &stripped)?;
            return Ok(Recognised { architecture, prefix, extra });
        }
        let Some(first) = common_first_part(&stripped) else { break };
        stripped = stripped.into_iter().map(|(name, shape)| (name[first.len()..].to_owned(), shape)).collect();
        prefix.push_str(&first);
    }
    let some = few(shapes.keys().map(|name| text::line(name).into_owned()).collect());
    Err(Error::new(format!("these are the weights of no network that is known here: {some}"))
        .cure("import VGG16 or ResNet50 with the names of torchvision or timm"))
}

/// The names that are more than the encoder and its head.
fn check(architecture: Architecture, shapes: &Shapes) -> Result<Vec<String>> {
    let (wanted, optional) = (architecture.tensors(), architecture.optional());
    let mut wrong = Vec::new();
    let missing: Vec<_> = wanted.keys().filter(|name| !shapes.contains_key(*name)).cloned().collect();
    if !missing.is_empty() {
        wrong.push(format!("missing {}", few(missing)));
    }
    let fault = |(name, wanted): (&String, &Vec<usize>)| {
        shape_fault(shapes.get(name)?, wanted).map(|fault| format!("{name} {fault}"))
    };
    let misshaped: Vec<String> = wanted.iter().chain(&optional).filter_map(fault).collect();
    if !misshaped.is_empty() {
        wrong.push(few(misshaped));
    }
    let extra = shapes.keys().filter(|n| !wanted.contains_key(*n) && !optional.contains_key(*n) && !is_head(n));
    let extra: Vec<String> = extra.map(|name| text::line(name).into_owned()).collect();
    let layers: Vec<_> = extra.iter().filter(|name| architecture.begins_like_a_layer(name)).cloned().collect();
    if !layers.is_empty() {
        wrong.push(format!("has further layers: {}", few(layers)));
    }
    if wrong.is_empty() {
        return Ok(extra);
    }
    Err(Error::new(format!("these weights look like {} and are not: {}", architecture.word(), wrong.join("; ")))
        .cure("take another file; a transposed tensor must be saved in PyTorch's order (out, in, height, width)"))
}

/// `module.`, where every name begins with it.
fn common_first_part(shapes: &Shapes) -> Option<String> {
    let first = &shapes.keys().next()?[..=shapes.keys().next()?.find('.')?];
    shapes.keys().all(|name| name.starts_with(first)).then(|| first.to_owned())
}

/// The first four, and how many more there are.
pub(super) fn few(names: Vec<String>) -> String {
    match names.len() {
        0..=4 => names.join(", "),
        n => format!("{} and {} more", names[..4].join(", "), n - 4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(shapes: &Shapes) -> usize {
        shapes.values().map(|s| s.iter().product::<usize>()).sum()
    }

    #[test]
    fn the_encoders_have_the_published_numbers_of_parameters() {
        // torchvision's 138,357,544 less the classifier's 123,642,856; 25,557,032 less 2,049,000, and the statistics.
        assert_eq!(count(&vgg16()), 14_714_688);
        assert_eq!(vgg16().len(), 26);
        let statistics: usize = resnet50().iter().filter(|(n, _)| n.contains("running")).map(|(_, s)| s[0]).sum();
        assert_eq!(count(&resnet50()) - statistics, 23_508_032);
        assert_eq!(resnet50().len(), 265);
    }

    #[test]
    fn prefixes_and_heads_do_not_hide_a_network() {
        let mut shapes: Shapes =
            resnet50().into_iter().map(|(name, shape)| (format!("module.encoder.{name}"), shape)).collect();
        shapes.insert("module.encoder.fc.weight".into(), vec![1000, 2048]);
        shapes.insert("module.encoder.mean".into(), vec![3]);
        let found = recognise(&shapes).unwrap();
        assert_eq!((found.architecture, found.prefix.as_str()), (Architecture::ResNet50, "module.encoder."));
        assert_eq!(found.extra, ["mean"]);
    }

    #[test]
    fn what_is_missing_misshaped_transposed_or_too_much_is_named() {
        let mut shapes = vgg16();
        shapes.remove("features.10.bias");
        shapes.insert("features.0.weight".into(), vec![3, 3, 3, 64]);
        shapes.insert("features.2.weight".into(), vec![32, 64, 3, 3]);
        shapes.insert("features.40.weight".into(), vec![1]);
        let error = recognise(&shapes).unwrap_err();
        for part in [
            "missing features.10.bias",
            "features.0.weight has shape [3, 3, 3, 64], and the network's is [64, 3, 3, 3]: it is transposed",
            "features.2.weight has shape [32, 64, 3, 3]",
            "further layers: features.40.weight",
        ] {
            assert!(error.what.contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn another_network_is_none_of_ours() {
        let shapes = Shapes::from([("blocks.0.attn.qkv.weight".to_owned(), vec![2304, 768])]);
        assert!(recognise(&shapes).unwrap_err().what.contains("blocks.0.attn.qkv.weight"));
        assert!(recognise(&Shapes::new()).is_err());
    }
}
