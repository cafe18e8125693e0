//! Volumes that come with the data instead of being counted: a table of one's own, and the preprint's Table 9.

use super::Phase;
use crate::error::{Error, Result};
use crate::text;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What a volume is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Structure {
    /// RV, MYO and LV together.
    #[default]
    Heart,
    Rv,
    Myo,
    Lv,
}

impl Structure {
    pub fn word(self) -> &'static str {
        match self {
            Structure::Heart => "heart",
            Structure::Rv => "rv",
            Structure::Myo => "myo",
            Structure::Lv => "lv",
        }
    }

    /// Its part of what was counted of RV, MYO and LV.
    pub fn of(self, voxels: [u64; 3]) -> u64 {
        match self {
            Structure::Heart => voxels.iter().sum(),
            Structure::Rv => voxels[0],
            Structure::Myo => voxels[1],
            Structure::Lv => voxels[2],
        }
    }
}

/// One offered volume.
#[derive(Clone, Debug, PartialEq)]
pub struct Offered {
    pub patient: String,
    pub phase: Phase,
    pub structure: Structure,
    pub volume_ml: f64,
    /// Where it stands in Table 9, what is printed there.
    pub printed: Option<Printed>,
}

/// What Table 9 prints beside an offered volume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Printed {
    pub patient: String,
    /// The group and a number, `DCM_33`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Along x, y, z; rounded to three decimals.
    pub spacing_mm: [f64; 3],
    /// Along z, y, x.
    pub shape: [usize; 3],
    pub offered_ml: f64,
    /// Of the heart at ED.
    pub voxels: u64,
    pub computed_ml: f64,
    /// |offered - computed|.
    pub error_ml: f64,
}

/// The six patients of Table 9: what `data.clean` leaves out.
pub const ABNORMAL_PATIENTS: [&str; 6] =
    ["patient019", "patient078", "patient079", "patient080", "patient093", "patient099"];

/// Table 9 of the preprint.
pub fn table9() -> Result<Vec<Offered>> {
    #[derive(Deserialize)]
    struct Table {
        patient: Vec<Printed>,
    }
    let name = "data/papers/s4-table9.toml";
    let table: Table = toml::from_str(include_str!("../../../data/papers/s4-table9.toml"))
        .map_err(|e| Error::new("the shipped Table 9 is damaged").at(name).because(e))?;
    let offered = |row: Printed| Offered {
        patient: row.patient.clone(),
        phase: Phase::Ed,
        structure: Structure::Heart,
        volume_ml: row.offered_ml,
        printed: Some(row),
    };
    Ok(table.patient.into_iter().map(offered).collect())
}

/// Reads a CSV with the columns `patient` and `volume_ml`, and, where it has them, `phase` (ED or ES; else ED) and
/// `structure` (heart, rv, myo or lv; else the heart). An unreadable row is an error that names its line.
pub fn read_offered(path: &Path) -> Result<Vec<Offered>> {
    let wanted = "the first line is patient,volume_ml and, where wanted, phase and structure";
    let wrong = |what: String| Error::usage(what).at(path).cure(wanted);
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(path)
        .map_err(|e| Error::new("cannot read the table of offered volumes").at(path).because(e).cure(wanted))?;
    let header =
        reader.headers().map_err(|e| wrong("the table's first line cannot be read".into()).because(e))?.clone();
    let column = |name: &str| header.iter().position(|h| h.trim_start_matches('\u{feff}').eq_ignore_ascii_case(name));
    let needed = |name: &str| column(name).ok_or_else(|| wrong(format!("the table has no column {name}")));
    let (patient, volume, phase, structure) =
        (needed("patient")?, needed("volume_ml")?, column("phase"), column("structure"));
    let mut offered = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| wrong("a row of the table cannot be read".into()).because(e))?;
        let line = record.position().map_or(0, csv::Position::line);
        let field = |i: Option<usize>| i.and_then(|i| record.get(i)).unwrap_or_default();
        let bad = |what: &str, field: &str| wrong(format!("line {line}: \"{}\" is no {what}", text::line(field)));
        let volume_ml = field(Some(volume)).parse().ok().filter(|v: &f64| v.is_finite() && *v >= 0.0);
        offered.push(Offered {
            patient: name(field(Some(patient))).ok_or_else(|| bad("patient", field(Some(patient))))?,
            volume_ml: volume_ml.ok_or_else(|| bad("volume in ml", field(Some(volume))))?,
            phase: match field(phase).to_ascii_uppercase().as_str() {
                "" | "ED" => Phase::Ed,
                "ES" => Phase::Es,
                _ => return Err(bad("phase (ED or ES)", field(phase))),
            },
            structure: match field(structure).to_ascii_lowercase().as_str() {
                "" | "heart" => Structure::Heart,
                "rv" => Structure::Rv,
                "myo" => Structure::Myo,
                "lv" => Structure::Lv,
                _ => return Err(bad("structure (heart, rv, myo or lv)", field(structure))),
            },
            printed: None,
        });
    }
    if offered.is_empty() {
        return Err(wrong("the table has no row".into()));
    }
    Ok(offered)
}

/// `patient007`, also from `7`.
fn name(field: &str) -> Option<String> {
    if let Ok(number) = field.parse::<u32>() {
        return Some(format!("patient{number:03}"));
    }
    (!field.is_empty()).then(|| text::line(field).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_9_is_consistent_with_itself_but_for_the_row_whose_error_is_misprinted() {
        let rows = table9().unwrap();
        let names: Vec<&str> = rows.iter().map(|row| row.patient.as_str()).collect();
        assert_eq!(names, ABNORMAL_PATIENTS);
        for row in rows {
            let printed = row.printed.unwrap();
            let [dx, dy, dz] = printed.spacing_mm;
            let computed_ml = printed.voxels as f64 * dx * dy * dz / 1000.0;
            assert!((computed_ml - printed.computed_ml).abs() < 1e-4, "{}", row.patient);
            let error_ml = (printed.offered_ml - printed.computed_ml).abs();
            let slip = if row.patient == "patient093" { 0.02 } else { 2e-4 };
            assert!((error_ml - printed.error_ml).abs() < slip, "{} {error_ml}", row.patient);
        }
    }

    #[test]
    fn a_table_is_read_with_and_without_its_optional_columns_and_a_bad_line_is_named() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("offered.csv");
        let read = |content: &str| {
            std::fs::write(&path, content).unwrap();
            read_offered(&path)
        };
        let plain = read("patient,volume_ml\npatient001, 599.5\n7,1e2\n").unwrap();
        assert_eq!(
            (plain[0].patient.as_str(), plain[0].volume_ml, plain[0].structure),
            ("patient001", 599.5, Structure::Heart)
        );
        assert_eq!((plain[1].patient.as_str(), plain[1].phase), ("patient007", Phase::Ed));
        let full = read("\u{feff}Patient,phase,structure,volume_ml\npatient001,es,LV,225.6\n").unwrap();
        assert_eq!((full[0].phase, full[0].structure, full[0].volume_ml), (Phase::Es, Structure::Lv, 225.6));
        for (content, says) in [
            ("patient,ml\np,1\n", "no column volume_ml"),
            ("patient,volume_ml\n", "no row"),
            ("patient,volume_ml\npatient001,1\npatient002,many\n", "line 3: \"many\""),
            ("patient,volume_ml\npatient001,NaN\n", "line 2: \"NaN\""),
            ("patient,volume_ml,phase\npatient001,1,EX\n", "line 2: \"EX\""),
            ("patient,volume_ml\npatient001\n", "cannot be read"),
        ] {
            let e = read(content).unwrap_err();
            assert!(e.what.contains(says) && e.file.is_some() && e.cure.is_some(), "{content:?}: {e}");
        }
    }
}
