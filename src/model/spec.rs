//! What describes a network: a family and its settings, from TOML; checked key by key.

use super::options::{self, ModelOptions};
use super::{cnn, resnet, unet, unet_vgg, vgg};
use crate::error::{Error, IoContext, Result};
use crate::nn::Graph;
use crate::nn::layer::BatchNorm;
use crate::text;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _};
use std::path::Path;
use toml::{Table, Value};

/// Channels, units and sizes of more than that are slips.
const LARGEST: usize = 1 << 16;
/// Values of one input.
const LARGEST_INPUT: usize = 1 << 26;
/// Weights of a network: 2 GB of them. VGG16 with its three dense layers has 134 million.
const MOST_PARAMETERS: usize = 1 << 29;
/// Activations of one sample: 4 GB of them.
const MOST_ACTIVATIONS: usize = 1 << 30;

const FAMILIES: [&str; 5] = ["cnn", "vgg", "resnet", "unet", "unet-vgg"];

/// A network in words: `family = "resnet"`, `blocks = [1, 1, 1, 1]` …
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    table: Table,
    /// The model's name, or the file: stands in errors.
    origin: String,
}

impl Spec {
    /// From TOML text; `origin` is the model's name or the file's path.
    pub fn parse(text: &str, origin: &str) -> Result<Spec> {
        let table = toml::from_str(text).map_err(|e: toml::de::Error| {
            Error::usage(format!("the spec is not valid TOML: {}", text::line(e.message()))).at(origin).because(e)
        })?;
        Ok(Spec { table, origin: origin.to_owned() })
    }

    pub fn load(path: impl AsRef<Path>) -> Result<Spec> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).doing("read the spec", path)?;
        Spec::parse(&text, &path.display().to_string())
    }

    /// With the settings of `options` in the place of its own.
    pub fn with(mut self, options: &ModelOptions) -> Spec {
        for (key, value) in options.values() {
            self.table.insert(key.clone(), value.clone());
        }
        self
    }

    /// Sizes of one input: (height, width, channels), before them the depth of a volume.
    pub fn input(&self) -> Result<Vec<usize>> {
        self.fields().input(3..=4)
    }

    /// The graph, which costs no memory worth speaking of; weights come with a `Network`.
    ///
    /// Fails on unknown keys and families, naming the nearest, on values out of range, on layers that
    /// do not fit one another, and on networks that no machine could hold.
    pub fn build(&self) -> Result<Graph> {
        let named = |e: Error| if e.file.is_none() && self.is_file() { e.at(&self.origin) } else { e };
        let graph = self.read().map_err(named)?;
        let parameters = graph.parameter_count();
        let activations: usize = graph.nodes().iter().map(|n| n.shape.iter().product::<usize>()).sum();
        if parameters.0 + parameters.1 > MOST_PARAMETERS || activations > MOST_ACTIVATIONS {
            return Err(named(
                Error::usage(format!(
                    "this network would have {} parameters and {activations} activations an input",
                    parameters.0 + parameters.1
                ))
                .cure(format!("stay below {MOST_PARAMETERS} parameters and {MOST_ACTIVATIONS} activations")),
            ));
        }
        Ok(graph)
    }

    /// Every key that this family has.
    pub fn keys(&self) -> Vec<&'static str> {
        let mut fields = self.fields();
        // Only the keys that were asked for are of interest; the values may be wrong.
        let _ = self.read_from(&mut fields);
        fields.known.retain(|key| *key != "family");
        fields.known
    }

    fn is_file(&self) -> bool {
        self.origin.ends_with(".toml")
    }

    fn fields(&self) -> Fields {
        let subject = if self.is_file() { "the spec".to_owned() } else { text::line(&self.origin).into_owned() };
        Fields { table: self.table.clone(), known: Vec::new(), subject }
    }

    fn read(&self) -> Result<Graph> {
        let mut fields = self.fields();
        self.read_from(&mut fields)
    }

    fn read_from(&self, fields: &mut Fields) -> Result<Graph> {
        let family = fields.take::<String>("family", "a word")?.ok_or_else(|| {
            Error::usage("the spec names no family")
                .cure(format!("begin with family = \"{}\"", FAMILIES.join("\" or \"")))
        })?;
        match family.as_str() {
            "cnn" => cnn::CnnSpec::read(fields)?.build(),
            "vgg" => vgg::VggSpec::read(fields)?.build(),
            "resnet" => resnet::ResNetSpec::read(fields)?.build(),
            "unet" => unet::UNetSpec::read(fields)?.build(),
            "unet-vgg" => unet_vgg::UNetVggSpec::read(fields)?.build(),
            other => {
                let error = Error::usage(format!("there is no family called `{}`", text::line(other)));
                Err(match text::nearest(other, FAMILIES) {
                    Some(near) => error.cure(format!("did you mean {near}?")),
                    None => error.cure(format!("use one of: {}", FAMILIES.join(", "))),
                })
            }
        }
    }
}

/// The settings of a spec while a family reads them: each key is taken once, what is left is unknown.
pub(super) struct Fields {
    table: Table,
    known: Vec<&'static str>,
    subject: String,
}

impl Fields {
    /// The value at `key`, if it is given; `wants` says what it should be.
    pub fn take<T: DeserializeOwned>(&mut self, key: &'static str, wants: &str) -> Result<Option<T>> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        let Some(value) = self.table.remove(key) else { return Ok(None) };
        let written = value.to_string();
        value.try_into().map(Some).map_err(|_| {
            Error::usage(format!("{key} wants {wants}, not {}", text::line(&written))).cure(options::help(key))
        })
    }

    /// One of `words`, of which the first is the default.
    pub fn word(&mut self, key: &'static str, words: &[&'static str]) -> Result<&'static str> {
        let Some(word) = self.take::<String>(key, "a word")? else { return Ok(words[0]) };
        words.iter().copied().find(|w| *w == word).ok_or_else(|| {
            let error = Error::usage(format!("{key} cannot be `{}`", text::line(&word)));
            match text::nearest(&word, words.iter().copied()) {
                Some(near) => error.cure(format!("did you mean {near}?")),
                None => error.cure(format!("use one of: {}", words.join(", "))),
            }
        })
    }

    pub fn flag(&mut self, key: &'static str, default: bool) -> Result<bool> {
        Ok(self.take(key, "true or false")?.unwrap_or(default))
    }

    pub fn count(&mut self, key: &'static str, default: usize) -> Result<usize> {
        let count = self.take(key, "a whole number")?.unwrap_or(default);
        in_range(key, count)?;
        Ok(count)
    }

    /// A list of whole numbers, of which there has to be one at least.
    pub fn counts(&mut self, key: &'static str, longest: usize) -> Result<Vec<usize>> {
        let counts = self.take::<Vec<usize>>(key, "a list of whole numbers")?.ok_or_else(|| self.missing(key))?;
        if counts.is_empty() || counts.len() > longest {
            return Err(Error::usage(format!("{key} has {} entries, not 1 to {longest}", counts.len()))
                .cure(options::help(key)));
        }
        counts.iter().try_for_each(|c| in_range(key, *c))?;
        Ok(counts)
    }

    /// A share in [0, 1).
    pub fn share(&mut self, key: &'static str) -> Result<Option<f32>> {
        let share = self.take::<Number>(key, "a number from 0 to below 1")?.map(|n| n.0 as f32);
        match share {
            Some(s) if !(0.0..1.0).contains(&s) => {
                Err(Error::usage(format!("{key} = {s} is outside 0 to below 1")).cure(options::help(key)))
            }
            share => Ok(share),
        }
    }

    pub fn batch_norm(&mut self, default: BatchNorm) -> Result<BatchNorm> {
        let mut positive = |key, default| {
            let value = self.take::<Number>(key, "a number")?.map_or(default, |n: Number| n.0);
            if value > 0.0 && value <= 1.0 {
                return Ok(value);
            }
            Err(Error::usage(format!("{key} = {value} is outside 0 (exclusive) to 1")).cure(options::help(key)))
        };
        Ok(BatchNorm {
            eps: positive("batch_norm_eps", default.eps)?,
            momentum: positive("batch_norm_momentum", default.momentum)?,
        })
    }

    /// Sizes of one input, as many as `dimensions` allows.
    pub fn input(&mut self, dimensions: std::ops::RangeInclusive<usize>) -> Result<Vec<usize>> {
        let wants = match *dimensions.end() {
            3 => "height, width and channels such as [128, 128, 1]",
            _ => "[height, width, channels] or [depth, height, width, channels]",
        };
        let Times(sizes) = self.take("input", wants)?.ok_or_else(|| self.missing("input"))?;
        if !dimensions.contains(&sizes.len()) {
            return Err(Error::usage(format!("input wants {wants}, not {sizes:?}")));
        }
        sizes.iter().try_for_each(|s| in_range("input", *s))?;
        let values = sizes.iter().try_fold(1usize, |product, size| product.checked_mul(*size));
        if values.is_none_or(|values| values > LARGEST_INPUT) {
            return Err(Error::usage(format!("an input of {sizes:?} holds more than {LARGEST_INPUT} values")));
        }
        Ok(sizes)
    }

    pub fn missing(&self, key: &'static str) -> Error {
        Error::usage(format!("{} lacks {key}", self.subject)).cure(options::help(key))
    }

    /// Refuses what no one took.
    pub fn done(&self) -> Result<()> {
        let Some(key) = self.table.keys().next() else { return Ok(()) };
        let keys: Vec<&str> = self.known.iter().copied().filter(|k| *k != "family").collect();
        let error = Error::usage(format!("{} has no setting `{}`", self.subject, text::line(key)));
        Err(match text::nearest(key, keys.iter().copied()) {
            Some(near) => error.cure(format!("did you mean {near}?")),
            None => error.cure(format!("its settings are {}", keys.join(", "))),
        })
    }
}

pub(super) fn in_range(key: &str, value: usize) -> Result<()> {
    if (1..=LARGEST).contains(&value) {
        return Ok(());
    }
    Err(Error::usage(format!("{key} holds {value}, which is outside 1 to {LARGEST}")).cure(options::help(key)))
}

/// A number with or without decimals.
struct Number(f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Number, D::Error> {
        match Value::deserialize(from)? {
            Value::Float(f) => Ok(Number(f)),
            Value::Integer(i) => Ok(Number(i as f64)),
            other => Err(D::Error::custom(other)),
        }
    }
}

/// Sizes, as a list or as `224x224x3`.
pub(super) struct Times(pub Vec<usize>);

impl<'de> Deserialize<'de> for Times {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Times, D::Error> {
        let sizes = match Value::deserialize(from)? {
            Value::String(text) => text.split('x').map(|s| s.trim().parse().ok()).collect(),
            Value::Array(list) => list.iter().map(|v| v.as_integer().and_then(|i| usize::try_from(i).ok())).collect(),
            _ => None,
        };
        sizes.map(Times).ok_or_else(|| D::Error::custom("no sizes"))
    }
}
