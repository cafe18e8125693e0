//! How the screens look, cell by cell, at every size and without colours.

use super::*;

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
