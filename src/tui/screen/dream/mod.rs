//! Deep Dream, live: what do the layers of a network answer to?
//!
//! ```text
//! ╭ the image ───────────╮╭ weights ─────────────────╮
//! │ (the dream, step by  ││ ━━━━●────  1.00  encoder… │
//! │ step)                ││ ●────────  0.00  decoder… │
//! │                      ││ loss 3.2 ▁▂▃▅             │
//! ╰──────────────────────╯╰──────────────────────────╯
//! ```

mod view;

pub use view::{draw, picture_room};

use crate::run::RunDir;
use crate::tui::dreamt::{News, Order, Sight, Slider};
use crate::tui::keymap::Command;
use crate::tui::widget::list::Selection;
use ratatui::layout::Rect;
use std::path::PathBuf;

/// A slider's way, and the length of one move.
const MOST: f64 = 2.0;
const MOVE: f64 = 0.25;
/// Losses that are kept.
const LOSSES_KEPT: usize = 2000;

/// Everything the screen knows.
#[derive(Default)]
pub struct Dream {
    pub run: Option<RunDir>,
    /// The image's name.
    pub file: String,
    /// The one whose news count.
    number: u64,
    /// None while the network is on its way.
    pub sliders: Option<Vec<Slider>>,
    groups: Vec<(String, Vec<String>)>,
    /// The group that all weight was given to last.
    group: Option<usize>,
    pub selection: Selection,
    pub sight: Option<Sight>,
    pub losses: Vec<f64>,
    pub failed: Option<String>,
    room: [u16; 2],
}

impl Dream {
    /// Begins a dream of `image` by the network of `run`, for a picture in `room`.
    pub fn begin(&mut self, run: RunDir, file: String, image: PathBuf, room: Rect) -> Order {
        let (number, room) = (self.number + 1, [room.width, room.height]);
        *self = Dream { run: Some(run.clone()), file, number, room, ..Dream::default() };
        Order::Begin { number, run, image, room }
    }

    pub fn is_open(&self) -> bool {
        self.run.is_some()
    }

    /// Ends the dream, if there is one.
    pub fn close(&mut self) -> Option<Order> {
        let number = self.number;
        let before = std::mem::replace(self, Dream { number, ..Dream::default() });
        before.run.map(|_| Order::End)
    }

    /// The room has changed, or it has not.
    pub fn resize(&mut self, room: Rect) -> Option<Order> {
        let room = [room.width, room.height];
        let changed = std::mem::replace(&mut self.room, room) != room;
        (changed && self.is_open()).then_some(Order::Room(room))
    }

    /// What the dream of that number has come to.
    pub fn hear(&mut self, number: u64, news: News) {
        if number != self.number || !self.is_open() {
            return;
        }
        match news {
            News::Ready { layers, groups } => {
                let first = layers.iter().position(|slider| slider.weight != 0.0);
                self.selection.index = first.unwrap_or(0);
                (self.sliders, self.groups) = (Some(layers), groups);
            }
            News::Seen(sight) => {
                self.losses.extend(&sight.losses);
                let surplus = self.losses.len().saturating_sub(LOSSES_KEPT);
                self.losses.drain(..surplus);
                self.sight = Some(sight);
            }
            News::Failed(why) => self.failed = Some(why),
        }
    }

    pub fn sliders(&self) -> &[Slider] {
        self.sliders.as_deref().unwrap_or_default()
    }

    pub fn step(&mut self, by: isize) {
        let len = self.sliders().len();
        self.selection.step(by, len);
    }

    pub fn click(&mut self, index: usize) {
        self.selection.index = index.min(self.sliders().len().saturating_sub(1));
    }

    /// The group that the weights are those of, if no slider was moved since.
    pub fn group(&self) -> Option<&str> {
        self.group.and_then(|at| self.groups.get(at)).map(|(name, _)| name.as_str())
    }

    /// What a command means here.
    pub fn command(&mut self, command: Command) -> Option<Order> {
        match command {
            Command::More => self.slide(MOVE),
            Command::Less => self.slide(-MOVE),
            Command::NextPane => self.next_group(),
            Command::Pause => self.sight.as_ref().map(|sight| Order::Go(!sight.going)),
            Command::Again => {
                self.losses.clear();
                self.sliders.is_some().then_some(Order::Restart)
            }
            Command::Back => self.close(),
            Command::Save => self.sight.is_some().then_some(Order::Save),
            _ => None,
        }
    }

    fn slide(&mut self, by: f64) -> Option<Order> {
        let index = self.selection.index;
        let slider = self.sliders.as_mut()?.get_mut(index)?;
        let weight = (slider.weight + by).clamp(0.0, MOST);
        if weight == slider.weight {
            return None;
        }
        slider.weight = weight;
        self.group = None;
        let order = Order::Weigh(vec![(slider.layer.clone(), weight)]);
        Some(order)
    }

    /// All weight to the layers of the next group, 1 each.
    fn next_group(&mut self) -> Option<Order> {
        let next = self.group.map_or(0, |at| at + 1) % self.groups.len().max(1);
        let (_, layers) = self.groups.get(next)?;
        let sliders = self.sliders.as_mut()?;
        for slider in sliders.iter_mut() {
            slider.weight = if layers.contains(&slider.layer) { 1.0 } else { 0.0 };
        }
        self.group = Some(next);
        self.selection.index = sliders.iter().position(|slider| slider.weight != 0.0).unwrap_or(0);
        Some(Order::Weigh(sliders.iter().map(|s| (s.layer.clone(), s.weight)).collect()))
    }
}
