//! What recipes on hearts may ask for and recipes on heads may not, and the other way round.

use super::{Recipe, key, takes, takes_model};
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

    /// Refuses words that are for other tasks.
    pub(super) fn check_choices(&self) -> Result<()> {
        for name in ["data.target", "data.normalise", "evaluate.monitor"] {
            let word = self.get(name).expect("every key asked for is listed");
            if !takes(&self.task, name, &word) {
                let choices = key::find(name).map_or(&[][..], |key| key.choices);
                let fit: Vec<&str> = choices.iter().copied().filter(|w| takes(&self.task, name, w)).collect();
                return Err(self.refuse(name, &format!("use {}", fit.join(" or "))));
            }
        }
        Ok(())
    }

    pub(super) fn check_hearts(&self, graph: &Graph) -> Result<()> {
        let volumes = self.task == "cardiac-volume";
        if !takes_model(&self.task, crate::model::find(&self.model.name)?) {
            return Err(self.refuse("model.name", "take cardiac-vgg2d or cardiac-vgg3d for volumes, unet for masks"));
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
