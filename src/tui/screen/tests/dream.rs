//! Deep Dream on the screen: sliders, keys, and what they ask of the background.

use super::*;
use crate::tui::dreamt::{News, Order, Sight, Slider};
use crate::tui::widget::paint::{Brush, paint};
use crate::tui::widget::picture::Request;
use image::GrayImage;
use ratatui::style::Style;
use std::sync::Arc;

fn orders(effects: Vec<Effect>) -> Vec<Order> {
    effects.into_iter().filter_map(|e| if let Effect::Dream(order) = e { Some(order) } else { None }).collect()
}

fn ready() -> News {
    let levels = [("encoder.0", 128), ("encoder.1", 64), ("bottleneck", 32), ("decoder.0", 64), ("decoder.1", 128)];
    let slider = |(level, side): (&str, usize)| {
        [1, 2].map(|i| Slider {
            layer: format!("{level}.relu{i}"),
            maps: [side, side, 16],
            weight: if level == "encoder.1" { 1.0 } else { 0.0 },
        })
    };
    let group = |name: &str, level: &str| (name.to_owned(), [1, 2].map(|i| format!("{level}.relu{i}")).to_vec());
    News::Ready {
        layers: levels.into_iter().flat_map(slider).collect(),
        groups: vec![group("encoder-shallow", "encoder.0"), group("decoder-deep", "decoder.0")],
    }
}

/// A ramp of grey for a room of 34x20 cells.
fn sight(going: bool) -> News {
    let gray = GrayImage::from_fn(92, 92, |x, _| image::Luma([(x * 255 / 91) as u8]));
    let style = Style::new();
    let (truth, prediction, structures) = (style, style, [style; 3]);
    let brush =
        Brush { pixels: None, fine: false, cell_px: (8, 16), depth: Depth::None, truth, prediction, structures };
    let request = Request::of(PathBuf::new(), Rect::new(0, 0, 34, 20));
    News::Seen(Sight {
        picture: paint(&gray, &[], &request, &brush).map(Arc::new),
        octave: (2, 3),
        step: (7, 20),
        size_px: [92, 92],
        losses: (1..=40).map(|i| f64::from(i).sqrt()).collect(),
        steps_per_second: Some(12.34),
        going,
    })
}

impl Bench {
    fn with_dream(self) -> Bench {
        let mut bench = self.with_masks();
        bench.press(KeyCode::Down);
        let begun = orders(bench.press(KeyCode::Char('d')));
        let [Order::Begin { number, image, room, .. }] = &begun[..] else { panic!("{begun:?}") };
        assert_eq!((image, room[0] > 20 && room[1] > 10), (&PathBuf::from("010_HC.png"), true));
        bench.state.update(Action::Dreamt(*number, ready()));
        bench.state.update(Action::Dreamt(*number, sight(true)));
        bench
    }
}

#[test]
fn a_dream_at_80x24() {
    insta::assert_snapshot!("a_dream_at_80x24", bench(80, 24).with_dream().screen());
}

#[test]
fn a_dream_at_120x40() {
    insta::assert_snapshot!("a_dream_at_120x40", bench(120, 40).with_dream().screen());
}

#[test]
fn sliders_move_by_quarters_from_0_to_2_and_say_so() {
    let mut bench = bench(80, 24).with_dream();
    let weigh = |weight: f64| vec![Order::Weigh(vec![("encoder.1.relu1".to_owned(), weight)])];
    assert_eq!(orders(bench.press(KeyCode::Right)), weigh(1.25));
    for _ in 0..3 {
        bench.press(KeyCode::Right);
    }
    assert!(orders(bench.press(KeyCode::Right)).is_empty(), "there is no more than 2");
    assert!(bench.screen().contains("━━━━━━━━● 2.00 encoder.1.relu1"));
    for _ in 0..8 {
        bench.press(KeyCode::Left);
    }
    assert!(bench.screen().contains("› ●──────── 0.00 encoder.1.relu1"));
    assert!(orders(bench.press(KeyCode::Left)).is_empty());
    bench.press(KeyCode::Down);
    bench.press(KeyCode::Down);
    assert_eq!(orders(bench.press(KeyCode::Char('+'))), [Order::Weigh(vec![("bottleneck.relu1".to_owned(), 0.25)])]);
}

#[test]
fn tab_gives_all_weight_to_the_next_group() {
    let mut bench = bench(80, 24).with_dream();
    let asked = orders(bench.press(KeyCode::Tab));
    let [Order::Weigh(weights)] = &asked[..] else { panic!("{asked:?}") };
    let some: Vec<&str> = weights.iter().filter(|(_, w)| *w == 1.0).map(|(l, _)| l.as_str()).collect();
    assert_eq!((weights.len(), some), (10, vec!["encoder.0.relu1", "encoder.0.relu2"]));
    assert!(bench.screen().contains("weights: encoder-shallow"));
    bench.press(KeyCode::Tab);
    assert!(
        bench.screen().contains("weights: decoder-deep") && bench.screen().contains("› ━━━━●──── 1.00 decoder.0.relu1")
    );
    bench.press(KeyCode::Tab);
    assert!(bench.screen().contains("weights: encoder-shallow"), "after the last comes the first");
}

#[test]
fn keys_pause_restart_save_and_end_a_dream() {
    let mut bench = bench(80, 24).with_dream();
    let number = 1;
    assert_eq!(orders(bench.press(KeyCode::Char(' '))), [Order::Go(false)]);
    bench.state.update(Action::Dreamt(number, sight(false)));
    assert!(bench.screen().contains("‖ paused"));
    assert_eq!(orders(bench.press(KeyCode::Char(' '))), [Order::Go(true)]);
    assert_eq!(orders(bench.press(KeyCode::Char('r'))), [Order::Restart]);
    assert_eq!(orders(bench.press(KeyCode::Char('s'))), [Order::Save]);
    assert_eq!(orders(bench.press(KeyCode::Esc)), [Order::End]);
    assert!(!bench.screen().contains("Deep Dream"), "back where one was");
    // What the old dream still says is not shown.
    bench.state.update(Action::Dreamt(number, sight(true)));
    assert!(!bench.screen().contains("Deep Dream"));
    let again = orders(bench.press(KeyCode::Char('d')));
    assert!(matches!(again[..], [Order::Begin { number: 2.., .. }]), "{again:?}");
    bench.state.update(Action::Dreamt(number, sight(true)));
    assert!(bench.screen().contains("the network is on its way"));
    assert_eq!(orders(bench.press(KeyCode::Char('3'))), [Order::End], "another screen ends it too");
}

#[test]
fn a_larger_terminal_gives_the_picture_its_room() {
    let mut bench = bench(80, 24).with_dream();
    bench.state.area = Rect::new(0, 0, 120, 40);
    bench.state.update(Action::Resize);
    let asked = orders(std::mem::take(&mut bench.state.effects));
    assert!(matches!(asked[..], [Order::Room([columns, rows])] if columns > 60 && rows > 30), "{asked:?}");
}

#[test]
fn why_there_is_no_dream_is_said() {
    let mut bench = bench(80, 24).with_dream();
    bench.state.update(Action::Dreamt(1, News::Failed("no weights yet. wait for its first epoch".to_owned())));
    assert!(bench.screen().contains("no weights yet"));
}
