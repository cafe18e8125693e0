//! Which words of a recipe's keys are for which task.

use crate::model::{ModelInfo, Task};
use crate::nn::loss::{Loss, Settings};

/// Whether `task` has a use for that word of a key; keys that every task reads alike have none that it has not.
pub fn takes(task: &str, key: &str, word: &str) -> bool {
    let (hearts, masks) = (task.starts_with("cardiac-"), task.ends_with("-segmentation"));
    match key {
        "train.loss" => Loss::parse(word, &Settings::default()).is_ok_and(|loss| loss.takes_masks() == masks),
        "evaluate.monitor" => match word {
            "val_loss" => true,
            "val_dice" | "val_hausdorff_mm" => masks,
            "val_mae_ml" => hearts,
            _ => !hearts,
        },
        // Masks have no target to be scaled.
        "data.target" => masks || ["volume_ml", "voxels"].contains(&word) == hearts,
        "data.normalise" => match word {
            "z-score" => true,
            "each" => hearts,
            _ => !hearts,
        },
        _ => true,
    }
}

/// Whether a network does such a task. Slices of hearts are grey, and not repeated into channels.
pub fn takes_model(task: &str, model: &ModelInfo) -> bool {
    match (task.ends_with("-segmentation"), task.starts_with("cardiac-")) {
        (true, hearts) => model.task == Task::Segmentation && (!hearts || model.input().last() == Some(&1)),
        (false, true) => model.task == Task::Volume,
        (false, false) => model.task == Task::Regression,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model;
    use crate::recipe::{Recipe, keys, shipped};

    #[test]
    fn every_shipped_recipe_has_words_and_a_network_of_its_own_task() {
        for recipe in shipped() {
            let recipe = Recipe::load(&recipe.name).unwrap();
            for key in keys().iter().filter(|key| !key.choices.is_empty()) {
                assert!(takes(&recipe.task, key.name, &recipe.get(key.name).unwrap()), "{}: {}", recipe.name, key.name);
            }
            assert!(takes_model(&recipe.task, model::find(&recipe.model.name).unwrap()), "{}", recipe.name);
        }
    }

    #[test]
    fn heads_and_hearts_are_offered_what_is_theirs() {
        assert!(takes("cardiac-volume", "data.target", "voxels") && !takes("hc-regression", "data.target", "voxels"));
        assert!(!takes("cardiac-volume", "evaluate.monitor", "val_mae_px"));
        assert!(takes("cardiac-segmentation", "evaluate.monitor", "val_dice"));
        assert!(!takes("cardiac-volume", "train.loss", "dice") && takes("cardiac-segmentation", "train.loss", "dice"));
        let suits = |task: &str, name: &str| takes_model(task, model::find(name).unwrap());
        assert!(suits("cardiac-segmentation", "unet") && !suits("cardiac-segmentation", "unet-vgg16"));
        assert!(suits("cardiac-volume", "cardiac-vgg3d") && !suits("hc-regression", "cardiac-vgg3d"));
    }
}
