//! A training on the plain command line: progress bars on a terminal, a line an epoch elsewhere.

use super::output::{duration, figure};
use crate::error::Result;
use crate::run::event::Body;
use crate::run::history::History;
use crate::run::{RunDir, Status, log, status};
use crate::text;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// Shows events as they happen, on standard error.
pub struct Watcher {
    bar: Option<ProgressBar>,
    id: String,
    steps_per_epoch: u64,
    epochs: u64,
}

impl Watcher {
    pub fn new(id: &str) -> Watcher {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            let style = ProgressStyle::with_template("{msg:<44} {bar:24} {pos}/{len} steps  {elapsed}<{eta}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Watcher { bar, id: id.to_owned(), steps_per_epoch: 0, epochs: 0 }
    }

    fn line(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }

    pub fn see(&mut self, body: &Body) {
        match body {
            Body::Queued(_) => self.line(&format!("{}: waiting for its turn behind another run", self.id)),
            Body::Started(s) => {
                (self.steps_per_epoch, self.epochs) = (s.steps_per_epoch, s.epochs);
                if let Some(bar) = &self.bar {
                    bar.set_length(s.steps_per_epoch * s.epochs);
                }
                self.line(&format!(
                    "{}: {} ({} parameters) on {} training and {} validation images, {} threads, {} kernels",
                    self.id,
                    text::line(&s.model),
                    s.trainable,
                    s.train_images,
                    s.validation_images,
                    s.threads,
                    text::line(&s.kernels)
                ));
            }
            Body::Step(step) => {
                if let Some(bar) = &self.bar {
                    bar.set_position(step.step);
                    bar.set_message(format!("epoch {}  loss {:.5}", step.epoch, step.loss.unwrap_or(f64::NAN)));
                }
            }
            Body::Epoch(e) => {
                let star = if e.best { "  best" } else { "" };
                let masks = e.metric("val_dice").map_or(String::new(), |dice| {
                    format!("DI {:.2} %  HD {} mm  ", 100.0 * dice, figure(e.metric("val_hausdorff_mm")))
                });
                let error = match e.metric("val_mae_ml") {
                    Some(ml) => format!("{ml:.2} ml"),
                    None => format!("{} px  {} mm", figure(e.metric("val_mae_px")), figure(e.metric("val_mae_mm"))),
                };
                self.line(&format!(
                    "epoch {:>3}/{}  loss {}  val {}  {masks}MAE {error}  {:.0} img/s  {}{star}",
                    e.epoch,
                    e.epochs,
                    e.train_loss.map_or("–".into(), |l| format!("{l:.5}")),
                    e.val_loss.map_or("–".into(), |l| format!("{l:.5}")),
                    e.images_per_second,
                    duration(e.seconds),
                ));
            }
            Body::Warning(w) => self.line(&format!("warning: {}", text::line(&w.message))),
            Body::Paused(_) => self.line("paused"),
            Body::Resumed(place) => self.line(&format!("goes on after epoch {}", place.epoch)),
            Body::Stopped(place) => {
                self.line(&format!(
                    "stopped in epoch {} with a checkpoint; hcwb run resume {}",
                    place.epoch + 1,
                    self.id
                ));
            }
            Body::Finished(f) => {
                self.line(&format!("finished after epoch {} ({}), best epoch {}", f.epoch, f.reason, f.best_epoch))
            }
            Body::Failed(f) => self.line(&format!("failed: {}", text::line(&f.error))),
            Body::System(_) | Body::Checkpoint(_) | Body::Other => {}
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Follows a run of another process until it ends; the run does not depend on being followed.
pub fn follow(run: &RunDir) -> Result<Status> {
    let mut watcher = Watcher::new(run.id());
    let mut tail = log::Tail::new(run.events());
    let mut history = History::default();
    loop {
        for event in tail.poll()? {
            history.apply(&event);
            watcher.see(&event.body);
        }
        let now = status(run, &history);
        if !now.is_live() {
            if now == Status::Crashed {
                watcher.line(&format!("crashed; hcwb run resume {} goes on from the last checkpoint", run.id()));
            }
            return Ok(now);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
