//! Changes to a model's spec, one key and value at a time, as recipes and `--set` give them.

use crate::error::{Error, Result};
use crate::nn::layer::BatchNorm;
use crate::text;
use std::collections::BTreeMap;
use toml::{Table, Value};

/// Every key of every family, and what it means.
pub const KEYS: &[(&str, &str)] = &[
    ("input", "[height, width, channels], before them the depth of a volume; or 224x224x3"),
    ("head", "default (global pooling, one output), flatten, [512, 256] (dense layers), or flatten [4096, 4096]"),
    ("head_dropout", "dropout rate behind each of the head's dense layers, or before its only one"),
    ("classes", "masks that a U-Net gives"),
    ("reading", "torchvision (convolutions without bias, eps 1e-5) or keras (with bias, eps 1.001e-5)"),
    ("stride_in", "where a bottleneck strides: its first 1x1 (ResNet v1), or its 3x3 (v1.5: torchvision's weights)"),
    ("upsampling", "upsample (nearest) or transposed (2x2 convolution); upsample+bn, transposed+bn: with batch_norm"),
    ("outputs", "single, multi-output (a branch each for RV, MYO, LV) or multi-label (three outputs of one branch)"),
    ("kernel3d", "height x width x depth of the kernels on volumes: 3x3x3, or 3x3x2"),
    ("dropout", "dropout rate behind the first dense layer"),
    ("batch_norm", "batch norm behind every convolution, true or false"),
    ("batch_norm_eps", "added to every batch norm's variance (PyTorch 1e-5, Keras 1e-3)"),
    ("batch_norm_momentum", "share of a batch in the running statistics (PyTorch 0.1, Keras 0.01)"),
    ("convs", "output channels of each 3x3 convolution"),
    ("pools", "how many of the convolutions, from the first, have a pool behind them"),
    ("dense", "units of each dense layer before the last"),
    ("widths", "VGG: output channels of each 3x3 convolution and \"pool\"; U-Net: channels of each level, top first"),
    ("blocks", "residual blocks of each stage"),
    ("width", "channels of the stem and of the first stage's 3x3; each stage doubles them"),
    ("bottleneck", "blocks of 1x1, 3x3 and 1x1 (true), or of two 3x3 (false)"),
    ("decoder", "channels of each level of the decoder, deepest first"),
    ("skips", "how many levels of the decoder, from the deepest, take the encoder's activations along"),
];

/// What a key means; empty where there is none of that name.
pub(super) fn help(key: &str) -> String {
    KEYS.iter().find(|(name, _)| *name == key).map_or(String::new(), |(name, help)| format!("{name}: {help}"))
}

/// Settings that take the place of a spec's own. Whether a family has them shows when it is built.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelOptions {
    values: BTreeMap<String, Value>,
}

impl ModelOptions {
    /// `set("classes", "3")`, also as `model.classes`. The value is read as TOML where it is TOML, as a
    /// word otherwise; `default` takes the model's own again.
    ///
    /// Fails on a key that no family has, naming the nearest.
    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let key = key.strip_prefix("model.").unwrap_or(key);
        if !KEYS.iter().any(|(name, _)| *name == key) {
            let error = Error::usage(format!("a model has no setting `{}`", text::line(key)));
            return Err(match text::nearest(key, KEYS.iter().map(|(name, _)| *name)) {
                Some(near) => error.cure(format!("did you mean {near}?")),
                None => error.cure("`hcwb model show NAME` lists its settings"),
            });
        }
        match value {
            "default" => self.values.remove(key),
            value => self.values.insert(key.to_owned(), scalar(value)),
        };
        Ok(())
    }

    /// `key=value`, as `--set` takes it.
    pub fn set_pair(&mut self, pair: &str) -> Result<()> {
        let (key, value) = pair.split_once('=').ok_or_else(|| {
            Error::usage(format!("`{}` is no key=value", text::line(pair))).cure("write --set classes=3")
        })?;
        self.set(key.trim(), value.trim())
    }

    /// For inputs of these sizes: (height, width, channels), before them the depth of a volume.
    pub fn with_input(mut self, sizes: &[usize]) -> ModelOptions {
        let sizes = sizes.iter().map(|s| Value::Integer(*s as i64)).collect();
        self.values.insert("input".into(), Value::Array(sizes));
        self
    }

    /// With these constants in every batch norm.
    pub fn with_batch_norm(mut self, norm: &BatchNorm) -> ModelOptions {
        self.values.insert("batch_norm_eps".into(), Value::Float(norm.eps));
        self.values.insert("batch_norm_momentum".into(), Value::Float(norm.momentum));
        self
    }

    /// Whether the key was set.
    pub fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    pub(super) fn values(&self) -> &BTreeMap<String, Value> {
        &self.values
    }
}

/// `text` as a TOML value, or as a plain word.
fn scalar(text: &str) -> Value {
    let parsed: Option<Table> = toml::from_str(&format!("v = {text}")).ok();
    match parsed.and_then(|mut t| if t.len() == 1 { t.remove("v") } else { None }) {
        Some(Value::Datetime(_) | Value::Table(_)) | None => Value::String(text.to_owned()),
        Some(value) => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_keys_are_those_of_the_families() {
        let listed: BTreeSet<&str> = KEYS.iter().map(|(name, _)| *name).collect();
        let read: BTreeSet<&str> = crate::model::list().iter().flat_map(|m| m.spec().keys()).collect();
        assert_eq!(listed, read);
    }

    #[test]
    fn an_unknown_key_names_the_nearest() {
        let error = ModelOptions::default().set("clases", "3").unwrap_err();
        assert_eq!(error.cure.as_deref(), Some("did you mean classes?"));
        assert!(ModelOptions::default().set_pair("classes").is_err());
    }

    #[test]
    fn the_word_default_takes_an_option_back() {
        let mut options = ModelOptions::default();
        options.set("model.head", "[512, 256]").unwrap();
        assert!(options.has("head"));
        options.set("head", "default").unwrap();
        assert_eq!(options, ModelOptions::default());
    }
}
