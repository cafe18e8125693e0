//! Slices are cropped and resized as NumPy, SciPy and Pillow do it.

use hcwb::geometry::{Axis, resample_linear, resample_nearest};

/// The crop's own pixels along an axis of `pixels`.
fn axis(from: i64, extent: i64, count: usize, pixels: i64) -> Axis {
    let within = |pixel: i64| pixel.clamp(0, pixels - 1) as usize;
    Axis::new(from as f64, extent as f64, count, (within(from), within(from + extent - 1)))
}

#[test]
fn crops_with_repeated_borders_are_resized_as_scipy_and_pillow_do_it() {
    let mut rows = csv::Reader::from_reader(include_str!("golden/volume_resample.csv").as_bytes());
    let mut cases = 0;
    for row in rows.records() {
        let row = row.unwrap();
        let numbers: Vec<i64> = row.iter().take(8).map(|n| n.parse().unwrap()).collect();
        let [width, height, left, top, crop_width, crop_height, new_width, new_height] = numbers[..] else { panic!() };
        let at = |formula: &dyn Fn(i64, i64) -> i64| -> Vec<i64> {
            (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| formula(x, y)).collect()
        };
        let values: Vec<f32> =
            at(&|x, y| (x * x * 7 + y * 13 + x * y / 5) % 256).iter().map(|v| *v as f32 - 31.5).collect();
        let labels: Vec<u8> = at(&|x, y| (x * x + y * 3 + x * y) / 7 % 4).iter().map(|v| *v as u8).collect();
        let columns = axis(left, crop_width, new_width as usize, width);
        let rows = axis(top, crop_height, new_height as usize, height);
        let mut linear = vec![0.0; (new_width * new_height) as usize];
        resample_linear(&values, width as usize, &columns, &rows, &mut linear, &mut Vec::new());
        for (found, wanted) in linear.iter().zip(row[8].split(' ')) {
            let wanted: f32 = wanted.parse().unwrap();
            assert!((found - wanted).abs() < 2e-3, "{numbers:?}: {found} instead of {wanted}");
        }
        let mut nearest = vec![0; linear.len()];
        resample_nearest(&labels, width as usize, &columns, &rows, &mut nearest);
        let wanted: Vec<u8> = row[9].bytes().map(|b| b - b'0').collect();
        assert_eq!(nearest, wanted, "{numbers:?}");
        cases += 1;
    }
    assert_eq!(cases, 5);
}
