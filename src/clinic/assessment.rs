//! One head by every equation of this room, for tables, JSON and screens.

use super::age::{Age, NoAge, check_hc};
use super::intergrowth::{CENTILES, Heads};
use super::{NOTICE, hadlock, intergrowth, standard_normal_cdf};
use serde::Serialize;

/// All that is said of one head. Numbers are absent where `reason` says why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Assessment {
    pub notice: &'static str,
    pub hc_mm: f64,
    /// Of the measurement.
    pub hc_sd_mm: Option<f64>,
    pub hadlock: Estimate,
    pub intergrowth: Estimate,
    /// Where the age is known.
    pub for_age: Option<ForAge>,
}

/// An age by one equation.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Estimate {
    pub ga_weeks: Option<f64>,
    /// What the measurement's SD makes of the age.
    pub measurement_sd_weeks: Option<f64>,
    /// What the spread of heads of one age makes of it.
    pub growth_sd_weeks: Option<f64>,
    /// Both together, as far as they are known.
    pub sd_weeks: Option<f64>,
    pub reason: Option<String>,
}

/// The head among those of a known age (INTERGROWTH-21st).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ForAge {
    pub ga_weeks: f64,
    pub mean_mm: Option<f64>,
    pub sd_mm: Option<f64>,
    pub z_score: Option<f64>,
    /// Of the measurement.
    pub z_score_sd: Option<f64>,
    pub centile: Option<f64>,
    /// The centiles of one SD of the measurement less and more.
    pub centile_interval: Option<[f64; 2]>,
    /// HC in mm on the centiles that charts draw: [centile, mm].
    pub chart: Vec<[f64; 2]>,
    pub reason: Option<String>,
}

impl Assessment {
    /// Of a circumference, with the SD of its measurement and the pregnancy's age where they are known.
    pub fn of(hc_mm: f64, hc_sd_mm: Option<f64>, ga_weeks: Option<f64>) -> Assessment {
        Assessment {
            notice: NOTICE,
            hc_mm,
            hc_sd_mm,
            hadlock: Estimate::new(hadlock::age(hc_mm), hc_sd_mm),
            intergrowth: Estimate::new(intergrowth::age(hc_mm), hc_sd_mm),
            for_age: ga_weeks.map(|weeks| ForAge::new(hc_mm, hc_sd_mm, weeks)),
        }
    }
}

impl Estimate {
    fn new(age: Result<Age, NoAge>, hc_sd_mm: Option<f64>) -> Estimate {
        match age {
            Ok(age) => Estimate {
                ga_weeks: Some(age.weeks),
                measurement_sd_weeks: hc_sd_mm.map(|sd| age.measurement_sd_weeks(sd)),
                growth_sd_weeks: age.growth_sd_weeks,
                sd_weeks: age.sd_weeks(hc_sd_mm),
                reason: None,
            },
            Err(none) => Estimate { reason: Some(none.to_string()), ..Estimate::default() },
        }
    }
}

impl ForAge {
    fn new(hc_mm: f64, hc_sd_mm: Option<f64>, ga_weeks: f64) -> ForAge {
        let heads = match check_hc(hc_mm).and_then(|()| Heads::at(ga_weeks)) {
            Ok(heads) => heads,
            Err(none) => return ForAge { ga_weeks, reason: Some(none.to_string()), ..ForAge::default() },
        };
        let z = heads.z_score(hc_mm);
        let z_sd = hc_sd_mm.map(|sd| sd / heads.sd_mm);
        let centile = |z: f64| 100.0 * standard_normal_cdf(z);
        ForAge {
            ga_weeks,
            mean_mm: Some(heads.mean_mm),
            sd_mm: Some(heads.sd_mm),
            z_score: Some(z),
            z_score_sd: z_sd,
            centile: Some(centile(z)),
            centile_interval: z_sd.map(|sd| [centile(z - sd), centile(z + sd)]),
            chart: CENTILES.iter().map(|(centile, z)| [*centile, heads.mean_mm + z * heads.sd_mm]).collect(),
            reason: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_asked_numbers_are_finite_or_absent_with_a_reason() {
        for hc_mm in [f64::NAN, -1.0, 0.0, 1e-300, 44.3, 174.2, 346.4, 1e300, f64::INFINITY] {
            for weeks in [None, Some(f64::NAN), Some(-3.0), Some(20.3), Some(41.0)] {
                let found = Assessment::of(hc_mm, Some(4.0), weeks);
                for estimate in [&found.hadlock, &found.intergrowth] {
                    assert_eq!(estimate.ga_weeks.is_none(), estimate.reason.is_some());
                    assert!(estimate.ga_weeks.is_none_or(f64::is_finite));
                }
                if let Some(for_age) = &found.for_age {
                    assert_eq!(for_age.centile.is_none(), for_age.reason.is_some(), "{hc_mm} {weeks:?}");
                    assert!(for_age.centile.is_none_or(|c| (0.0..=100.0).contains(&c)));
                }
                assert_eq!(found.notice, "for research, not for diagnosis");
            }
        }
    }

    #[test]
    fn the_measurement_s_error_widens_the_centile() {
        let found = Assessment::of(174.2, Some(4.0), Some(20.3)).for_age.unwrap();
        let [low, high] = found.centile_interval.unwrap();
        assert!(low < found.centile.unwrap() && found.centile.unwrap() < high);
        assert!((found.z_score_sd.unwrap() * found.sd_mm.unwrap() - 4.0).abs() < 1e-12);
        assert_eq!(Assessment::of(174.2, None, Some(20.3)).for_age.unwrap().centile_interval, None);
    }
}
