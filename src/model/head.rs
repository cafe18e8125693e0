//! What follows an encoder: pooling or a flatten, dense layers, and the outputs.

use super::sequential::Sequential;
use super::spec::{Fields, in_range};
use crate::error::Result;
use crate::nn::layer::{Dropout, Flatten, GlobalAvgPool, Linear, Relu};
use crate::nn::{GraphBuilder, NodeId};
use serde::de::{Deserialize, Deserializer, Error as _};
use toml::Value;

/// The dropout behind dense layers where nobody says another; the report (S0) does not.
const DROPOUT: f32 = 0.5;

/// `default`: global average pooling, then one dense layer; `flatten` in its place; `[512, 256]`:
/// dense layers with ReLU and dropout in between; both: `flatten [4096, 4096]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Head {
    pub flatten: bool,
    /// Units of each dense layer before the last.
    pub dense: Vec<usize>,
    /// Behind each dense layer, or before the only one.
    pub dropout: Option<f32>,
}

impl Head {
    /// Takes `head` and `head_dropout`.
    pub(super) fn read(fields: &mut Fields) -> Result<Head> {
        let wants = "default, flatten, a list of units such as [512, 256], or flatten [4096, 4096]";
        let Words { flatten, dense } = fields.take("head", wants)?.unwrap_or_default();
        dense.iter().try_for_each(|units| in_range("head", *units))?;
        Ok(Head { flatten, dense, dropout: fields.share("head_dropout")? })
    }

    /// Adds it behind `at`. A single dense layer is called `fc`, several the `Sequential` `fc.0` …, all
    /// behind `prefix`.
    pub(super) fn add(&self, graph: &mut GraphBuilder, prefix: &str, at: NodeId, outputs: usize) -> Result<NodeId> {
        let images = graph.shape(at).to_vec();
        let mut at = match self.flatten {
            true => graph.add(format!("{prefix}flatten"), Flatten, &[at])?,
            false => graph.add(format!("{prefix}avgpool"), GlobalAvgPool, &[at])?,
        };
        let linear = |first: bool, units| match first && self.flatten {
            true => Linear::after_flatten(units, images.clone()),
            false => Linear::new(units),
        };
        if self.dense.is_empty() {
            if let Some(rate) = self.dropout {
                at = graph.add(format!("{prefix}dropout"), Dropout { rate }, &[at])?;
            }
            return graph.add(format!("{prefix}fc"), linear(true, outputs), &[at]);
        }
        let mut layers = Sequential::new(graph, format!("{prefix}fc"), at);
        for (i, &units) in self.dense.iter().enumerate() {
            layers.push(linear(i == 0, units))?;
            layers.push(Relu)?;
            layers.push(Dropout { rate: self.dropout.unwrap_or(DROPOUT) })?;
        }
        layers.push(Linear::new(outputs))?;
        Ok(layers.end())
    }
}

/// The setting `head` as it is written.
#[derive(Default)]
struct Words {
    flatten: bool,
    dense: Vec<usize>,
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Words, D::Error> {
        let read = |value: Value| match value {
            Value::Array(units) if units.len() <= 64 => {
                let units = units.iter().map(|u| u.as_integer().and_then(|u| usize::try_from(u).ok())).collect();
                Some(Words { flatten: false, dense: Option::<Vec<usize>>::unwrap_or_default(units) })
                    .filter(|w| !w.dense.is_empty())
            }
            Value::String(word) if word == "default" => Some(Words::default()),
            Value::String(word) => {
                let units = word.strip_prefix("flatten")?.trim();
                let list = if units.is_empty() { "" } else { units.strip_prefix('[')?.strip_suffix(']')? };
                let dense = list.split(',').filter(|u| !u.trim().is_empty()).map(|u| u.trim().parse().ok());
                Some(Words { flatten: true, dense: dense.collect::<Option<_>>()? })
            }
            _ => None,
        };
        read(Value::deserialize(from)?).ok_or_else(|| D::Error::custom("no head"))
    }
}
