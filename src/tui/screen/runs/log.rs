//! A run's events as lines for people.

use crate::run::event::{Body, Epoch, Event};
use crate::text;
use crate::tui::theme::Scope;
use crate::tui::widget::text::significant;
use jiff::Timestamp;

/// One line of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub time: Timestamp,
    pub text: String,
    pub scope: Scope,
}

/// What `event` says, if it is for people; `best` is the best epoch so far, this one included.
pub fn line(event: &Event, best: Option<&Epoch>) -> Option<Line> {
    let (scope, words) = match &event.body {
        Body::Queued(_) => (Scope::Dim, "queued".to_owned()),
        Body::Started(s) => (
            Scope::Info,
            format!(
                "started on {} with {} threads ({}): {} train, {} validation images",
                s.device, s.threads, s.kernels, s.train_images, s.validation_images
            ),
        ),
        Body::Epoch(e) => (Scope::Text, epoch(e, best)),
        Body::Checkpoint(c) if c.name == "best" => return None,
        Body::Checkpoint(_) | Body::Step(_) | Body::System(_) | Body::Other => return None,
        Body::Warning(w) => (Scope::Warning, format!("! {}", w.message)),
        Body::Paused(p) => (Scope::StatusPaused, format!("paused after step {}", p.step)),
        Body::Resumed(p) => (Scope::Info, format!("resumed after epoch {}, step {}", p.epoch, p.step)),
        Body::Stopped(p) => (Scope::StatusStopped, format!("stopped after epoch {}, step {}", p.epoch, p.step)),
        Body::Finished(f) => {
            let why = if f.reason == "patience" { "no better epoch in a while" } else { "all epochs done" };
            (Scope::StatusFinished, format!("finished after epoch {}: {why}; best was {}", f.epoch, f.best_epoch))
        }
        Body::Failed(f) => (Scope::Error, format!("✘ {}", f.error)),
    };
    Some(Line { time: event.time, text: text::line(&words).into_owned(), scope })
}

fn epoch(e: &Epoch, best: Option<&Epoch>) -> String {
    let note = match best {
        _ if e.best => "  ◆ best".to_owned(),
        Some(b) => format!("  best {} @{}", figures(b, ""), b.epoch),
        None => String::new(),
    };
    format!("epoch {:>3}  {}{note}  {:.1} s", e.epoch, figures(e, "MAE "), e.seconds)
}

/// What counts of an epoch; `label` stands before the error.
fn figures(e: &Epoch, label: &str) -> String {
    match e.metric("val_dice") {
        Some(dice) => format!("DI {:.1} %  {label}{} mm", 100.0 * dice, significant(e.metric("val_mae_mm"), 3)),
        None if label.is_empty() => significant(e.metric("val_mae_px"), 4),
        None => format!("{label}{} px", significant(e.metric("val_mae_px"), 4)),
    }
}
