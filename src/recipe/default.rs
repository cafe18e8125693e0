//! What a recipe says where nobody says anything.

use super::{AugmentPart, DataPart, EvaluatePart, ModelPart, Recipe, TrainPart};

impl Default for Recipe {
    fn default() -> Self {
        Recipe {
            name: String::new(),
            purpose: String::new(),
            paper: String::new(),
            task: "hc-regression".into(),
            seed: 0,
            data: DataPart::default(),
            model: ModelPart::default(),
            train: TrainPart::default(),
            augment: AugmentPart::default(),
            evaluate: EvaluatePart::default(),
        }
    }
}

impl Default for DataPart {
    fn default() -> Self {
        DataPart {
            dataset: "hc18".into(),
            size: [128, 128],
            split: "kfold".into(),
            folds: 5,
            fold: 0,
            normalise: "z-score".into(),
            target: "hc_px".into(),
            target_scale: "max".into(),
            truth: "filled".into(),
            phases: "both".into(),
            input: "image".into(),
            clean: false,
            slices: 9,
            structures: "all".into(),
            spacing_mm: 1.5,
        }
    }
}

impl Default for ModelPart {
    fn default() -> Self {
        ModelPart {
            name: "cnn263k".into(),
            pretrained: "none".into(),
            frozen: "nothing".into(),
            head: "default".into(),
            head_dropout: "default".into(),
            reading: "default".into(),
            stride_in: "default".into(),
            classes: "default".into(),
            upsampling: "default".into(),
            outputs: "default".into(),
            kernel3d: "default".into(),
            batch_norm_eps: 1e-5,
            batch_norm_momentum: 0.1,
        }
    }
}

impl Default for TrainPart {
    fn default() -> Self {
        TrainPart {
            loss: "mse".into(),
            huber_delta: 0.5,
            focal_alpha: 0.25,
            focal_gamma: 2.0,
            kappa_share: 0.7,
            optimizer: "adam".into(),
            lr: 1e-3,
            schedule: "constant".into(),
            warmup_epochs: 0.0,
            schedule_epochs: 10,
            schedule_factor: 0.1,
            least_lr: 0.0,
            batch: 8,
            micro_batch: 0,
            epochs: 100,
            patience: 20,
            precision: "f32".into(),
            device: "auto".into(),
            deterministic: false,
            threads: 0,
        }
    }
}

impl Default for AugmentPart {
    fn default() -> Self {
        let (flip_vertical, scale, elastic_px, grow_to) = (false, 0.0, 0.0, 0);
        let (brightness, contrast, gamma, noise) = (0.0, 0.0, 0.0, 0.0);
        AugmentPart {
            flip: true,
            shift_px: 5.0,
            rotation_deg: 10.0,
            flip_vertical,
            scale,
            elastic_px,
            brightness,
            contrast,
            gamma,
            noise,
            grow_to,
        }
    }
}

impl Default for EvaluatePart {
    fn default() -> Self {
        EvaluatePart { monitor: "val_mae_px".into() }
    }
}
