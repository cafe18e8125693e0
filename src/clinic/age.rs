//! A gestational age with its uncertainty, or why there is none.

/// An age and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Age {
    pub weeks: f64,
    /// How many weeks another mm of circumference makes.
    pub weeks_per_mm: f64,
    /// The SD of the ages of fetuses with this circumference; `None` where the equation's source gives none.
    pub growth_sd_weeks: Option<f64>,
}

impl Age {
    /// What an SD of the measured circumference makes of the age, to first order.
    pub fn measurement_sd_weeks(&self, hc_sd_mm: f64) -> f64 {
        self.weeks_per_mm * hc_sd_mm
    }

    /// Of measurement and growth together, as far as either is known.
    pub fn sd_weeks(&self, hc_sd_mm: Option<f64>) -> Option<f64> {
        let measured = hc_sd_mm.map(|sd| self.measurement_sd_weeks(sd));
        match (measured, self.growth_sd_weeks) {
            (Some(one), Some(other)) => Some(one.hypot(other)),
            (one, other) => one.or(other),
        }
    }
}

/// `19w4` for 19.6 weeks: whole weeks and days, the nearest.
pub fn days_words(weeks: f64) -> String {
    let days = (weeks * 7.0).round() as i64;
    format!("{}w{}", days.div_euclid(7), days.rem_euclid(7))
}

/// Why there is no age, or no centile.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum NoAge {
    #[error("{0} mm is no head circumference")]
    NoCircumference(f64),
    #[error(
        "HC {hc_mm:.1} mm is outside of {low_mm:.1} to {high_mm:.1} mm, which are {low_weeks} to {high_weeks} weeks: \
         {source_name} says nothing of it"
    )]
    HeadOutside { hc_mm: f64, low_mm: f64, high_mm: f64, low_weeks: f64, high_weeks: f64, source_name: &'static str },
    #[error("{weeks:.1} weeks is outside of {low_weeks} to {high_weeks}: {source_name} says nothing of it")]
    AgeOutside { weeks: f64, low_weeks: f64, high_weeks: f64, source_name: &'static str },
}

/// Fails for what no head can measure.
pub(super) fn check_hc(hc_mm: f64) -> Result<(), NoAge> {
    if hc_mm.is_finite() && hc_mm > 0.0 { Ok(()) } else { Err(NoAge::NoCircumference(hc_mm)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_are_said_in_whole_days() {
        assert_eq!(days_words(19.6), "19w4");
        assert_eq!(days_words(19.99), "20w0", "never 19w7");
        assert_eq!(days_words(14.0), "14w0");
    }

    #[test]
    fn errors_of_measurement_and_of_growth_add_as_squares() {
        let age = Age { weeks: 20.0, weeks_per_mm: 0.1, growth_sd_weeks: Some(0.4) };
        assert!((age.sd_weeks(Some(3.0)).unwrap() - 0.5).abs() < 1e-12);
        assert_eq!(age.sd_weeks(None), Some(0.4));
        let alone = Age { growth_sd_weeks: None, ..age };
        assert!((alone.sd_weeks(Some(3.0)).unwrap() - 0.3).abs() < 1e-12);
        assert_eq!(alone.sd_weeks(None), None);
    }
}
