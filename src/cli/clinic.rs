//! `hcwb clinic`: gestational age and centile of one circumference.

use super::output;
use super::predict::positive;
use crate::clinic::{Assessment, Estimate, ForAge, days_words};
use crate::error::Result;
use clap::Args;

#[derive(Args)]
pub struct Clinic {
    /// The head's circumference
    #[arg(long, value_name = "MM", value_parser = positive)]
    hc_mm: f64,
    /// The age that is known otherwise, for the centile
    #[arg(long, value_name = "WEEKS", value_parser = weeks)]
    ga_weeks: Option<f64>,
    /// SD of the circumference's error
    #[arg(long, value_name = "MM", value_parser = positive)]
    sd_mm: Option<f64>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn weeks(word: &str) -> Result<f64, String> {
    let value = word.parse::<f64>().ok().filter(|v| v.is_finite() && *v > 0.0);
    value.ok_or_else(|| format!("\"{}\" is not a positive number of weeks, as 20.3 is", crate::text::line(word)))
}

pub fn run(args: &Clinic) -> Result<()> {
    let found = Assessment::of(args.hc_mm, args.sd_mm, args.ga_weeks);
    if args.json {
        return output::json(&found);
    }
    let sd = found.hc_sd_mm.map_or(String::new(), |sd| format!(" ± {sd:.1}"));
    let mut text = format!("HC {:.1}{sd} mm\n\n", found.hc_mm);
    let rows = [row("Hadlock 1984", &found.hadlock), row("INTERGROWTH-21st", &found.intergrowth)];
    text += &output::table(&["gestational age by", ">weeks", "", ">± HC's error", ">± growth", ">± both"], &rows);
    for reason in [&found.hadlock, &found.intergrowth].iter().filter_map(|e| e.reason.as_ref()) {
        text += &format!("{reason}\n");
    }
    if let Some(for_age) = &found.for_age {
        text += &format!("\n{}\n", at_age(for_age));
    }
    text += &format!("\n{}\n", found.notice);
    output::print(&text)
}

fn row(name: &str, found: &Estimate) -> Vec<String> {
    let figure = output::figure;
    vec![
        name.to_owned(),
        figure(found.ga_weeks),
        found.ga_weeks.map_or(String::new(), days_words),
        figure(found.measurement_sd_weeks),
        figure(found.growth_sd_weeks),
        figure(found.sd_weeks),
    ]
}

fn at_age(found: &ForAge) -> String {
    let (Some(mean), Some(sd), Some(z), Some(centile)) = (found.mean_mm, found.sd_mm, found.z_score, found.centile)
    else {
        return found.reason.clone().unwrap_or_default();
    };
    let z_sd = found.z_score_sd.map_or(String::new(), |sd| format!(" ± {sd:.2}"));
    let range = found.centile_interval.map_or(String::new(), |[low, high]| format!(" ({low:.1} to {high:.1})"));
    let chart: Vec<String> = found.chart.iter().map(|[centile, mm]| format!("{centile:.0}: {mm:.1}")).collect();
    format!(
        "at {} (INTERGROWTH-21st): mean {mean:.1} ± {sd:.1} mm, z-score {z:+.2}{z_sd}, centile {centile:.1}{range}\n\
         mm on the centiles {}",
        days_words(found.ga_weeks),
        chart.join(", ")
    )
}
