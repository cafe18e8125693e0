//! A dream, step after step, in a thread of its own: it takes orders between steps, and shows what it has come to.

use super::words;
use crate::dataset::hc18::decode_gray;
use crate::error::{Error, IoContext, Result};
use crate::explain::dream::{Dream, Options, layers};
use crate::explain::of_run::{best_network, dream as of_run};
use crate::run::RunDir;
use crate::tui::action::Action;
use crate::tui::dreamt::{News, Order, Sight, Slider};
use crate::tui::widget::paint::{Brush, paint};
use crate::tui::widget::picture::Request;
use ratatui::layout::Rect;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;

/// A step takes no less, so that each can be seen.
const STEP: Duration = Duration::from_millis(60);

/// Takes orders from now on; ends when nobody can give any more.
pub fn begin(actions: UnboundedSender<Action>, brush: Arc<Brush>) -> Sender<Order> {
    let (sender, orders) = channel();
    // Without a thread nothing is dreamt; the screen then waits, and everything else goes on.
    let _ = std::thread::Builder::new().name("dream".to_owned()).spawn(move || {
        while let Ok(order) = orders.recv() {
            let mut next = Some(order);
            // One dream after the other; orders to none are void.
            while let Some(Order::Begin { number, run, image, room }) = next {
                let tell = |news| actions.send(Action::Dreamt(number, news)).is_ok();
                next = match Dreamer::open(&run, &image, room, &brush) {
                    Ok((mut dreamer, ready)) => match tell(ready) {
                        true => dreamer.dream(&orders, &tell, &actions),
                        false => return,
                    },
                    Err(error) => {
                        tell(News::Failed(words(&error)));
                        None
                    }
                };
            }
        }
    });
    sender
}

/// The order that ends a dream, if it is one that begins another.
type Next = Option<Order>;

struct Dreamer<'a> {
    dream: Dream,
    run: RunDir,
    image: PathBuf,
    room: [u16; 2],
    brush: &'a Brush,
    /// In each octave.
    steps: usize,
    /// It rests when the last octave has had so many.
    until: usize,
    going: bool,
    losses: Vec<f64>,
    /// Steps, and since when.
    speed: (u32, Instant),
}

impl<'a> Dreamer<'a> {
    /// The network and its sliders: the layers of activations, the deeper half of an encoder at 1.
    fn open(run: &RunDir, image: &Path, room: [u16; 2], brush: &'a Brush) -> Result<(Dreamer<'a>, News)> {
        if run.recipe()?.on_hearts() {
            return Err(Error::new("there are no dreams of hearts").cure("choose a run on heads"));
        }
        let (about, network) = best_network(run)?;
        let choices = of_run::choices(&network);
        let groups: Vec<(String, Vec<String>)> =
            layers::groups(&choices).into_iter().map(|group| (group.name, group.layers)).collect();
        let first = first(&choices, &groups);
        let slider = |choice: &layers::Choice| Slider {
            layer: choice.layer.clone(),
            maps: [choice.width, choice.height, choice.channels],
            weight: if first.contains(&choice.layer) { 1.0 } else { 0.0 },
        };
        let sliders: Vec<Slider> = layers::activations(&choices).map(slider).collect();
        let weights: Vec<(String, f64)> = sliders.iter().map(|s| (s.layer.clone(), s.weight)).collect();
        let options = Options::default();
        let steps = options.steps;
        let dream = of_run::begin(&about, &network, &decode_gray(image)?, &weights, options)?;
        let dreamer = Dreamer {
            dream,
            run: run.clone(),
            image: image.to_path_buf(),
            room,
            brush,
            steps,
            until: steps,
            going: true,
            losses: Vec::new(),
            speed: (0, Instant::now()),
        };
        Ok((dreamer, News::Ready { layers: sliders, groups }))
    }

    /// Until an order ends it.
    fn dream(
        &mut self,
        orders: &Receiver<Order>,
        tell: &dyn Fn(News) -> bool,
        actions: &UnboundedSender<Action>,
    ) -> Next {
        // When the next step may be done.
        let mut due = Instant::now();
        loop {
            if !tell(News::Seen(self.sight())) {
                return None;
            }
            let awake = self.going && self.dream.weights().iter().any(|(_, weight)| *weight != 0.0);
            let order = match awake {
                true => orders.recv_timeout(due.saturating_duration_since(Instant::now())),
                // Nothing happens by itself.
                false => orders.recv().map_err(RecvTimeoutError::from),
            };
            match order {
                Ok(Order::Begin { .. }) => return order.ok(),
                Ok(Order::End) | Err(RecvTimeoutError::Disconnected) => return None,
                Ok(order) => {
                    if let Err(error) = self.obey(order, actions) {
                        let _ = actions.send(Action::Told(Err(words(&error))));
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    due = Instant::now() + STEP;
                    match self.dream.step() {
                        Ok(step) => self.losses.push(step.loss),
                        Err(error) => {
                            tell(News::Failed(words(&error)));
                            return None;
                        }
                    }
                    self.speed.0 += 1;
                    self.going = !self.rests();
                }
            }
        }
    }

    fn rests(&self) -> bool {
        self.dream.is_done() && self.dream.place().1 >= self.until
    }

    /// Goes on; where every octave has had its steps, for as many more at the full size.
    fn go(&mut self) {
        if self.rests() {
            self.until = self.dream.place().1 + self.steps;
        }
        self.going = true;
        self.speed = (0, Instant::now());
    }

    fn obey(&mut self, order: Order, actions: &UnboundedSender<Action>) -> Result<()> {
        match order {
            Order::Weigh(weights) => {
                weights.iter().try_for_each(|(layer, weight)| self.dream.set_weight(layer, *weight))?;
                // Who pauses changes weights in peace; what has come to its end goes on to show what they do.
                if self.rests() {
                    self.go();
                }
            }
            Order::Go(true) => self.go(),
            Order::Go(false) => self.going = false,
            Order::Restart => {
                self.dream.restart();
                self.until = self.steps;
                self.losses.clear();
                self.go();
            }
            Order::Room(room) => self.room = room,
            Order::Save => {
                let path = self.save()?;
                let _ = actions
                    .send(Action::Told(Ok(format!("saved as {}", crate::text::line(&path.display().to_string())))));
            }
            Order::Begin { .. } | Order::End => {}
        }
        Ok(())
    }

    /// `<run>/explain/IMAGE.dream-N.png`, at the network's size or the octave's; no former one is replaced.
    fn save(&self) -> Result<PathBuf> {
        let folder = self.run.path().join("explain");
        std::fs::create_dir_all(&folder).doing("make the folder of explanations", &folder)?;
        let stem = self.image.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let name = |n: u32| folder.join(format!("{stem}.dream-{n}.png"));
        let free = (1..).map(name).find(|path| !path.exists()).unwrap_or_else(|| name(0));
        of_run::save(&of_run::picture(&self.dream), &free)?;
        Ok(free)
    }

    fn sight(&mut self) -> Sight {
        let [columns, rows] = self.room;
        let request = Request::of(self.image.clone(), Rect::new(0, 0, columns, rows));
        let picture = paint(&of_run::picture(&self.dream), &[], &request, self.brush).map(Arc::new);
        let (octave, step) = self.dream.place();
        let [height, width] = self.dream.image().1;
        let (steps, since) = self.speed;
        let seconds = since.elapsed().as_secs_f64();
        Sight {
            picture,
            octave: (octave + 1, self.dream.sizes().len()),
            step: (step, self.until),
            size_px: [width, height],
            losses: std::mem::take(&mut self.losses),
            steps_per_second: (self.going && steps > 0 && seconds > 0.0).then(|| f64::from(steps) / seconds),
            going: self.going,
        }
    }
}

/// What has a weight at first: the deeper half of an encoder, or of all activations the middle one.
fn first(choices: &[layers::Choice], groups: &[(String, Vec<String>)]) -> Vec<String> {
    if let Some((_, deep)) = groups.iter().find(|(name, _)| name == "encoder-deep") {
        return deep.clone();
    }
    let all: Vec<&layers::Choice> = layers::activations(choices).collect();
    all.get(all.len() / 2).map(|choice| choice.layer.clone()).into_iter().collect()
}
