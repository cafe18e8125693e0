//! U-Nets: down through pools, up again, with every level's activations handed across (Ronneberger et al. 2015).

use super::spec::Fields;
use super::{ModelInfo, Task};
use crate::error::{Error, Result};
use crate::nn::layer::{BatchNorm, Concat, Conv, MaxPool, Relu, Sigmoid, TransposedConv, Upsample};
use crate::nn::{Graph, GraphBuilder, NodeId};

pub(super) const MODELS: &[ModelInfo] = &[
    ModelInfo {
        name: "unet",
        task: Task::Segmentation,
        purpose: "five levels, batch norm",
        source: "preprint (S4) 2.2.3",
        spec: r#"
            family = "unet"
            input = [224, 224, 1]
            widths = [16, 32, 64, 128, 256]
            upsampling = "transposed"
            batch_norm = true
        "#,
    },
    ModelInfo {
        name: "unet-small",
        task: Task::Segmentation,
        purpose: "three levels",
        source: "report (S3), section 3; its summary says transposed+bn",
        spec: r#"
            family = "unet"
            input = [128, 128, 1]
            widths = [16, 32, 64]
            upsampling = "upsample"
        "#,
    },
    ModelInfo {
        name: "unet-classic",
        task: Task::Segmentation,
        purpose: "the widths of 2015",
        source: "Ronneberger et al. 2015, Fig. 1; lab report (S2)",
        spec: r#"
            family = "unet"
            input = [224, 224, 1]
            widths = [64, 128, 256, 512, 1024]
            upsampling = "transposed"
        "#,
    },
];

/// A member of the family.
#[derive(Clone, Debug, PartialEq)]
pub struct UNetSpec {
    /// Height, width, channels.
    pub input: Vec<usize>,
    /// Channels of each level, the largest resolution first; the last is the bottleneck.
    pub widths: Vec<usize>,
    /// Up by 2x2 transposed convolutions to the next level's width; else by repeating pixels.
    pub transposed: bool,
    /// Between each 3x3 convolution and its ReLU; none behind transposed convolutions.
    pub batch_norm: Option<BatchNorm>,
    /// Masks.
    pub classes: usize,
}

impl UNetSpec {
    pub(super) fn read(fields: &mut Fields) -> Result<UNetSpec> {
        let norm = fields.batch_norm(BatchNorm::default())?;
        let batch_norm = fields.flag("batch_norm", false)?;
        let words = ["upsample", "transposed", "upsample+bn", "transposed+bn"];
        let upsampling = fields.word("upsampling", &words)?;
        let spec = UNetSpec {
            transposed: upsampling.starts_with("transposed"),
            batch_norm: (batch_norm || upsampling.ends_with("+bn")).then_some(norm),
            classes: fields.count("classes", 1)?,
            input: fields.input(3..=3)?,
            widths: fields.counts("widths", 12)?,
        };
        fields.done()?;
        Ok(spec)
    }

    /// Ends in a sigmoid: one mask a class, each in 0 to 1.
    pub fn build(&self) -> Result<Graph> {
        let mut graph = GraphBuilder::new(&self.input)?;
        check_halvings(&self.input, self.widths.len() - 1)?;
        let (bottom, levels) = self.widths.split_last().expect("there is one level at least");
        let mut at = graph.input();
        let mut skips = Vec::new();
        for (level, &width) in levels.iter().enumerate() {
            let name = format!("encoder.{level}");
            at = self.level(&mut graph, &name, width, at)?;
            skips.push(at);
            at = graph.add(format!("{name}.pool"), MaxPool::halving(2), &[at])?;
        }
        at = self.level(&mut graph, "bottleneck", *bottom, at)?;
        for (step, (&width, skip)) in levels.iter().zip(skips).rev().enumerate() {
            let name = format!("decoder.{step}");
            let up = format!("{name}.up");
            at = match self.transposed {
                true => graph.add(up, TransposedConv::doubling(width), &[at])?,
                false => graph.add(up, Upsample::image([2; 2]), &[at])?,
            };
            at = graph.add(format!("{name}.concat"), Concat, &[skip, at])?;
            at = self.level(&mut graph, &name, width, at)?;
        }
        at = graph.add("head", Conv::same(self.classes, 1), &[at])?;
        at = graph.add("sigmoid", Sigmoid, &[at])?;
        Ok(graph.finish(at))
    }

    /// Two 3x3 convolutions, each with batch norm if there is one, and ReLU.
    fn level(&self, graph: &mut GraphBuilder, name: &str, width: usize, mut at: NodeId) -> Result<NodeId> {
        for i in 1..=2 {
            at = graph.add(format!("{name}.conv{i}"), Conv::same(width, 3), &[at])?;
            if let Some(norm) = &self.batch_norm {
                at = graph.add(format!("{name}.bn{i}"), norm.clone(), &[at])?;
            }
            at = graph.add(format!("{name}.relu{i}"), Relu, &[at])?;
        }
        Ok(at)
    }
}

/// Refuses images whose sides cannot be halved so often and doubled again.
pub(super) fn check_halvings(input: &[usize], halvings: usize) -> Result<()> {
    let multiple = 1 << halvings;
    if input[..2].iter().all(|side| side.is_multiple_of(multiple)) {
        return Ok(());
    }
    Err(Error::usage(format!("{}x{} pixels cannot be halved {halvings} times and doubled again", input[0], input[1]))
        .cure(format!("use sides that are multiples of {multiple}")))
}
