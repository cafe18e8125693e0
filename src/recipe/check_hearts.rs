//! What recipes on hearts may ask for and recipes on heads may not, and the other way round.

use super::Recipe;
use crate::dataset::acdc::STRUCTURES;
use crate::dataset::acdc::batch::CLASSES;
use crate::error::{Error, Result};
use crate::nn::Graph;

impl Recipe {
    /// Whether it learns from hearts rather than heads.
    pub fn on_hearts(&self) -> bool {
        self.task.starts_with("cardiac-")
    }

    fn refuse(&self, key: &str, cure: &str) -> Error {
        let value = self.get(key).expect("every key asked for is listed");
        Error::usage(format!("{key} = {value} is not for {}", self.task)).cure(cure.to_owned())
    }

    pub(super) fn check_heads(&self) -> Result<()> {
        if ["volume_ml", "voxels"].contains(&self.data.target.as_str()) {
            return Err(self.refuse("data.target", "use hc_px or hc_mm"));
        }
        if self.data.normalise == "each" {
            return Err(self.refuse("data.normalise", "use z-score"));
        }
        if self.evaluate.monitor == "val_mae_ml" {
            return Err(self.refuse("evaluate.monitor", "use val_mae_mm"));
        }
        Ok(())
    }

    pub(super) fn check_hearts(&self, graph: &Graph) -> Result<()> {
        let volumes = self.task == "cardiac-volume";
        let is = |value: &str, words: &[&str]| words.contains(&value);
        if !is(&self.data.target, &["volume_ml", "voxels"]) && volumes {
            return Err(self.refuse("data.target", "use volume_ml or voxels"));
        }
        if !is(&self.data.normalise, &["z-score", "each"]) {
            return Err(self.refuse("data.normalise", "use each or z-score"));
        }
        let monitors = ["val_mae_ml", "val_loss", "val_dice", "val_hausdorff_mm"];
        if !is(&self.evaluate.monitor, if volumes { &monitors[..2] } else { &monitors }) {
            return Err(self.refuse("evaluate.monitor", "use val_mae_ml or val_loss"));
        }
        let (augment, leave) = (&self.augment, "leave it as it is by default");
        if augment.flip_vertical {
            return Err(self.refuse("augment.flip_vertical", leave));
        }
        if augment.elastic_px > 0.0 {
            return Err(self.refuse("augment.elastic_px", leave));
        }
        if volumes && augment.scale > 0.0 {
            return Err(self.refuse("augment.scale", "set it to 0: it changes the volumes that are learned"));
        }
        if !volumes && augment.grow_to > 0 {
            return Err(self.refuse("augment.grow_to", "set it to 0: slices are changed anew in every epoch"));
        }
        if !volumes && self.data.input == "truth" {
            return Err(self.refuse("data.input", "set it to image"));
        }
        let (found, wanted) = match volumes {
            true => (graph.output_shape()[0], if self.data.structures == "all" { STRUCTURES.len() } else { 1 }),
            false => (graph.output_shape()[2], CLASSES),
        };
        if found == wanted {
            return Ok(());
        }
        let what = format!("{} gives {found} outputs, and {} needs {wanted}", self.model.name, self.task);
        Err(Error::usage(what).cure(match volumes {
            true => "set model.outputs: multi-output or multi-label for all structures, single for one",
            false => "set model.classes=4: background and three structures",
        }))
    }
}
