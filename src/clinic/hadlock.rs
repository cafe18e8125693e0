//! Gestational age from the head circumference by Hadlock's equation of 1984.
//!
//! Hadlock, Deter, Harrist and Park, "Estimating fetal age: computer-assisted analysis of multiple fetal growth
//! parameters", Radiology 152:497–501, 1984: `GA = 8.96 + 0.540 HC + 0.0003 HC³`, weeks and cm, from 361 fetuses of 14
//! to 42 weeks.

use super::age::{Age, NoAge, check_hc};

/// The ages of the fetuses that the equation was made from.
pub const WEEKS: (f64, f64) = (14.0, 42.0);

fn weeks(hc_mm: f64) -> f64 {
    let cm = hc_mm / 10.0;
    8.96 + 0.540 * cm + 0.0003 * cm.powi(3)
}

fn weeks_per_mm(hc_mm: f64) -> f64 {
    let cm = hc_mm / 10.0;
    (0.540 + 0.0009 * cm * cm) / 10.0
}

/// The circumference in mm that has that age.
fn hc_mm_at(age_weeks: f64) -> f64 {
    // Newton's method: the equation rises everywhere and is nearly straight.
    (0..20).fold(200.0, |mm, _| mm - (weeks(mm) - age_weeks) / weeks_per_mm(mm))
}

/// The age of a fetus with that circumference. The source gives no spread that this project could check, so
/// [`Age::growth_sd_weeks`] is `None`.
///
/// Fails where the age lies outside of [`WEEKS`].
pub fn age(hc_mm: f64) -> Result<Age, NoAge> {
    check_hc(hc_mm)?;
    let (low_weeks, high_weeks) = WEEKS;
    let found = weeks(hc_mm);
    if !(low_weeks..=high_weeks).contains(&found) {
        let (low_mm, high_mm) = (hc_mm_at(low_weeks), hc_mm_at(high_weeks));
        let source_name = "Hadlock 1984";
        return Err(NoAge::HeadOutside { hc_mm, low_mm, high_mm, low_weeks, high_weeks, source_name });
    }
    Ok(Age { weeks: found, weeks_per_mm: weeks_per_mm(hc_mm), growth_sd_weeks: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_those_that_the_equation_gives_by_hand() {
        for (hc_mm, weeks) in [(100.0, 14.66), (200.0, 22.16), (300.0, 33.26), (174.2, 19.952_663_146_4)] {
            let found = age(hc_mm).unwrap().weeks;
            assert!((found - weeks).abs() < 1e-9, "{hc_mm} mm: {found}");
        }
    }

    #[test]
    fn the_error_of_the_age_is_the_slope_times_that_of_the_circumference() {
        let one = age(200.0).unwrap();
        let slope = (weeks(200.01) - weeks(199.99)) / 0.02;
        assert!((one.weeks_per_mm - slope).abs() < 1e-8);
        assert!((one.measurement_sd_weeks(4.0) - 4.0 * slope).abs() < 1e-7);
    }

    #[test]
    fn outside_of_14_to_42_weeks_there_is_no_number() {
        for hc_mm in [44.3, 89.0, 358.0, 1000.0] {
            let error = age(hc_mm).unwrap_err();
            assert!(matches!(error, NoAge::HeadOutside { .. }), "{hc_mm}");
            assert!(error.to_string().contains("Hadlock 1984"), "{error}");
        }
        let (low, high) = (hc_mm_at(14.0), hc_mm_at(42.0));
        assert!((weeks(low) - 14.0).abs() < 1e-9 && (weeks(high) - 42.0).abs() < 1e-9);
        assert!(age(low + 1e-6).is_ok() && age(high - 1e-6).is_ok());
        for hc_mm in [0.0, -5.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(age(hc_mm), Err(NoAge::NoCircumference(_))), "{hc_mm}");
        }
    }
}
