//! Every key of a recipe: its help, the words it may hold, and whether Launch shows it at once.

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
    key("task", "what is learned").one_of(&["hc-regression"]),
    key("seed", "decides split, first weights, order, augmentation and dropout").matters(),
    key("data.dataset", "name of a data set, as `hcwb data list` shows it").matters(),
    key("data.size", "width and height in pixels that the network sees"),
    key("data.split", "kfold, or shares such as 80/20 or 600/200/199; exams stay whole").matters(),
    key("data.folds", "how many folds a kfold split has"),
    key("data.fold", "which fold validates, from 0").matters(),
    key("data.normalise", "mean and deviation of the training part's pixels").one_of(&["z-score"]),
    key("data.target", "circumference in pixels of the file's own resolution").one_of(&["hc_px"]),
    key("model.name", "a network, as `hcwb model list` shows it").matters(),
    key("model.pretrained", "weights to start from").one_of(&["none"]),
    key("model.frozen", "what is not trained").one_of(&["nothing"]),
    key("model.head", "the layers after the encoder").one_of(&["default"]),
    key("train.loss", "mse, mae or huber, on the scaled target").matters().one_of(&["mse", "mae", "huber"]),
    key("train.huber_delta", "where huber turns from square to linear, on the scaled target"),
    key("train.optimizer", "adam, adamw or sgd (momentum 0.9)").one_of(&["adam", "adamw", "sgd"]),
    key("train.lr", "learning rate").matters(),
    key("train.batch", "images a step").matters(),
    key("train.micro_batch", "images that pass at once, gradients accumulated; 0: the batch"),
    key("train.epochs", "at most so many passes over the training part").matters(),
    key("train.patience", "epochs without improvement before it ends; 0: never").matters(),
    key("train.precision", "arithmetic").one_of(&["f32"]),
    key("train.device", "where it runs").one_of(&["auto", "cpu"]),
    key("train.threads", "CPU threads; 0: every core allowed").matters(),
    key("augment.flip", "mirror left and right, every second time").matters(),
    key("augment.shift_px", "largest translation in pixels at training size").matters(),
    key("augment.rotation_deg", "largest rotation in degrees, before the resize").matters(),
    key("evaluate.monitor", "the validation figure that chooses the best epoch").one_of(&["val_mae_px", "val_loss"]),
];

/// Every key, in the order of the file.
pub fn keys() -> &'static [Key] {
    KEYS
}

/// The key of that name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|k| k.name == name)
}
