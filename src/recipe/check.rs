//! Ranges and contradictions: what no type can say about a recipe.

use super::{Recipe, key, keys};
use crate::error::{Error, Result};
use crate::nn::Graph;
use crate::text;

impl Recipe {
    /// Refuses values out of range, unknown words, and values that contradict one another.
    pub fn check(&self) -> Result<()> {
        self.check_words()?;
        let ranges = [
            ("data.size", self.data.size[0] as f64, 16.0, 2048.0),
            ("data.size", self.data.size[1] as f64, 16.0, 2048.0),
            ("data.slices", self.data.slices as f64, 1.0, 64.0),
            ("data.spacing_mm", self.data.spacing_mm, 0.1, 10.0),
            ("data.folds", self.data.folds as f64, 2.0, 100.0),
            ("model.batch_norm_eps", self.model.batch_norm_eps, 1e-12, 1.0),
            ("model.batch_norm_momentum", self.model.batch_norm_momentum, 1e-6, 1.0),
            ("train.huber_delta", self.train.huber_delta, 1e-6, 1e6),
            ("train.lr", self.train.lr, 1e-12, 10.0),
            ("train.batch", self.train.batch as f64, 1.0, 65_536.0),
            ("train.micro_batch", self.train.micro_batch as f64, 0.0, self.train.batch as f64),
            ("train.epochs", self.train.epochs as f64, 1.0, 1e6),
            ("train.patience", self.train.patience as f64, 0.0, 1e6),
            ("train.threads", self.train.threads as f64, 0.0, 1024.0),
            ("augment.shift_px", self.augment.shift_px, 0.0, 1024.0),
            ("augment.rotation_deg", self.augment.rotation_deg, 0.0, 180.0),
            ("augment.scale", self.augment.scale, 0.0, 0.9),
            ("augment.elastic_px", self.augment.elastic_px, 0.0, 256.0),
            ("augment.brightness", self.augment.brightness, 0.0, 1.0),
            ("augment.contrast", self.augment.contrast, 0.0, 1.0),
            ("augment.gamma", self.augment.gamma, 0.0, 10.0),
            ("augment.noise", self.augment.noise, 0.0, 1.0),
            ("augment.grow_to", self.augment.grow_to as f64, 0.0, 1e7),
            ("seed", self.seed as f64, 0.0, i64::MAX as f64),
        ];
        for (key, value, low, high) in ranges {
            if !(low..=high).contains(&value) {
                return Err(Error::usage(format!("{key} = {value} is outside {low} to {high}"))
                    .cure(format!("{key}: {}", key::find(key).map_or("", |k| k.help))));
            }
        }
        let augment = &self.augment;
        if self.task == "hc-regression" && (augment.scale > 0.0 || augment.elastic_px > 0.0 || augment.grow_to > 0) {
            return Err(Error::usage("augment.scale, elastic_px and grow_to change the circumference that is learned")
                .cure("leave them at 0 for hc-regression; hc-segmentation takes them"));
        }
        self.train.rates()?;
        self.train.loss()?;
        let of_masks = ["val_dice", "val_hausdorff_mm"].contains(&self.evaluate.monitor.as_str());
        if of_masks && self.task == "hc-regression" {
            return Err(Error::usage(format!("{} has no {}", self.task, self.evaluate.monitor))
                .cure("use val_mae_px, val_mae_mm or val_loss"));
        }
        crate::nn::Device::check(&self.train.device)?;
        let rule: crate::dataset::split::SplitRule = self.data.split.parse()?;
        if rule == crate::dataset::split::SplitRule::KFold && self.data.fold >= self.data.folds {
            return Err(Error::usage(format!(
                "data.fold = {} does not exist: {} folds are numbered 0 to {}",
                self.data.fold,
                self.data.folds,
                self.data.folds - 1
            ))
            .cure("folds count from 0"));
        }
        if !self.name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) || self.name.starts_with('.') {
            return Err(Error::usage(format!("`{}` cannot be a recipe's name", text::line(&self.name)))
                .cure("use letters, digits, - and _ : it becomes part of a folder's name"));
        }
        Ok(())
    }

    /// Refuses a network or a loss that is not for the task; `graph` is the recipe's own.
    pub fn check_task(&self, graph: &Graph) -> Result<()> {
        let segments = self.task.ends_with("-segmentation");
        let (gives_masks, loss) = (graph.output_shape().len() == 3, self.train.loss()?);
        if gives_masks != segments {
            let (gives, cure) = match segments {
                true => ("numbers", "take a U-Net: `hcwb model list` shows for which task each network is".to_owned()),
                false => {
                    let other = if self.on_hearts() { "cardiac-segmentation" } else { "hc-segmentation" };
                    ("masks", format!("set task={other}, or take a network of regression"))
                }
            };
            return Err(Error::usage(format!("{} gives {gives}, which {} does not learn", self.model.name, self.task))
                .cure(cure));
        }
        if loss.takes_masks() != segments {
            let cure = if segments { "use dice, bce or another loss of masks" } else { "use mse, mae or huber" };
            return Err(Error::usage(format!("train.loss = {} is not for {}", self.train.loss, self.task)).cure(cure));
        }
        self.check_choices()?;
        if self.on_hearts() { self.check_hearts(graph) } else { Ok(()) }
    }

    fn check_words(&self) -> Result<()> {
        for key in keys().iter().filter(|k| !k.choices.is_empty()) {
            let word = self.get(key.name).expect("every listed key is a field (tested in parse.rs)");
            if !key.choices.contains(&word.as_str()) {
                let near = text::nearest(&word, key.choices.iter().copied());
                let cure = match near {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("this version knows {}", key.choices.join(", ")),
                };
                return Err(Error::usage(format!("{} cannot be `{}`", key.name, text::line(&word))).cure(cure));
            }
        }
        Ok(())
    }
}
