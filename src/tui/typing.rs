//! Text being typed: searches, filters, the form that adds a data set, and what is pasted.

use super::action::Effect;
use super::app::{Overlay, State, Tab};
use super::widget::form::{Field, Form, Outcome, edit};
use ratatui::crossterm::event::{KeyCode, KeyEvent};
use tui_input::{Input, InputRequest};

/// What is typed in the last line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Search,
    Filter,
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Kind::Search => "search",
            Kind::Filter => "filter",
        }
    }
}

/// A line of text on its way.
#[derive(Clone, Debug)]
pub struct Typing {
    pub kind: Kind,
    pub input: Input,
    /// What was there before: the filter, to go back to.
    before: String,
    /// The row from which the search began.
    from: usize,
}

/// The form that adds a data set.
pub fn add_form() -> Form {
    let fields = vec![
        Field::new("folder", "", "HC18's (training_set/ and its table) or ACDC's (patient001 …); never written to"),
        Field::new("name", "hc18", "letters, digits, - and _: what recipes call it"),
    ];
    Form { fields, all: true, ..Form::default() }
}

impl State {
    pub(super) fn type_in(&mut self, kind: Kind) {
        let (filter, from) = match self.tab {
            Tab::Runs => (self.runs.filter.clone(), self.runs.selection.index),
            Tab::Triage => (self.triage.filter.clone(), self.triage.selection.index),
            Tab::Data | Tab::Launch | Tab::Explain => return,
        };
        let input = if kind == Kind::Filter { Input::from(filter.as_str()) } else { Input::default() };
        self.typing = Some(Typing { kind, input, before: filter, from });
    }

    pub(super) fn type_key(&mut self, mut typing: Typing, key: KeyEvent) {
        match key.code {
            KeyCode::Enter => return,
            KeyCode::Esc => {
                if typing.kind == Kind::Filter {
                    self.set_filter(typing.before);
                }
                return;
            }
            KeyCode::Down | KeyCode::Up if typing.kind == Kind::Search => {
                let (at, len) = match self.tab {
                    Tab::Triage => (self.triage.selection.index, self.triage.visible.len()),
                    _ => (self.runs.selection.index, self.runs.visible.len()),
                };
                typing.from = if key.code == KeyCode::Down { at + 1 } else { (at + len).saturating_sub(1) };
                self.find(&typing);
            }
            _ => {
                if edit(&mut typing.input, key).is_some_and(|change| change.value) {
                    self.typed(&typing);
                }
            }
        }
        self.typing = Some(typing);
    }

    fn typed(&mut self, typing: &Typing) {
        match typing.kind {
            Kind::Filter => self.set_filter(typing.input.value().to_owned()),
            Kind::Search => self.find(typing),
        }
    }

    fn find(&mut self, typing: &Typing) {
        match self.tab {
            Tab::Triage => self.triage.search(typing.input.value(), typing.from),
            _ => self.runs.search(typing.input.value(), typing.from),
        }
    }

    fn set_filter(&mut self, filter: String) {
        match self.tab {
            Tab::Triage => {
                let name = self.triage.selected_name();
                self.triage.filter = filter;
                self.triage.arrange(name);
            }
            _ => {
                let selected = self.runs.selected().map(|r| r.run.clone());
                self.runs.filter = filter;
                self.runs.arrange(selected);
            }
        }
    }

    pub(super) fn add_key(&mut self, mut form: Form, key: KeyEvent) {
        if key.code == KeyCode::Esc {
            return;
        }
        if form.key(key) == Outcome::Submitted {
            let value = |form: &Form, name| form.field(name).map_or("", |f| f.value()).trim().to_owned();
            let (path, name) = (value(&form, "folder"), value(&form, "name"));
            let missing = if path.is_empty() { Some("folder") } else { name.is_empty().then_some("name") };
            match missing {
                None => {
                    self.data.wanted = Some(name.clone());
                    self.effects.push(Effect::AddData { path, name });
                    return;
                }
                Some(field) => {
                    if let Some(field) = form.field_mut(field) {
                        field.error = Some("is needed".to_owned());
                    }
                    form.focus = usize::from(missing == Some("name"));
                }
            }
        } else if let Some(name) = form.focused().map(|f| f.name.clone())
            && let Some(field) = form.field_mut(&name)
        {
            field.error = None;
        }
        self.overlay = Overlay::Add(form);
    }

    pub(super) fn paste(&mut self, words: &str) {
        if let Overlay::Add(form) = &mut self.overlay {
            form.paste(words);
        } else if let Some(mut typing) = self.typing.take() {
            for c in crate::text::line(words.trim()).chars() {
                typing.input.handle(InputRequest::InsertChar(c));
            }
            self.typed(&typing);
            self.typing = Some(typing);
        } else if self.tab == Tab::Launch {
            self.launch.paste(words);
        }
    }
}
