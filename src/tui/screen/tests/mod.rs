//! How the screens look, cell by cell, and what keys do: on made-up runs and data.

mod dream;
mod explain;
mod hearts;

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

#[test]
fn runs_at_80x24() {
    insta::assert_snapshot!(bench(80, 24).screen());
}

#[test]
fn runs_at_120x40() {
    insta::assert_snapshot!(bench(120, 40).screen());
}

#[test]
fn one_run_at_80x24() {
    let mut bench = bench(80, 24);
    bench.press(KeyCode::Enter);
    insta::assert_snapshot!(bench.screen());
}

#[test]
fn triage_at_80x24() {
    insta::assert_snapshot!(bench(80, 24).with_cases().screen());
}

#[test]
fn triage_at_120x40() {
    insta::assert_snapshot!(bench(120, 40).with_cases().screen());
}

#[test]
fn triage_of_masks_at_80x24() {
    insta::assert_snapshot!(bench(80, 24).with_masks().screen());
}

#[test]
fn triage_of_masks_at_120x40() {
    let mut bench = bench(120, 40).with_masks();
    bench.press(KeyCode::End);
    insta::assert_snapshot!(bench.screen());
}

#[test]
fn a_segmentation_at_80x24() {
    insta::assert_snapshot!(bench(80, 24).with_segmentation().screen());
}

#[test]
fn data_at_80x24() {
    insta::assert_snapshot!(bench(80, 24).with_data().screen());
}

#[test]
fn data_at_120x40() {
    insta::assert_snapshot!(bench(120, 40).with_data().screen());
}

#[test]
fn launch_at_80x24() {
    insta::assert_snapshot!(bench(80, 24).with_plan().screen());
}

#[test]
fn launch_at_120x40() {
    let mut bench = bench(120, 40).with_plan();
    bench.press(KeyCode::Enter);
    insta::assert_snapshot!(bench.screen());
}

#[test]
fn help_and_a_question_at_80x24() {
    let mut bench = bench(80, 24);
    bench.press(KeyCode::Char('x'));
    insta::assert_snapshot!("question", bench.screen());
    bench.press(KeyCode::Esc);
    bench.press(KeyCode::Char('?'));
    insta::assert_snapshot!("help", bench.screen());
}

#[test]
fn status_has_its_colour_and_its_word_and_the_selection_is_reversed() {
    let mut bench = bench(120, 40);
    assert_eq!(bench.cell("! crashed").fg, Color::Red);
    assert_eq!(bench.cell("✔ finished").fg, Color::Blue);
    assert_eq!(bench.cell("▶ running").fg, Color::Green);
    assert!(bench.cell("› ▶ running").modifier.contains(Modifier::REVERSED));
    assert!(bench.cell("[3 Runs]").modifier.contains(Modifier::REVERSED));
    assert_eq!(bench.cell("┄ validation").fg, Color::Yellow);
}

/// The worker of the run of that number says that of the machine.
fn with_system(bench: &mut Bench, run: usize, system: event::System) {
    let time = jiff::Timestamp::from_second(1_767_265_499).unwrap();
    let news = RunNews {
        run: bench.runs[run].clone(),
        anew: run != 3,
        events: vec![Event { seq: 99, time, body: Body::System(system) }],
        status: Status::Running,
        recipe: (run != 3).then(Box::default),
        console: None,
    };
    bench.state.update(Action::RunEvents(news));
}

#[test]
fn a_running_runs_card_stands_in_the_header_as_far_as_there_is_room() {
    let card = event::System {
        cpu_percent: 34.0,
        rss_bytes: 3 << 30,
        gpu: Some(0),
        gpu_percent: Some(97.0),
        gpu_memory_bytes: Some(61 << 30),
        gpu_memory_total_bytes: Some(139 << 30),
        gpu_power_watts: Some(412.5),
        gpu_temperature_c: Some(62.0),
    };
    for (width, cards, wanted) in [
        (120, 1, "gpu0 97% 61G/139G 62°  cpu 34%  11:05"),
        (80, 1, "gpu0 97%  cpu 34%  11:05"),
        (120, 2, "gpu0 97% 61G/139G 62°  gpu1 97% 61G/139G 62°  cpu 68%  11:05"),
        (80, 2, "gpu0 97%  gpu1 97%"),
    ] {
        let mut bench = bench(width, 40);
        with_system(&mut bench, 3, card.clone());
        if cards == 2 {
            with_system(&mut bench, 2, event::System { gpu: Some(1), ..card.clone() });
        }
        let screen = bench.screen();
        assert!(screen.lines().next().unwrap().ends_with(wanted), "{screen}");
    }
    let mut bench = bench(120, 40);
    with_system(&mut bench, 3, card.clone());
    bench.press(KeyCode::Enter);
    assert!(bench.screen().contains("gpu0 97% 61G/139G 62° · 412 W"), "{}", bench.screen());
    // Without NVML there is nothing to say of the card, and the CPU is as ever.
    let unknown = event::System { cpu_percent: 34.0, gpu: Some(0), ..event::System::default() };
    with_system(&mut bench, 3, unknown);
    assert!(bench.screen().lines().next().unwrap().ends_with(" cpu 34%  11:05"));
    assert!(!bench.screen().contains("gpu"));
}

#[test]
fn what_auto_lacks_and_the_card_it_takes_stand_in_the_plan() {
    let mut bench = bench(120, 40).with_plan();
    let card = Plan { device: Some(("cuda:0 (NVIDIA H100)".to_owned(), 12_340_000_000)), ..Plan::default() };
    bench.state.launch.planned(1, Ok(card));
    let line = "device      cuda:0 (NVIDIA H100), a step takes about 12.3 GB";
    assert!(bench.screen().contains(line), "{}", bench.screen());
    let note = Plan { note: Some("no card can be used".to_owned()), ..Plan::default() };
    bench.state.launch.planned(1, Ok(note));
    assert!(bench.screen().contains("! no card can be used"), "{}", bench.screen());
}

#[test]
fn without_colours_every_screen_says_the_same() {
    let plain = Theme::standard(Depth::None);
    for make in [
        |b: Bench| b,
        Bench::with_cases,
        Bench::with_masks,
        Bench::with_segmentation,
        Bench::with_data,
        Bench::with_plan,
    ] {
        let mut bench = make(bench(80, 24));
        let colourful = bench.screen();
        bench.state.theme = plain.clone();
        assert_eq!(bench.screen(), colourful);
        let buffer = bench.buffer();
        assert!(buffer.content.iter().all(|c| c.fg == Color::Reset && c.bg == Color::Reset));
    }
}

#[test]
fn a_terminal_that_is_too_small_says_so_and_comes_back() {
    let mut bench = bench(79, 24);
    let small = bench.screen();
    assert!(small.contains("now 79 x 24") && small.contains("at least 80 x 24"), "{small}");
    for (width, height) in [(1, 1), (3, 2), (20, 5)] {
        bench.state.area = Rect::new(0, 0, width, height);
        bench.screen();
    }
    bench.state.area = Rect::new(0, 0, 80, 24);
    assert!(bench.screen().contains("[3 Runs]"));
}

#[test]
fn every_screen_draws_at_every_size() {
    for make in [
        |b: Bench| b,
        Bench::with_cases,
        Bench::with_masks,
        Bench::with_segmentation,
        Bench::with_data,
        Bench::with_plan,
    ] {
        let mut bench = make(bench(80, 24));
        for open in [false, true] {
            if open {
                bench.press(KeyCode::Enter);
            }
            for (width, height) in
                [(80, 24), (81, 25), (100, 24), (109, 30), (110, 30), (160, 50), (300, 24), (80, 100)]
            {
                bench.state.area = Rect::new(0, 0, width, height);
                bench.screen();
            }
        }
    }
}

#[test]
fn what_loses_work_or_ends_it_asks_first() {
    let mut bench = bench(80, 24);
    let running = bench.runs[3].clone();
    assert_eq!(bench.press(KeyCode::Char('x')), []);
    assert!(bench.screen().contains("makes a checkpoint"));
    assert_eq!(bench.press(KeyCode::Esc), []);
    bench.press(KeyCode::Char('x'));
    assert_eq!(bench.press(KeyCode::Char('y')), [Effect::Ask(running.clone(), Control::Stop)]);
    assert_eq!(bench.press(KeyCode::Char('p')), [Effect::Ask(running, Control::Pause)]);
    assert_eq!(bench.press(KeyCode::Char('d')), [], "a running run is not deleted");
    assert!(bench.screen().contains("stop it first"));
    bench.press(KeyCode::End);
    bench.press(KeyCode::Char('d'));
    assert!(bench.screen().contains("cannot be"));
    assert_eq!(bench.press(KeyCode::Char('y')), [Effect::Delete(bench.runs[0].clone())]);
    bench.press(KeyCode::Up);
    assert_eq!(bench.press(KeyCode::Char('r')), [Effect::Resume(bench.runs[1].clone())]);
}

#[test]
fn filter_search_and_sort_keep_the_selected_run() {
    let mut bench = bench(80, 24);
    bench.press(KeyCode::Char('f'));
    bench.type_in("huber");
    bench.press(KeyCode::Enter);
    assert_eq!(bench.state.runs.visible.len(), 1);
    assert!(bench.screen().contains("Runs 1 of 4 · filter: huber"));
    bench.press(KeyCode::Esc);
    assert_eq!(bench.state.runs.visible.len(), 4);
    assert_eq!(bench.state.runs.selected().unwrap().run, bench.runs[1]);
    bench.press(KeyCode::Char('s'));
    assert_eq!(bench.state.runs.selected().unwrap().run, bench.runs[1]);
    bench.press(KeyCode::Char('/'));
    bench.type_in("cnn1m");
    bench.press(KeyCode::Enter);
    assert_eq!(bench.state.runs.selected().unwrap().run, bench.runs[0]);
    bench.press(KeyCode::Char('f'));
    bench.type_in("mae<91");
    assert_eq!(bench.state.runs.visible.len(), 2);
    bench.press(KeyCode::Esc);
    assert_eq!(bench.state.runs.visible.len(), 4, "esc takes the filter back");
}

#[test]
fn triage_shows_the_worst_first_and_asks_for_its_picture() {
    let mut bench = bench(80, 24).with_cases();
    assert_eq!(bench.state.triage.selected().unwrap().file, "392_HC.png");
    let Some(Effect::Draw(request)) = bench.state.effects.iter().find(|e| matches!(e, Effect::Draw(_))).cloned() else {
        panic!("no picture was asked for");
    };
    assert_eq!((request.file, request.ovals.len()), (PathBuf::from("392_HC.png"), 1));
    bench.state.effects.clear();
    let effects = bench.press(KeyCode::Char('e'));
    let Some(Effect::Draw(request)) = effects.first() else { panic!("{effects:?}") };
    assert!((request.ovals[1].semi_axis_a_px - 220.0 * 0.8).abs() < 1e-9 && request.ovals[1].predicted);
    let mut files = Vec::new();
    for _ in 0..3 {
        files.push(bench.state.triage.selected().unwrap().file.clone());
        bench.press(KeyCode::Down);
    }
    assert_eq!(files, ["392_HC.png", "417_2HC.png", "010_HC.png"]);
    bench.press(KeyCode::Char('f'));
    bench.type_in(">10% t2");
    bench.press(KeyCode::Enter);
    assert_eq!(bench.state.triage.visible.len(), 2);
}

#[test]
fn one_key_switches_what_lies_over_a_segmented_image_and_whose_figures_are_shown() {
    let mut bench = bench(80, 24).with_masks();
    bench.press(KeyCode::End);
    assert_eq!(bench.state.triage.selected().unwrap().file, "010_HC.png");
    let mut seen = Vec::new();
    for _ in 0..4 {
        let (ovals, veil) = (bench.state.triage.ovals().len(), bench.state.triage.veil());
        let screen = bench.screen();
        let dice = screen.split("DI ").last().unwrap().split(' ').next().unwrap().to_owned();
        seen.push((veil.map(|v| v.processed), ovals, dice));
        let effects = bench.press(KeyCode::Char('e'));
        assert!(matches!(effects[..], [Effect::Draw(_)]), "{effects:?}");
    }
    let expected = [(Some(true), 2, "96.0"), (Some(false), 2, "95.0"), (None, 2, "97.0"), (None, 0, "97.0")];
    assert_eq!(seen, expected.map(|(veil, ovals, dice)| (veil, ovals, dice.to_owned())));
    assert_eq!(bench.state.triage.selected().unwrap().file, "010_HC.png", "the same image all the while");
}

#[test]
fn images_without_a_head_lead_and_say_why_whatever_the_order() {
    let mut bench = bench(80, 24).with_masks();
    let mut orders = Vec::new();
    for _ in 0..7 {
        let order = bench.state.triage.order();
        let cases = bench.state.triage.cases();
        let files: Vec<&str> = bench.state.triage.visible.iter().map(|&i| cases[i].file.as_str()).collect();
        let expected = match order {
            crate::tui::screen::triage::Sort::File => ["010_HC.png", "392_HC.png", "417_2HC.png", "500_HC.png"],
            _ => ["417_2HC.png", "500_HC.png", "392_HC.png", "010_HC.png"],
        };
        assert_eq!(files, expected, "{}", order.word());
        orders.push(order.word());
        bench.press(KeyCode::Char('s'));
    }
    orders.dedup();
    assert_eq!(orders.len(), 7, "every order once: {orders:?}");
    let screen = bench.screen();
    assert!(screen.contains("! 1 has no head") && screen.contains("no head found: the mask is empty"), "{screen}");
    assert!(!screen.contains("-400.0"), "an error that nobody made is not shown: {screen}");
    for (filter, left) in [("dice<93", 3), ("hd>3.5", 2), ("empty", 1), ("assd<1.15", 1)] {
        bench.press(KeyCode::Char('f'));
        bench.type_in(filter);
        bench.press(KeyCode::Enter);
        assert_eq!(bench.state.triage.visible.len(), left, "{filter}");
        bench.press(KeyCode::Esc);
    }
    // Another run, of a regression: its list has no DI to be sorted by.
    bench.press(KeyCode::Char('s'));
    bench.press(KeyCode::Char('s'));
    bench.press(KeyCode::Char('s'));
    assert_eq!(bench.state.triage.order().word(), "worst first, by DI");
    let run = bench.runs[0].clone();
    bench.state.triage.show(run);
    assert_eq!(bench.state.triage.order().word(), "worst first, in px");
}

#[test]
fn a_segmentation_is_judged_by_dice_and_its_curve_cycles() {
    let mut bench = bench(80, 24).with_segmentation();
    let titles = ["DI %  ┄", "HD mm  ┄", "MAE mm  ┄", "DI %  ┄"];
    for title in titles {
        let screen = bench.screen();
        assert!(screen.contains(title) && screen.contains("best DI 95.5 %"), "{title}: {screen}");
        bench.press(KeyCode::Char('c'));
    }
    bench.press(KeyCode::Enter);
    assert!(bench.screen().contains("DI 95.5 %  MAE 11.1 mm"), "{}", bench.screen());
    bench.state.area = Rect::new(0, 0, 160, 50);
    let screen = bench.screen();
    assert!(screen.contains("HD mm  ┄") && screen.contains("MAE mm  ┄"), "two curves where there is room: {screen}");
    bench.press(KeyCode::Esc);
    bench.press(KeyCode::Char('f'));
    bench.type_in("dice>95");
    assert_eq!(bench.state.runs.visible.len(), 1);
}

#[test]
fn new_predictions_of_the_run_in_triage_are_read_at_once() {
    let mut bench = bench(80, 24).with_cases();
    bench.state.effects.clear();
    bench.state.update(Action::Predicted(bench.runs[0].clone()));
    assert_eq!(bench.state.effects, [], "another run's");
    bench.state.update(Action::Predicted(bench.runs[3].clone()));
    assert_eq!(bench.state.effects, [Effect::ReadPredictions(bench.runs[3].clone())]);
}

#[test]
fn a_finding_leads_to_its_image() {
    let mut bench = bench(120, 40).with_data();
    bench.press(KeyCode::Tab);
    assert_eq!(bench.state.data.image().unwrap().file, "007_HC.png", "a lost annotation leads to its image");
    bench.press(KeyCode::Down);
    assert_eq!(bench.state.data.image().unwrap().file, "039_HC.png");
    assert!(bench.screen().contains("39_HC.png ─"));
}

#[test]
fn digits_are_typed_in_a_form_and_choose_screens_elsewhere() {
    let mut bench = bench(80, 24).with_plan();
    bench.press(KeyCode::Enter);
    bench.press(KeyCode::Char('3'));
    assert_eq!(bench.state.tab, Tab::Launch);
    bench.press(KeyCode::Esc);
    bench.press(KeyCode::Char('3'));
    assert_eq!(bench.state.tab, Tab::Runs);
}

#[test]
fn clicks_choose_tabs_and_rows() {
    let mut bench = bench(80, 24);
    bench.screen();
    let click = |column, row| {
        let kind = MouseEventKind::Down(MouseButton::Left);
        Action::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE })
    };
    bench.state.update(click(10, 5));
    assert_eq!(bench.state.runs.selection.index, 2);
    bench.state.update(click(12, 0));
    assert_eq!(bench.state.tab, Tab::Data);
}

#[test]
fn empty_states_say_what_to_do() {
    let mut state = State::new(Theme::standard(Depth::None), Rect::new(0, 0, 80, 24), Launch::new(&[]), None);
    state.update(Action::RunsListed(Vec::new()));
    state.update(Action::DataListed(Ok(Vec::new())));
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench { state, runs: Vec::new(), _folder: folder };
    assert!(bench.screen().contains("No runs yet: press n"));
    bench.press(KeyCode::Char('1'));
    assert!(bench.screen().contains("No data sets yet: press a"));
    bench.press(KeyCode::Char('4'));
    assert!(bench.screen().contains("No runs yet, so no predictions"));
    bench.press(KeyCode::Char('2'));
    assert!(bench.screen().contains("no data sets yet: press 1"), "{}", bench.screen());
}
