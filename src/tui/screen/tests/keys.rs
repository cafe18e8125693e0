//! What keys and clicks do on the screens of runs, triage, data and launch.

use super::*;

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
