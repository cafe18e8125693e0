//! Parts, outlines, fits, overlaps and distances of hundreds of random masks against SciPy and scikit-image; the golden
//! file lies beside the script that made it, and both sides draw the masks from the same numbers.

use hcwb::geometry::{
    BitMask, BoundaryDistance, Components, Connectivity, Overlap, fill_holes, fit_ellipse, fit_ellipse_robust,
    largest_component, outline,
};
use std::collections::HashMap;

struct SplitMix64(u64);

impl SplitMix64 {
    fn below(&mut self, n: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(z ^ (z >> 31)) * n as u128) >> 64) as i64
    }
}

fn draw_mask(draw: &mut SplitMix64, width: i64, height: i64, (cx, cy): (i64, i64), size: i64) -> BitMask {
    let (wide, tall, shear) = (60 + draw.below(50), 60 + draw.below(50), draw.below(81) - 40);
    let mut values = vec![0u8; (width * height) as usize];
    let mut each = |rule: &dyn Fn(i64, i64, u8) -> u8| {
        for (i, value) in values.iter_mut().enumerate() {
            *value = rule(i as i64 % width, i as i64 / width, *value);
        }
    };
    each(&|x, y, _| {
        let (p, q) = (wide * (x - cx) + shear * (y - cy), tall * (y - cy));
        u8::from(p * p + q * q <= (80 * size).pow(2))
    });
    if draw.below(3) == 0 {
        let (gx, gy, half) = (draw.below(width), draw.below(height), 2 + draw.below(6));
        each(&|x, y, v| if (x - gx).abs() <= half && (y - gy).abs() <= half { 0 } else { v });
    }
    if draw.below(3) == 0 {
        let (gx, gy, radius) = (draw.below(width), draw.below(height), 2 + draw.below(6));
        each(&|x, y, v| if (x - gx).pow(2) + (y - gy).pow(2) <= radius * radius { 1 } else { v });
    }
    for _ in 0..[0, 0, 5, 40][draw.below(4) as usize] {
        let (nx, ny) = (draw.below(width), draw.below(height));
        values[(ny * width + nx) as usize] ^= 1;
    }
    BitMask::from_bytes(&values, width as usize, height as usize, 1).unwrap()
}

/// The truth and the prediction of a seed.
fn masks(seed: u64) -> (BitMask, BitMask) {
    let mut draw = SplitMix64(seed);
    let (width, height) = (50 + draw.below(90), 40 + draw.below(70));
    let (cx, cy, size) = (draw.below(width), draw.below(height), 12 + draw.below(28));
    let truth = draw_mask(&mut draw, width, height, (cx, cy), size);
    let (dx, dy) = (draw.below(9) - 4, draw.below(9) - 4);
    let prediction = draw_mask(&mut draw, width, height, (cx + dx, cy + dy), size);
    (truth, prediction)
}

/// The rows of the golden file: numbers by column.
fn golden() -> Vec<HashMap<String, f64>> {
    let path = format!("{}/tests/golden/geometry_masks.csv", env!("CARGO_MANIFEST_DIR"));
    let mut reader = csv::Reader::from_path(path).unwrap();
    let header = reader.headers().unwrap().clone();
    let row = |record: csv::StringRecord| {
        header.iter().map(str::to_owned).zip(record.iter().map(|field| field.parse().unwrap())).collect()
    };
    let rows: Vec<_> = reader.records().map(|record| row(record.unwrap())).collect();
    assert_eq!(rows.len(), 300);
    rows
}

fn near(value: f64, row: &HashMap<String, f64>, column: &str) {
    let truth = row[column];
    let tolerance = 1e-6 * truth.abs().max(1.0);
    assert!((value - truth).abs() <= tolerance, "seed {}: {column} {value} instead of {truth}", row["seed"]);
}

#[test]
fn parts_holes_and_outlines_are_those_of_scipy_and_scikit_image() {
    for row in golden() {
        let (truth, prediction) = masks(row["seed"] as u64);
        let largest = largest_component(&prediction, Connectivity::Eight);
        let filled = fill_holes(&largest, Connectivity::Eight);
        let counted = [
            ("truth_px", truth.count()),
            ("prediction_px", prediction.count()),
            ("parts", Components::of(&prediction, Connectivity::Eight).count()),
            ("four_parts", Components::of(&prediction, Connectivity::Four).count()),
            ("largest_px", largest.count()),
            ("filled_px", filled.count()),
            ("outline_points", outline(&filled).len()),
        ];
        for (column, count) in counted {
            assert_eq!(count as f64, row[column], "seed {}: {column}", row["seed"]);
        }
    }
}

#[test]
fn fits_and_circumferences_are_scipys_to_a_millionth() {
    let mut untouched = 0;
    for row in golden() {
        let (_, prediction) = masks(row["seed"] as u64);
        let points = outline(&fill_holes(&largest_component(&prediction, Connectivity::Eight), Connectivity::Eight));
        let ellipse = fit_ellipse(&points).unwrap();
        near(ellipse.center_x_px, &row, "center_x_px");
        near(ellipse.center_y_px, &row, "center_y_px");
        near(ellipse.semi_axis_a_px, &row, "semi_axis_a_px");
        near(ellipse.semi_axis_b_px, &row, "semi_axis_b_px");
        near(ellipse.circumference_exact_px(), &row, "circumference_px");
        untouched += usize::from(fit_ellipse_robust(&points).unwrap().ellipse == ellipse);
    }
    // The robust fit is the direct one wherever nothing sticks out, and only there.
    assert!((100..290).contains(&untouched), "{untouched}");
}

#[test]
fn overlaps_and_distances_are_scipys_to_a_millionth() {
    for row in golden() {
        let (truth, prediction) = masks(row["seed"] as u64);
        let filled = fill_holes(&largest_component(&prediction, Connectivity::Eight), Connectivity::Eight);
        let overlap = Overlap::of(&truth, &filled).unwrap();
        near(overlap.dice().unwrap(), &row, "dice");
        near(overlap.iou().unwrap(), &row, "iou");
        near(overlap.pixel_accuracy().unwrap(), &row, "pixel_accuracy");
        let distance = BoundaryDistance::of(&truth, &filled).unwrap().unwrap();
        near(distance.hausdorff_px, &row, "hausdorff_px");
        near(distance.average_px, &row, "assd_px");
    }
}
