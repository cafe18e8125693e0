//! ResNets: stages of residual blocks, with bottlenecks or without (He et al. 2016).

use super::head::Head;
use super::spec::Fields;
use super::{ModelInfo, Task};
use crate::error::{Error, Result};
use crate::nn::layer::{Add, BatchNorm, Conv, MaxPool, Relu, Window};
use crate::nn::{Graph, GraphBuilder, NodeId};

pub(super) const MODELS: &[ModelInfo] = &[ModelInfo {
    name: "reg-resnet50",
    task: Task::Regression,
    purpose: "ResNet50, one output",
    source: "preprint (S4) 3.1, slides (S1), report (S0)",
    spec: r#"
        family = "resnet"
        input = [224, 224, 3]
        blocks = [3, 4, 6, 3]
        width = 64
        bottleneck = true
        stride_in = "1x1"
    "#,
}];

/// A bottleneck's last 1x1 has so many times its 3x3's channels.
const EXPANSION: usize = 4;

/// Whose ResNet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Convolutions without bias.
    Torchvision,
    /// Convolutions with bias, and an eps of 1.001e-5 (where the papers' weights come from).
    Keras,
}

/// A member of the family.
#[derive(Clone, Debug, PartialEq)]
pub struct ResNetSpec {
    /// Height, width, channels.
    pub input: Vec<usize>,
    /// Residual blocks of each stage; every stage but the first halves both sides.
    pub blocks: Vec<usize>,
    /// Channels of the 7x7 stem and of the first stage's 3x3; each stage doubles them.
    pub width: usize,
    /// 1x1, 3x3, 1x1 with four times the channels (true), or two 3x3 (false).
    pub bottleneck: bool,
    /// A bottleneck strides in its 3x3 (v1.5), not in its first 1x1 (v1).
    pub stride_in_3x3: bool,
    pub reading: Reading,
    pub batch_norm: BatchNorm,
    pub head: Head,
}

impl ResNetSpec {
    pub(super) fn read(fields: &mut Fields) -> Result<ResNetSpec> {
        let reading = match fields.word("reading", &["torchvision", "keras"])? {
            "keras" => Reading::Keras,
            _ => Reading::Torchvision,
        };
        let default = match reading {
            Reading::Torchvision => BatchNorm::default(),
            Reading::Keras => BatchNorm { eps: 1.001e-5, momentum: 0.01 },
        };
        let spec = ResNetSpec {
            reading,
            batch_norm: fields.batch_norm(default)?,
            width: fields.count("width", 64)?,
            bottleneck: fields.flag("bottleneck", true)?,
            stride_in_3x3: fields.word("stride_in", &["1x1", "3x3"])? == "3x3",
            head: Head::read(fields)?,
            input: fields.input(3..=3)?,
            blocks: fields.counts("blocks", 8)?,
        };
        fields.done()?;
        let (blocks, widest) = (spec.blocks.iter().sum::<usize>(), spec.width << (spec.blocks.len() - 1));
        if blocks > 500 || widest > 1 << 14 {
            return Err(Error::usage(format!("{blocks} blocks of up to {widest} channels are too many"))
                .cure("stay at 500 blocks and 16384 channels"));
        }
        Ok(spec)
    }

    /// Names are torchvision's.
    pub fn build(&self) -> Result<Graph> {
        let mut graph = GraphBuilder::new(&self.input)?;
        let input = graph.input();
        let mut at = self.conv_norm(&mut graph, "conv1", "bn1", [self.width, 7, 2, 3], input)?;
        at = graph.add("relu", Relu, &[at])?;
        at = graph.add("maxpool", MaxPool { window: Window::image([3; 2], [2; 2], [1; 2]) }, &[at])?;
        for (stage, &blocks) in self.blocks.iter().enumerate() {
            for block in 0..blocks {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                at = self.block(&mut graph, &format!("layer{}.{block}", stage + 1), self.width << stage, stride, at)?;
            }
        }
        graph.end_encoder();
        let at = self.head.add(&mut graph, "", at, 1)?;
        Ok(graph.finish(at))
    }

    /// One residual block whose 3x3 has `width` channels.
    fn block(
        &self,
        graph: &mut GraphBuilder,
        name: &str,
        width: usize,
        stride: usize,
        input: NodeId,
    ) -> Result<NodeId> {
        // Outputs, kernel, stride and padding of each convolution.
        let convs = match (self.bottleneck, self.stride_in_3x3) {
            (true, false) => vec![[width, 1, stride, 0], [width, 3, 1, 1], [width * EXPANSION, 1, 1, 0]],
            (true, true) => vec![[width, 1, 1, 0], [width, 3, stride, 1], [width * EXPANSION, 1, 1, 0]],
            (false, _) => vec![[width, 3, stride, 1], [width, 3, 1, 1]],
        };
        let outputs = convs[convs.len() - 1][0];
        let mut at = input;
        for (i, conv) in convs.iter().enumerate() {
            if i > 0 {
                at = graph.add(format!("{name}.relu{i}"), Relu, &[at])?;
            }
            at = self.conv_norm(graph, &format!("{name}.conv{}", i + 1), &format!("{name}.bn{}", i + 1), *conv, at)?;
        }
        let mut shortcut = input;
        if stride != 1 || graph.shape(input).last() != Some(&outputs) {
            let (conv, norm) = (format!("{name}.downsample.0"), format!("{name}.downsample.1"));
            shortcut = self.conv_norm(graph, &conv, &norm, [outputs, 1, stride, 0], input)?;
        }
        at = graph.add(format!("{name}.add"), Add, &[at, shortcut])?;
        graph.add(format!("{name}.relu"), Relu, &[at])
    }

    /// A convolution (outputs, kernel, stride, padding) and its batch norm.
    fn conv_norm(
        &self,
        graph: &mut GraphBuilder,
        conv: &str,
        norm: &str,
        [outputs, kernel, stride, padding]: [usize; 4],
        input: NodeId,
    ) -> Result<NodeId> {
        let layer = Conv { bias: self.reading == Reading::Keras, ..Conv::unbiased(outputs, kernel, stride, padding) };
        let at = graph.add(conv, layer, &[input])?;
        graph.add(norm, self.batch_norm.clone(), &[at])
    }
}
