//! 3 Runs: what is running, is it going well, when is it done?
//!
//! ```text
//! ╭ Runs ─────────────────────────╮╭ reg-cnn263k ──────────╮     at 80 columns the right half lies below,
//! │ ▶ running  reg-cnn263k  61/100 ││ figures               │     and `enter` gives it the whole screen
//! │ ✔ finished reg-cnn1m   100/100 ││ loss   │ MAE          │
//! │                                ││ log                   │
//! ╰────────────────────────────────╯╰───────────────────────╯
//! ```

mod control;
pub mod detail;
pub mod list;
mod log;

use crate::recipe::Recipe;
use crate::run::event::Event;
use crate::run::history::History;
use crate::run::{RunDir, Status};
use crate::tui::action::RunNews;
use crate::tui::filter::Filter;
use crate::tui::keymap::Command;
use crate::tui::model::RunFacts;
use crate::tui::widget::list::Selection;
use jiff::Timestamp;
use std::collections::HashMap;

pub use control::Answer;
pub use log::Line;

/// Runs whose curves are kept once they were looked at.
const MOST_KEPT: usize = 32;

/// The order of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    #[default]
    Newest,
    Error,
    Name,
    Status,
}

impl Sort {
    pub fn word(self) -> &'static str {
        match self {
            Sort::Newest => "newest first",
            Sort::Error => "least error first",
            Sort::Name => "by name",
            Sort::Status => "by status",
        }
    }

    fn next(self) -> Sort {
        match self {
            Sort::Newest => Sort::Error,
            Sort::Error => Sort::Name,
            Sort::Name => Sort::Status,
            Sort::Status => Sort::Newest,
        }
    }
}

/// The ordinate of the charts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Axis {
    /// Logarithmic where the values span more than a linear axis can show.
    #[default]
    Auto,
    Log,
    Linear,
}

/// What the chart beside the loss shows of a segmentation; of a regression it is always the error in px.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Figure {
    #[default]
    Dice,
    Hausdorff,
    Mae,
}

impl Figure {
    pub fn next(self) -> Figure {
        match self {
            Figure::Dice => Figure::Hausdorff,
            Figure::Hausdorff => Figure::Mae,
            Figure::Mae => Figure::Dice,
        }
    }
}

/// One run of the list; what is not read yet is not known.
#[derive(Clone, Debug)]
pub struct Row {
    pub run: RunDir,
    pub facts: Option<Result<RunFacts, String>>,
}

impl Row {
    pub fn known(&self) -> Option<&RunFacts> {
        self.facts.as_ref()?.as_ref().ok()
    }

    pub fn status(&self) -> Option<Status> {
        self.known().map(|f| f.status)
    }

    /// What filters and searches look at.
    fn text(&self) -> String {
        let known = self.known().map(|f| format!("{} {} {}", f.status.word(), f.recipe, f.dataset));
        format!("{} {}", self.run.id(), known.unwrap_or_default())
    }

    fn figure(&self, name: &str) -> Option<f64> {
        let facts = self.known()?;
        match name {
            "px" => facts.best_px,
            "" | "mae" => facts.best_px.or(facts.best_ml),
            "mm" => facts.best_mm,
            "ml" => facts.best_ml,
            "di" | "dice" => facts.best_dice_percent,
            "epoch" => Some(facts.epoch as f64),
            "fold" => Some(facts.fold as f64),
            _ => None,
        }
    }
}

/// A run that is followed event by event.
#[derive(Default)]
pub struct Followed {
    pub history: History,
    pub recipe: Option<Recipe>,
    pub log: Vec<Line>,
    pub console: Vec<String>,
}

/// Everything the screen knows.
#[derive(Default)]
pub struct Runs {
    /// Newest first.
    pub rows: Vec<Row>,
    /// Numbers of the rows in sight, in order.
    pub visible: Vec<usize>,
    pub selection: Selection,
    pub filter: String,
    pub sort: Sort,
    pub open: bool,
    pub axis: Axis,
    pub figure: Figure,
    pub followed: HashMap<RunDir, Followed>,
    /// The list has been read at least once.
    pub listed: bool,
    /// To be selected as soon as it is listed.
    pub focus: Option<String>,
}

impl Runs {
    pub fn selected(&self) -> Option<&Row> {
        self.visible.get(self.selection.index).map(|&i| &self.rows[i])
    }

    pub fn row(&self, run: &RunDir) -> Option<&Row> {
        self.rows.iter().find(|r| r.run == *run)
    }

    pub fn live(&self) -> usize {
        self.rows.iter().filter(|r| r.status().is_some_and(Status::is_live)).count()
    }

    /// Something changes by itself, second by second.
    pub fn ticking(&self) -> bool {
        self.rows.iter().any(|r| r.status() == Some(Status::Running))
    }

    /// The directories, oldest first, replace the list; what is known of a run stays known.
    pub fn list(&mut self, runs: Vec<RunDir>) {
        let mut known: HashMap<RunDir, Row> = self.rows.drain(..).map(|r| (r.run.clone(), r)).collect();
        let row = |run: RunDir| known.remove(&run).unwrap_or(Row { run, facts: None });
        self.rows = runs.into_iter().rev().map(row).collect();
        self.followed.retain(|run, _| self.rows.iter().any(|r| r.run == *run));
        self.listed = true;
    }

    /// Orders and filters anew; the selected run stays selected as long as it is in sight.
    pub fn arrange(&mut self, selected: Option<RunDir>) {
        let filter = Filter::parse(&self.filter);
        self.visible = (0..self.rows.len())
            .filter(|&i| filter.is_empty() || filter.fits(&self.rows[i].text(), |name| self.rows[i].figure(name)))
            .collect();
        let rows = &self.rows;
        match self.sort {
            Sort::Newest => {}
            Sort::Error => {
                let error = |i: usize| rows[i].known().and_then(|f| f.best_px.or(f.best_ml)).unwrap_or(f64::INFINITY);
                self.visible.sort_by(|&a, &b| error(a).total_cmp(&error(b)));
            }
            Sort::Name => self.visible.sort_by_key(|&i| rows[i].known().map(|f| (f.recipe.clone(), f.fold))),
            Sort::Status => self.visible.sort_by_key(|&i| (rows[i].status().is_none(), rows[i].status())),
        }
        if let Some(focus) = self.focus.take_if(|id| rows.iter().any(|r| r.run.id() == id.as_str())) {
            self.selection.index = self.visible.iter().position(|&i| rows[i].run.id() == focus).unwrap_or(0);
        } else if let Some(run) = selected
            && let Some(place) = self.visible.iter().position(|&i| rows[i].run == run)
        {
            self.selection.index = place;
        }
        self.selection.clamp(self.visible.len());
    }

    /// Folds news of a followed run in.
    pub fn news(&mut self, news: RunNews, now: Timestamp) {
        if news.anew {
            self.forget_some();
            self.followed.insert(news.run.clone(), Followed::default());
        }
        let Some(followed) = self.followed.get_mut(&news.run) else { return };
        for event in &news.events {
            followed.apply(event);
        }
        if let Some(recipe) = news.recipe {
            followed.recipe = Some(*recipe);
        }
        if let Some(console) = news.console {
            followed.console = console;
        }
        if let (Some(row), Some(recipe)) = (self.rows.iter_mut().find(|r| r.run == news.run), &followed.recipe) {
            row.facts = Some(Ok(RunFacts::of(recipe, news.status, &followed.history, now)));
        }
    }

    /// Curves that were looked at are kept, to be there at once; but not all of them for ever.
    fn forget_some(&mut self) {
        if self.followed.len() >= MOST_KEPT {
            let live: Vec<RunDir> =
                self.rows.iter().filter(|r| r.status().is_some_and(Status::is_live)).map(|r| r.run.clone()).collect();
            self.followed.retain(|run, _| live.contains(run));
        }
    }

    /// Time has passed: what runs has run longer.
    pub fn tick(&mut self, now: Timestamp) {
        for row in &mut self.rows {
            if let (Some(Ok(facts)), Some(followed)) = (&mut row.facts, self.followed.get(&row.run))
                && facts.status == Status::Running
            {
                facts.seconds = followed.history.seconds(now, true);
                facts.eta_seconds = followed.history.eta_seconds();
            }
        }
    }

    /// Goes to the first row from `from` on, around the end, whose name holds `words`.
    pub fn search(&mut self, words: &str, from: usize) {
        let filter = Filter::parse(words);
        let len = self.visible.len();
        let fits = |place: &usize| filter.fits(&self.rows[self.visible[*place]].text(), |_| None);
        if let Some(place) = (0..len).map(|n| (from + n) % len).find(fits) {
            self.selection.index = place;
        }
    }

    /// What a command means here.
    pub fn command(&mut self, command: Command) -> Answer {
        match command {
            Command::Open => self.open = !self.visible.is_empty(),
            Command::Back if self.open => self.open = false,
            Command::Back => {
                self.filter.clear();
                return Answer::Rearrange;
            }
            Command::Sort => {
                self.sort = self.sort.next();
                return Answer::Rearrange;
            }
            Command::LogAxis => {
                self.axis = match self.axis {
                    Axis::Auto => Axis::Log,
                    Axis::Log => Axis::Linear,
                    Axis::Linear => Axis::Auto,
                };
                let words = match self.axis {
                    Axis::Auto => "charts are logarithmic where that shows more",
                    Axis::Log => "charts are logarithmic",
                    Axis::Linear => "charts are linear",
                };
                return Answer::Say(words.to_owned());
            }
            Command::Curve => match self.selected().and_then(Row::known) {
                Some(facts) if facts.segments => self.figure = self.figure.next(),
                _ => return Answer::Say("only a segmentation has other curves".to_owned()),
            },
            Command::Stop | Command::Pause | Command::Resume | Command::Delete => {
                let Some(row) = self.selected() else { return Answer::Say("no run is selected".to_owned()) };
                return control::control(command, row);
            }
            _ => {}
        }
        Answer::Done
    }
}

impl Followed {
    fn apply(&mut self, event: &Event) {
        self.history.apply(event);
        if let Some(line) = log::line(event, self.history.best()) {
            self.log.push(line);
        }
    }
}

impl RunFacts {
    /// From the events of a run and its recipe.
    pub fn of(recipe: &Recipe, status: Status, history: &History, now: Timestamp) -> RunFacts {
        let best = history.best();
        let hearts = recipe.task.starts_with("cardiac");
        let error = if hearts { "val_mae_ml" } else { "val_mae_px" };
        RunFacts {
            status,
            recipe: recipe.name.clone(),
            dataset: recipe.data.dataset.clone(),
            fold: recipe.data.fold,
            folds: (recipe.data.split == "kfold").then_some(recipe.data.folds),
            epoch: history.epoch(),
            epochs: history.epochs_planned().unwrap_or(recipe.train.epochs as u64),
            best_px: best.and_then(|e| e.metric("val_mae_px")),
            best_mm: best.and_then(|e| e.metric("val_mae_mm")),
            hearts,
            best_ml: best.and_then(|e| e.metric("val_mae_ml")),
            segments: recipe.task.ends_with("segmentation"),
            best_dice_percent: best.and_then(|e| Some(100.0 * e.metric("val_dice")?)),
            best_epoch: best.map(|e| e.epoch),
            curve: history.epochs.iter().map(|e| e.metric(error).unwrap_or(f64::NAN)).collect(),
            eta_seconds: history.eta_seconds().filter(|_| status == Status::Running),
            seconds: history.seconds(now, status == Status::Running),
            reason: history.finished.as_ref().map(|f| f.reason.clone()),
        }
    }
}
