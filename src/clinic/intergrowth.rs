//! INTERGROWTH-21st: how large heads are at each gestational age, and the age at which a head would be average.
//!
//! Papageorghiou et al., Lancet 384:869–879, 2014 (Fetal Growth Longitudinal Study), 14 to 40 weeks, mm and weeks:
//! `mean = -28.2849 + 1.69267 GA² - 0.397485 GA² ln GA`,
//! `SD = 1.98735 + 0.0136772 GA³ - 0.00726264 GA³ ln GA + 0.000976253 GA³ (ln GA)²`; heads of one age are normally
//! distributed.

use super::age::{Age, NoAge, check_hc};
use super::normal::standard_normal_cdf;

/// The ages that the equations serve.
pub const WEEKS: (f64, f64) = (14.0, 40.0);
const NAME: &str = "INTERGROWTH-21st";
/// Centiles that charts draw, with the normal distribution's quantiles.
pub const CENTILES: [(f64, f64); 5] = [
    (3.0, -1.880_793_608_151_25),
    (10.0, -1.281_551_565_544_6),
    (50.0, 0.0),
    (90.0, 1.281_551_565_544_6),
    (97.0, 1.880_793_608_151_25),
];

/// Heads of one age.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heads {
    pub weeks: f64,
    pub mean_mm: f64,
    pub sd_mm: f64,
}

impl Heads {
    /// Fails outside of [`WEEKS`].
    pub fn at(weeks: f64) -> Result<Heads, NoAge> {
        let (low_weeks, high_weeks) = WEEKS;
        if !(low_weeks..=high_weeks).contains(&weeks) {
            return Err(NoAge::AgeOutside { weeks, low_weeks, high_weeks, source_name: NAME });
        }
        Ok(Heads { weeks, mean_mm: mean_mm(weeks), sd_mm: sd_mm(weeks) })
    }

    /// By how many SDs a head is larger than the mean.
    pub fn z_score(&self, hc_mm: f64) -> f64 {
        (hc_mm - self.mean_mm) / self.sd_mm
    }

    /// How many of a hundred heads of this age are smaller.
    pub fn centile(&self, hc_mm: f64) -> f64 {
        100.0 * standard_normal_cdf(self.z_score(hc_mm))
    }
}

fn mean_mm(weeks: f64) -> f64 {
    let squared = weeks * weeks;
    -28.2849 + 1.69267 * squared - 0.397485 * squared * weeks.ln()
}

fn mean_mm_per_week(weeks: f64) -> f64 {
    2.0 * 1.69267 * weeks - 0.397485 * weeks * (2.0 * weeks.ln() + 1.0)
}

fn sd_mm(weeks: f64) -> f64 {
    let (cubed, ln) = (weeks.powi(3), weeks.ln());
    1.98735 + 0.0136772 * cubed - 0.00726264 * cubed * ln + 0.000976253 * cubed * ln * ln
}

/// The age at which that circumference is the mean, and the SD of ages that the spread of heads stands for: the SD of
/// heads over the mean's growth a week.
///
/// Fails where no age of [`WEEKS`] has that mean. (The project's own equation for dating from HC and femur length is
/// another one.)
pub fn age(hc_mm: f64) -> Result<Age, NoAge> {
    check_hc(hc_mm)?;
    let (low_weeks, high_weeks) = WEEKS;
    let (low_mm, high_mm) = (mean_mm(low_weeks), mean_mm(high_weeks));
    if !(low_mm..=high_mm).contains(&hc_mm) {
        return Err(NoAge::HeadOutside { hc_mm, low_mm, high_mm, low_weeks, high_weeks, source_name: NAME });
    }
    // The mean rises up to 42.8 weeks, so halving finds the only age.
    let (mut below, mut above) = WEEKS;
    for _ in 0..60 {
        let middle = 0.5 * (below + above);
        if mean_mm(middle) < hc_mm { below = middle } else { above = middle }
    }
    let weeks = 0.5 * (below + above);
    let weeks_per_mm = 1.0 / mean_mm_per_week(weeks);
    Ok(Age { weeks, weeks_per_mm, growth_sd_weeks: Some(sd_mm(weeks) * weeks_per_mm) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_as_large_as_the_published_chart_has_them() {
        // The project's inventory: 172.5 ± 7.4 mm at 20 weeks, 333.9 ± 12.9 mm at 40.
        for (weeks, mean_mm, sd_mm) in [(20.0, 172.5, 7.4), (40.0, 333.9, 12.9)] {
            let heads = Heads::at(weeks).unwrap();
            assert!((heads.mean_mm - mean_mm).abs() < 0.05 && (heads.sd_mm - sd_mm).abs() < 0.05, "{heads:?}");
        }
    }

    #[test]
    fn the_age_is_the_one_at_which_the_head_is_average() {
        for weeks in [14.0, 15.5, 20.0, 29.9, 36.2, 40.0] {
            let found = age(mean_mm(weeks)).unwrap();
            assert!((found.weeks - weeks).abs() < 1e-9, "{weeks}: {}", found.weeks);
            let slope = (mean_mm(weeks + 1e-4) - mean_mm(weeks - 1e-4)) / 2e-4;
            assert!((found.weeks_per_mm * slope - 1.0).abs() < 1e-6);
            assert!((found.growth_sd_weeks.unwrap() - sd_mm(weeks) / slope).abs() < 1e-6);
        }
    }

    #[test]
    fn a_head_of_average_size_is_on_the_50th_centile_and_2_sd_on_the_97_7th() {
        let heads = Heads::at(24.0).unwrap();
        assert!((heads.centile(heads.mean_mm) - 50.0).abs() < 1e-12);
        assert!((heads.centile(heads.mean_mm + 2.0 * heads.sd_mm) - 97.724_986_805_182_08).abs() < 1e-9);
        for (centile, z) in CENTILES {
            assert!((heads.centile(heads.mean_mm + z * heads.sd_mm) - centile).abs() < 1e-9, "{centile}");
        }
    }

    #[test]
    fn outside_of_14_to_40_weeks_there_is_no_number() {
        for weeks in [13.9, 40.1, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(Heads::at(weeks), Err(NoAge::AgeOutside { .. })), "{weeks}");
        }
        for hc_mm in [44.3, 97.0, 334.5] {
            assert!(matches!(age(hc_mm), Err(NoAge::HeadOutside { .. })), "{hc_mm}");
        }
    }
}
