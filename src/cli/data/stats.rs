//! `hcwb data stats`: counts and ranges.

use super::{images, prepare, show};
use crate::cli::output;
use crate::dataset::acdc::{self, Hearts};
use crate::dataset::stats::{self, Group, Range, Stats};
use crate::dataset::{self, DatasetKind, Preparation};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::workspace::Workspace;
use std::fmt::Write as _;

pub fn run(name: &str, json: bool, ws: &Workspace, progress: &dyn Progress) -> Result<()> {
    let data = dataset::load(ws, name)?;
    match data.kind {
        DatasetKind::Hc18 => {
            // Figures need the rings read once, which preparation does and keeps.
            let prepared = prepare::prepare(ws, &data, &Preparation { width: 128, height: 128 }, progress)?;
            let stats = stats::stats(&prepared.samples)
                .ok_or_else(|| Error::new("there is no image to count").at(&data.path))?;
            show(json, &stats, || stats_text(name, &stats))
        }
        DatasetKind::Acdc => {
            let hearts = Hearts::find(&data.path)?;
            let stats = acdc::stats(&acdc::volumes(&hearts, progress));
            show(json, &stats, || hearts_text(name, &stats))
        }
    }
}

/// Patients and volumes by group.
fn hearts_text(name: &str, stats: &acdc::Stats) -> String {
    let mut out = format!("{name}: {} patients, {} phases counted\n", stats.patients, stats.phases);
    if !stats.not_counted.is_empty() {
        let _ = writeln!(out, "not counted: {}", stats.not_counted.join(", "));
    }
    let range = |what: &str, unit: &str, range: &Option<Range>| match range {
        Some(r) => format!("{what} {} to {}{unit}, median {}\n", short(r.min), short(r.max), short(r.median)),
        None => String::new(),
    };
    out += &range("slices", "", &stats.slices);
    out += &range("in-plane spacing", " mm", &stats.in_plane_mm);
    out += &range("distance of slices", " mm", &stats.slice_mm);
    out.push('\n');
    let cell =
        |r: &Option<Range>| r.as_ref().map_or("–".into(), |r| format!("{:.0} ({:.0}–{:.0})", r.mean, r.min, r.max));
    let row = |g: &acdc::GroupStats| {
        let mut row = vec![g.group.map_or("–", |group| group.word()).to_owned(), g.patients.to_string()];
        row.extend([&g.lv_edv_ml, &g.lv_esv_ml, &g.lv_ef_percent].map(cell));
        row.extend([&g.rv_edv_ml, &g.rv_esv_ml, &g.rv_ef_percent, &g.myo_mass_g].map(cell));
        row
    };
    let header = [
        "group",
        ">patients",
        ">LV EDV ml",
        ">LV ESV ml",
        ">LV EF %",
        ">RV EDV ml",
        ">RV ESV ml",
        ">RV EF %",
        ">MYO g",
    ];
    out += &output::table(&header, &stats.groups.iter().map(row).collect::<Vec<_>>());
    out += "\nmean (least–greatest)\n";
    out
}

/// Six digits at most.
fn short(value: f64) -> f64 {
    (value * 1e5).round() / 1e5
}

fn stats_text(name: &str, stats: &Stats) -> String {
    let mut out = format!("{name}: {} of {} examinations\n", images(stats.all.images), stats.all.exams);
    let sizes: Vec<String> =
        stats.sizes.iter().map(|s| format!("{}x{} ({})", s.width_px, s.height_px, s.images)).collect();
    let _ = writeln!(out, "sizes in px: {}", sizes.join(", "));
    if stats.without_ring > 0 {
        let _ = writeln!(out, "without a usable ring: {}", stats.without_ring);
    }
    out.push('\n');
    let row = |label: String, what: &str, range: Range, digits: usize| {
        let number = |v: f64| format!("{v:.digits$}");
        vec![label, what.into(), number(range.min), number(range.mean), number(range.median), number(range.max)]
    };
    let rows_of = |label: String, group: &Group| {
        [
            row(label, "HC px", group.hc_px, 1),
            row(format!("{} images", group.images), "HC mm", group.hc_mm, 2),
            row(String::new(), "pixel size mm", group.pixel_size_mm, 4),
        ]
    };
    let mut rows = Vec::from(rows_of("all".into(), &stats.all));
    for (trimester, group) in &stats.trimesters {
        rows.extend(rows_of(format!("trimester {trimester}"), group));
    }
    out.push_str(&output::table(&["group", "", ">min", ">mean", ">median", ">max"], &rows));
    if !stats.trimesters.is_empty() {
        out.push_str("\ntrimesters are inferred from the order of the published files\n");
    }
    out
}
