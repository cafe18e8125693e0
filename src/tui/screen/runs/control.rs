//! Stop, pause, resume, delete: what each means for a run as it is, and what is asked before it is done.

use super::Row;
use crate::run::Status;
use crate::run::control::Control;
use crate::tui::action::Effect;
use crate::tui::keymap::Command;
use crate::tui::widget::confirm::Question;

/// What came of a command.
pub enum Answer {
    Done,
    /// Order or filter are other ones.
    Rearrange,
    Ask(Question, Effect),
    Do(Effect, String),
    /// Nothing to do but to say so.
    Say(String),
}

/// What `command` means for the run of `row`.
pub(super) fn control(command: Command, row: &Row) -> Answer {
    let Some(facts) = row.known() else { return Answer::Say("the run is not read yet".to_owned()) };
    let (run, name, status) = (row.run.clone(), row.run.id(), facts.status);
    let refused = |what: &str| Answer::Say(format!("{name} is {}: {what}", status.word()));
    match (command, status) {
        (Command::Stop, Status::Running | Status::Paused) => Answer::Ask(
            Question {
                title: "Stop this run?".to_owned(),
                lines: vec![
                    name.to_owned(),
                    String::new(),
                    "The worker makes a checkpoint at the step it is at, then ends. Nothing is lost: r goes on from there."
                        .to_owned(),
                ],
                yes: "stop it",
            },
            Effect::Ask(run, Control::Stop),
        ),
        (Command::Stop, Status::Queued) => Answer::Ask(
            Question {
                title: "Take this run out of the queue?".to_owned(),
                lines: vec![name.to_owned(), String::new(), "It will not start. r puts it to work.".to_owned()],
                yes: "take it out",
            },
            Effect::Ask(run, Control::Stop),
        ),
        (Command::Stop, _) => refused("there is nothing to stop"),
        (Command::Pause, Status::Running) => {
            Answer::Do(Effect::Ask(run, Control::Pause), format!("asked {name} to pause; p lets it go on"))
        }
        (Command::Pause | Command::Resume, Status::Paused) => {
            Answer::Do(Effect::Unpause(run), format!("{name} goes on"))
        }
        (Command::Pause, _) => refused("only a running run can pause"),
        (Command::Resume, status) if status.can_resume() => {
            Answer::Do(Effect::Resume(run), format!("resuming {name} from its last checkpoint"))
        }
        (Command::Resume, _) => refused("there is nothing to resume"),
        (_, Status::Running | Status::Paused) => refused("stop it first with x, then delete it"),
        (_, _) => Answer::Ask(
            Question {
                title: "Delete this run for good?".to_owned(),
                lines: vec![
                    name.to_owned(),
                    String::new(),
                    format!(
                        "Its recipe, curves, checkpoints and predictions ({} epochs of work) will be gone. This cannot be \
                         undone.",
                        facts.epoch
                    ),
                ],
                yes: "delete it",
            },
            Effect::Delete(run),
        ),
    }
}
