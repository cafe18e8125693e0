//! A workbench without a world, on made-up runs and data: how its screens look, and what keys do.

mod dream;
mod explain;
mod hearts;
mod keys;
mod looks;

use crate::recipe::Recipe;
use crate::run::event::{self, Body, Event};
use crate::run::{RunDir, Status, control::Control};
use crate::tui::action::{Action, Effect, RunNews};
use crate::tui::app::{State, Tab};
use crate::tui::model::{
    Agreement, Case, DataDetails, DataRow, FindingRow, ImageRow, Part, Plan, Predictions, RunFacts, Segmented,
};
use crate::tui::screen::{draw, launch::Launch};
use crate::tui::theme::{Depth, Theme};
use crate::tui::widget::picture::Oval;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A workbench without a world: run directories that hold nothing but a recipe.
struct Bench {
    state: State,
    runs: Vec<RunDir>,
    _folder: tempfile::TempDir,
}

const IDS: [&str; 4] = [
    "20260101-0900-reg-cnn1m-mse-f0-aaaa",
    "20260101-1000-reg-cnn263k-huber-f1-bbbb",
    "20260101-1100-reg-cnn263k-mse-f2-cccc",
    "20260101-1200-reg-cnn263k-mse-f3-dddd",
];

fn facts(status: Status, fold: usize, epoch: u64) -> RunFacts {
    RunFacts {
        status,
        recipe: "reg-cnn263k".to_owned(),
        dataset: "hc18".to_owned(),
        fold,
        folds: Some(5),
        epoch,
        epochs: 100,
        best_px: Some(90.18 + fold as f64),
        best_mm: Some(11.72),
        hearts: false,
        best_ml: None,
        segments: false,
        best_dice_percent: None,
        best_epoch: Some(epoch),
        curve: vec![400.0, 200.0, 120.0, 100.0, 90.18],
        eta_seconds: None,
        seconds: 720.0,
        reason: None,
    }
}

fn epoch(n: u64) -> Body {
    let mae = 60.0 + 300.0 / n as f64;
    let metrics = [("train_mae_px", mae * 0.9), ("val_mae_px", mae), ("val_mae_mm", mae * 0.13)];
    Body::Epoch(event::Epoch {
        epoch: n,
        epochs: 100,
        step: n * 80,
        lr: 1e-3,
        seconds: 6.5,
        images_per_second: 98.4,
        train_loss: Some(0.3 / n as f64),
        val_loss: Some(0.36 / n as f64),
        best: true,
        metrics: metrics.into_iter().map(|(k, v)| (k.to_owned(), Some(v))).collect::<BTreeMap<_, _>>(),
    })
}

/// The events of a run that has done `epochs`.
fn events(epochs: u64) -> Vec<Event> {
    let started = event::Started {
        device: "cpu".to_owned(),
        threads: 2,
        kernels: "avx2".to_owned(),
        train_images: 640,
        validation_images: 160,
        epochs: 100,
        steps_per_epoch: 80,
        ..event::Started::default()
    };
    let mut bodies = vec![Body::Queued(event::Queued {}), Body::Started(started)];
    bodies.extend((1..=epochs).map(epoch));
    bodies.push(Body::Step(event::Step { epoch: epochs + 1, step: epochs * 80 + 7, loss: Some(0.0123) }));
    let event = |(seq, body)| {
        let seq = seq as u64;
        Event { seq, time: jiff::Timestamp::from_second(1_767_265_200 + 10 * seq as i64).unwrap(), body }
    };
    bodies.into_iter().enumerate().map(event).collect()
}

fn bench(width: u16, height: u16) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let run = |id: &&str| {
        let path = folder.path().join(id);
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("recipe.toml"), "").unwrap();
        RunDir::open(path).unwrap()
    };
    let runs: Vec<RunDir> = IDS.iter().map(run).collect();
    let theme = Theme::standard(Depth::Sixteen);
    let area = Rect::new(0, 0, width, height);
    let mut state = State::new(theme, area, Launch::new(&["cnn263k", "cnn1m"]), None);
    state.zone = jiff::tz::TimeZone::UTC;
    state.now = jiff::Timestamp::from_second(1_767_265_500).unwrap();
    state.update(Action::RunsListed(runs.clone()));
    let mut one = facts(Status::Finished, 0, 84);
    (one.recipe, one.reason) = ("reg-cnn1m".to_owned(), Some("patience".to_owned()));
    let read = vec![
        (runs[0].clone(), Ok(one)),
        (runs[1].clone(), Ok(facts(Status::Crashed, 1, 12))),
        (runs[2].clone(), Ok(facts(Status::Queued, 2, 0))),
    ];
    state.update(Action::RunsRead(read));
    let mut recipe = Recipe { name: "reg-cnn263k".to_owned(), ..Recipe::default() };
    recipe.data.fold = 3;
    let news = RunNews {
        run: runs[3].clone(),
        anew: true,
        events: events(12),
        status: Status::Running,
        recipe: Some(recipe.into()),
        console: None,
    };
    state.update(Action::RunEvents(news));
    state.update(Action::DataListed(Ok(vec![DataRow {
        name: "hc18".to_owned(),
        kind: "hc18".to_owned(),
        path: PathBuf::from("/data/hc18"),
        images: 800,
        audit: Some((0, 3)),
        prepared: true,
    }])));
    state.effects.clear();
    Bench { state, runs, _folder: folder }
}

impl Bench {
    fn press(&mut self, code: KeyCode) -> Vec<Effect> {
        self.state.update(Action::Key(KeyEvent::new(code, KeyModifiers::NONE)));
        std::mem::take(&mut self.state.effects)
    }

    fn type_in(&mut self, words: &str) {
        for c in words.chars() {
            self.press(KeyCode::Char(c));
        }
    }

    fn buffer(&mut self) -> Buffer {
        let mut terminal = Terminal::new(TestBackend::new(self.state.area.width, self.state.area.height)).unwrap();
        let mut hits = None;
        terminal.draw(|frame| hits = Some(draw(&self.state, frame))).unwrap();
        self.state.hits = hits.unwrap();
        terminal.backend().buffer().clone()
    }

    fn screen(&mut self) -> String {
        let buffer = self.buffer();
        let row = |y| (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
        (0..buffer.area.height).map(row).collect::<Vec<_>>().join("\n")
    }

    /// The cell where `words` begin.
    fn cell(&mut self, words: &str) -> ratatui::buffer::Cell {
        let buffer = self.buffer();
        for y in 0..buffer.area.height {
            let cells: Vec<&str> = (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect();
            let row: String = cells.concat();
            if let Some(at) = row.find(words) {
                let x = row[..at].chars().count() as u16;
                return buffer[(x, y)].clone();
            }
        }
        panic!("no \"{words}\" on the screen:\n{}", self.screen());
    }

    fn with_cases(mut self) -> Bench {
        self.press(KeyCode::Char('t'));
        let case = |file: &str, exam, truth: f64, prediction: f64, oval: bool| Case {
            file: file.to_owned(),
            path: PathBuf::from(file),
            exam,
            set: "validation".to_owned(),
            trimester: Some(2),
            pixel_size_mm: 0.13,
            truth_px: truth,
            prediction_px: prediction,
            error_px: prediction - truth,
            truth_mm: truth * 0.13,
            prediction_mm: prediction * 0.13,
            error_mm: (prediction - truth) * 0.13,
            error_percent: (prediction - truth).abs() / truth * 100.0,
            truth: oval.then_some(Oval {
                center_x_px: 400.0,
                center_y_px: 270.0,
                semi_axis_a_px: 220.0,
                semi_axis_b_px: 180.0,
                angle_rad: 0.3,
                predicted: false,
            }),
            segmented: None,
        };
        let cases = vec![
            case("010_HC.png", 10, 1300.0, 1310.0, true),
            case("392_HC.png", 392, 1250.0, 1000.0, true),
            case("417_2HC.png", 417, 400.0, 520.0, false),
        ];
        let run = self.state.triage.run.clone().unwrap();
        self.state.update(Action::Predictions(run, Ok(Predictions::Heads(cases))));
        self
    }

    /// Triage of a segmentation: a good mask, a bad one, an empty one and a doubtful one.
    fn with_masks(self) -> Bench {
        let mut bench = self.with_cases();
        let mut cases = bench.state.triage.cases().to_vec();
        cases.push(Case { file: "500_HC.png".to_owned(), exam: 500, ..cases[0].clone() });
        let agreement = |dice, hausdorff, assd| Agreement {
            dice_percent: Some(dice),
            hausdorff_mm: Some(hausdorff),
            assd_mm: Some(assd),
        };
        let notes = [
            None,
            None,
            Some("no head found: the mask is empty"),
            Some("no head found: the mask is no ellipse (Dice index with the best one 0.62)"),
        ];
        for (n, (case, note)) in cases.iter_mut().zip(notes).enumerate() {
            let empty = n == 2;
            let ellipse = (!empty).then_some(Oval {
                center_x_px: 400.0,
                center_y_px: 270.0,
                semi_axis_a_px: 200.0,
                semi_axis_b_px: 170.0,
                angle_rad: 0.3,
                predicted: true,
            });
            if empty {
                (case.prediction_px, case.prediction_mm, case.error_percent) = (0.0, 0.0, 100.0);
                (case.error_px, case.error_mm) = (-case.truth_px, -case.truth_mm);
            }
            let worse = n as f64;
            let of = |better: f64| match empty {
                true => Agreement { dice_percent: Some(0.0), ..Agreement::default() },
                false => agreement(95.0 - 5.0 * worse + better, 4.0 + worse - better, 1.1 + 0.1 * worse),
            };
            case.segmented = Some(Box::new(Segmented {
                ellipse,
                probabilities: Some((PathBuf::from("mask.png"), std::time::SystemTime::UNIX_EPOCH)),
                raw: of(0.0),
                processed: of(1.0),
                drawn: of(2.0),
                note: note.map(str::to_owned),
            }));
        }
        let run = bench.state.triage.run.clone().unwrap();
        bench.state.update(Action::Predictions(run, Ok(Predictions::Heads(cases))));
        bench
    }

    /// The followed run learns masks.
    fn with_segmentation(mut self) -> Bench {
        let mut recipe = Recipe { name: "unet".to_owned(), task: "hc-segmentation".to_owned(), ..Recipe::default() };
        recipe.train.loss = "dice".to_owned();
        let mut events = events(12);
        for event in &mut events {
            let Body::Epoch(epoch) = &mut event.body else { continue };
            let n = epoch.epoch as f64;
            epoch.metrics.remove("train_mae_px");
            epoch.metrics.insert("val_dice".to_owned(), Some(0.98 - 0.3 / n));
            epoch.metrics.insert("val_hausdorff_mm".to_owned(), Some(1.5 + 12.0 / n));
        }
        let run = self.runs[3].clone();
        let status = Status::Running;
        let news = RunNews { run, anew: true, events, status, recipe: Some(recipe.into()), console: None };
        self.state.update(Action::RunEvents(news));
        self
    }

    fn with_data(mut self) -> Bench {
        self.press(KeyCode::Char('1'));
        let image = |n: usize| ImageRow {
            file: format!("{n:03}_HC.png"),
            path: PathBuf::from("x"),
            ring: Some(PathBuf::from("y")),
            hc_mm: Some(60.0 + ((n * 37) % 100) as f64),
            pixel_size_mm: Some(0.1 + (n % 10) as f64 * 0.01),
            heart: None,
        };
        let finding = |error, kind: &str, file: &str, detail: &str| FindingRow {
            error,
            kind: kind.to_owned(),
            file: file.to_owned(),
            detail: detail.to_owned(),
        };
        let details = DataDetails {
            images: (0..100).map(image).collect(),
            exams: 80,
            bytes: 120 << 20,
            findings: Some(vec![
                finding(true, "missing-partner", "007_HC_Annotation.png", "007_HC.png has no annotation"),
                finding(false, "identical-images", "039_HC.png", "the same bytes as 040_HC.png"),
                finding(false, "odd-size", "050_HC.png", "796x532 px"),
            ]),
        };
        self.state.update(Action::DataRead("hc18".to_owned(), Box::new(Ok(details))));
        self
    }

    fn with_plan(mut self) -> Bench {
        let launch = &mut self.state.launch;
        launch.selection.index = launch.entries.iter().position(|e| e.shipped.name == "reg-cnn263k").unwrap();
        self.press(KeyCode::Char('2'));
        let plan = Plan {
            trainable: 263_633,
            non_trainable: 80,
            parts: Some([Part { images: 640, exams: 518 }, Part { images: 160, exams: 131 }, Part::default()]),
            data: self.state.data.sets().first().cloned(),
            prepared: true,
            device: Some(("cpu".to_owned(), 290_000_000)),
            ..Plan::default()
        };
        self.state.launch.planned(1, Ok(plan));
        self
    }
}
