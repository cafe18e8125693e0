//! The challenge's table: made, then read again and checked against what was asked for.
//!
//! Conventions, which the challenge's paper leaves open: x to the right and y down from the centre of the top-left
//! pixel, which is (0, 0); mm are px times the image's pixel size; `a` is the major semi-axis and the angle that of the
//! major axis from +x towards +y, in [0, pi). Several published submissions come to the same: they transpose the
//! image's coordinates before OpenCV's fit and give its angle negated, modulo pi.

use crate::error::{Error, Result};
use crate::geometry::Ellipse;
use crate::text;
use std::f64::consts::PI;

pub const HEADER: [&str; 6] =
    ["filename", "center_x_mm", "center_y_mm", "semi_axes_a_mm", "semi_axes_b_mm", "angle_rad"];
/// Images of the published test part.
pub const PUBLISHED_ROWS: usize = 335;
/// Circumferences of the published training part go from 44 to 347 mm.
const LEAST_HC_MM: f64 = 40.0;
const GREATEST_HC_MM: f64 = 400.0;

/// An image that the challenge asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    pub file: String,
    pub pixel_size_mm: f64,
    /// Width and height of the image, in px.
    pub size_px: (u32, u32),
}

/// The whole file, a row for each of `ellipses` (in px of its image).
pub fn write(asked: &[Asked], ellipses: &[Ellipse]) -> Result<Vec<u8>> {
    let wrong = |e: csv::Error| Error::new("cannot write the submission").because(e);
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEADER).map_err(wrong)?;
    for (asked, ellipse) in asked.iter().zip(ellipses) {
        let mm = |px: f64| format!("{:.6}", px * asked.pixel_size_mm);
        let angle = format!("{:.6}", ellipse.angle_rad);
        // The last millionth before pi rounds up to it: the same axis as 0.
        let angle = if angle.parse::<f64>().is_ok_and(|a| a >= PI) { format!("{:.6}", 0.0) } else { angle };
        let record = [
            asked.file.clone(),
            mm(ellipse.center_x_px),
            mm(ellipse.center_y_px),
            mm(ellipse.semi_axis_a_px),
            mm(ellipse.semi_axis_b_px),
            angle,
        ];
        writer.write_record(record).map_err(wrong)?;
    }
    writer.into_inner().map_err(|e| Error::new("cannot write the submission").because(e.into_error()))
}

/// All that is wrong with a file: every image once and in order, numbers finite, `a >= b > 0`, angles in [0, pi),
/// centres within half an image of it, circumferences that heads have.
pub fn check(content: &[u8], asked: &[Asked]) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(content);
    let mut wrong = Vec::new();
    if !reader.headers().is_ok_and(|found| found == HEADER[..]) {
        wrong.push(format!("the header is not {}", HEADER.join(",")));
    }
    let records: Vec<_> = reader.records().collect();
    if records.len() != asked.len() {
        wrong.push(format!("{} rows for {} images", records.len(), asked.len()));
    }
    for (record, asked) in records.iter().zip(asked) {
        let name = text::line(&asked.file);
        match record {
            Err(_) => wrong.push(format!("{name}: its row cannot be read")),
            Ok(record) if record.get(0) != Some(&asked.file) => {
                wrong.push(format!("{name}: another image stands in its row"));
            }
            Ok(record) => {
                let numbers: Vec<f64> = record.iter().skip(1).filter_map(|f| f.parse().ok()).collect();
                wrong.extend(check_row(&numbers, asked).map(|what| format!("{name}: {what}")));
            }
        }
    }
    wrong
}

fn check_row(numbers: &[f64], asked: &Asked) -> Option<String> {
    let &[x, y, a, b, angle] = numbers else { return Some(format!("{} numbers instead of 5", numbers.len())) };
    if numbers.iter().any(|v| !v.is_finite()) {
        return Some("a number is not finite".into());
    }
    if b <= 0.0 || a < b {
        return Some(format!("the semi-axes are {a} and {b} mm"));
    }
    if !(0.0..PI).contains(&angle) {
        return Some(format!("the angle is {angle}, not in 0 to pi"));
    }
    let (width, height) =
        (f64::from(asked.size_px.0) * asked.pixel_size_mm, f64::from(asked.size_px.1) * asked.pixel_size_mm);
    if !(-0.5 * width..=1.5 * width).contains(&x) || !(-0.5 * height..=1.5 * height).contains(&y) {
        return Some(format!("the centre ({x}, {y}) mm is far outside of the image, {width:.1} x {height:.1} mm"));
    }
    let hc_mm = Ellipse::new(x, y, a, b, angle).circumference_ramanujan_px();
    if !(LEAST_HC_MM..=GREATEST_HC_MM).contains(&hc_mm) {
        return Some(format!("a circumference of {hc_mm:.1} mm is outside of {LEAST_HC_MM} to {GREATEST_HC_MM} mm"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Vec<Asked> {
        let one = |file: &str| Asked { file: file.into(), pixel_size_mm: 0.1, size_px: (800, 540) };
        vec![one("000_HC.png"), one("001_HC.png")]
    }

    fn content(ellipse: Ellipse) -> Vec<u8> {
        write(&asked(), &[Ellipse::new(400.0, 270.0, 300.0, 220.0, 0.25), ellipse]).unwrap()
    }

    #[test]
    fn px_become_mm_and_rows_follow_the_table() {
        let made = content(Ellipse::new(410.5, 200.25, 150.0, 310.0, 0.25));
        let expected = "filename,center_x_mm,center_y_mm,semi_axes_a_mm,semi_axes_b_mm,angle_rad\n\
                        000_HC.png,40.000000,27.000000,30.000000,22.000000,0.250000\n\
                        001_HC.png,41.050000,20.025000,31.000000,15.000000,1.820796\n";
        assert_eq!(String::from_utf8(made.clone()).unwrap(), expected);
        assert_eq!(check(&made, &asked()), [""; 0]);
    }

    #[test]
    fn an_angle_a_hair_below_pi_is_written_as_0() {
        let made = content(Ellipse::new(400.0, 270.0, 300.0, 220.0, PI - 1e-9));
        assert!(String::from_utf8(made.clone()).unwrap().ends_with(",0.000000\n"));
        assert_eq!(check(&made, &asked()), [""; 0]);
    }

    #[test]
    fn whatever_the_challenge_would_reject_is_named_with_its_image() {
        for (ellipse, says) in [
            (Ellipse::new(f64::NAN, 270.0, 300.0, 220.0, 0.0), "not finite"),
            (Ellipse::new(400.0, 270.0, 300.0, 0.0, 0.0), "semi-axes"),
            (Ellipse::new(400.0, 9000.0, 300.0, 220.0, 0.0), "outside of the image"),
            (Ellipse::new(400.0, 270.0, 30.0, 22.0, 0.0), "circumference of 16.4 mm"),
            (Ellipse::new(400.0, 270.0, 900.0, 800.0, 0.0), "circumference of 534"),
        ] {
            let wrong = check(&content(ellipse), &asked());
            assert!(wrong.len() == 1 && wrong[0].contains("001_HC.png") && wrong[0].contains(says), "{wrong:?}");
        }
    }

    #[test]
    fn rows_that_are_missing_swapped_or_malformed_are_found() {
        let right = String::from_utf8(content(Ellipse::new(400.0, 270.0, 300.0, 220.0, 0.5))).unwrap();
        let lines: Vec<&str> = right.lines().collect();
        let check_lines = |lines: &[&str]| check(lines.join("\n").as_bytes(), &asked());
        assert_eq!(check_lines(&lines), [""; 0]);
        assert!(!check_lines(&lines[..2]).is_empty());
        assert!(!check_lines(&[lines[0], lines[2], lines[1]]).is_empty());
        assert!(!check_lines(&[lines[0], lines[1], lines[1]]).is_empty());
        assert!(!check_lines(&lines[1..]).is_empty());
        assert!(!check_lines(&[lines[0], lines[1], "001_HC.png,1,2,3"]).is_empty());
        assert!(!check_lines(&[lines[0], lines[1], "001_HC.png,40,27,22,30,0.1"]).is_empty(), "b before a");
        assert!(!check_lines(&[lines[0], lines[1], "001_HC.png,40,27,30,22,-0.1"]).is_empty());
    }
}
