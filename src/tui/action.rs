//! Everything that can happen to the workbench, and everything it can ask for.

use super::dreamt::{News, Order};
use super::explained::{Answer, Area, Subject, Wish};
use super::model::{DataDetails, DataRow, Job, Plan, Predictions, RunFacts};
use super::widget::picture::{Picture, Request};
use crate::nn::CardInfo;
use crate::recipe::Recipe;
use crate::run::control::Control;
use crate::run::event::Event;
use crate::run::{RunDir, Status};
use ratatui::crossterm::event::{KeyEvent, MouseEvent};
use std::sync::Arc;

/// Something has happened.
pub enum Action {
    Key(KeyEvent),
    Mouse(MouseEvent),
    Paste(String),
    /// The terminal has another size, or its content is not ours any more.
    Resize,
    /// A second has passed while something runs.
    Tick,
    /// The run directories, oldest first.
    RunsListed(Vec<RunDir>),
    /// What was read of runs that nobody looks at.
    RunsRead(Vec<(RunDir, Result<RunFacts, String>)>),
    /// New events of a run that is followed.
    RunEvents(RunNews),
    DataListed(Result<Vec<DataRow>, String>),
    /// The cards that can be used.
    CardsListed(Vec<CardInfo>),
    DataRead(String, Box<Result<DataDetails, String>>),
    /// The run has written predictions.
    Predicted(RunDir),
    Predictions(RunDir, Result<Predictions, String>),
    /// Something of an image's explanation.
    Explained(Box<Subject>, Answer),
    /// The AOPC of every run that was measured.
    Areas(Vec<Area>),
    /// There is more AOPC than there was.
    Measured,
    /// The time for one step of a perturbation has passed.
    Beat,
    Drawn(Box<Request>, Result<Arc<Picture>, String>),
    /// The dream of that number has come to something.
    Dreamt(u64, News),
    /// What starting the recipe of that number would mean.
    Planned(u64, Result<Plan, String>),
    /// A job goes on; `None`: it has ended.
    Job(u64, Option<Job>),
    /// A run was launched or resumed, or could not be.
    Launched(Result<RunDir, String>),
    /// Something asked for is done, or is not.
    Told(Result<String, String>),
    /// A signal says that it is time to go, or the terminal is gone.
    End,
}

/// New events of a followed run.
pub struct RunNews {
    pub run: RunDir,
    /// The events are all of them: what was known before is void.
    pub anew: bool,
    pub events: Vec<Event>,
    pub status: Status,
    /// The recipe, with the first news.
    pub recipe: Option<Box<Recipe>>,
    /// The last lines that the worker printed, when they have changed.
    pub console: Option<Vec<String>>,
}

/// Something is wanted of the background.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Look at the list of runs again.
    ListRuns,
    /// Follow this run in every detail.
    Watch(Option<RunDir>),
    Ask(RunDir, Control),
    Unpause(RunDir),
    Resume(RunDir),
    Delete(RunDir),
    ListData,
    ListCards,
    ReadData(String),
    AddData {
        path: String,
        name: String,
    },
    Audit(String),
    Prepare(String),
    ReadPredictions(RunDir),
    Explain(Wish),
    ReadAreas,
    /// Measure the AOPC of this run.
    MeasureAreas(RunDir),
    /// Say when the next step of a perturbation is due.
    Beat,
    Draw(Box<Request>),
    Dream(Order),
    Plan(u64, Box<Recipe>),
    Start(Box<Recipe>),
    Suspend,
    Redraw,
}
