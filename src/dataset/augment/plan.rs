//! Off-line augmentation as the preprint has it (S4, 2.2.2): turned, shifted and cropped copies grow a training part.
//!
//! Each image can be copied once each way. Copies whose head leaves the frame are dropped, judged by the true ellipse; of
//! the rest as many are drawn as are needed. On 600 of HC18's images about 1,570 copies are left, so that 1,800 are
//! reached.

use crate::dataset::sample::Sample;
use crate::geometry::{Affine, Ellipse};
use rand::Rng;

/// The number of images that S4 trains on.
pub const TARGET: usize = 1800;

/// A way to copy an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Copy {
    /// 10 degrees counter-clockwise about the centre.
    Turned,
    /// To the right by 1/20 of the width, and down by 1/20 of the height: 40 and 27 px at 800x540.
    Shifted,
    /// (100,50) to (700,500) of 800x540, or as large a part of another size, resized back and moved by 5 px either way.
    /// It stretches the head: 1.33 times in x, 1.2 times in y.
    Cropped,
}

impl Copy {
    pub const ALL: [Copy; 3] = [Copy::Turned, Copy::Shifted, Copy::Cropped];

    pub fn word(self) -> &'static str {
        match self {
            Copy::Turned => "turned",
            Copy::Shifted => "shifted",
            Copy::Cropped => "cropped",
        }
    }

    /// From the pixels of a file of `original` (width, height) px to those of its copy, of the same size.
    pub fn affine(self, original: (u32, u32)) -> Affine {
        let (width, height) = (f64::from(original.0), f64::from(original.1));
        match self {
            Copy::Turned => {
                let (x, y) = ((width - 1.0) / 2.0, (height - 1.0) / 2.0);
                // y points down: counter-clockwise is negative.
                let turn = Affine::rotation(-10f64.to_radians());
                Affine::translation(-x, -y).then(&turn).then(&Affine::translation(x, y))
            }
            Copy::Shifted => Affine::translation(width / 20.0, height / 20.0),
            Copy::Cropped => {
                let (left, right) = (width * 100.0 / 800.0, width * 700.0 / 800.0);
                let (top, bottom) = (height * 50.0 / 540.0, height * 500.0 / 540.0);
                Affine::translation(-left, -top)
                    .then(&Affine::resize((right - left, bottom - top), (width, height)))
                    .then(&Affine::translation(5.0, 5.0))
            }
        }
    }

    /// [`Copy::affine`] between images prepared at `size` (width, height) px.
    pub fn affine_at(self, original: (u32, u32), size: (usize, usize)) -> Affine {
        let file = (f64::from(original.0), f64::from(original.1));
        let grid = (size.0 as f64, size.1 as f64);
        Affine::resize(grid, file).then(&self.affine(original)).then(&Affine::resize(file, grid))
    }
}

/// What became of a copy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum State {
    Chosen,
    /// Fit, but not needed.
    Spare,
    /// The head leaves the frame.
    BeyondBorder,
    /// Nothing says where the head is.
    NoTruth,
}

impl State {
    pub fn word(self) -> &'static str {
        match self {
            State::Chosen => "chosen",
            State::Spare => "spare",
            State::BeyondBorder => "beyond the border",
            State::NoTruth => "no truth",
        }
    }
}

/// One possible copy of one image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Of the sample.
    pub index: usize,
    pub copy: Copy,
    pub state: State,
    /// The head in the copy, in px of the file.
    pub head: Option<Ellipse>,
}

/// Every possible copy of a training part, by image and way.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub candidates: Vec<Candidate>,
}

impl Plan {
    /// Grows the samples `training` to `target` images, or to as many as there are copies for; which copies, is drawn
    /// from (seed, sample, way) alone.
    pub fn new(samples: &[Sample], training: &[usize], target: usize, seed: u64) -> Plan {
        let of = |index: usize, copy: Copy| {
            let sample = &samples[index];
            let original = (sample.width_px, sample.height_px);
            let head = sample.truth.map(|truth| truth.transformed(&copy.affine(original)));
            let state = match &head {
                None => State::NoTruth,
                Some(head) if within(head, original) => State::Spare,
                Some(_) => State::BeyondBorder,
            };
            Candidate { index, copy, state, head }
        };
        let mut indices = training.to_vec();
        indices.sort_unstable();
        let mut candidates: Vec<Candidate> =
            indices.iter().flat_map(|index| Copy::ALL.map(|copy| of(*index, copy))).collect();
        let spare = candidates.iter_mut().filter(|c| c.state == State::Spare);
        let mut drawn: Vec<(u64, &mut Candidate)> =
            spare.map(|c| (super::stream(b"plan2.22", seed, c.copy as u64, c.index).random(), c)).collect();
        drawn.sort_by_key(|(lot, c)| (*lot, c.index));
        drawn.into_iter().take(target.saturating_sub(training.len())).for_each(|(_, c)| c.state = State::Chosen);
        Plan { candidates }
    }

    /// The copies to train on.
    pub fn chosen(&self) -> impl Iterator<Item = &Candidate> {
        self.candidates.iter().filter(|c| c.state == State::Chosen)
    }

    /// One row a possible copy: the image's file, the way, what became of it, and the head in the copy in px of the file.
    pub fn manifest_csv(&self, samples: &[Sample]) -> String {
        let mut csv =
            String::from("file,copy,state,center_x_px,center_y_px,semi_axis_a_px,semi_axis_b_px,angle_rad,hc_px\n");
        for Candidate { index, copy, state, head } in &self.candidates {
            let file = &samples[*index].file;
            let quoted =
                if file.contains([',', '"']) { format!("\"{}\"", file.replace('"', "\"\"")) } else { file.clone() };
            let head = head.map_or(",,,,,".to_owned(), |h| {
                let hc_px = h.circumference_ramanujan_px();
                let numbers = [h.center_x_px, h.center_y_px, h.semi_axis_a_px, h.semi_axis_b_px, h.angle_rad, hc_px];
                numbers.map(|v| format!("{v:.4}")).join(",")
            });
            csv.push_str(&format!("{quoted},{},{},{head}\n", copy.word(), state.word()));
        }
        csv
    }
}

/// Whether a head lies on the pixels of its image.
fn within(head: &Ellipse, (width, height): (u32, u32)) -> bool {
    let (half_width, half_height) = head.half_extent_px();
    let inside = |center: f64, half: f64, size: u32| center - half >= -0.5 && center + half <= f64::from(size) - 0.5;
    inside(head.center_x_px, half_width, width) && inside(head.center_y_px, half_height, height)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(i: usize, truth: Option<Ellipse>) -> Sample {
        Sample {
            file: format!("{i:03}_HC.png"),
            exam: i as u32,
            width_px: 800,
            height_px: 540,
            pixel_size_mm: 0.1,
            hc_mm: 100.0,
            hc_px: 1000.0,
            truth,
            trimester: None,
        }
    }

    fn heads(count: usize) -> Vec<Sample> {
        (0..count).map(|i| sample(i, Some(Ellipse::new(400.0, 270.0, 150.0, 110.0, i as f64)))).collect()
    }

    #[test]
    fn the_copies_are_those_of_the_preprint() {
        let original = (800, 540);
        assert_eq!(Copy::Shifted.affine(original).apply(10.0, 20.0), (50.0, 47.0));
        // Counter-clockwise on the screen: what is right of the centre goes up.
        let (x, y) = Copy::Turned.affine(original).apply(499.5, 269.5);
        assert!((x - (399.5 + 100.0 * 10f64.to_radians().cos())).abs() < 1e-9);
        assert!((y - (269.5 - 100.0 * 10f64.to_radians().sin())).abs() < 1e-9);
        // The crop's outer edges become the image's, then all moves by 5 px.
        let crop = Copy::Cropped.affine(original);
        for ((x, y), (u, v)) in [((99.5, 49.5), (4.5, 4.5)), ((699.5, 499.5), (804.5, 544.5))] {
            let (found_x, found_y) = crop.apply(x, y);
            assert!((found_x - u).abs() < 1e-9 && (found_y - v).abs() < 1e-9, "{found_x} {found_y}");
        }
        // The same share of another size.
        assert_eq!(Copy::Shifted.affine((400, 600)).apply(0.0, 0.0), (20.0, 30.0));
    }

    #[test]
    fn a_copy_at_training_size_is_the_copy_of_the_file() {
        let (original, size) = ((800, 540), (224, 224));
        let to_grid = Affine::resize((800.0, 540.0), (224.0, 224.0));
        for copy in Copy::ALL {
            let (x, y) = copy.affine(original).apply(321.0, 123.0);
            let (u, v) = to_grid.apply(321.0, 123.0);
            let (found, expected) = (copy.affine_at(original, size).apply(u, v), to_grid.apply(x, y));
            assert!((found.0 - expected.0).abs() < 1e-9 && (found.1 - expected.1).abs() < 1e-9, "{copy:?}");
        }
    }

    #[test]
    fn a_training_part_grows_to_its_target_in_the_same_way_every_time() {
        let (samples, training) = (heads(60), (0..60).step_by(2).collect::<Vec<_>>());
        let plan = Plan::new(&samples, &training, 90, 7);
        assert_eq!(plan.chosen().count(), 60);
        assert!(plan.chosen().all(|c| c.index % 2 == 0));
        for copy in Copy::ALL {
            assert!((10..=30).contains(&plan.chosen().filter(|c| c.copy == copy).count()), "{copy:?}");
        }
        assert_eq!(plan, Plan::new(&samples, &training, 90, 7));
        let reversed: Vec<usize> = training.iter().rev().copied().collect();
        assert_eq!(plan, Plan::new(&samples, &reversed, 90, 7));
        assert_ne!(plan, Plan::new(&samples, &training, 90, 8));
        assert_eq!(Plan::new(&samples, &training, 10, 7).chosen().count(), 0);
        assert_eq!(Plan::new(&samples, &training, 5000, 7).chosen().count(), 90);
    }

    #[test]
    fn copies_whose_head_leaves_the_frame_are_dropped_and_the_manifest_says_so() {
        let mut samples = heads(3);
        // 30 px from the right border, and so wide that the crop cuts it.
        samples[1].truth = Some(Ellipse::new(620.0, 270.0, 150.0, 110.0, 0.0));
        samples[2].truth = None;
        samples[2].file = "odd,name.png".to_owned();
        let plan = Plan::new(&samples, &[0, 1, 2], 1800, 1);
        let states: Vec<State> = plan.candidates.iter().map(|c| c.state).collect();
        use State::{BeyondBorder, Chosen, NoTruth};
        let [turned, shifted, cropped] = [Chosen, BeyondBorder, BeyondBorder];
        assert_eq!(states, [Chosen, Chosen, Chosen, turned, shifted, cropped, NoTruth, NoTruth, NoTruth]);
        let csv = plan.manifest_csv(&samples);
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines.len(), 10);
        assert!(lines[2].starts_with("000_HC.png,shifted,chosen,440.0000,297.0000,150.0000,110.0000,"), "{}", lines[2]);
        assert_eq!(lines[7], "\"odd,name.png\",turned,no truth,,,,,,");
        assert!(lines.iter().skip(1).all(|line| line.rsplitn(7, ',').count() == 7));
    }
}
