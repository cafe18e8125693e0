//! Explanations for the screen: one thread that keeps the network of the run that is looked at.

use super::words;
use crate::dataset::hc18::decode_gray;
use crate::error::{Error, Result};
use crate::explain::Analyzer;
use crate::explain::curve::said_of;
use crate::explain::inputs::Given;
use crate::explain::of_run::{Opened, aopc, as_seen, hc_px_or_mm, settings, to_gray};
use crate::explain::perturb::{Noise, Order, Perturbation, Regions};
use crate::explain::picture::Map;
use crate::nn::Tensor;
use crate::run::RunDir;
use crate::run::checkpoint::Which;
use crate::tui::action::Action;
use crate::tui::explained::{Answer, Area, Explained, Played, Subject, Wish};
use crate::workspace::Workspace;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::SystemTime;
use tokio::sync::mpsc::UnboundedSender;

/// Steps of a perturbation (the preprint's figure 15), and the side of a region in px.
pub const STEPS: usize = 15;
const REGION_PX: usize = 9;
const NOISE: &str = "replace";

/// Takes wishes from now on; ends when nobody can wish any more.
pub fn begin(workspace: Workspace, actions: UnboundedSender<Action>) -> Sender<Wish> {
    let (sender, wishes) = channel();
    let worker = Worker { workspace, actions, opened: None };
    // Without a thread nothing is explained; the screen then says that it is at work, for ever, and goes on.
    let _ = std::thread::Builder::new().name("explain".to_owned()).spawn(move || worker.work(&wishes));
    sender
}

struct Worker {
    workspace: Workspace,
    actions: UnboundedSender<Action>,
    /// The network, and when its weights were written.
    opened: Option<(RunDir, Option<SystemTime>, Opened)>,
}

impl Worker {
    fn work(mut self, wishes: &Receiver<Wish>) {
        let mut queue = VecDeque::new();
        loop {
            if queue.is_empty() {
                let Ok(wish) = wishes.recv() else { return };
                queue.push_back(wish);
            }
            while let Ok(wish) = wishes.try_recv() {
                // Of each kind only the newest is worth the work.
                queue.retain(|w| std::mem::discriminant(w) != std::mem::discriminant(&wish));
                queue.push_back(wish);
            }
            let Some(wish) = queue.pop_front() else { continue };
            let subject = wish.subject().clone();
            let answer = match wish {
                Wish::Maps(_, analyzers) => {
                    let Some((&first, rest)) = analyzers.split_first() else { continue };
                    if !rest.is_empty() {
                        queue.push_front(Wish::Maps(subject.clone(), rest.to_vec()));
                    }
                    Answer::Map(first, self.map(&subject, first).map_err(|e| words(&e)))
                }
                Wish::Play(_, analyzer, order) => {
                    let played = self.play(&subject, analyzer, order);
                    Answer::Play(analyzer, order, played.map(Arc::new).map_err(|e| words(&e)))
                }
                Wish::Audit(_, analyzer) => {
                    let rows = self.seen(&subject).and_then(|(opened, input)| {
                        let (_, method) = method(opened, analyzer)?;
                        Ok(opened.explainer.audit(&method, &input)?.swap_remove(0))
                    });
                    Answer::Audit(analyzer, rows.map_err(|e| words(&e)))
                }
            };
            if self.actions.send(Action::Explained(Box::new(subject), answer)).is_err() {
                return;
            }
        }
    }

    /// The subject's network, opened once, and its image as that sees it.
    fn seen(&mut self, subject: &Subject) -> Result<(&mut Opened, Tensor)> {
        let written = std::fs::metadata(Which::Best.weights(&subject.run)).and_then(|about| about.modified()).ok();
        let same = |(run, when, _): &(RunDir, Option<SystemTime>, Opened)| *run == subject.run && *when == written;
        if !self.opened.as_ref().is_some_and(same) {
            if subject.run.recipe()?.task.starts_with("cardiac") {
                return Err(Error::new("hearts are not explained here")
                    .cure("this screen shows heads; `hcwb attribute` explains any network with one output"));
            }
            // The one before goes first: two large networks need not be there at once.
            self.opened = None;
            let opened = Opened::best_of(&self.workspace, subject.run.id())?;
            self.opened = Some((subject.run.clone(), written, opened));
        }
        let Some((_, _, opened)) = &mut self.opened else { return Err(Error::new("the network is gone")) };
        let input = as_seen(&opened.about, &[decode_gray(&subject.path)?])?;
        Ok((opened, input))
    }

    fn map(&mut self, subject: &Subject, analyzer: &str) -> Result<Explained> {
        let (opened, input) = self.seen(subject)?;
        let (_, method) = method(opened, analyzer)?;
        let found = opened.explainer.explain(&method, &input, &Given::default())?;
        let map = Map::new(found.map.data(), [input.shape()[1], input.shape()[2], input.shape()[3]]);
        Ok(Explained { map: Arc::new(map), silent: !found.silent.is_empty() })
    }

    fn play(&mut self, subject: &Subject, analyzer: &str, order: Order) -> Result<Played> {
        let (opened, input) = self.seen(subject)?;
        let (_, method) = method(opened, analyzer)?;
        let map = opened.explainer.explain(&method, &input, &Given::default())?.map;
        let size = [input.shape()[1], input.shape()[2], input.shape()[3]];
        let regions = Regions::new(size, [REGION_PX.min(size[0]).min(size[1]); 2])?;
        let noise: Noise = NOISE.parse()?;
        let ranked = regions.ranked(map.data(), false, order, 0);
        let perturbation = Perturbation { regions, ranked, noise, seed: 0, image: input.data() };
        let steps = STEPS.min(regions.count());
        let (images, outputs) = said_of(&mut opened.explainer, &perturbation, steps)?;
        let about = &opened.about;
        let stills = images.data().chunks_exact(input.data().len()).map(|x| Arc::new(to_gray(about, x)));
        let said = outputs.iter().map(|f| hc_px_or_mm(about, *f));
        let of_hc = hc_px_or_mm(about, 0.0).0.is_some();
        let said = said.zip(&outputs).map(|((px, _), f)| px.unwrap_or(f64::from(*f))).collect();
        Ok(Played { stills: stills.collect(), said, of_hc })
    }
}

/// With its own settings.
fn method(opened: &Opened, name: &str) -> Result<(&'static Analyzer, crate::explain::analyzer::Method)> {
    let analyzer = Analyzer::find(name)?;
    let settings = settings(analyzer, &[analyzer], &[], &opened.about)?;
    Ok((analyzer, analyzer.with(&settings)?))
}

/// Every area that is on disk for the weights that `runs` have now; runs that cannot be read are left out.
pub fn areas(runs: &[RunDir]) -> Vec<Area> {
    let of = |run: &RunDir| {
        if !aopc::path(run).is_file() {
            return Vec::new();
        }
        let lines = Opened::weights_of(run).and_then(|weights| aopc::known(run, &weights));
        lines.unwrap_or_default().into_iter().map(|line| Area { run: run.clone(), line }).collect()
    };
    runs.iter().flat_map(of).collect()
}
