//! `hcwb data volumes`: volumes of the ground truth, what they say of a heart, and offered volumes beside them.

use super::{remark, show};
use crate::cli::output;
use crate::clinic::NOTICE;
use crate::clinic::cardiac::{Diagnosis, Group};
use crate::dataset::acdc::{
    self, Comparison, Hearts, PatientVolumes, VolumeRow, compare, read_offered, rounded_in_plane, table9,
};
use crate::dataset::{self, DatasetKind, aside};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::workspace::Workspace;
use clap::Args;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::PathBuf;

#[derive(Args, Clone, Debug)]
#[command(after_help = "EF and SV are a patient's, all else a phase's. Fractions in JSON and CSV go from 0 to 1. \
                        Indices are per m² of body surface by Mosteller. For research, not for diagnosis.")]
pub struct Volumes {
    name: String,
    /// Write the rows as CSV too
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// The group of each patient by ACDC's published rules, beside the one given
    #[arg(long)]
    diagnosis: bool,
    /// Compare with offered volumes: a CSV with patient, volume_ml and, where wanted, phase and structure
    #[arg(long, value_name = "FILE", conflicts_with = "diagnosis")]
    offered: Option<PathBuf>,
    /// Compare with Table 9 of the preprint: six patients whose offered volume is not the counted one
    #[arg(long, conflicts_with_all = ["diagnosis", "offered", "csv"])]
    table9: bool,
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Volumes, ws: &Workspace, progress: &dyn Progress) -> Result<()> {
    let data = dataset::load(ws, &args.name)?;
    data.of_kind(DatasetKind::Acdc, "counting volumes")?;
    let offers = match &args.offered {
        Some(path) => Some(read_offered(path)?),
        None => args.table9.then(table9).transpose()?,
    };
    let counted = acdc::volumes(&Hearts::find(&data.path)?, progress);
    let rows = acdc::rows(&counted);
    if let Some(path) = &args.csv {
        aside::replace(path, &csv(&rows)?)?;
    }
    if let Some(offers) = offers {
        let compared = compare(&offers, &counted);
        return show(args.json, &compared, || compared_text(&compared));
    }
    if args.diagnosis {
        let rows: Vec<DiagnosisRow> = counted.iter().map(DiagnosisRow::of).collect();
        show(args.json, &rows, || diagnosis_text(&rows))?;
    } else {
        show(args.json, &rows, || rows_text(&rows))?;
    }
    for row in &rows {
        if let Some(reason) = &row.reason {
            remark(&format!("{} {}: {reason}", row.patient, row.phase.word()));
        }
    }
    if rows.iter().all(|row| row.lv_ml.is_none()) {
        return Err(Error::new("no phase of any patient could be counted")
            .at(&data.path)
            .cure(format!("see hcwb data audit {}", data.name)));
    }
    Ok(())
}

fn rows_text(rows: &[VolumeRow]) -> String {
    let ml = |v: Option<f64>| v.map_or("–".into(), |v| format!("{v:.4}"));
    let one = |v: Option<f64>, times: f64| v.map_or("–".into(), |v| format!("{:.1}", v * times));
    let row = |r: &VolumeRow| {
        vec![
            r.patient.clone(),
            r.group.map_or("–", Group::word).to_owned(),
            r.phase.word().to_owned(),
            r.frame.map_or("–".into(), |frame| frame.to_string()),
            ml(r.rv_ml),
            ml(r.myo_ml),
            ml(r.lv_ml),
            one(r.lv_ef, 100.0),
            one(r.rv_ef, 100.0),
            one(r.lv_sv_ml, 1.0),
            one(r.rv_sv_ml, 1.0),
            one(r.myo_mass_g, 1.0),
            one(r.lv_ml_per_m2, 1.0),
            one(r.rv_ml_per_m2, 1.0),
        ]
    };
    let header = [
        "patient",
        "group",
        "phase",
        ">frame",
        ">RV ml",
        ">MYO ml",
        ">LV ml",
        ">LVEF %",
        ">RVEF %",
        ">LVSV ml",
        ">RVSV ml",
        ">MYO g",
        ">LV ml/m²",
        ">RV ml/m²",
    ];
    output::table(&header, &rows.iter().map(row).collect::<Vec<_>>())
}

/// One column a number; the three spacings and sizes apart.
fn csv(rows: &[VolumeRow]) -> Result<Vec<u8>> {
    let broken = |e: csv::Error| Error::new("cannot write the volumes as CSV").because(e);
    let mut writer = csv::Writer::from_writer(Vec::new());
    let number = |v: Option<f64>| v.map_or(String::new(), |v| v.to_string());
    let header = "patient,group,phase,frame,rv_ml,myo_ml,lv_ml,lv_ef,rv_ef,lv_sv_ml,rv_sv_ml,myo_mass_g,bsa_m2,rv_ml_per_m2,\
                  myo_ml_per_m2,lv_ml_per_m2,lv_sv_ml_per_m2,rv_sv_ml_per_m2,myo_mass_g_per_m2,rv_voxels,myo_voxels,\
                  lv_voxels,spacing_x_mm,spacing_y_mm,spacing_z_mm,size_x,size_y,size_z,reason";
    writer.write_record(header.split(',')).map_err(broken)?;
    for r in rows {
        let mut record = vec![
            r.patient.clone(),
            r.group.map_or("", Group::word).to_owned(),
            r.phase.word().to_owned(),
            r.frame.map_or(String::new(), |frame| frame.to_string()),
        ];
        let numbers = [
            r.rv_ml,
            r.myo_ml,
            r.lv_ml,
            r.lv_ef,
            r.rv_ef,
            r.lv_sv_ml,
            r.rv_sv_ml,
            r.myo_mass_g,
            r.bsa_m2,
            r.rv_ml_per_m2,
            r.myo_ml_per_m2,
            r.lv_ml_per_m2,
            r.lv_sv_ml_per_m2,
            r.rv_sv_ml_per_m2,
            r.myo_mass_g_per_m2,
        ];
        record.extend(numbers.map(number));
        record.extend((0..3).map(|i| r.voxels.map_or(String::new(), |v| v[i].to_string())));
        record.extend((0..3).map(|i| number(r.spacing_mm.map(|mm| mm[i]))));
        record.extend((0..3).map(|i| r.shape.map_or(String::new(), |n| n[i].to_string())));
        record.push(r.reason.clone().unwrap_or_default());
        writer.write_record(&record).map_err(broken)?;
    }
    writer.into_inner().map_err(|e| Error::new("cannot write the volumes as CSV").because(e.into_error()))
}

#[derive(Serialize)]
struct DiagnosisRow {
    notice: &'static str,
    patient: String,
    /// As given in Info.cfg.
    group: Option<Group>,
    #[serde(flatten)]
    measures: crate::clinic::cardiac::Measures,
    diagnosis: Option<Group>,
    reasons: Vec<String>,
}

impl DiagnosisRow {
    fn of(patient: &PatientVolumes) -> DiagnosisRow {
        let Diagnosis { group, reasons } = patient.diagnosis();
        let (measures, patient_name) = (patient.measures(), patient.patient.clone());
        DiagnosisRow {
            notice: NOTICE,
            patient: patient_name,
            group: patient.group,
            measures,
            diagnosis: group,
            reasons,
        }
    }
}

fn diagnosis_text(rows: &[DiagnosisRow]) -> String {
    let word = |group: Option<Group>| group.map_or("–", Group::word).to_owned();
    let row = |r: &DiagnosisRow| {
        let mark = if r.group.is_some() && r.group != r.diagnosis { "≠" } else { "" };
        vec![r.patient.clone(), word(r.group), word(r.diagnosis), mark.to_owned(), r.reasons.join(", ")]
    };
    let mut out =
        output::table(&["patient", "group", "by the rules", "", "why"], &rows.iter().map(row).collect::<Vec<_>>());
    let known: Vec<&DiagnosisRow> = rows.iter().filter(|r| r.group.is_some() && r.diagnosis.is_some()).collect();
    if !known.is_empty() {
        let right = known.iter().filter(|r| r.group == r.diagnosis).count();
        let percent = 100.0 * right as f64 / known.len() as f64;
        let _ = writeln!(out, "\nagreement {right} of {} ({percent:.0} %)\n", known.len());
        let count = |given: Group, found: Group| match known
            .iter()
            .filter(|r| r.group == Some(given) && r.diagnosis == Some(found))
            .count()
        {
            0 => "·".to_owned(),
            n => n.to_string(),
        };
        let line = |given: Group| {
            let mut line = vec![given.word().to_owned()];
            line.extend(Group::ALL.map(|found| count(given, found)));
            line
        };
        out += &output::table(&["given \\ rules", ">NOR", ">MINF", ">DCM", ">HCM", ">RV"], &Group::ALL.map(line));
    }
    let _ = writeln!(
        out,
        "\ninfarction (MINF) and dilation (DCM) are told apart by LVEDV alone, not by the motion of segments;\n\
         hypertrophy (HCM) is taken from mass or from several thick segments; {NOTICE}"
    );
    out
}

fn compared_text(compared: &[Comparison]) -> String {
    let printed = compared.iter().any(|c| c.printed.is_some());
    let ml = |v: Option<f64>| v.map_or("–".into(), |v| format!("{v:.4}"));
    let row = |c: &Comparison| {
        let spacing = c.spacing_mm.map(rounded_in_plane);
        let verdict = match (c.abnormal, &c.explanation, &c.reason) {
            (_, _, Some(reason)) => reason.clone(),
            (Some(true), Some(explanation), _) => explanation.words.clone(),
            (Some(false), ..) => "normal".into(),
            _ => String::new(),
        };
        let mut row = vec![c.patient.clone()];
        row.push(match &c.printed {
            Some(printed) => printed.kind.clone(),
            None => format!("{} {}", c.structure.word(), c.phase.word()),
        });
        row.push(spacing.map_or("–".into(), |[x, y, z]| format!("{x} {y} {z}")));
        row.push(c.shape.map_or("–".into(), |[x, y, z]| format!("{z} {y} {x}")));
        row.extend([ml(Some(c.offered_ml)), c.voxels.map_or("–".into(), |v| v.to_string())]);
        row.push(ml(c.computed_rounded_ml));
        if printed {
            row.push(ml(c.printed.as_ref().map(|p| p.computed_ml)));
        }
        row.extend([ml(c.computed_ml), ml(c.difference_ml.map(f64::abs)), verdict]);
        row
    };
    let mut header = vec!["patient", "of", "spacing x y z mm", "shape z y x", ">offered ml", ">voxels", ">rounded ml"];
    if printed {
        header.push(">printed ml");
    }
    header.extend([">exact ml", ">|offered - exact|", "explained by"]);
    let mut out = output::table(&header, &compared.iter().map(row).collect::<Vec<_>>());
    let abnormal = compared.iter().filter(|c| c.abnormal == Some(true)).count();
    let _ = writeln!(
        out,
        "\n{abnormal} of {} abnormal: {} ml or more from what the voxels make with the header's spacing (exact).\n\
         rounded: with the in-plane spacing rounded to three decimals, as the preprint computes.",
        compared.len(),
        acdc::ABNORMAL_ML
    );
    out
}
