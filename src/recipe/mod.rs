//! What to do: a recipe in TOML becomes a fully resolved value, every default written out.

mod check;
mod check_hearts;
mod choices;
mod default;
mod key;
mod parse;
mod shipped;

pub use choices::{takes, takes_model};
pub use key::{Key, keys};
pub use shipped::{Shipped, shipped};

use crate::dataset::acdc::HeartAugment;
use crate::dataset::augment::Augment;
use crate::error::Result;
use crate::model::{self, ModelOptions};
use crate::nn::layer::BatchNorm;
use crate::nn::loss::{self, Loss};
use crate::nn::schedule::{self, Schedule};
use serde::{Deserialize, Serialize};

/// Everything that decides how a run goes. Two equal recipes on equal data give equal weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recipe {
    /// The file's stem; part of the run's id.
    pub name: String,
    /// One line for people.
    pub purpose: String,
    /// The figure that the paper prints for it, if one does.
    pub paper: String,
    pub task: String,
    /// Decides the split, the initial weights, the order of the images, augmentation and dropout.
    pub seed: u64,
    pub data: DataPart,
    pub model: ModelPart,
    pub train: TrainPart,
    pub augment: AugmentPart,
    pub evaluate: EvaluatePart,
}

/// Which images, at which size, cut how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DataPart {
    pub dataset: String,
    /// Width and height in pixels that the network sees.
    pub size: [usize; 2],
    /// `kfold`, `80/20`, `600/200/199` …; exams are never divided.
    pub split: String,
    pub folds: usize,
    /// From 0.
    pub fold: usize,
    /// `z-score` of the training part's pixels, `encoder` (ImageNet's mean and deviation), `unit` (0 to 1); of hearts also
    /// `each`: z-score of every heart.
    pub normalise: String,
    /// `hc_px`: the circumference in pixels of the file's own resolution; `hc_mm`: in millimetres. Of hearts `volume_ml`
    /// or `voxels`.
    pub target: String,
    /// `max`: over the training part's largest; `none`: as it is.
    pub target_scale: String,
    /// Of masks: the annotated ring filled, or the ring itself.
    pub truth: String,
    /// Of hearts, as all that follows: `both` phases, `ed` or `es`.
    pub phases: String,
    /// `image`, or `truth`: the ground truth itself is what the network sees.
    pub input: String,
    /// Without the patients of S4's Table 9.
    pub clean: bool,
    /// Of volumes: slices that every heart is brought to.
    pub slices: usize,
    /// Of volumes: `all` three, one of `rv`, `myo` and `lv`, or `heart`: their sum.
    pub structures: String,
    /// Of slices: the spacing that every one is brought to.
    pub spacing_mm: f64,
}

/// Which network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelPart {
    pub name: String,
    pub pretrained: String,
    pub frozen: String,
    /// As [`ModelOptions`] takes it, like the next seven; `default` is the network's own.
    pub head: String,
    pub head_dropout: String,
    pub reading: String,
    pub stride_in: String,
    pub classes: String,
    pub upsampling: String,
    pub outputs: String,
    pub kernel3d: String,
    /// Added to every batch norm's variance.
    pub batch_norm_eps: f64,
    /// Share of the batch's statistics in the running ones (PyTorch's convention; Keras writes one minus it).
    pub batch_norm_momentum: f64,
}

/// How it learns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainPart {
    pub loss: String,
    /// Where Huber's loss turns from square to linear, in units of the scaled target.
    pub huber_delta: f64,
    pub focal_alpha: f64,
    pub focal_gamma: f64,
    /// Kappa's share in focal + kappa: the preprint's lambda.
    pub kappa_share: f64,
    pub optimizer: String,
    pub lr: f64,
    /// How the rate goes from there: a word of [`crate::nn::schedule`].
    pub schedule: String,
    /// Epochs, or parts of one, over which the rate first rises.
    pub warmup_epochs: f64,
    /// Of schedule step: epochs between two; of plateau: epochs without a better validation loss.
    pub schedule_epochs: u64,
    /// Of schedules step and plateau.
    pub schedule_factor: f64,
    /// Of schedules cosine and plateau.
    pub least_lr: f64,
    pub batch: usize,
    /// Images that pass at once; gradients of a batch are accumulated. 0: the whole batch.
    pub micro_batch: usize,
    pub epochs: usize,
    /// Epochs without a better validation figure after which training ends. 0: never.
    pub patience: usize,
    pub precision: String,
    /// `auto`, `cpu` or `cuda:N`; what `auto` comes to is decided where the run begins.
    pub device: String,
    /// On a card, only algorithms whose results are bit-equal every time.
    pub deterministic: bool,
    /// 0: every core that this process may use.
    pub threads: usize,
}

/// What is done to a training image before it is seen, anew in every epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AugmentPart {
    pub flip: bool,
    /// Largest translation along each axis, in pixels at training size; of hearts along x, along y in proportion.
    pub shift_px: f64,
    /// Largest rotation either way, in degrees, before the anisotropic resize.
    pub rotation_deg: f64,
    pub flip_vertical: bool,
    /// Greatest magnification either way; for masks only, since it changes the circumference.
    pub scale: f64,
    /// Standard deviation of an elastic bending, in pixels at training size; for masks only.
    pub elastic_px: f64,
    /// In shares of the grey range, as the next three; of hearts in standard deviations of a heart.
    pub brightness: f64,
    pub contrast: f64,
    pub gamma: f64,
    pub noise: f64,
    /// Images that a training part is grown to by the preprint's copies (S4, 2.2.2); 0: it is left alone. Masks only.
    pub grow_to: usize,
}

impl AugmentPart {
    /// The bounds of on-line augmentation.
    pub fn bounds(&self) -> Augment {
        Augment {
            flip: self.flip,
            flip_vertical: self.flip_vertical,
            shift_px: self.shift_px,
            rotation_deg: self.rotation_deg,
            scale: self.scale,
            elastic_px: self.elastic_px,
            brightness: self.brightness,
            contrast: self.contrast,
            gamma: self.gamma,
            noise: self.noise,
        }
    }

    /// The same of hearts prepared `width_px` wide.
    pub fn heart_bounds(&self, width_px: usize) -> HeartAugment {
        HeartAugment {
            flip: self.flip,
            shift_share: self.shift_px / width_px as f64,
            rotation_deg: self.rotation_deg,
            scale: self.scale,
            brightness: self.brightness,
            contrast: self.contrast,
            gamma: self.gamma,
            noise: self.noise,
        }
    }
}

/// How a run is judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EvaluatePart {
    /// The validation figure that chooses the best epoch and ends the training: lower is better.
    pub monitor: String,
}

impl Recipe {
    /// The network that the recipe asks for, for images at its size; grey ones are repeated into as many
    /// channels as the network takes.
    ///
    /// Fails where there is no such network, where it has no such setting, and where sizes do not fit.
    pub fn graph(&self) -> crate::Result<crate::nn::Graph> {
        let info = model::find(&self.model.name)?;
        let (published, [width, height]) = (info.input(), self.data.size);
        let channels = *published.last().expect("an image has channels");
        let input = match (info.task, published.len()) {
            (model::Task::Volume, 4) => vec![self.data.slices, height, width, channels],
            (model::Task::Volume, _) => vec![height, width, self.data.slices],
            _ => vec![height, width, channels],
        };
        let mut options = ModelOptions::default().with_input(&input);
        let m = &self.model;
        let of_hearts = self.task == "cardiac-segmentation" && m.classes == "default";
        let classes = if of_hearts { "4" } else { &m.classes };
        let outputs = if info.task == model::Task::Volume { self.outputs() } else { &m.outputs };
        let given = [
            ("head", m.head.as_str()),
            ("head_dropout", &m.head_dropout),
            ("reading", &m.reading),
            ("stride_in", &m.stride_in),
            ("classes", classes),
            ("upsampling", &m.upsampling),
            ("outputs", outputs),
            ("kernel3d", &m.kernel3d),
        ];
        for (key, value) in given {
            options.set(key, value)?;
        }
        let norm = BatchNorm { eps: m.batch_norm_eps, momentum: m.batch_norm_momentum };
        if norm != BatchNorm::default() {
            options = options.with_batch_norm(&norm);
        }
        let mut graph = model::build(&m.name, &options)?;
        if m.frozen == "encoder" {
            graph.freeze_encoder()?;
        }
        Ok(graph)
    }

    /// How a network of volumes gives its numbers: as the recipe says, else as fits the structures. S4 says more of its
    /// three branches than of the other two.
    pub fn outputs(&self) -> &str {
        match (self.model.outputs.as_str(), self.data.structures.as_str()) {
            ("default", "all") => "multi-output",
            ("default", _) => "single",
            (outputs, _) => outputs,
        }
    }
}

impl TrainPart {
    /// Images that pass through the network at once.
    pub fn at_once(&self) -> usize {
        match self.micro_batch {
            0 => self.batch,
            n => n.min(self.batch),
        }
    }
}

impl TrainPart {
    /// The loss, with its settings.
    pub fn loss(&self) -> Result<Loss> {
        let settings = loss::Settings {
            huber_delta: self.huber_delta,
            focal_alpha: self.focal_alpha,
            focal_gamma: self.focal_gamma,
            kappa_share: self.kappa_share,
        };
        Loss::parse(&self.loss, &settings)
    }

    /// The learning-rate schedule.
    pub fn rates(&self) -> Result<Schedule> {
        let settings = schedule::Settings {
            warmup_epochs: self.warmup_epochs,
            every_epochs: self.schedule_epochs,
            patience: self.schedule_epochs,
            factor: self.schedule_factor,
            least_lr: self.least_lr,
            ..schedule::Settings::default()
        };
        Schedule::parse(&self.schedule, &settings)
    }
}
