//! 2 Launch: what shall I run, and what will it mean?
//!
//! ```text
//! ╭ Recipes ───────╮╭ reg-cnn263k ─────────────────────────╮
//! │ reg-cnn1m      ││ seed           0                     │
//! │ reg-cnn263k    ││ data.dataset   hc18                  │
//! │                ││ …                          [ start ] │
//! │ purpose, paper ││ parameters, split, audit             │
//! ╰────────────────╯╰──────────────────────────────────────╯
//! ╭ Queue ─────────────────────────────────────────────────╮
//! ╰────────────────────────────────────────────────────────╯
//! ```

mod view;

pub use view::draw;

use crate::nn::{CardInfo, Device};
use crate::recipe::{self, Recipe, Shipped, takes, takes_model};
use crate::text;
use crate::tui::action::Effect;
use crate::tui::model::{DataRow, Plan};
use crate::tui::widget::form::{Field, Form, Outcome};
use crate::tui::widget::list::Selection;
use ratatui::crossterm::event::KeyEvent;

/// Keys that no run needs to change.
const NOT_IN_FORM: [&str; 4] = ["name", "purpose", "paper", "task"];

/// A recipe with what has been changed in its form.
pub struct Entry {
    pub shipped: Shipped,
    base: Recipe,
    pub form: Form,
}

/// Everything the screen knows.
#[derive(Default)]
pub struct Launch {
    pub entries: Vec<Entry>,
    pub selection: Selection,
    /// The keys go to the form.
    pub editing: bool,
    /// What starting would mean, for the recipe of that number.
    pub plan: Option<Result<Plan, String>>,
    number: u64,
    /// The recipe that was last asked about.
    asked: Option<Recipe>,
    /// A run is being started.
    pub starting: bool,
    datasets: Option<Vec<String>>,
}

impl Launch {
    /// With the shipped recipes; `models` are the networks that can be chosen.
    pub fn new(models: &[&str]) -> Launch {
        let entries = recipe::shipped()
            .into_iter()
            .filter_map(|shipped| {
                let base = Recipe::load(&shipped.name).ok()?;
                let form = form(&base, models);
                Some(Entry { shipped, base, form })
            })
            .collect();
        Launch { entries, ..Launch::default() }
    }

    pub fn selected(&self) -> Option<&Entry> {
        self.entries.get(self.selection.index)
    }

    /// The data sets there are become choices; a recipe whose data set is not there takes the only one that is.
    pub fn data_listed(&mut self, rows: &[DataRow]) {
        let names: Vec<String> = rows.iter().map(|r| r.name.clone()).collect();
        for entry in &mut self.entries {
            let Some(field) = entry.form.field_mut("data.dataset") else { continue };
            field.choices = names.clone();
            if let ([only], false) = (&names[..], field.changed())
                && field.value() != only
            {
                field.input = only.as_str().into();
            }
        }
        self.datasets = Some(names);
        self.asked = None;
    }

    /// The cards there are become choices of `train.device`, and their names its help.
    pub fn cards_listed(&mut self, cards: &[CardInfo]) {
        let words = ["auto".to_owned(), "cpu".to_owned()].into_iter();
        let words: Vec<String> = words.chain(cards.iter().map(|card| Device::Cuda(card.index).to_string())).collect();
        let names: String = cards
            .iter()
            .map(|card| {
                let gib = card.memory_bytes as f64 / (1u64 << 30) as f64;
                format!("{} is {}, {gib:.0} GiB; ", Device::Cuda(card.index), text::line(&card.name))
            })
            .collect();
        for entry in &mut self.entries {
            if let Some(field) = entry.form.field_mut("train.device") {
                field.choices = words.clone();
                field.help = format!("{names}{}", field.help);
            }
        }
    }

    /// A key of the form.
    pub fn key(&mut self, key: KeyEvent) -> Outcome {
        let index = self.selection.index;
        match self.entries.get_mut(index) {
            Some(entry) => entry.form.key(key),
            None => Outcome::Ignored,
        }
    }

    pub fn paste(&mut self, words: &str) {
        let index = self.selection.index;
        if let Some(entry) = self.entries.get_mut(index).filter(|_| self.editing) {
            entry.form.paste(words);
        }
    }

    /// Checks the selected form; asks what its recipe would mean if that is not known yet.
    pub fn check(&mut self) -> Option<Effect> {
        let index = self.selection.index;
        let datasets = self.datasets.clone();
        let entry = self.entries.get_mut(index)?;
        let recipe = entry.resolve();
        if let (Some(known), Some(field)) = (&datasets, entry.form.field_mut("data.dataset"))
            && field.error.is_none()
            && !known.iter().any(|name| name == field.value())
        {
            field.error = Some(match text::nearest(field.value(), known.iter().map(String::as_str)) {
                Some(near) => format!("no such data set; {near}?"),
                None if known.is_empty() => "no data sets yet: press 1, then a".to_owned(),
                None => "no such data set".to_owned(),
            });
        }
        let Some(recipe) = recipe else {
            (self.asked, self.plan) = (None, None);
            return None;
        };
        if self.asked.as_ref() == Some(&recipe) {
            return None;
        }
        self.number += 1;
        self.asked = Some(recipe.clone());
        Some(Effect::Plan(self.number, Box::new(recipe)))
    }

    /// The answer to the question of that number; answers that come too late are dropped.
    pub fn planned(&mut self, number: u64, plan: Result<Plan, String>) {
        if number == self.number {
            self.plan = Some(plan);
        }
    }

    /// The recipe to start, or why there is none.
    pub fn start(&mut self) -> Result<Recipe, String> {
        if self.starting {
            return Err("a run is being started; wait for it".to_owned());
        }
        let entry = self.entries.get_mut(self.selection.index).ok_or("no recipe is selected")?;
        if let Some(field) = entry.form.fields.iter().find(|f| f.error.is_some()) {
            let error = field.error.as_deref().unwrap_or_default();
            return Err(format!("{}: {error}", field.name));
        }
        if let Some(Ok(Plan { obstacle: Some(obstacle), .. })) = &self.plan {
            return Err(obstacle.clone());
        }
        let recipe = entry.resolve().ok_or("the form has errors")?;
        self.starting = true;
        Ok(recipe)
    }
}

impl Entry {
    /// The recipe with the form's changes, if every one of them is right; errors stand beside their fields.
    fn resolve(&mut self) -> Option<Recipe> {
        let mut recipe = self.base.clone();
        for field in &mut self.form.fields {
            field.error = None;
        }
        let mut open: Vec<usize> = (0..self.form.fields.len()).filter(|&i| self.form.fields[i].changed()).collect();
        // Values may be right only together (fold 7 of 10 folds), so what fails is tried again after the rest.
        loop {
            let before = open.len();
            open.retain(|&i| {
                let field = &mut self.form.fields[i];
                match recipe.set(&field.name, field.input.value()) {
                    Ok(()) => {
                        field.error = None;
                        false
                    }
                    Err(error) => {
                        field.error = Some(short(&field.name, &error));
                        true
                    }
                }
            });
            if open.is_empty() || open.len() == before {
                break;
            }
        }
        open.is_empty().then_some(recipe)
    }
}

/// An error as it stands beside its field: without the field's name.
fn short(name: &str, error: &crate::Error) -> String {
    let what = error.what.strip_prefix(name).unwrap_or(&error.what);
    let what = what.trim_start_matches([':', ' ']);
    match &error.cure {
        Some(cure) if !cure.starts_with(name) => format!("{what}; {cure}"),
        _ => what.to_owned(),
    }
}

fn form(base: &Recipe, models: &[&str]) -> Form {
    let mut fields = Vec::new();
    for key in recipe::keys().iter().filter(|k| !NOT_IN_FORM.contains(&k.name)) {
        let value = base.get(key.name).unwrap_or_default();
        let mut field = Field::new(key.name, &value, key.help);
        field.matters = key.matters;
        field.choices = key.choices.iter().map(|c| (*c).to_owned()).collect();
        field.free = key.choices.is_empty();
        if matches!(value.as_str(), "true" | "false") {
            (field.choices, field.free) = (vec!["true".to_owned(), "false".to_owned()], false);
        }
        match key.name {
            "model.name" => {
                field.choices = models.iter().filter(|m| suits(&base.task, m)).map(|m| (*m).to_owned()).collect();
            }
            // The cards are added when the driver has answered.
            "train.device" => field.choices = vec!["auto".to_owned(), "cpu".to_owned()],
            _ => field.choices.retain(|word| takes(&base.task, key.name, word)),
        }
        fields.push(field);
    }
    Form { fields, ..Form::default() }
}

/// Whether the model of that name does such a task.
fn suits(task: &str, model: &str) -> bool {
    crate::model::find(model).map_or(true, |model| takes_model(task, model))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::model::DataRow;

    fn launch() -> Launch {
        let mut launch = Launch::new(&["cnn263k", "cnn1m"]);
        launch.data_listed(&[DataRow { name: "mine".to_owned(), ..DataRow::default() }]);
        launch
    }

    fn put(launch: &mut Launch, name: &str, value: &str) {
        let index = launch.selection.index;
        launch.entries[index].form.field_mut(name).unwrap().input = value.into();
    }

    fn error(launch: &Launch, name: &str) -> Option<String> {
        launch.selected().unwrap().form.field(name).unwrap().error.clone()
    }

    #[test]
    fn the_only_data_set_is_taken_and_the_plan_is_asked_once() {
        let mut launch = launch();
        let Some(Effect::Plan(number, recipe)) = launch.check() else { panic!("asked") };
        assert_eq!(recipe.data.dataset, "mine");
        assert_eq!(launch.check(), None, "nothing changed");
        launch.planned(number + 1, Err("another one's".to_owned()));
        assert!(launch.plan.is_none());
        launch.planned(number, Ok(Plan::default()));
        assert!(launch.start().is_ok());
        assert!(launch.start().is_err(), "not twice");
    }

    #[test]
    fn errors_stand_beside_their_field_as_one_types() {
        let mut launch = launch();
        put(&mut launch, "train.lr", "fast");
        assert_eq!(launch.check(), None);
        assert!(error(&launch, "train.lr").is_some());
        assert!(launch.start().unwrap_err().starts_with("train.lr"));
        put(&mut launch, "train.lr", "1e-4");
        put(&mut launch, "data.dataset", "mnie");
        launch.check();
        assert_eq!(error(&launch, "train.lr"), None);
        assert_eq!(error(&launch, "data.dataset").as_deref(), Some("no such data set; mine?"));
    }

    #[test]
    fn cards_are_choices_of_the_device_by_number_and_named_beside_it() {
        let mut launch = launch();
        let card = |index: u8, name: &str| CardInfo {
            index,
            name: name.to_owned(),
            capability: (9, 0),
            memory_bytes: 80 << 30,
            processors: 132,
            pci_bus: format!("0000:0{index}:00.0"),
        };
        launch.cards_listed(&[card(0, "NVIDIA H100 80GB HBM3"), card(2, "NVIDIA L40S")]);
        let field = launch.selected().unwrap().form.field("train.device").unwrap();
        assert_eq!(field.choices, ["auto", "cpu", "cuda:0", "cuda:2"]);
        assert!(field.matters && field.free, "another machine's card may be typed");
        let names = "cuda:0 is NVIDIA H100 80GB HBM3, 80 GiB; cuda:2 is NVIDIA L40S, 80 GiB; auto";
        assert!(field.help.starts_with(names), "{}", field.help);
        put(&mut launch, "train.device", "gpu");
        launch.check();
        assert!(error(&launch, "train.device").unwrap().contains("no device called gpu"));
        put(&mut launch, "train.device", "cuda:2");
        assert!(launch.check().is_some());
    }

    #[test]
    fn networks_and_losses_are_those_of_the_recipes_task() {
        let launch = Launch::new(&["cnn1m", "unet", "unet-vgg16", "cardiac-vgg3d"]);
        let choices = |recipe: &str, name: &str| {
            let entry = launch.entries.iter().find(|e| e.shipped.name == recipe).unwrap();
            entry.form.field(name).unwrap().choices.clone()
        };
        assert_eq!(choices("reg-cnn1m", "train.loss"), ["mae", "mse", "huber"]);
        assert_eq!(choices("reg-cnn1m", "model.name")[0], "cnn1m");
        assert_eq!(choices("unet", "model.name"), ["unet", "unet-vgg16"]);
        let losses = choices("unet", "train.loss");
        assert!(losses.contains(&"dice".to_owned()) && !losses.contains(&"mse".to_owned()), "{losses:?}");
        assert!(!choices("reg-cnn1m", "evaluate.monitor").contains(&"val_dice".to_owned()));
        assert!(choices("unet", "evaluate.monitor").contains(&"val_dice".to_owned()));
        // What a recipe is shipped with can be chosen again.
        for entry in &launch.entries {
            for name in ["train.loss", "evaluate.monitor"] {
                let field = entry.form.field(name).unwrap();
                assert!(field.choices.iter().any(|c| c == field.value()), "{}: {name}", entry.shipped.name);
            }
        }
    }

    #[test]
    fn values_that_are_right_only_together_are_right() {
        let mut launch = launch();
        launch.selection.index = launch.entries.iter().position(|e| e.shipped.name == "reg-cnn263k").unwrap();
        put(&mut launch, "data.fold", "7");
        launch.check();
        assert!(error(&launch, "data.fold").is_some());
        put(&mut launch, "data.folds", "10");
        assert!(launch.check().is_some());
        assert_eq!((error(&launch, "data.fold"), error(&launch, "data.folds")), (None, None));
    }
}
