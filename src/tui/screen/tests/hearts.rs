//! Hearts on the screens: a data set's slices, a run's volumes.

use super::*;
use crate::tui::model::{HeartCase, HeartRow, PartCase};
use crate::tui::screen::data::View;

impl Bench {
    fn with_hearts(mut self) -> Bench {
        self.press(KeyCode::Char('t'));
        let part = |name, truth_ml: f64, error_ml: f64, dice| PartCase {
            name,
            truth_ml,
            prediction_ml: truth_ml + error_ml,
            error_ml,
            error_percent: Some(100.0 * error_ml.abs() / truth_ml),
            dice_percent: dice,
            hausdorff_mm: dice.map(|_| 8.4),
        };
        let case = |number: u32, phase, errors: [f64; 3], dice: Option<f64>| HeartCase {
            patient: format!("patient{number:03}"),
            phase,
            group: "DCM",
            set: "validation".to_owned(),
            path: PathBuf::from("frame.nii.gz"),
            slices: 10,
            labels: Some(PathBuf::from("gt.nii.gz")),
            predicted: dice.map(|_| (PathBuf::from("mask.nii.gz"), std::time::SystemTime::UNIX_EPOCH)),
            parts: vec![
                part("RV", 139.7, errors[0], dice),
                part("MYO", 164.3, errors[1], dice.map(|d| d - 4.0)),
                part("LV", 295.5, errors[2], dice.map(|d| d + 2.0)),
            ],
            lv_ef: Some([23.4, 25.1 + errors[2] / 10.0]),
        };
        let cases = vec![
            case(1, "ED", [1.0, -2.0, 3.0], Some(91.0)),
            case(1, "ES", [30.0, 0.5, -1.0], Some(85.5)),
            case(19, "ED", [-4.0, 12.0, -60.0], Some(88.0)),
        ];
        let run = self.state.triage.run.clone().unwrap();
        self.state.update(Action::Predictions(run, Ok(Predictions::Hearts(cases))));
        self
    }

    fn with_data_of_hearts(mut self) -> Bench {
        self.press(KeyCode::Char('1'));
        let heart = |number: usize, phase, ml: f64| HeartRow {
            patient: format!("patient{number:03}"),
            phase,
            group: "NOR",
            labels: Some(PathBuf::from("gt.nii.gz")),
            slices: 10,
            spacing_mm: [1.5625, 1.5625, 10.0],
            volumes_ml: Some([ml * 0.8, ml * 0.9, ml]),
            counted: true,
            lv_ef: Some(50.0 + number as f64),
        };
        let image = |number: usize, phase, ml| ImageRow {
            file: format!("patient{number:03} {phase}"),
            path: PathBuf::from("frame.nii.gz"),
            heart: Some(Box::new(heart(number, phase, ml))),
            ..ImageRow::default()
        };
        let images = (1..=20).flat_map(|n| [image(n, "ED", 150.0 + n as f64), image(n, "ES", 70.0 + n as f64)]);
        let details = DataDetails { images: images.collect(), exams: 20, bytes: 40 << 20, findings: None };
        self.state.update(Action::DataRead("hc18".to_owned(), Box::new(Ok(details))));
        self
    }

    fn wanted_slice(&mut self) -> crate::tui::widget::picture::Slice {
        let mut drawn = self.state.effects.drain(..).filter_map(|effect| match effect {
            Effect::Draw(request) => request.slice,
            _ => None,
        });
        drawn.next_back().expect("a slice is wanted")
    }
}

#[test]
fn triage_of_hearts_at_80x24() {
    insta::assert_snapshot!(bench(80, 24).with_hearts().screen());
}

#[test]
fn triage_of_hearts_at_120x40() {
    insta::assert_snapshot!(bench(120, 40).with_hearts().screen());
}

#[test]
fn data_of_hearts_at_80x24() {
    insta::assert_snapshot!(bench(80, 24).with_data_of_hearts().screen());
}

#[test]
fn the_worst_heart_leads_whatever_it_is_sorted_by() {
    let mut bench = bench(120, 40).with_hearts();
    let first = |bench: &Bench| bench.state.triage.selected_name().unwrap();
    assert_eq!(first(&bench), "patient019 ED", "76 ml in all");
    for (sort, worst) in [("RV", "patient001 ES"), ("MYO", "patient019 ED"), ("LV", "patient019 ED")] {
        bench.press(KeyCode::Char('s'));
        assert!(bench.screen().contains(&format!("worst {sort} first")), "{sort}");
        assert_eq!(first(&bench), worst, "{sort}");
    }
    bench.press(KeyCode::Char('f'));
    bench.type_in("es");
    bench.press(KeyCode::Enter);
    assert_eq!(first(&bench), "patient001 ES");
    assert_eq!(bench.state.triage.visible.len(), 1);
}

#[test]
fn keys_and_the_wheel_go_through_the_slices_and_stop_at_the_ends() {
    let mut bench = bench(120, 40).with_hearts();
    assert_eq!(bench.wanted_slice().z, 5, "the middle of ten");
    bench.press(KeyCode::Char('+'));
    bench.screen();
    let (x, y) = (90, 12);
    let wheel = |kind| Action::Mouse(MouseEvent { kind, column: x, row: y, modifiers: KeyModifiers::NONE });
    bench.state.update(wheel(MouseEventKind::ScrollUp));
    let last = bench.state.triage.wanted().unwrap().1.unwrap();
    assert_eq!(last.z, 7);
    for _ in 0..20 {
        bench.press(KeyCode::Char('-'));
    }
    assert_eq!(bench.state.triage.wanted().unwrap().1.unwrap().z, 0);
    bench.press(KeyCode::Char('+'));
    assert_eq!(bench.state.triage.wanted().unwrap().1.unwrap().z, 1, "no steps are owed beyond the end");
}

#[test]
fn one_key_switches_between_the_predicted_mask_the_truth_and_the_bare_slice() {
    let mut bench = bench(120, 40).with_hearts();
    let labels = |bench: &Bench| bench.state.triage.wanted().unwrap().1.unwrap().labels.map(|(path, _)| path);
    assert_eq!(labels(&bench), Some(PathBuf::from("mask.nii.gz")));
    bench.press(KeyCode::Char('e'));
    assert_eq!(labels(&bench), Some(PathBuf::from("gt.nii.gz")));
    bench.press(KeyCode::Char('e'));
    assert_eq!(labels(&bench), None);
}

#[test]
fn a_heart_is_shown_under_its_mask_bare_with_its_box_and_as_training_sees_it() {
    let mut bench = bench(120, 40).with_data_of_hearts();
    assert_eq!(bench.wanted_slice().z, 5);
    let wanted = |bench: &Bench| bench.state.data.wanted_slice().unwrap();
    assert!(wanted(&bench).labels.is_some() && wanted(&bench).prepared.is_none());
    bench.press(KeyCode::Char('v'));
    assert!(bench.state.data.view == View::Bare && wanted(&bench).labels.is_none());
    bench.press(KeyCode::Char('v'));
    let prepared = wanted(&bench).prepared.unwrap();
    assert_eq!((prepared.patient.as_str(), prepared.phase, prepared.whole), ("patient001", "ED", false));
    bench.press(KeyCode::Char('v'));
    let slice = wanted(&bench);
    assert!(slice.prepared.unwrap().whole && slice.z == 4, "the middle of nine");
}

#[test]
fn a_finding_leads_to_its_patient() {
    let mut bench = bench(120, 40).with_data_of_hearts();
    let mut details = bench.state.data.details().unwrap().clone().unwrap();
    let finding = |file: &str| FindingRow {
        error: false,
        kind: "geometry".to_owned(),
        file: file.to_owned(),
        detail: "spacing".to_owned(),
    };
    details.findings = Some(vec![finding("patient003"), finding("training/patient007/patient007_frame01_gt.nii.gz")]);
    bench.state.update(Action::DataRead("hc18".to_owned(), Box::new(Ok(details))));
    bench.press(KeyCode::Tab);
    assert_eq!(bench.state.data.image().unwrap().file, "patient003 ED");
    bench.press(KeyCode::Down);
    assert_eq!(bench.state.data.image().unwrap().file, "patient007 ED");
}

#[test]
fn a_run_on_hearts_is_judged_in_millilitres() {
    let mut bench = bench(120, 40);
    let mut recipe =
        Recipe { name: "cardiac-vgg3d".to_owned(), task: "cardiac-volume".to_owned(), ..Recipe::default() };
    recipe.data.dataset = "acdc".to_owned();
    let mut events = events(12);
    for event in &mut events {
        let Body::Epoch(epoch) = &mut event.body else { continue };
        epoch.metrics = ["train_mae_ml", "val_mae_ml"].map(|name| (name.to_owned(), Some(47.25))).into();
    }
    let run = bench.runs[3].clone();
    let news = RunNews { run, anew: true, events, status: Status::Running, recipe: Some(recipe.into()), console: None };
    bench.state.update(Action::RunEvents(news));
    let screen = bench.screen();
    assert!(screen.contains("47.2ml") && screen.contains("47.2 ml") && screen.contains("MAE ml"), "{screen}");
}
