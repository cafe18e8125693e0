//! The state of the workbench, and what each action does to it. No I/O here: what is wanted of the world is an `Effect`.

use super::action::{Action, Effect};
use super::keymap::Place;
use super::model::{CardUse, Job};
use super::screen::data::{self, Data};
use super::screen::dream::{self, Dream};
use super::screen::explain::{self, Explain};
use super::screen::launch::Launch;
use super::screen::runs::Runs;
use super::screen::triage::{self, Triage};
use super::screen::{self, Hits};
use super::theme::{Scope, Theme};
use super::typing::Typing;
use super::wall::Wall;
use super::widget::confirm::Question;
use super::widget::form::Form;
use crate::run::RunDir;
use crate::run::event::System;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::layout::Rect;

/// The screens, in the order of their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    Data,
    Launch,
    Runs,
    Triage,
    Explain,
}

impl Tab {
    pub const ALL: [Tab; 5] = [Tab::Data, Tab::Launch, Tab::Runs, Tab::Triage, Tab::Explain];

    pub fn title(self) -> &'static str {
        match self {
            Tab::Data => "Data",
            Tab::Launch => "Launch",
            Tab::Runs => "Runs",
            Tab::Triage => "Triage",
            Tab::Explain => "Explain",
        }
    }
}

/// What lies over the screen and has the keys.
pub enum Overlay {
    None,
    /// Scrolled by so many rows.
    Help(usize),
    Question(Question, Effect),
    /// The form that adds a data set.
    Add(Form),
}

/// Everything.
pub struct State {
    pub theme: Theme,
    pub zone: TimeZone,
    pub now: Timestamp,
    pub area: Rect,
    pub tab: Tab,
    pub runs: Runs,
    pub triage: Triage,
    pub explain: Explain,
    pub data: Data,
    pub launch: Launch,
    /// Lies over the screen that it was begun from.
    pub dream: Dream,
    pub overlay: Overlay,
    pub typing: Option<Typing>,
    pub notice: Option<(Scope, String)>,
    pub jobs: Vec<Job>,
    pub picture: Wall,
    /// Wanted since the last look.
    pub effects: Vec<Effect>,
    /// What could be clicked in the last frame.
    pub hits: Hits,
    pub quit: bool,
    /// Nobody is there to be told anything.
    pub quietly: bool,
    watched: Option<RunDir>,
}

impl State {
    pub fn new(theme: Theme, area: Rect, launch: Launch, focus_run: Option<String>) -> State {
        let runs = Runs { focus: focus_run, ..Runs::default() };
        State {
            theme,
            zone: TimeZone::system(),
            now: Timestamp::now(),
            area,
            tab: Tab::Runs,
            runs,
            triage: Triage::default(),
            explain: Explain::default(),
            data: Data::default(),
            launch,
            dream: Dream::default(),
            overlay: Overlay::None,
            typing: None,
            notice: None,
            jobs: Vec::new(),
            picture: Wall::default(),
            effects: Vec::new(),
            hits: Hits::default(),
            quit: false,
            quietly: false,
            watched: None,
        }
    }

    /// Where the keys go, as far as the table of keys is concerned.
    pub fn place(&self) -> Place {
        match self.tab {
            _ if self.dream.is_open() => Place::Dream,
            Tab::Data => Place::Data,
            Tab::Launch if self.launch.editing => Place::LaunchForm,
            Tab::Launch => Place::Launch,
            Tab::Runs if self.runs.open => Place::Run,
            Tab::Runs => Place::Runs,
            Tab::Triage if self.triage.open => Place::Image,
            Tab::Triage => Place::Triage,
            Tab::Explain => Place::Explain,
        }
    }

    /// What the workers of the running runs have said last of what they use.
    fn systems(&self) -> impl Iterator<Item = &System> {
        let running = self.runs.rows.iter().filter(|r| r.status() == Some(crate::run::Status::Running));
        running.filter_map(|r| self.runs.followed.get(&r.run)?.history.system.as_ref())
    }

    /// What the running runs use, in percent of a core.
    pub fn cpu_percent(&self) -> Option<f64> {
        self.systems().map(|s| s.cpu_percent).reduce(|a, b| a + b)
    }

    /// The cards in use, each once, in the order of their numbers.
    pub fn cards(&self) -> Vec<CardUse> {
        let mut cards: Vec<CardUse> = self.systems().filter_map(CardUse::of).collect();
        cards.sort_by_key(|card| card.index);
        cards.dedup_by_key(|card| card.index);
        cards
    }

    /// How the screen changes by what happened.
    pub fn update(&mut self, action: Action) {
        match action {
            Action::Key(key) => self.key(key),
            Action::Mouse(mouse) => self.mouse(mouse),
            Action::Paste(words) => self.paste(&words),
            Action::Resize => {}
            Action::Tick => self.runs.tick(self.now),
            Action::RunsListed(runs) => {
                let selected = self.selected_run();
                self.runs.list(runs);
                self.runs.arrange(selected);
            }
            Action::RunsRead(read) => {
                let selected = self.selected_run();
                for (run, facts) in read {
                    if let Some(row) = self.runs.rows.iter_mut().find(|r| r.run == run) {
                        row.facts = Some(facts);
                    }
                }
                self.runs.arrange(selected);
            }
            Action::RunEvents(news) => {
                let selected = self.selected_run();
                let status = self.runs.row(&news.run).and_then(|r| r.status());
                let changed = status != Some(news.status);
                self.runs.news(news, self.now);
                if changed || self.runs.sort != Default::default() {
                    self.runs.arrange(selected);
                }
            }
            Action::DataListed(rows) => {
                if let Ok(rows) = &rows {
                    self.launch.data_listed(rows);
                }
                self.data.list(rows);
            }
            Action::CardsListed(cards) => self.launch.cards_listed(&cards),
            Action::DataRead(name, details) => self.data.read(name, *details),
            Action::Predicted(run) => {
                if self.triage.run.as_ref() == Some(&run) || self.explain.run.as_ref() == Some(&run) {
                    self.effects.push(Effect::ReadPredictions(run));
                }
            }
            Action::Predictions(run, predictions) => {
                if self.explain.run.as_ref() == Some(&run) {
                    self.explain.take(predictions.clone());
                }
                if self.triage.run.as_ref() == Some(&run) {
                    self.triage.take(predictions);
                }
            }
            Action::Explained(subject, answer) => self.explain.answered(&subject, answer),
            Action::Areas(rows) => self.explain.areas.take(rows),
            Action::Measured => self.explain.areas.forget(),
            Action::Beat => self.effects.extend(self.explain.beat()),
            Action::Drawn(request, picture) => self.picture.take(*request, picture),
            Action::Dreamt(number, news) => self.dream.hear(number, news),
            Action::Planned(number, plan) => self.launch.planned(number, plan),
            Action::Job(id, job) => {
                self.jobs.retain(|j| j.id != id);
                self.jobs.extend(job);
            }
            Action::Launched(launched) => {
                self.launch.starting = false;
                match launched {
                    Ok(run) => {
                        self.notice =
                            Some((Scope::Success, format!("{} is at work; it goes on when you leave", run.id())));
                        self.runs.focus = Some(run.id().to_owned());
                        self.runs.filter.clear();
                        self.launch.editing = false;
                        self.tab = Tab::Runs;
                        self.effects.push(Effect::ListRuns);
                    }
                    Err(error) => self.notice = Some((Scope::Error, format!("✘ {error}"))),
                }
            }
            Action::Told(told) => {
                self.notice = Some(match told {
                    Ok(words) => (Scope::Success, words),
                    Err(error) => (Scope::Error, format!("✘ {error}")),
                });
            }
            Action::End => (self.quit, self.quietly) = (true, true),
        }
        self.follow_up();
    }

    pub(super) fn selected_run(&self) -> Option<RunDir> {
        self.runs.selected().map(|r| r.run.clone())
    }

    /// What every state of the screen needs of the background: the run that is looked at, details, pictures, plans.
    fn follow_up(&mut self) {
        let looked_at = match self.tab {
            Tab::Runs => self.selected_run(),
            _ => self.watched.clone(),
        };
        if looked_at != self.watched {
            self.watched = looked_at.clone();
            self.effects.push(Effect::Watch(looked_at));
        }
        if self.tab == Tab::Data {
            self.effects.extend(self.data.missing());
        }
        if self.tab == Tab::Launch {
            self.effects.extend(self.launch.check());
        }
        if self.tab == Tab::Triage && self.triage.run.is_none() {
            // The selected run, since that is what one was looking at.
            if let Some(run) = self.selected_run() {
                self.triage.show(run.clone());
                self.effects.push(Effect::ReadPredictions(run));
            }
        }
        if self.tab == Tab::Explain {
            if self.explain.run.is_none()
                && let Some(run) = self.selected_run()
            {
                self.explain.show(run.clone());
                self.effects.push(Effect::ReadPredictions(run));
            }
            self.effects.extend(self.explain.missing());
        }
        let room = dream::picture_room(screen::body(self.area));
        self.effects.extend(self.dream.resize(room).map(Effect::Dream));
        let wanted = self.wanted_picture();
        self.effects.extend(self.picture.want(wanted));
    }

    fn wanted_picture(&self) -> Option<super::widget::picture::Request> {
        use super::widget::picture::Request;
        let body = screen::body(self.area);
        let (room, request) = match self.tab {
            _ if self.dream.is_open() => return None,
            Tab::Triage => {
                let room = triage::picture_room(&self.triage, body)?;
                let (file, slice) = self.triage.wanted()?;
                let (ovals, veil) = (self.triage.ovals(), self.triage.veil());
                (room, Request { ovals, veil, slice, ..Request::of(file, room) })
            }
            Tab::Data => {
                let room = data::picture_room(&self.data, body)?;
                let image = self.data.image()?;
                let request = Request::of(image.path.clone(), room);
                (room, Request { ring: image.ring.clone(), slice: self.data.wanted_slice(), ..request })
            }
            Tab::Explain => {
                let room = explain::picture_room(&self.explain, body)?;
                let case = self.explain.case()?;
                let sheet = Some(explain::sheet(&self.explain, room));
                (room, Request { sheet, ..Request::of(case.path.clone(), room) })
            }
            Tab::Launch | Tab::Runs => return None,
        };
        (room.width > 3 && room.height > 1).then_some(request)
    }
}
