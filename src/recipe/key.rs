//! Every key of a recipe: its help, the words it may hold, and whether Launch shows it at once.

use crate::nn::Precision;

/// One key of a recipe.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As `--set` and the TOML file name it: `train.lr`.
    pub name: &'static str,
    pub help: &'static str,
    /// Worth showing without being asked.
    pub matters: bool,
    /// The words allowed; empty where the value is free.
    pub choices: &'static [&'static str],
}

const fn key(name: &'static str, help: &'static str) -> Key {
    Key { name, help, matters: false, choices: &[] }
}

impl Key {
    const fn matters(mut self) -> Key {
        self.matters = true;
        self
    }
    const fn one_of(mut self, choices: &'static [&'static str]) -> Key {
        self.choices = choices;
        self
    }
}

static KEYS: &[Key] = &[
    key("name", "the recipe's name, part of every run's id"),
    key("purpose", "one line that says what it is for"),
    key("paper", "the figure that the paper prints for it"),
    key("task", "what is learned").matters().one_of(&[
        "hc-regression",
        "hc-segmentation",
        "cardiac-volume",
        "cardiac-segmentation",
    ]),
    key("seed", "decides split, first weights, order, augmentation and dropout").matters(),
    key("data.dataset", "name of a data set, as `hcwb data list` shows it").matters(),
    key("data.size", "width and height in pixels that the network sees"),
    key("data.split", "kfold, or shares such as 80/20 or 600/200/199; exams stay whole").matters(),
    key("data.folds", "how many folds a kfold split has"),
    key("data.fold", "which fold validates, from 0").matters(),
    key(
        "data.normalise",
        "z-score of the training part, encoder (as ImageNet's), unit (0 to 1), or each heart's z-score",
    )
    .one_of(&["z-score", "encoder", "unit", "each"]),
    key("data.target", "circumference in pixels of the file's own resolution or in mm; of hearts ml, or voxels")
        .one_of(&["hc_px", "hc_mm", "volume_ml", "voxels"]),
    key("data.target_scale", "divided by the training part's largest (max), or not (none)").one_of(&["max", "none"]),
    key("data.truth", "of masks: the annotated ring filled, or the ring itself as it is drawn (ring)")
        .one_of(&["filled", "ring"]),
    key("data.phases", "of hearts: end diastole, end systole, or both; a patient is in one part with both")
        .one_of(&["both", "ed", "es"]),
    key("data.input", "of volumes: what the network sees, the image or the ground truth (S4, table 11)")
        .one_of(&["image", "truth"]),
    key("data.clean", "of hearts: without the six patients of S4's table 9"),
    key("data.slices", "of volumes: slices that every heart is brought to"),
    key("data.structures", "of volumes: all three, one alone, or heart for their sum")
        .one_of(&["all", "rv", "myo", "lv", "heart"]),
    key("data.spacing_mm", "of heart segmentation: the spacing in plane that every slice is brought to"),
    key("model.name", "a network, as `hcwb model list` shows it").matters(),
    key("model.pretrained", "weights for the encoder, as `hcwb weights list` names them, or none"),
    key("model.frozen", "what is not trained: nothing, or the encoder").one_of(&["nothing", "encoder"]),
    key("model.head", "behind the encoder: default (pooled, one output), flatten, or dense layers such as [512, 256]"),
    key("model.head_dropout", "dropout rate behind each dense layer of the head"),
    key("model.reading", "torchvision (convolutions without bias) or keras (with bias)"),
    key("model.stride_in", "where a ResNet's bottleneck strides: 1x1 (v1) or 3x3 (v1.5, torchvision's weights)"),
    key("model.classes", "masks that a U-Net gives"),
    key("model.upsampling", "of a small U-Net: upsample, transposed, or either with +bn"),
    key(
        "model.outputs",
        "of volumes: multi-output (a branch a structure), multi-label (one net, three outputs), single",
    ),
    key("model.kernel3d", "height x width x depth of the kernels on volumes: 3x3x3, or 3x3x2"),
    key("model.batch_norm_eps", "added to every batch norm's variance (PyTorch 1e-5, Keras 1e-3)"),
    key("model.batch_norm_momentum", "share of a batch in the running statistics (PyTorch 0.1, Keras 0.01)"),
    key("train.loss", "of regression mse, mae or huber, on the scaled target; of masks dice, bce and the rest")
        .matters()
        .one_of(&crate::nn::loss::WORDS),
    key("train.huber_delta", "where huber turns from square to linear, on the scaled target"),
    key("train.focal_alpha", "the focal loss's weight of positives; negatives have the rest"),
    key("train.focal_gamma", "the focal loss's exponent"),
    key("train.kappa_share", "kappa's share in focal-kappa (lambda)"),
    key("train.optimizer", "adam, adamw or sgd (momentum 0.9)").one_of(&["adam", "adamw", "sgd"]),
    key("train.lr", "learning rate, or what a schedule begins with").matters(),
    key("train.schedule", "how the rate goes on: constant, step, cosine, one-cycle or plateau")
        .one_of(&crate::nn::schedule::WORDS),
    key("train.warmup_epochs", "epochs, or parts of one, over which the rate first rises"),
    key("train.schedule_epochs", "step: epochs between two; plateau: epochs without a better validation loss"),
    key("train.schedule_factor", "step and plateau: what the rate is multiplied by"),
    key("train.least_lr", "cosine and plateau: the rate goes no lower"),
    key("train.batch", "images a step").matters(),
    key("train.micro_batch", "images that pass at once (batch norm sees only these), gradients summed; 0: the batch"),
    key("train.epochs", "at most so many passes over the training part").matters(),
    key("train.patience", "epochs without improvement before it ends; 0: never").matters(),
    key("train.precision", "f32, f32-strict (no fast convolutions that round more), bf16, or tf32 (on the CPU as f32)")
        .matters()
        .one_of(&Precision::NAMES),
    key("train.device", "auto (the first card that can be used, else the CPU), cpu, or cuda:N for card N").matters(),
    key("train.deterministic", "bit-equal reruns on one card, a little slower; the CPU always is"),
    key("train.threads", "CPU threads; 0: every core allowed").matters(),
    key("augment.flip", "mirror left and right, every second time").matters(),
    key("augment.shift_px", "largest translation in pixels at training size").matters(),
    key("augment.rotation_deg", "largest rotation in degrees, before the resize").matters(),
    key("augment.flip_vertical", "mirror top and bottom, every second time"),
    key("augment.scale", "largest magnification either way, 0.1 for 0.9 to 1.1 (masks only)"),
    key("augment.elastic_px", "standard deviation of an elastic bending in pixels (masks only)"),
    key("augment.brightness", "largest change either way, in shares of the grey range"),
    key("augment.contrast", "largest change either way, 0.3 for 0.7 to 1.3 times"),
    key("augment.gamma", "largest exponent of a gamma curve, less 1"),
    key("augment.noise", "largest standard deviation of noise, in shares of the grey range"),
    key(
        "augment.grow_to",
        "images that copies grow the training part to (S4: 1800; hearts 480, at most fourfold), 0: none",
    ),
    key(
        "evaluate.monitor",
        "the validation figure that chooses the best epoch (dice and hausdorff_mm: of masks, mae_ml: of hearts)",
    )
    .one_of(&["val_mae_px", "val_mae_mm", "val_mae_ml", "val_loss", "val_dice", "val_hausdorff_mm"]),
];

/// Every key, in the order of the file.
pub fn keys() -> &'static [Key] {
    KEYS
}

/// The key of that name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|k| k.name == name)
}
