//! A heart on the Data screen: which slice is shown, and what lies over it.

use super::Data;
use crate::tui::model::HeartRow;
use crate::tui::widget::picture::{PreparedSlice, Slice};
use std::time::SystemTime;

/// What is shown of a heart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// The file's slice under the mask of the ground truth.
    #[default]
    Mask,
    Bare,
    /// With the box that preparation cuts out.
    Box,
    /// As training sees it: cut out, resampled, standardised.
    Prepared,
}

/// Slices of a prepared volume (S4, 5.1.3).
pub const PREPARED_SLICES: usize = 9;

impl View {
    pub fn next(self) -> View {
        match self {
            View::Mask => View::Bare,
            View::Bare => View::Box,
            View::Box => View::Prepared,
            View::Prepared => View::Mask,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            View::Mask => "mask",
            View::Bare => "bare",
            View::Box => "crop box",
            View::Prepared => "as training sees it",
        }
    }
}

impl Data {
    /// The heart that is shown, if the data set is one of hearts.
    pub fn heart(&self) -> Option<&HeartRow> {
        self.image()?.heart.as_deref()
    }

    /// Number of the slice that is shown, from 0, and how many there are.
    pub fn place(&self) -> Option<(usize, usize)> {
        let slices = match self.view {
            View::Prepared => PREPARED_SLICES,
            _ => self.heart()?.slices.max(1),
        };
        Some(((slices / 2).saturating_add_signed(self.slice).min(slices - 1), slices))
    }

    /// Goes so many slices on, from the first to the last one of the heart.
    pub fn step_slice(&mut self, by: isize) {
        if let Some((at, slices)) = self.place() {
            let middle = (slices / 2) as isize;
            self.slice = (at as isize + by).clamp(0, slices as isize - 1) - middle;
        }
    }

    /// What the picture should be of.
    pub fn wanted_slice(&self) -> Option<Slice> {
        let heart = self.heart()?;
        let dataset = self.selected()?.name.clone();
        let masked = matches!(self.view, View::Mask | View::Box);
        let prepared = || PreparedSlice {
            dataset,
            patient: heart.patient.clone(),
            phase: heart.phase,
            whole: self.view == View::Prepared,
        };
        Some(Slice {
            z: self.place()?.0,
            labels: heart.labels.clone().filter(|_| masked).map(|path| (path, SystemTime::UNIX_EPOCH)),
            prepared: matches!(self.view, View::Box | View::Prepared).then(prepared),
        })
    }
}
