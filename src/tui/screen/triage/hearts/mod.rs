//! Predictions on hearts: volumes of their structures, slice by slice beside the truth.

mod figures;
mod order;
mod view;

pub use order::Sort;
pub use view::{draw, picture_room};

use crate::tui::filter::Filter;
use crate::tui::model::HeartCase;
use crate::tui::widget::picture::Slice;
use order::fits;
use std::time::SystemTime;

/// What lies over the slice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layer {
    /// The predicted mask; of a network that gives volumes alone there is none.
    #[default]
    Prediction,
    Truth,
    Nothing,
}

/// Everything that Triage knows of hearts, besides what it knows of every run.
#[derive(Clone, Debug, Default)]
pub struct Hearts {
    pub cases: Vec<HeartCase>,
    pub sort: Sort,
    layer: Layer,
    /// The slice above (or below) the middle one.
    slice: isize,
}

impl Hearts {
    /// With the order and the view of those shown before.
    pub fn of(cases: Vec<HeartCase>, before: Option<&Hearts>) -> Hearts {
        let Hearts { sort, layer, slice, .. } = before.cloned().unwrap_or_default();
        Hearts { cases, sort, layer, slice }
    }

    /// Numbers of the cases that fit, in order.
    pub fn arranged(&self, filter: &Filter) -> Vec<usize> {
        let mut visible: Vec<usize> = (0..self.cases.len()).filter(|&i| fits(filter, &self.cases[i])).collect();
        visible.sort_by(|&a, &b| self.order().compare(&self.cases[a], &self.cases[b]));
        visible
    }

    /// The order as far as this run knows it: volumes alone have no Dice.
    pub fn order(&self) -> Sort {
        if self.segments() { self.sort } else { self.sort.of_volumes() }
    }

    pub fn next_order(&mut self) {
        self.sort = self.order().next(self.segments());
    }

    /// Whether the run predicts masks.
    pub fn segments(&self) -> bool {
        self.cases.iter().any(|case| case.parts.iter().any(|part| part.dice_percent.is_some()))
    }

    /// What lies over the slice, as far as the case has it.
    pub fn layer(&self, case: &HeartCase) -> Layer {
        match self.layer {
            Layer::Prediction if case.predicted.is_none() => Layer::Truth,
            layer => layer,
        }
    }

    pub fn next_layer(&mut self, case: &HeartCase) {
        self.layer = match self.layer(case) {
            Layer::Prediction => Layer::Truth,
            Layer::Truth => Layer::Nothing,
            Layer::Nothing => Layer::Prediction,
        };
    }

    /// The number of the slice that is shown of `case`, from 0.
    pub fn place(&self, case: &HeartCase) -> usize {
        let slices = case.slices.max(1);
        (slices / 2).saturating_add_signed(self.slice).min(slices - 1)
    }

    pub fn step_slice(&mut self, by: isize, case: &HeartCase) {
        let (slices, at) = (case.slices.max(1) as isize, self.place(case) as isize);
        self.slice = (at + by).clamp(0, slices - 1) - slices / 2;
    }

    /// What the picture of `case` should be.
    pub fn wanted_slice(&self, case: &HeartCase) -> Slice {
        let labels = match self.layer(case) {
            Layer::Prediction => case.predicted.clone(),
            Layer::Truth => case.labels.clone().map(|path| (path, SystemTime::UNIX_EPOCH)),
            Layer::Nothing => None,
        };
        Slice { z: self.place(case), labels, prepared: None }
    }
}
