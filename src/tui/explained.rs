//! What the screen Explain asks of the background, and what it is answered.

use crate::explain::of_run::aopc::Line;
use crate::explain::perturb::Order;
use crate::explain::picture::Map;
use crate::nn::network::AuditRow;
use crate::run::RunDir;
use image::GrayImage;
use std::path::PathBuf;
use std::sync::Arc;

/// An image as a run's network sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    pub run: RunDir,
    pub file: String,
    pub path: PathBuf,
}

/// What is wanted of an image.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    /// Maps by these analyzers, one after the other.
    Maps(Subject, Vec<&'static str>),
    /// The perturbation that follows one analyzer's map.
    Play(Subject, &'static str, Order),
    Audit(Subject, &'static str),
}

impl Wish {
    pub fn subject(&self) -> &Subject {
        match self {
            Wish::Maps(subject, _) | Wish::Play(subject, ..) | Wish::Audit(subject, _) => subject,
        }
    }
}

/// One analyzer's part of the answer; errors in the words of the screen.
#[derive(Clone, Debug)]
pub enum Answer {
    Map(&'static str, Result<Explained, String>),
    Play(&'static str, Order, Result<Arc<Played>, String>),
    Audit(&'static str, Result<Vec<AuditRow>, String>),
}

/// A map, and what is to be known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    pub map: Arc<Map>,
    /// The output is not positive, and the analyzer explains positive outputs only: its map is zero.
    pub silent: bool,
}

/// A perturbation, step by step; step 0 is the clean image.
#[derive(Clone, Debug, PartialEq)]
pub struct Played {
    /// The image at the network's size.
    pub stills: Vec<Arc<GrayImage>>,
    /// What the network says: the circumference in px of the file where it gives one, else its explained output.
    pub said: Vec<f64>,
    pub of_hc: bool,
}

/// What is known of one run's AOPC: a line for each order and analyzer.
#[derive(Clone, Debug, PartialEq)]
pub struct Area {
    pub run: RunDir,
    pub line: Line,
}
