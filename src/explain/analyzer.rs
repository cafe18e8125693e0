//! Every analyzer, by name. A new one is an entry: what it does to the input, where it begins, a rule for each
//! layer, and what it does with the map.

use super::inputs::{Baseline, Grid, Inputs};
use super::rules::{self, Reading, Rules};
use super::settings::{Settings, wrong};
use crate::error::{Error, Result};
use crate::nn::relevance::{Bias, Gate, Weights};
use crate::text;

/// One analyzer, before its settings are known.
pub struct Analyzer {
    pub name: &'static str,
    /// What it is, in half a line.
    pub purpose: &'static str,
    /// Keys of its settings.
    pub settings: &'static [&'static str],
    make: fn(&Settings) -> Result<Method>,
}

/// What an analyzer does.
pub enum Method {
    Walk(Walked),
    /// Uniform noise in [-1, 1): the control.
    Random {
        seed: u64,
    },
    GradCam {
        layer: Option<String>,
        relu: bool,
    },
    Occlusion {
        size: usize,
        stride: usize,
        value: f32,
    },
}

/// A walk from the output back to the input.
pub struct Walked {
    pub inputs: Inputs,
    pub start: Start,
    pub rules: Rules,
    /// The map is multiplied by the input, or by its distance from the baseline.
    pub times_input: bool,
}

/// What the walk begins with. Of masks each of the n outputs z begins with an n-th of it, as f(x) is their mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// 1: the gradient.
    One,
    /// The output: together f(x).
    Output,
    /// The output where it is positive, else 0.
    PositiveOutput,
}

/// All of them; in the first eight the preprint's.
pub const ANALYZERS: &[Analyzer] = &[
    Analyzer {
        name: "gradient",
        purpose: "df/dx (Simonyan et al. 2014, without the absolute value)",
        settings: &["start"],
        make: |s| Ok(by_gradient(Inputs::Own, start(s)?, Gate::Gradient, false)),
    },
    Analyzer {
        name: "smoothgrad",
        purpose: "mean gradient over noisy copies (Smilkov et al. 2017)",
        settings: &["start", "n", "sigma", "relative", "seed"],
        make: |s| Ok(by_gradient(noisy(s)?, start(s)?, Gate::Gradient, false)),
    },
    Analyzer {
        name: "deconvnet",
        purpose: "what is positive at every ReLU (Zeiler and Fergus 2014)",
        settings: &["start"],
        make: |s| Ok(by_gradient(Inputs::Own, start(s)?, Gate::Deconvnet, false)),
    },
    Analyzer {
        name: "deep-taylor",
        purpose: "deep Taylor decomposition (Montavon et al. 2017)",
        settings: &["reading"],
        make: |s| Ok(shares(Start::PositiveOutput, rules::deep_taylor(reading(s)?))),
    },
    Analyzer {
        name: "guided-backprop",
        purpose: "gradient, positive at every ReLU (Springenberg et al. 2015)",
        settings: &["start"],
        make: |s| Ok(by_gradient(Inputs::Own, start(s)?, Gate::Guided, false)),
    },
    Analyzer {
        name: "input-x-gradient",
        purpose: "x df/dx (Shrikumar et al. 2016)",
        settings: &["start"],
        make: |s| Ok(by_gradient(Inputs::Own, start(s)?, Gate::Gradient, true)),
    },
    Analyzer {
        name: "integrated-gradients",
        purpose: "mean gradient on the way from a baseline, times the way (Sundararajan et al. 2017)",
        settings: &["start", "grid", "baseline", "black"],
        make: |s| Ok(by_gradient(path(s)?, start(s)?, Gate::Gradient, true)),
    },
    Analyzer {
        name: "lrp-z",
        purpose: "relevance by contribution (Bach et al. 2015)",
        settings: &[],
        make: |_| Ok(shares(Start::Output, rules::z())),
    },
    Analyzer {
        name: "lrp-epsilon",
        purpose: "lrp-z with larger denominators",
        settings: &["epsilon"],
        make: |s| Ok(shares(Start::Output, rules::epsilon(s.number("epsilon", 1e-7, 0.0..=1e6)? as f32))),
    },
    Analyzer {
        name: "lrp-alpha1beta0",
        purpose: "relevance by positive contributions",
        settings: &["bias"],
        make: |s| Ok(shares(Start::Output, rules::alpha_beta(1.0, 0.0, bias(s)?))),
    },
    Analyzer {
        name: "lrp-alpha2beta1",
        purpose: "twice by positive, less by negative contributions",
        settings: &["bias"],
        make: |s| Ok(shares(Start::Output, rules::alpha_beta(2.0, 1.0, bias(s)?))),
    },
    Analyzer {
        name: "lrp-preset-a",
        purpose: "linear layers: epsilon 0.1; convolutions: alpha1beta0",
        settings: &["bias"],
        make: |s| Ok(shares(Start::Output, rules::preset(1.0, 0.0, bias(s)?))),
    },
    Analyzer {
        name: "lrp-preset-b",
        purpose: "linear layers: epsilon 0.1; convolutions: alpha2beta1",
        settings: &["bias"],
        make: |s| Ok(shares(Start::Output, rules::preset(2.0, 1.0, bias(s)?))),
    },
    Analyzer {
        name: "lrp-w2",
        purpose: "relevance by squared weights, whatever the input",
        settings: &[],
        make: |_| Ok(shares(Start::Output, rules::unbiased(Weights::Square))),
    },
    Analyzer {
        name: "lrp-flat",
        purpose: "relevance in equal parts, whatever input and weights",
        settings: &[],
        make: |_| Ok(shares(Start::Output, rules::unbiased(Weights::Flat))),
    },
    Analyzer {
        name: "lrp-zbox",
        purpose: "deep-taylor, with the rule for bounded inputs in the first layer",
        settings: &["low", "high", "reading"],
        make: |s| {
            let [low, high] = [s.number("low", -3.0, -1e6..=1e6)?, s.number("high", 3.0, -1e6..=1e6)?];
            if low >= high {
                return Err(Error::usage(format!("low = {low} is not below high = {high}")));
            }
            Ok(shares(Start::PositiveOutput, rules::z_box(low as f32, high as f32, reading(s)?)))
        },
    },
    Analyzer {
        name: "grad-cam",
        purpose: "where the last feature maps speak for the output (Selvaraju et al. 2017)",
        settings: &["layer", "relu"],
        make: |s| {
            let layer = s.has("layer").then(|| s.word("layer", "").to_owned());
            Ok(Method::GradCam { layer, relu: s.flag("relu", true)? })
        },
    },
    Analyzer {
        name: "occlusion",
        purpose: "what the output loses where a window is covered (Zeiler and Fergus 2014)",
        settings: &["size", "stride", "value"],
        make: |s| {
            let size = s.count("size", 16, 1..=4096)?;
            let stride = s.count("stride", size.div_ceil(2), 1..=4096)?;
            Ok(Method::Occlusion { size, stride, value: s.number("value", 0.0, -1e6..=1e6)? as f32 })
        },
    },
    Analyzer {
        name: "random",
        purpose: "noise: what every other analyzer has to beat",
        settings: &["seed"],
        make: |s| Ok(Method::Random { seed: s.seed()? }),
    },
];

impl Analyzer {
    /// Fails on an unknown name, naming the nearest.
    pub fn find(name: &str) -> Result<&'static Analyzer> {
        ANALYZERS.iter().find(|a| a.name == name).ok_or_else(|| {
            let names: Vec<_> = ANALYZERS.iter().map(|a| a.name).collect();
            let nearest = text::nearest(name, names.iter().copied());
            let nearest = nearest.map_or(String::new(), |n| format!("did you mean {n}? "));
            Error::usage(format!("there is no analyzer called {}", text::line(name)))
                .cure(format!("{nearest}this version has: {}", names.join(", ")))
        })
    }

    /// With these settings. Fails on values that make no sense.
    pub fn with(&self, settings: &Settings) -> Result<Method> {
        (self.make)(settings)
    }
}

fn by_gradient(inputs: Inputs, start: Start, gate: Gate, times_input: bool) -> Method {
    Method::Walk(Walked { inputs, start, rules: rules::gated(gate), times_input })
}

fn shares(start: Start, rules: Rules) -> Method {
    Method::Walk(Walked { inputs: Inputs::Own, start, rules, times_input: false })
}

/// `output` is what iNNvestigate does.
fn start(s: &Settings) -> Result<Start> {
    Ok(if s.one_of("start", &["one", "output"])? == "output" { Start::Output } else { Start::One })
}

fn noisy(s: &Settings) -> Result<Inputs> {
    Ok(Inputs::Noisy {
        count: if s.has("n") { Some(s.count("n", 16, 1..=10_000)?) } else { None },
        sigma: s.number("sigma", 0.25, 0.0..=1e3)?,
        relative: s.flag("relative", false)?,
        seed: s.seed()?,
    })
}

fn path(s: &Settings) -> Result<Inputs> {
    let grid = Grid::parse(s.word("grid", "left64"))?;
    let baseline = match s.one_of("baseline", &["zero", "black", "mean", "file"])? {
        "black" => {
            let given = s.word("black", "");
            let values: Option<Vec<f32>> = given.split(',').map(|v| v.trim().parse().ok()).collect();
            let values = values.filter(|v| v.iter().all(|v| v.is_finite()));
            Baseline::Black(values.ok_or_else(|| {
                wrong(
                    "black",
                    given,
                    "the value of a black pixel, -mean / sd: black=-0.7, or one a channel: -2.1,-2.0,-1.8",
                )
            })?)
        }
        "mean" => Baseline::Mean,
        "file" => Baseline::Given,
        _ => Baseline::Zero,
    };
    Ok(Inputs::Path { grid, baseline })
}

fn bias(s: &Settings) -> Result<Bias> {
    Ok(match s.one_of("bias", &["full", "split", "none"])? {
        "split" => Bias::Split,
        "none" => Bias::None,
        _ => Bias::Full,
    })
}

fn reading(s: &Settings) -> Result<Reading> {
    Ok(match s.one_of("reading", &["rules", "innvestigate"])? {
        "innvestigate" => Reading::Innvestigate,
        _ => Reading::Rules,
    })
}
