//! Geometry and resizing against SciPy and Pillow; each golden file lies beside the script that made it.

use hcwb::dataset::resize::resize_into;
use hcwb::geometry::{Ellipse, fit_ellipse};
use std::f64::consts::PI;

fn golden(name: &str) -> Vec<csv::StringRecord> {
    let path = format!("{}/tests/golden/{name}.csv", env!("CARGO_MANIFEST_DIR"));
    csv::Reader::from_path(path).unwrap().records().map(Result::unwrap).collect()
}

fn number(record: &csv::StringRecord, column: usize) -> f64 {
    record[column].parse().unwrap()
}

#[test]
fn circumferences_are_those_of_the_elliptic_integral() {
    let records = golden("geometry_circumference");
    assert!(records.len() >= 30);
    for record in &records {
        let (a, b, truth) = (number(record, 0), number(record, 1), number(record, 2));
        let ellipse = Ellipse::new(0.0, 0.0, a, b, 0.0);
        let exact = ellipse.circumference_exact_px();
        assert!((exact - truth).abs() <= 1e-12 * truth, "{a} {b}: {exact} instead of {truth}");
        if b / a >= 0.6 {
            let ramanujan = ellipse.circumference_ramanujan_px();
            assert!((ramanujan - truth).abs() <= 1e-9 * truth, "{a} {b}: {ramanujan} instead of {truth}");
        }
    }
}

#[test]
fn the_fit_to_noisy_points_is_fitzgibbons() {
    for record in golden("geometry_fit") {
        let coordinates: Vec<f64> = record[5].split(' ').map(|v| v.parse().unwrap()).collect();
        let points: Vec<(f64, f64)> = coordinates.chunks(2).map(|p| (p[0], p[1])).collect();
        let fitted = fit_ellipse(&points).unwrap();
        let pairs = [
            (fitted.center_x_px, number(&record, 0)),
            (fitted.center_y_px, number(&record, 1)),
            (fitted.semi_axis_a_px, number(&record, 2)),
            (fitted.semi_axis_b_px, number(&record, 3)),
        ];
        for (value, truth) in pairs {
            assert!((value - truth).abs() < 1e-6, "{value} instead of {truth}");
        }
        let turn = (fitted.angle_rad - number(&record, 4)).rem_euclid(PI);
        assert!(turn.min(PI - turn) < 1e-8, "{turn}");
    }
}

#[test]
fn resized_images_differ_from_pillows_by_at_most_one_grey_level() {
    for record in golden("geometry_resize") {
        let size = |column| number(&record, column) as u32;
        let image =
            image::GrayImage::from_fn(size(0), size(1), |x, y| image::Luma([(x * x * 7 + y * 13 + x * y / 5) as u8]));
        let mut out = vec![0; (size(2) * size(3)) as usize];
        resize_into(&image, size(2) as usize, size(3) as usize, &mut out);
        for (i, value) in out.iter().enumerate() {
            let truth = i32::from(u8::from_str_radix(&record[4][2 * i..2 * i + 2], 16).unwrap());
            assert!((i32::from(*value) - truth).abs() <= 1, "pixel {i}: {value} instead of {truth}");
        }
    }
}
