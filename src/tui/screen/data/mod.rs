//! 1 Data: what have I got, and can I trust it?
//!
//! ```text
//! ╭ Data sets ───────╮╭ 392_HC.png ────────────────╮
//! │ hc18   800  ✔ …  ││ the image with its ellipse │
//! │                  │╰────────────────────────────╯
//! │ HC mm     ▁▃▆█▅▂ │╭ Findings 3 ────────────────╮
//! │ mm/px     ▂█▅▁   ││ ! duplicate  392_2HC.png   │
//! ╰──────────────────╯╰────────────────────────────╯
//! ```
//!
//! Of hearts the picture is a slice, with the mask of its structures ([`slice`]).

mod slice;
mod view;

pub use slice::View;
pub use view::{draw, picture_room};

use crate::tui::action::Effect;
use crate::tui::keymap::Command;
use crate::tui::model::{DataDetails, DataRow, FindingRow, ImageRow};
use crate::tui::widget::list::Selection;

/// Which list has the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Focus {
    #[default]
    Sets,
    Findings,
}

/// Everything the screen knows.
#[derive(Default)]
pub struct Data {
    /// None until they have been read.
    pub rows: Option<Result<Vec<DataRow>, String>>,
    pub selection: Selection,
    pub focus: Focus,
    /// The details of the data set of that name.
    pub details: Option<(String, Result<DataDetails, String>)>,
    /// Which image is shown.
    pub image: usize,
    pub finding: Selection,
    /// Of a heart: the slice above (or below) its middle one.
    pub slice: isize,
    pub view: View,
    /// To be selected as soon as it is listed.
    pub wanted: Option<String>,
}

impl Data {
    pub fn sets(&self) -> &[DataRow] {
        match &self.rows {
            Some(Ok(rows)) => rows,
            _ => &[],
        }
    }

    pub fn selected(&self) -> Option<&DataRow> {
        self.sets().get(self.selection.index)
    }

    /// What is known of the selected data set.
    pub fn details(&self) -> Option<&Result<DataDetails, String>> {
        let name = &self.selected()?.name;
        self.details.as_ref().filter(|(of, _)| of == name).map(|(_, details)| details)
    }

    fn known(&self) -> Option<&DataDetails> {
        self.details()?.as_ref().ok()
    }

    pub fn findings(&self) -> &[FindingRow] {
        self.known().and_then(|d| d.findings.as_deref()).unwrap_or_default()
    }

    pub fn image(&self) -> Option<&ImageRow> {
        self.known()?.images.get(self.image)
    }

    pub fn list(&mut self, rows: Result<Vec<DataRow>, String>) {
        let name = self.wanted.take().or_else(|| self.selected().map(|r| r.name.clone()));
        self.rows = Some(rows);
        self.selection.index = self.sets().iter().position(|r| Some(&r.name) == name.as_ref()).unwrap_or(0);
    }

    pub fn read(&mut self, name: String, details: Result<DataDetails, String>) {
        let same = self.details.as_ref().is_some_and(|(of, _)| *of == name);
        self.details = Some((name, details));
        if !same {
            (self.image, self.finding) = (0, Selection::default());
        }
        let (images, findings) = (self.known().map_or(0, |d| d.images.len()), self.findings().len());
        self.image = self.image.min(images.saturating_sub(1));
        self.finding.clamp(findings);
    }

    /// The details to be read, if those at hand are of another data set.
    pub fn missing(&self) -> Option<Effect> {
        let name = &self.selected()?.name;
        let at_hand = self.details.as_ref().is_some_and(|(of, _)| of == name);
        (!at_hand).then(|| Effect::ReadData(name.clone()))
    }

    /// Moves in the list that has the keys.
    pub fn step(&mut self, by: isize) {
        match self.focus {
            Focus::Sets => {
                let len = self.sets().len();
                self.selection.step(by, len);
            }
            Focus::Findings => {
                let len = self.findings().len();
                self.finding.step(by, len);
                self.jump();
            }
        }
    }

    /// Shows the image of the selected finding, if it is there.
    pub fn jump(&mut self) {
        let Some(file) = self.findings().get(self.finding.index).map(|f| f.file.clone()) else { return };
        let Some(details) = self.known() else { return };
        let stem = file.trim_end_matches("_Annotation.png").trim_end_matches(".png");
        let of_heart = |i: &ImageRow| i.heart.as_ref().is_some_and(|heart| file.contains(&heart.patient));
        let fits = |i: &ImageRow| i.file == file || i.file.trim_end_matches(".png") == stem || of_heart(i);
        let found = details.images.iter().position(fits);
        if let Some(image) = found {
            self.image = image;
        }
    }

    pub fn command(&mut self, command: Command) -> Result<Option<Effect>, String> {
        let images = self.known().map_or(0, |d| d.images.len());
        match command {
            Command::NextImage if images > 0 => self.image = (self.image + 1) % images,
            Command::PreviousImage if images > 0 => self.image = (self.image + images - 1) % images,
            Command::NextPane if self.focus == Focus::Findings => self.focus = Focus::Sets,
            Command::NextPane | Command::Open if self.findings().is_empty() => {
                return Err(match self.known().is_some_and(|d| d.findings.is_some()) {
                    true => "the audit found nothing".to_owned(),
                    false => "not audited yet: u checks every image and row".to_owned(),
                });
            }
            Command::NextPane | Command::Open => {
                self.focus = Focus::Findings;
                self.jump();
            }
            Command::Back => self.focus = Focus::Sets,
            Command::NextSlice => self.step_slice(1),
            Command::PreviousSlice => self.step_slice(-1),
            Command::View => self.view = self.view.next(),
            Command::Audit | Command::Prepare => {
                let name = self.selected().map(|r| r.name.clone()).ok_or("no data set is selected: a adds one")?;
                let effect = if command == Command::Audit { Effect::Audit(name) } else { Effect::Prepare(name) };
                return Ok(Some(effect));
            }
            _ => {}
        }
        Ok(None)
    }
}
