//! What a weights file says of itself: which network, how grey values are normalised, what its output means.

use crate::dataset::normalise::Normalise;
use crate::error::{Error, Result};
use crate::model::{self, ModelOptions, Task};
use crate::nn::{Array, Graph};
use crate::text;
use std::collections::BTreeMap;

/// A side of no network's input is longer; a damaged number is soon larger.
const LARGEST_SIDE_PX: usize = 4096;

/// What the metadata of a weights file say.
#[derive(Clone, Debug, PartialEq)]
pub struct About {
    /// As `hcwb model list` has it.
    pub model: String,
    /// Width and height of what the network sees, in px.
    pub size: [usize; 2],
    pub output: Output,
    pub normalise: Normalise,
    /// Beside the name: what makes the network the one that these weights belong to.
    pub options: ModelOptions,
}

/// What the network's output stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Output {
    /// So many maps of probabilities, as large as the input.
    Mask { classes: usize },
    /// An output of 1 is so many px of circumference, in the file's own resolution.
    HcPx { unit: f64 },
    /// … so many mm.
    HcMm { unit: f64 },
}

pub(super) type Metadata = BTreeMap<String, String>;

impl About {
    /// Fails where the metadata leave open how an image becomes a prediction.
    pub fn read(metadata: &Metadata, state: &BTreeMap<String, Array>) -> Result<About> {
        let model = word(metadata, "model")?;
        if metadata.get("task").is_some_and(|task| task.starts_with("cardiac-")) {
            return Err(Error::usage("these weights are of a network for hearts, not for heads")
                .cure("name a run of hc-regression or hc-segmentation; `hcwb predict` takes both kinds"));
        }
        let info = model::find(model)?;
        let sides: Vec<usize> = numbers(metadata, "input")?;
        let [height, width, channels] = sides[..] else { return Err(wrong("input", metadata)) };
        let fits = |side: usize| (1..=LARGEST_SIDE_PX).contains(&side);
        if !fits(height) || !fits(width) || !(1..=16).contains(&channels) {
            return Err(wrong("input", metadata));
        }
        let mut options = ModelOptions::default().with_input(&[height, width, channels]);
        for (key, _) in model::options::KEYS.iter().filter(|(key, _)| *key != "input") {
            if let Some(value) = metadata.get(*key) {
                options.set(key, value)?;
            }
        }
        let masks = info.task == Task::Segmentation;
        let classes = state.get("head.weight").and_then(|head| head.shape.first()).copied();
        if let (true, Some(classes), false) = (masks, classes, options.has("classes")) {
            options.set("classes", &classes.to_string())?;
        }
        let task = metadata.get("task").map(String::as_str);
        let output = match (task, masks) {
            (Some("hc-segmentation") | None, true) => Output::Mask { classes: classes.unwrap_or(1).max(1) },
            (Some("hc-regression") | None, false) => circumference(metadata)?,
            (task, _) => {
                let task = text::line(task.unwrap_or("none"));
                return Err(Error::new(format!("the weights' task is {task}, and their network {model}"))
                    .cure("name weights of a regression or of a segmentation of heads"));
            }
        };
        let normalise = normalise(metadata, channels)?;
        Ok(About { model: model.to_owned(), size: [width, height], output, normalise, options })
    }

    /// Fails where the network is another than the metadata speak of.
    pub fn check(&self, graph: &Graph) -> Result<()> {
        let [width, height] = self.size;
        let output = match self.output {
            Output::Mask { classes } => vec![height, width, classes],
            _ => vec![1],
        };
        let wanted = [height, width, self.normalise.channels()];
        if graph.input_shape() != wanted || graph.output_shape() != output {
            return Err(Error::new(format!(
                "the network makes {:?} of {:?}, and the weights speak of {output:?} of {wanted:?}",
                graph.output_shape(),
                graph.input_shape()
            ))
            .cure("use the weights with the recipe that they were trained by"));
        }
        Ok(())
    }

    pub fn segments(&self) -> bool {
        matches!(self.output, Output::Mask { .. })
    }
}

fn circumference(metadata: &Metadata) -> Result<Output> {
    let unit = |key: &str| match metadata.contains_key(key) {
        false => Ok(None),
        true => match numbers::<f64>(metadata, key)?[..] {
            [unit] if unit.is_finite() && unit > 0.0 => Ok(Some(unit)),
            _ => Err(wrong(key, metadata)),
        },
    };
    match (unit("target_unit_px")?, unit("target_unit_mm")?) {
        (Some(unit), None) => Ok(Output::HcPx { unit }),
        (None, Some(unit)) => Ok(Output::HcMm { unit }),
        _ => Err(missing("target_unit_px")),
    }
}

fn normalise(metadata: &Metadata, channels: usize) -> Result<Normalise> {
    let (mean, sd) = ("grey_mean", "grey_sd");
    if !metadata.contains_key(mean) && !metadata.contains_key(sd) {
        return match metadata.get("normalise").map(String::as_str) {
            Some("unit") => Ok(Normalise::unit(channels)),
            Some("encoder") => Ok(Normalise::encoder(channels)),
            _ => Err(missing(mean)),
        };
    }
    let each = |key: &str| -> Result<Vec<f32>> {
        let values: Vec<f32> = numbers(metadata, key)?;
        match values.len() {
            1 => Ok(vec![values[0]; channels]),
            n if n == channels => Ok(values),
            _ => Err(wrong(key, metadata)),
        }
    };
    let normalise = Normalise { mean: each(mean)?, sd: each(sd)? };
    if normalise.mean.iter().any(|v| !v.is_finite()) {
        return Err(wrong(mean, metadata));
    }
    if normalise.sd.iter().any(|v| !v.is_finite() || *v <= 0.0) {
        return Err(wrong(sd, metadata));
    }
    Ok(normalise)
}

pub(super) fn word<'a>(metadata: &'a Metadata, key: &str) -> Result<&'a str> {
    metadata.get(key).map(String::as_str).ok_or_else(|| missing(key))
}

/// One or more, between commas.
pub(super) fn numbers<T: std::str::FromStr>(metadata: &Metadata, key: &str) -> Result<Vec<T>> {
    let parsed = word(metadata, key)?.split(',').map(|n| n.trim().parse());
    parsed.collect::<Result<_, _>>().map_err(|_| wrong(key, metadata))
}

pub(super) fn missing(key: &str) -> Error {
    Error::new(format!("these weights do not say how they are used: their metadata have no {key}"))
        .cure("name the run that made them with --run, or a file that a run has written")
}

pub(super) fn wrong(key: &str, metadata: &Metadata) -> Error {
    let value = metadata.get(key).map_or("", String::as_str);
    Error::new(format!("the weights' metadata are damaged: {key} is `{}`", text::line(value)))
        .cure("name the run that made them with --run, or another file")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(pairs: &[(&str, &str)]) -> Metadata {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn with(key: &str, value: Option<&str>) -> Result<About> {
        let mut all = metadata(&[
            ("model", "cnn263k"),
            ("input", "128,96,1"),
            ("task", "hc-regression"),
            ("grey_mean", "43.5"),
            ("grey_sd", "51.25"),
            ("target_unit_px", "1786.5"),
        ]);
        match value {
            Some(value) => all.insert(key.into(), value.into()),
            None => all.remove(key),
        };
        About::read(&all, &BTreeMap::new())
    }

    #[test]
    fn a_regression_s_metadata_say_size_scale_and_unit() {
        let about = with("task", None).unwrap();
        assert_eq!(about.size, [96, 128]);
        assert_eq!(about.output, Output::HcPx { unit: 1786.5 });
        assert_eq!(about.normalise, Normalise { mean: vec![43.5], sd: vec![51.25] });
        assert!(with("batch_norm_eps", Some("0.001")).unwrap().options.has("batch_norm_eps"));
    }

    #[test]
    fn what_is_missing_or_senseless_is_named() {
        for key in ["model", "input", "grey_mean", "grey_sd", "target_unit_px"] {
            let error = with(key, None).unwrap_err();
            assert!(error.what.contains(key) && error.cure.is_some(), "{key}: {error}");
        }
        for (key, value) in [
            ("model", "nonsense"),
            ("input", "128,96"),
            ("input", "0,96,1"),
            ("input", "128,999999999,1"),
            ("input", "128,-96,1"),
            ("grey_sd", "0"),
            ("grey_sd", "NaN"),
            ("grey_mean", "1,2"),
            ("grey_mean", ""),
            ("target_unit_px", "inf"),
            ("target_unit_mm", "5"),
            ("task", "cardiac-volume"),
            ("task", "hc-segmentation"),
        ] {
            assert!(with(key, Some(value)).is_err(), "{key} = {value}");
        }
    }

    #[test]
    fn the_number_of_masks_is_read_off_the_weights() {
        let all = metadata(&[("model", "unet"), ("input", "224,224,1"), ("normalise", "unit")]);
        let head = Array { shape: vec![3, 16, 1, 1], values: vec![0.0; 48] };
        let about = About::read(&all, &BTreeMap::from([("head.weight".to_owned(), head)])).unwrap();
        assert_eq!(about.output, Output::Mask { classes: 3 });
        about.check(&model::build("unet", &about.options).unwrap()).unwrap();
        assert!(about.check(&model::build("unet", &ModelOptions::default()).unwrap()).is_err());
    }
}
