//! What keys and clicks do: through the table of keys to commands, through the areas of the last frame to rows.

use super::action::Effect;
use super::app::{Overlay, State, Tab};
use super::keymap::{self, Command, Place};
use super::screen::runs::Answer;
use super::screen::{self, Hit, data, dream};
use super::theme::Scope;
use super::typing::{Kind, add_form};
use super::widget::form::Outcome;
use ratatui::crossterm::event::{KeyCode, KeyEvent, MouseButton, MouseEvent, MouseEventKind};

impl State {
    pub(super) fn key(&mut self, key: KeyEvent) {
        self.notice = None;
        if keymap::command(Place::LaunchForm, key) == Some(Command::Quit) {
            // ctrl-c leaves from everywhere, whatever is open.
            self.quit = true;
            return;
        }
        match std::mem::replace(&mut self.overlay, Overlay::None) {
            Overlay::None => {}
            Overlay::Help(scroll) => return self.help_key(scroll, key),
            Overlay::Question(question, effect) => {
                match key.code {
                    KeyCode::Char('y' | 'Y') => self.effects.push(effect),
                    KeyCode::Char('n' | 'N' | 'q') | KeyCode::Esc => {}
                    _ => self.overlay = Overlay::Question(question, effect),
                }
                return;
            }
            Overlay::Add(form) => return self.add_key(form, key),
        }
        if let Some(typing) = self.typing.take() {
            return self.type_key(typing, key);
        }
        let place = self.place();
        match keymap::command(place, key) {
            Some(command) => self.command(command),
            None if place == Place::LaunchForm && self.launch.key(key) == Outcome::Submitted => {
                self.command(Command::Start);
            }
            None => {}
        }
    }

    fn help_key(&mut self, scroll: usize, key: KeyEvent) {
        let last = screen::help::len(self.place());
        self.overlay = match key.code {
            KeyCode::Down | KeyCode::Char('j') | KeyCode::PageDown => Overlay::Help((scroll + 3).min(last)),
            KeyCode::Up | KeyCode::Char('k') | KeyCode::PageUp => Overlay::Help(scroll.saturating_sub(3)),
            _ => Overlay::None,
        };
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Tab(number) => self.show(Tab::ALL[number.min(Tab::ALL.len() - 1)]),
            Command::Help => self.overlay = Overlay::Help(0),
            Command::Quit => self.quit = true,
            Command::Suspend => self.effects.push(Effect::Suspend),
            Command::Redraw => self.effects.push(Effect::Redraw),
            Command::Down => self.step(1),
            Command::Up => self.step(-1),
            Command::PageDown => self.step(10),
            Command::PageUp => self.step(-10),
            Command::First => self.step(isize::MIN / 2),
            Command::Last => self.step(isize::MAX / 2),
            Command::Search => self.type_in(Kind::Search),
            Command::Filter => self.type_in(Kind::Filter),
            Command::New => self.show(Tab::Launch),
            Command::Add => self.overlay = Overlay::Add(add_form()),
            Command::Triage => {
                if let Some(run) = self.selected_run() {
                    self.triage.show(run.clone());
                    self.effects.push(Effect::ReadPredictions(run));
                    self.show(Tab::Triage);
                }
            }
            Command::Why => {
                let file = if self.tab == Tab::Triage { self.triage.selected().map(|c| c.file.clone()) } else { None };
                let run = if self.tab == Tab::Triage { self.triage.run.clone() } else { self.selected_run() };
                if let Some(run) = run {
                    match file {
                        Some(file) => self.explain.show_image(run.clone(), file),
                        None => self.explain.show(run.clone()),
                    }
                    self.effects.push(Effect::ReadPredictions(run));
                    self.show(Tab::Explain);
                }
            }
            Command::Dream => self.begin_dream(),
            Command::NextRun => self.other_run(1),
            Command::PreviousRun => self.other_run(-1),
            Command::ShowAll => {
                let index = self.launch.selection.index;
                if let Some(entry) = self.launch.entries.get_mut(index) {
                    entry.form.all = !entry.form.all;
                    entry.form.focus = entry.form.focus.min(entry.form.shown().len());
                }
            }
            Command::Start => match self.launch.start() {
                Ok(recipe) => self.effects.push(Effect::Start(Box::new(recipe))),
                Err(error) => self.notice = Some((Scope::Error, format!("✘ {error}"))),
            },
            command => self.screen_command(command),
        }
    }

    fn screen_command(&mut self, command: Command) {
        if self.dream.is_open() {
            return self.effects.extend(self.dream.command(command).map(Effect::Dream));
        }
        match self.tab {
            Tab::Runs => {
                let selected = self.selected_run();
                match self.runs.command(command) {
                    Answer::Done => {}
                    Answer::Rearrange => self.runs.arrange(selected),
                    Answer::Ask(question, effect) => self.overlay = Overlay::Question(question, effect),
                    Answer::Do(effect, words) => {
                        self.effects.push(effect);
                        self.notice = Some((Scope::Info, words));
                    }
                    Answer::Say(why) => self.notice = Some((Scope::Warning, why)),
                }
            }
            Tab::Triage => self.triage.command(command),
            Tab::Explain => match self.explain.command(command) {
                Ok(effect) => self.effects.extend(effect),
                Err(why) => self.notice = Some((Scope::Warning, why)),
            },
            Tab::Data => match self.data.command(command) {
                Ok(effect) => self.effects.extend(effect),
                Err(why) => self.notice = Some((Scope::Warning, why)),
            },
            Tab::Launch => match command {
                Command::Open => self.launch.editing = !self.launch.entries.is_empty(),
                Command::Back => self.launch.editing = false,
                _ => {}
            },
        }
    }

    /// A dream of the selected image, by the network of its run.
    fn begin_dream(&mut self) {
        let (run, case) = match self.tab {
            Tab::Explain => (self.explain.run.clone(), self.explain.case()),
            _ => (self.triage.run.clone(), self.triage.selected()),
        };
        let Some((run, case)) = run.zip(case) else {
            self.notice = Some((Scope::Warning, "a dream begins with an image of a head".to_owned()));
            return;
        };
        let room = dream::picture_room(screen::body(self.area));
        let order = self.dream.begin(run, case.file.clone(), case.path.clone(), room);
        self.effects.push(Effect::Dream(order));
    }

    fn show(&mut self, tab: Tab) {
        self.effects.extend(self.dream.close().map(Effect::Dream));
        self.tab = tab;
        match tab {
            Tab::Data | Tab::Launch => self.effects.push(Effect::ListData),
            Tab::Runs | Tab::Triage | Tab::Explain => {}
        }
    }

    fn step(&mut self, by: isize) {
        match self.tab {
            _ if self.dream.is_open() => self.dream.step(by),
            Tab::Runs => self.runs.selection.step(by, self.runs.visible.len()),
            Tab::Triage => self.triage.selection.step(by, self.triage.visible.len()),
            Tab::Launch => self.launch.selection.step(by, self.launch.entries.len()),
            Tab::Data => self.data.step(by),
            Tab::Explain => self.explain.step(by),
        }
    }

    /// Triage or Explain of the run that many places further down the list of runs.
    fn other_run(&mut self, by: isize) {
        let explains = self.tab == Tab::Explain;
        let Some(run) = (if explains { &self.explain.run } else { &self.triage.run }) else { return };
        let rows = &self.runs.rows;
        let Some(at) = rows.iter().position(|r| r.run == *run) else { return };
        let next = at.saturating_add_signed(by).min(rows.len() - 1);
        if next != at {
            let run = rows[next].run.clone();
            match explains {
                true => self.explain.show(run.clone()),
                false => self.triage.show(run.clone()),
            }
            self.effects.push(Effect::ReadPredictions(run));
        }
    }

    pub(super) fn mouse(&mut self, mouse: MouseEvent) {
        if !matches!(self.overlay, Overlay::None) {
            return;
        }
        match mouse.kind {
            MouseEventKind::ScrollDown | MouseEventKind::ScrollUp => {
                let down = mouse.kind == MouseEventKind::ScrollDown;
                match self.hits.at(mouse.column, mouse.row) {
                    Some((Hit::Slice, _)) => {
                        self.command(if down { Command::PreviousSlice } else { Command::NextSlice });
                    }
                    _ => self.step(if down { 3 } else { -3 }),
                }
            }
            MouseEventKind::Down(MouseButton::Left) => match self.hits.at(mouse.column, mouse.row) {
                Some((Hit::Tab(tab), _)) => {
                    self.typing = None;
                    self.show(tab);
                }
                Some((Hit::Rows { first }, row)) => self.click(first + row),
                Some((Hit::Second { first }, row)) => {
                    self.data.focus = data::Focus::Findings;
                    self.data.finding.index = (first + row).min(self.data.findings().len().saturating_sub(1));
                    self.data.jump();
                }
                Some((Hit::Field(field), _)) => {
                    let index = self.launch.selection.index;
                    if let Some(entry) = self.launch.entries.get_mut(index) {
                        self.launch.editing = true;
                        let button = field >= entry.form.shown().len();
                        let pressed = button && entry.form.on_button();
                        entry.form.focus = field;
                        if pressed {
                            self.command(Command::Start);
                        }
                    }
                }
                Some((Hit::Slice, _)) | None => {}
            },
            _ => {}
        }
    }

    /// A click selects; on the selected row it opens.
    fn click(&mut self, index: usize) {
        if self.dream.is_open() {
            return self.dream.click(index);
        }
        if self.tab == Tab::Explain {
            if self.explain.click(index) {
                self.command(Command::Open);
            }
            return;
        }
        let (selection, len) = match self.tab {
            Tab::Runs => (&mut self.runs.selection, self.runs.visible.len()),
            Tab::Triage => (&mut self.triage.selection, self.triage.visible.len()),
            Tab::Launch => (&mut self.launch.selection, self.launch.entries.len()),
            Tab::Explain => return,
            Tab::Data => {
                self.data.focus = data::Focus::Sets;
                let len = self.data.sets().len();
                (&mut self.data.selection, len)
            }
        };
        if index >= len {
            return;
        }
        if selection.index == index && self.tab != Tab::Data {
            self.command(Command::Open);
        } else {
            selection.index = index;
        }
    }
}
