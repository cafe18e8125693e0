//! Everything that may take time: files, images, audits, launches. Asked for by effects, answered by actions.

mod data;
mod dream;
mod explain;
mod hearts;
mod mask;
mod picture;
mod plan;
mod progress;
pub mod runs;
mod slice;
mod tailed;
mod triage;

use super::action::{Action, Effect};
use super::dreamt::Order;
use super::widget::paint::Brush;
use super::widget::picture::Request;

use super::explained::Wish;
use crate::error::Error;
use crate::explain::of_run::aopc;
use crate::launch;
use crate::nn::device;
use crate::run::control;
use crate::workspace::Workspace;
use progress::Reporter;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;

/// Between two steps of a perturbation that plays.
const STEP: Duration = Duration::from_millis(700);

/// Takes effects, and sees that they are carried out elsewhere.
pub struct Desk {
    workspace: Workspace,
    actions: UnboundedSender<Action>,
    followers: Sender<runs::Wish>,
    dreamer: Sender<Order>,
    runtime: Handle,
    brush: Arc<Brush>,
    explainer: Sender<Wish>,
    /// Only the newest picture asked for is painted.
    newest_picture: Arc<AtomicU64>,
    newest_plan: Arc<AtomicU64>,
    jobs: Arc<AtomicU64>,
}

/// An error for one line of the screen: what and what to do.
pub fn words(error: &Error) -> String {
    let what = crate::text::line(&error.chain()).into_owned();
    match &error.cure {
        Some(cure) => format!("{what}. {}", crate::text::line(cure)),
        None => what,
    }
}

impl Desk {
    pub fn new(
        workspace: Workspace,
        actions: UnboundedSender<Action>,
        followers: Sender<runs::Wish>,
        runtime: Handle,
        brush: Brush,
    ) -> Desk {
        let brush = Arc::new(brush);
        Desk {
            dreamer: dream::begin(actions.clone(), brush.clone()),
            explainer: explain::begin(workspace.clone(), actions.clone()),
            workspace,
            actions,
            followers,
            runtime,
            brush,
            newest_picture: Arc::default(),
            newest_plan: Arc::default(),
            jobs: Arc::default(),
        }
    }

    /// Runs `work` where it may block; its answer becomes an action.
    fn spawn(&self, work: impl FnOnce(&Workspace) -> Option<Action> + Send + 'static) {
        let (workspace, actions) = (self.workspace.clone(), self.actions.clone());
        self.runtime.spawn_blocking(move || {
            if let Some(action) = work(&workspace) {
                // Nobody listens any more: the workbench is closing.
                let _ = actions.send(action);
            }
        });
    }

    /// The same for work that says how far it is.
    fn job(&self, title: String, work: impl FnOnce(&Workspace, &Reporter) -> Vec<Action> + Send + 'static) {
        let reporter = Reporter::new(self.jobs.fetch_add(1, Ordering::Relaxed), title, self.actions.clone());
        let actions = self.actions.clone();
        self.spawn(move |ws| {
            let answers = work(ws, &reporter);
            drop(reporter);
            for answer in answers {
                let _ = actions.send(answer);
            }
            None
        });
    }

    /// Sees to `effect`. Suspending and redrawing are the event loop's own business.
    pub fn take(&self, effect: Effect) {
        match effect {
            Effect::Suspend | Effect::Redraw => {}
            Effect::ListRuns => self.wish(runs::Wish::List),
            Effect::Watch(run) => self.wish(runs::Wish::Watch(run)),
            Effect::Ask(run, what) => self.spawn(move |_| {
                let word = match what {
                    control::Control::Stop => "stop; it makes a checkpoint first",
                    control::Control::Pause => "pause",
                    control::Control::Checkpoint => "make a checkpoint",
                };
                let told = control::request(&run, what).map(|()| format!("asked {} to {word}", run.id()));
                Some(Action::Told(told.map_err(|e| words(&e))))
            }),
            Effect::Unpause(run) => self.spawn(move |_| {
                let told = control::unpause(&run).map(|()| format!("{} goes on", run.id()));
                Some(Action::Told(told.map_err(|e| words(&e))))
            }),
            Effect::Resume(run) => self.spawn(move |ws| {
                let told = launch::resume(ws, &run).map(|()| format!("{} goes on from its last checkpoint", run.id()));
                Some(Action::Told(told.map_err(|e| words(&e))))
            }),
            Effect::Delete(run) => {
                let followers = self.followers.clone();
                self.spawn(move |_| {
                    let told = run.delete().map(|()| format!("{} is deleted", run.id()));
                    let _ = followers.send(runs::Wish::List);
                    Some(Action::Told(told.map_err(|e| words(&e))))
                });
            }
            Effect::ListData => self.spawn(|ws| Some(Action::DataListed(data::list(ws).map_err(|e| words(&e))))),
            // Starting the driver may take a second.
            Effect::ListCards => self.spawn(|_| {
                let cards = device::cards().unwrap_or_default();
                Some(Action::CardsListed(cards.into_iter().filter(|card| card.check().is_ok()).collect()))
            }),
            Effect::ReadData(name) => {
                let actions = self.actions.clone();
                self.spawn(move |ws| {
                    data::read(ws, &name, |action| drop(actions.send(action)));
                    None
                });
            }
            Effect::AddData { path, name } => {
                self.job(format!("adding {name}:"), move |ws, progress| data::add(ws, &path, &name, progress))
            }
            Effect::Audit(name) => {
                self.job(format!("auditing {name}:"), move |ws, progress| data::audit(ws, &name, progress));
            }
            Effect::Prepare(name) => {
                self.job(format!("preparing {name}:"), move |ws, progress| data::prepare(ws, &name, progress));
            }
            Effect::ReadPredictions(run) => self.spawn(move |ws| {
                let predictions = triage::predictions(ws, &run).map_err(|e| words(&e));
                Some(Action::Predictions(run, predictions))
            }),
            // The explainer lives as long as the program, as the follower does.
            Effect::Explain(wish) => drop(self.explainer.send(wish)),
            Effect::ReadAreas => self.spawn(|ws| {
                let runs = crate::run::list(ws).unwrap_or_default();
                Some(Action::Areas(explain::areas(&runs)))
            }),
            Effect::MeasureAreas(run) => {
                self.job(format!("AOPC of {}:", run.id()), move |ws, progress| {
                    let told = aopc::measure(ws, run.id(), &aopc::Study::default(), progress);
                    let told = told.map(|_| format!("the AOPC of {} is measured", run.id()));
                    vec![Action::Measured, Action::Told(told.map_err(|e| words(&e)))]
                });
            }
            Effect::Beat => {
                let actions = self.actions.clone();
                self.runtime.spawn(async move {
                    tokio::time::sleep(STEP).await;
                    let _ = actions.send(Action::Beat);
                });
            }
            Effect::Draw(request) => self.draw(request),
            // The dreamer lives as long as the program, as the follower does.
            Effect::Dream(order) => drop(self.dreamer.send(order)),
            Effect::Plan(number, recipe) => {
                let newest = self.newest_plan.clone();
                newest.fetch_max(number, Ordering::Relaxed);
                self.spawn(move |ws| {
                    // While one types, only the last recipe is worth the work.
                    (newest.load(Ordering::Relaxed) == number)
                        .then(|| Action::Planned(number, plan::plan(ws, &recipe).map_err(|e| words(&e))))
                });
            }
            Effect::Start(recipe) => {
                self.job(format!("starting {}:", recipe.name), move |ws, progress| {
                    let started = launch::start(ws, &recipe, &launch::StartOptions::default(), progress);
                    vec![Action::Launched(started.map_err(|e| words(&e)))]
                });
            }
        }
    }

    fn wish(&self, wish: runs::Wish) {
        // The follower lives as long as the program; if it died there is nothing to be told.
        let _ = self.followers.send(wish);
    }

    fn draw(&self, request: Box<Request>) {
        let (newest, brush) = (self.newest_picture.clone(), self.brush.clone());
        let number = newest.fetch_add(1, Ordering::Relaxed) + 1;
        self.spawn(move |ws| {
            if newest.load(Ordering::Relaxed) != number {
                return None;
            }
            let picture = picture::painted(ws, &request, &brush);
            Some(Action::Drawn(request, picture.map(Arc::new)))
        });
    }
}
