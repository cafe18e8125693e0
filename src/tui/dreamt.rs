//! What the screen asks of a dream in the background, and what it hears of it.

use super::widget::picture::Picture;
use crate::run::RunDir;
use std::path::PathBuf;
use std::sync::Arc;

/// Something is wanted of a dream.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// Begin, as the dream of that number; one that is dreamt already ends.
    Begin {
        number: u64,
        run: RunDir,
        image: PathBuf,
        room: [u16; 2],
    },
    /// Other weights from the next step on.
    Weigh(Vec<(String, f64)>),
    /// Go on, or pause.
    Go(bool),
    /// From the image again.
    Restart,
    /// Write the picture as it is beside the run.
    Save,
    /// The room for the picture has so many columns and rows.
    Room([u16; 2]),
    End,
}

/// Something has happened to a dream.
#[derive(Clone)]
pub enum News {
    /// The network is there.
    Ready { layers: Vec<Slider>, groups: Vec<(String, Vec<String>)> },
    /// It looks like this now.
    Seen(Sight),
    /// It cannot begin, or go on.
    Failed(String),
}

/// A layer that can be given a weight.
#[derive(Clone, Debug, PartialEq)]
pub struct Slider {
    pub layer: String,
    /// Width and height of its feature maps, and how many there are.
    pub maps: [usize; 3],
    pub weight: f64,
}

/// A dream at one moment.
#[derive(Clone)]
pub struct Sight {
    pub picture: Result<Arc<Picture>, String>,
    /// From 1, of so many.
    pub octave: (usize, usize),
    /// Done in the octave, of so many.
    pub step: (usize, usize),
    /// Width and height of the octave.
    pub size_px: [usize; 2],
    /// Of the steps since the last news.
    pub losses: Vec<f64>,
    pub steps_per_second: Option<f64>,
    /// It goes on by itself.
    pub going: bool,
}
