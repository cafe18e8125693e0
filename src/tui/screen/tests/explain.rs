//! Screen 5: what is asked of the background, what its answers look like, what keys do.

use super::*;
use crate::explain::of_run::aopc::Line;
use crate::explain::perturb::Order;
use crate::explain::picture::Map;
use crate::nn::network::AuditRow;
use crate::tui::explained::{Answer, Area, Explained, Played, Subject, Wish};
use image::GrayImage;
use std::sync::Arc;

impl Bench {
    /// From the worst image of Triage, `392_HC.png`, to its explanation.
    fn with_why(self) -> (Bench, Vec<Effect>) {
        let mut bench = self.with_cases();
        let effects = bench.press(KeyCode::Char('w'));
        assert!(effects.iter().any(|e| matches!(e, Effect::ReadPredictions(_))), "{effects:?}");
        let (run, cases) = (bench.state.triage.run.clone().unwrap(), bench.state.triage.cases().to_vec());
        bench.state.update(Action::Predictions(run, Ok(Predictions::Heads(cases))));
        let effects = std::mem::take(&mut bench.state.effects);
        (bench, effects)
    }

    fn subject(&self, file: &str) -> Box<Subject> {
        let run = self.state.explain.run.clone().unwrap();
        Box::new(Subject { run, file: file.to_owned(), path: PathBuf::from(file) })
    }

    fn answer(&mut self, file: &str, answer: Answer) -> Vec<Effect> {
        self.state.update(Action::Explained(self.subject(file), answer));
        std::mem::take(&mut self.state.effects)
    }

    fn explained(mut self) -> Bench {
        let map = |silent| Ok(Explained { map: Arc::new(Map::new(&[1.0, -1.0], [1, 2, 1])), silent });
        self.answer("392_HC.png", Answer::Map("gradient", map(false)));
        self.answer("392_HC.png", Answer::Map("lrp-z", Err("no rule treats the layer up1 (upsample)".to_owned())));
        let stills = (0..4).map(|_| Arc::new(GrayImage::new(2, 2))).collect();
        let played = Played { stills, said: vec![1000.0, 950.0, 990.0, 700.0], of_hc: true };
        self.answer("392_HC.png", Answer::Play("gradient", Order::MostRelevantFirst, Ok(Arc::new(played))));
        self
    }
}

fn wishes(effects: &[Effect]) -> Vec<Wish> {
    effects.iter().filter_map(|e| if let Effect::Explain(wish) = e { Some(wish.clone()) } else { None }).collect()
}

#[test]
fn why_asks_for_the_maps_of_the_image_that_was_looked_at() {
    let (bench, effects) = bench(80, 24).with_why();
    assert_eq!(bench.state.tab, Tab::Explain);
    let subject = *bench.subject("392_HC.png");
    let shown = vec!["gradient", "lrp-z", "deep-taylor", "guided-backprop"];
    assert_eq!(
        wishes(&effects),
        [Wish::Maps(subject.clone(), shown), Wish::Play(subject, "gradient", Order::MostRelevantFirst)]
    );
}

#[test]
fn explain_at_80x24() {
    let mut bench = bench(80, 24).with_why().0.explained();
    bench.press(KeyCode::Down);
    insta::assert_snapshot!(bench.screen());
}

#[test]
fn explain_at_120x40() {
    let mut bench = bench(120, 40).with_why().0.explained();
    bench.press(KeyCode::Down);
    insta::assert_snapshot!(bench.screen());
}

#[test]
fn the_perturbation_plays_to_its_end_and_from_the_beginning_again() {
    let mut bench = bench(80, 24).with_why().0.explained();
    assert_eq!(bench.press(KeyCode::Char(' ')).iter().filter(|e| **e == Effect::Beat).count(), 1);
    let mut beats = 0;
    for step in 1..=3 {
        bench.state.update(Action::Beat);
        beats += std::mem::take(&mut bench.state.effects).iter().filter(|e| **e == Effect::Beat).count();
        assert_eq!(bench.state.explain.step, step);
    }
    assert_eq!(beats, 2, "nothing beats behind the last step");
    assert!(bench.screen().contains("step 3 of 3  error 550.0 px · 71.50 mm"), "{}", bench.screen());
    bench.press(KeyCode::Char(' '));
    assert_eq!(bench.state.explain.step, 0);
    bench.press(KeyCode::Char(' '));
    bench.state.update(Action::Beat);
    assert_eq!(bench.state.explain.step, 0, "halted");
    // Another order is another perturbation.
    let effects = bench.press(KeyCode::Char('o'));
    let subject = *bench.subject("392_HC.png");
    assert_eq!(wishes(&effects), [Wish::Play(subject, "gradient", Order::LeastRelevantFirst)]);
}

#[test]
fn intensity_and_blend_are_seen_in_the_frame_and_painted() {
    let mut bench = bench(80, 24).with_why().0.explained();
    let effects = bench.press(KeyCode::Char(']'));
    let sheet = effects.iter().find_map(|e| if let Effect::Draw(r) = e { r.sheet.clone() } else { None }).unwrap();
    assert_eq!((sheet.look.intensity, sheet.panes.len()), (2.0, 3));
    bench.press(KeyCode::Char('-'));
    assert!(bench.screen().contains("intensity x2 · blend 80 %"), "{}", bench.screen());
}

#[test]
fn analyzers_are_chosen_in_their_list_and_no_more_than_four() {
    let mut bench = bench(80, 24).with_why().0.explained();
    for _ in 0..3 {
        bench.press(KeyCode::Tab);
    }
    assert!(bench.screen().contains("[x] gradient"), "{}", bench.screen());
    bench.press(KeyCode::Down);
    bench.press(KeyCode::Char(' '));
    assert!(bench.screen().contains("take one away first"), "{}", bench.screen());
    bench.press(KeyCode::Up);
    bench.press(KeyCode::Char(' '));
    bench.press(KeyCode::Down);
    let effects = bench.press(KeyCode::Char(' '));
    assert_eq!(bench.state.explain.shown, ["lrp-z", "deep-taylor", "guided-backprop", "smoothgrad"]);
    let subject = *bench.subject("392_HC.png");
    let missing = vec!["deep-taylor", "guided-backprop", "smoothgrad"];
    assert_eq!(wishes(&effects), [Wish::Maps(subject, missing)]);
}

#[test]
fn the_audit_marks_what_leaks() {
    let mut bench = bench(80, 24).with_why().0.explained();
    bench.press(KeyCode::Tab);
    let effects = bench.press(KeyCode::Tab);
    assert_eq!(wishes(&effects), [Wish::Audit(*bench.subject("392_HC.png"), "gradient")]);
    let row = |name: &str, kind, relevance_in, relevance_out, absorbed| AuditRow {
        name: name.to_owned(),
        kind,
        relevance_in,
        relevance_out,
        absorbed,
    };
    let rows = vec![row("fc", "linear", 0.75, 0.7, 0.05), row("features.0", "conv2d", 0.7, 0.5, 0.1)];
    bench.answer("392_HC.png", Answer::Audit("gradient", Ok(rows)));
    let screen = bench.screen();
    assert!(screen.contains("in 0.7500 · in the image 0.5000 · biases 0.1500 · leaked 0.1000"), "{screen}");
    let marked: Vec<&str> = screen.lines().filter(|line| line.contains('!')).collect();
    assert!(marked.len() == 1 && marked[0].contains("features.0") && marked[0].contains("!0.1000"), "{screen}");
}

#[test]
fn the_table_of_areas_is_sorted_by_any_column_and_leads_to_its_rows() {
    let mut bench = bench(120, 40).with_why().0.explained();
    let effects = bench.press(KeyCode::Tab);
    assert!(effects.contains(&Effect::ReadAreas));
    let line = |analyzer: &str, aopc_px: f64, images| Line {
        analyzer: analyzer.to_owned(),
        order: "most".to_owned(),
        design: String::new(),
        images,
        steps: 2,
        aopc_px,
        aopc_px_interval: 1.5,
        aopc_px_printed: aopc_px * 1.5,
        aopc_mm: aopc_px * 0.13,
        aopc_mm_interval: 0.2,
        aopc_output_px: 3.0,
        aopc_output_px_interval: 1.0,
        error_px: 60.0,
        curve_px: vec![60.0, 70.0, 80.0],
    };
    let (one, two) = (bench.runs[0].clone(), bench.runs[3].clone());
    let area = |run: &RunDir, line| Area { run: run.clone(), line };
    let rows = vec![
        area(&one, line("lrp-z", -22.5, 100)),
        area(&two, line("smoothgrad", -30.0, 10)),
        area(&one, line("random", -0.5, 100)),
    ];
    bench.state.update(Action::Areas(rows));
    let order = |bench: &mut Bench| {
        let screen = bench.screen();
        let place = |word: &str| screen.lines().position(|l| l.contains(word) && l.contains(" most ")).unwrap();
        let mut names = vec!["lrp-z", "smoothgrad", "random"];
        names.sort_by_key(|name| place(name));
        names
    };
    assert_eq!(order(&mut bench), ["smoothgrad", "lrp-z", "random"], "the strongest first");
    bench.press(KeyCode::Char('S'));
    assert_eq!(order(&mut bench), ["random", "lrp-z", "smoothgrad"]);
    for _ in 0..3 {
        bench.press(KeyCode::Char('s'));
    }
    assert!(bench.screen().contains("by images"));
    assert_eq!(order(&mut bench), ["smoothgrad", "lrp-z", "random"], "of equal rows the strongest first");
    insta::assert_snapshot!(bench.screen());
    bench.press(KeyCode::Down);
    let effects = bench.press(KeyCode::Enter);
    assert_eq!(bench.state.explain.run, Some(one.clone()));
    assert!(effects.contains(&Effect::ReadPredictions(one)));
    assert_eq!(bench.state.explain.analyzer(), Some("lrp-z"));
}

#[test]
fn a_run_on_hearts_says_what_explains_it() {
    let mut bench = bench(80, 24);
    bench.press(KeyCode::Char('5'));
    let run = bench.state.explain.run.clone().unwrap();
    bench.state.update(Action::Predictions(run, Ok(Predictions::Hearts(Vec::new()))));
    assert!(bench.screen().contains("hcwb attribute"), "{}", bench.screen());
}

#[test]
fn on_the_whole_screen_there_are_the_image_and_the_map_that_is_followed() {
    let mut bench = bench(80, 24).with_why().0.explained();
    bench.press(KeyCode::Char('a'));
    let effects = bench.press(KeyCode::Enter);
    let sheet = effects.iter().find_map(|e| if let Effect::Draw(r) = e { r.sheet.clone() } else { None }).unwrap();
    assert_eq!((sheet.panes.len(), sheet.columns), (2, 37));
    let screen = bench.screen();
    assert!(screen.contains("›lrp-z") && !screen.contains("gradient"), "{screen}");
    // Up and down go through the images here.
    bench.press(KeyCode::Down);
    assert!(bench.screen().contains("2 of 3"), "{}", bench.screen());
    bench.press(KeyCode::Esc);
    assert!(bench.screen().contains("[perturbation]"), "{}", bench.screen());
}
