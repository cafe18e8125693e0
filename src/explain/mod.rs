//! Why a network said so: analyzers give each input value its share in the output.
//!
//! [`analyzer`] every analyzer, by name: what it does to the input, where it begins, its rules and what it does
//! with the map; [`rules`] those rules; [`explainer`] runs any of them; [`settings`] `key=value`, checked.
//! [`inputs`] noisy inputs and paths; [`grad_cam`] and [`occlusion`] are ways of their own; [`perturb`] and [`curve`]
//! what a map is worth; [`picture`] how it is drawn. [`pixels`] a map's value at each pixel; [`randomise`] layers that
//! forget what they learned, [`similarity`] how much a map is still the same then, [`localise`] how much of it lies where.
//! [`dream`] images that layers answer to.
//! [`of_run`] all this for a trained run.

pub mod analyzer;
pub mod curve;
pub mod dream;
pub mod explainer;
pub mod grad_cam;
pub mod inputs;
pub mod localise;
pub mod noise;
pub mod occlusion;
pub mod of_run;
pub mod perturb;
pub mod picture;
pub mod pixels;
pub mod randomise;
pub mod rules;
pub mod settings;
pub mod similarity;

pub use analyzer::{ANALYZERS, Analyzer};
pub use explainer::{Attribution, Explainer};
pub use settings::Settings;
