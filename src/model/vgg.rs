//! VGG: 3x3 convolutions with ReLU between pools, on images and volumes (Simonyan and Zisserman 2015).

use super::head::Head;
use super::sequential::Sequential;
use super::spec::{Fields, Times, in_range};
use super::{ModelInfo, Task};
use crate::error::{Error, Result};
use crate::nn::layer::{BatchNorm, Concat, Conv, MaxPool, Relu, Window};
use crate::nn::{Graph, GraphBuilder, NodeId};
use serde::de::{Deserialize, Deserializer, Error as _};
use toml::Value;

pub(super) const MODELS: &[ModelInfo] = &[ModelInfo {
    name: "reg-vgg16",
    task: Task::Regression,
    purpose: "VGG16, one output",
    source: "preprint (S4) 3.1, slides (S1)",
    spec: r#"
        family = "vgg"
        input = [224, 224, 3]
        widths = [64, 64, "pool", 128, 128, "pool", 256, 256, 256, "pool",
                  512, 512, 512, "pool", 512, 512, 512, "pool"]
    "#,
}];

/// One entry of `widths`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// A convolution with that many output channels.
    Conv(usize),
    /// A pool that halves every side.
    Pool,
}

/// How many values come out, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outputs {
    /// One value.
    Single,
    /// One value from each of three networks on one input, side by side: `rv.`, `myo.`, `lv.`.
    MultiOutput,
    /// Three values of one network.
    MultiLabel,
}

/// The three parts of the heart, in the order of the outputs.
pub const STRUCTURES: [&str; 3] = ["rv", "myo", "lv"];

/// A member of the family.
#[derive(Clone, Debug, PartialEq)]
pub struct VggSpec {
    /// (height, width, channels), or (depth, height, width, channels).
    pub input: Vec<usize>,
    pub widths: Vec<Width>,
    /// A batch norm between each convolution and its ReLU.
    pub batch_norm: Option<BatchNorm>,
    /// Depth, height and width of the kernels on volumes; images have 3x3.
    pub kernel3d: [usize; 3],
    pub head: Head,
    pub outputs: Outputs,
}

impl VggSpec {
    pub(super) fn read(fields: &mut Fields) -> Result<VggSpec> {
        let norm = fields.batch_norm(BatchNorm::default())?;
        let spec = VggSpec {
            batch_norm: fields.flag("batch_norm", false)?.then_some(norm),
            kernel3d: match fields.take("kernel3d", "height x width x depth such as 3x3x2")? {
                None => [3; 3],
                Some(Times(sizes)) => match sizes[..] {
                    [h, w, d] if sizes.iter().all(|s| (1..=15).contains(s)) => [d, h, w],
                    _ => return Err(Error::usage(format!("kernel3d wants three sizes from 1 to 15, not {sizes:?}"))),
                },
            },
            head: Head::read(fields)?,
            outputs: match fields.word("outputs", &["single", "multi-output", "multi-label"])? {
                "multi-output" => Outputs::MultiOutput,
                "multi-label" => Outputs::MultiLabel,
                _ => Outputs::Single,
            },
            input: fields.input(3..=4)?,
            widths: read_widths(fields, "widths")?,
        };
        fields.done()?;
        Ok(spec)
    }

    pub fn build(&self) -> Result<Graph> {
        let mut graph = GraphBuilder::new(&self.input)?;
        let outputs = if self.outputs == Outputs::MultiLabel { STRUCTURES.len() } else { 1 };
        if self.outputs != Outputs::MultiOutput {
            let input = graph.input();
            let at = *self.features("features", &mut graph, input)?.last().expect("there is the input at least");
            graph.end_encoder();
            let at = self.head.add(&mut graph, "", at, outputs)?;
            return Ok(graph.finish(at));
        }
        let mut branches = Vec::new();
        for structure in STRUCTURES {
            let input = graph.input();
            let features = self.features(&format!("{structure}.features"), &mut graph, input)?;
            let at = *features.last().expect("there is the input at least");
            branches.push(self.head.add(&mut graph, &format!("{structure}."), at, outputs)?);
        }
        let at = graph.add("outputs", Concat, &branches)?;
        Ok(graph.finish(at))
    }

    /// Adds convolutions and pools behind `at`. Gives `at` and the last layer of each stage: where
    /// resolution has just been halved, the one before it.
    pub(super) fn features(&self, prefix: &str, graph: &mut GraphBuilder, at: NodeId) -> Result<Vec<NodeId>> {
        let mut stages = vec![at];
        let mut layers = Sequential::new(graph, prefix, at);
        let mut since_pool = 0;
        let mut last = at;
        for width in &self.widths {
            match *width {
                Width::Conv(channels) => {
                    layers.push(self.conv(channels, since_pool))?;
                    if let Some(norm) = &self.batch_norm {
                        layers.push(norm.clone())?;
                    }
                    last = layers.push(Relu)?;
                    since_pool += 1;
                }
                Width::Pool => {
                    stages.push(last);
                    last = layers.push(MaxPool { window: self.pool() })?;
                    since_pool = 0;
                }
            }
        }
        stages.push(last);
        Ok(stages)
    }

    /// The convolution behind `since_pool` others of its stage.
    fn conv(&self, channels: usize, since_pool: usize) -> Conv {
        if self.input.len() == 3 {
            return Conv::same(channels, 3);
        }
        // An even kernel cannot be padded evenly (Keras pads one slice more behind). Convolutions take
        // turns here: one gains a slice, the next loses it, and all pools see what they would in Keras.
        let padding = self.kernel3d.map(|k| if k % 2 == 0 && since_pool % 2 == 1 { k / 2 - 1 } else { k / 2 });
        Conv { outputs: channels, window: Window::volume(self.kernel3d, [1; 3], padding), bias: true }
    }

    fn pool(&self) -> Window {
        match self.input.len() {
            3 => Window::image([2; 2], [2; 2], [0; 2]),
            _ => Window::volume([2; 3], [2; 3], [0; 3]),
        }
    }
}

/// A list of channels and "pool"; at most 256 entries, one convolution at least.
pub(super) fn read_widths(fields: &mut Fields, key: &'static str) -> Result<Vec<Width>> {
    let wants = "a list of channels and \"pool\" such as [8, 8, \"pool\", 16]";
    let widths = fields.take::<Vec<Width>>(key, wants)?.ok_or_else(|| fields.missing(key))?;
    let convs = widths.iter().filter_map(|w| if let Width::Conv(c) = w { Some(*c) } else { None });
    if convs.clone().count() == 0 || widths.len() > 256 {
        return Err(Error::usage(format!("{key} has 1 to 256 entries, of which one is a convolution")));
    }
    convs.into_iter().try_for_each(|c| in_range(key, c))?;
    Ok(widths)
}

impl<'de> Deserialize<'de> for Width {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Width, D::Error> {
        match Value::deserialize(from)? {
            Value::Integer(channels) => usize::try_from(channels).map(Width::Conv).map_err(D::Error::custom),
            Value::String(word) if word == "pool" => Ok(Width::Pool),
            other => Err(D::Error::custom(other)),
        }
    }
}
