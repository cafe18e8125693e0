//! What is wrong with a folder of ACDC's kind, patient by patient.

use super::clean::{ABNORMAL_ML, compare};
use super::offered::{Offered, table9};
use super::{Hearts, LabelMap, Patient, PatientVolumes, Phase, PhaseVolumes, STRUCTURES, Scan, read_header, read_scan};
use crate::dataset::audit::Audit;
use crate::dataset::finding::{Finding, FindingKind};
use crate::dataset::fingerprint::digest;
use crate::error::{Error, Result};
use crate::progress::Progress;
use rayon::prelude::*;
use std::collections::HashMap;
use std::path::Path;

/// Spacings of cines lie far within, in mm: in plane, and between slices.
const USUAL_IN_PLANE_MM: std::ops::RangeInclusive<f64> = 0.5..=3.0;
const USUAL_SLICE_MM: std::ops::RangeInclusive<f64> = 2.0..=20.0;
/// How far, relatively, two headers' spacings may lie apart; 32 bits and five printed digits lose less.
const SPACING_TOLERANCE: f64 = 1e-4;

/// Audits a folder that need not be registered. One damaged patient never hides another.
pub fn audit_hearts(dir: &Path, progress: &dyn Progress) -> Result<Audit> {
    audit_offered(dir, &[], progress)
}

/// As [`audit_hearts`], with volumes offered by the user; the preprint's Table 9 is always looked at.
pub fn audit_offered(dir: &Path, offers: &[Offered], progress: &dyn Progress) -> Result<Audit> {
    let hearts = Hearts::find(dir)?;
    progress.begin("auditing patients", hearts.patients.len() as u64);
    let audited: Vec<Audited> = hearts
        .patients
        .par_iter()
        .map(|patient| {
            let audited = Audited::of(patient);
            progress.advance(1);
            audited
        })
        .collect();
    let mut findings: Vec<Finding> = identical(&audited);
    let (mut own, mut counted) = (Vec::new(), Vec::new());
    for audited in audited {
        own.extend(audited.findings);
        counted.push(audited.counted);
    }
    findings.extend(own);
    findings.extend(abnormal(offers, &counted)?);
    // Stable: within a kind the order of the patients stays.
    findings.sort_by_key(|finding| (finding.severity, finding.kind));
    Ok(Audit { images: hearts.count_images()?, findings })
}

/// One patient's findings, what was counted, and the digests of its images.
struct Audited {
    findings: Vec<Finding>,
    counted: PatientVolumes,
    digests: Vec<(String, [u8; 32])>,
}

impl Audited {
    fn of(patient: &Patient) -> Audited {
        let mut audited =
            Audited { findings: Vec::new(), counted: PatientVolumes::without_volumes(patient), digests: Vec::new() };
        audited.info(patient);
        if let Ok(info) = &patient.info {
            for phase in Phase::ALL {
                audited.counted.phases[phase as usize] = audited.phase(patient, phase, info.frame(phase));
            }
            audited.phases();
            audited.cine(patient);
        }
        audited.strangers(patient);
        audited
    }

    fn find(&mut self, kind: FindingKind, file: &str, detail: impl AsRef<str>) {
        self.findings.push(Finding::new(kind, file, detail));
    }

    fn info(&mut self, patient: &Patient) {
        let file = format!("{}/Info.cfg", patient.name);
        match &patient.info {
            Err(e) => self.find(FindingKind::WrongInfo, &file, chain(e)),
            Ok(info) => info.defects.iter().for_each(|defect| self.find(FindingKind::WrongInfo, &file, defect)),
        }
    }

    fn phase(&mut self, patient: &Patient, phase: Phase, frame: u32) -> Result<PhaseVolumes> {
        let files = patient.frame_files(frame);
        let (image, mask) = (name(&files.image), name(&files.labels));
        match (files.image.is_file(), files.labels.is_file()) {
            (false, false) => {
                let detail =
                    format!("Info.cfg says that {} is frame {frame}; neither image nor mask is there", phase.word());
                self.find(FindingKind::MissingPhase, &image, detail);
            }
            (false, true) => self.find(FindingKind::MissingPartner, &image, format!("the image of {mask}")),
            (true, false) if patient.part.is_none_or(|part| part == super::Part::Training) => {
                self.find(FindingKind::MissingPartner, &mask, format!("the ground truth of {image}"));
            }
            // The test set was published without ground truth first.
            _ => {}
        }
        let mut scan = None;
        if files.image.is_file() {
            if let Ok(bytes) = std::fs::read(&files.image) {
                self.digests.push((image.clone(), digest(&bytes)));
            }
            match read_scan(&files.image) {
                Ok(read) => {
                    self.spacing(&read, &image);
                    scan = Some(read);
                }
                Err(e) => self.find(FindingKind::UnreadableImage, &image, chain(&e)),
            }
        }
        if !files.labels.is_file() {
            return Err(Error::new("there is no ground truth"));
        }
        let read =
            read_scan(&files.labels).inspect_err(|e| self.find(FindingKind::UnreadableImage, &mask, chain(e)))?;
        let map = LabelMap::of(read).inspect_err(|e| self.find(FindingKind::WrongLabel, &mask, chain(e)))?;
        if let Some(scan) = &scan {
            map.fits(&scan.header).inspect_err(|e| self.find(FindingKind::MaskShapeDiffers, &mask, chain(e)))?;
            if !near(map.header.spacing_mm, scan.header.spacing_mm) {
                let (own, other) = (mm(map.header.spacing_mm), mm(scan.header.spacing_mm));
                self.find(FindingKind::SpacingDiffers, &mask, format!("{own}, but {image} has {other}"));
            }
        }
        let counted = PhaseVolumes::count(&map, phase, frame);
        for (structure, voxels) in STRUCTURES.iter().zip(counted.voxels) {
            if voxels == 0 {
                let detail = format!("no voxel of {} is {}", phase.word(), structure.to_uppercase());
                self.find(FindingKind::EmptyStructure, &mask, detail);
            }
        }
        Ok(counted)
    }

    fn spacing(&mut self, scan: &Scan, file: &str) {
        let header = &scan.header;
        if let Some(sform_mm) = header.sform_spacing_mm.filter(|sform_mm| !near(*sform_mm, header.spacing_mm)) {
            let detail = format!("pixdim says {}, sform {}; pixdim is used", mm(header.spacing_mm), mm(sform_mm));
            self.find(FindingKind::SpacingDiffers, file, detail);
        }
        let [dx, dy, dz] = header.spacing_mm;
        let usual = [dx, dy].iter().all(|mm| USUAL_IN_PLANE_MM.contains(mm)) && USUAL_SLICE_MM.contains(&dz);
        if !usual {
            self.find(FindingKind::OddSpacing, file, format!("{}: no cine of a heart has that", mm(header.spacing_mm)));
        }
    }

    fn phases(&mut self) {
        let lv_ml = |phase| self.counted.phase(phase).map(|counted| counted.volumes_ml[2]);
        if let (Some(ed), Some(es)) = (lv_ml(Phase::Ed), lv_ml(Phase::Es))
            && es > ed
        {
            let detail = format!("the left ventricle has {ed:.1} ml at ED and {es:.1} ml at ES");
            let file = format!("{}/Info.cfg", self.counted.patient);
            self.find(FindingKind::PhasesSwapped, &file, detail);
        }
    }

    /// Frames against the header of the 4D file they were taken from.
    fn cine(&mut self, patient: &Patient) {
        let (Some(path), Ok(info)) = (patient.cine(), &patient.info) else { return };
        let file = name(&path);
        let cine = match read_header(&path) {
            Ok(cine) => cine,
            Err(e) => return self.find(FindingKind::UnreadableImage, &file, chain(&e)),
        };
        if let Some(frames) = info.frames.filter(|frames| *frames as usize != cine.shape[3]) {
            let detail = format!("it holds {} frames; Info.cfg says {frames}", cine.shape[3]);
            self.find(FindingKind::CineDiffers, &file, detail);
        }
        for phase in Phase::ALL {
            let image = patient.frame_files(info.frame(phase)).image;
            let Ok(header) = read_header(&image) else { continue };
            if header.shape[..3] != cine.shape[..3] {
                let detail = format!("{} voxels; {file} has {}", header.size(), cine.size());
                self.find(FindingKind::CineDiffers, &name(&image), detail);
            }
            if !near(header.spacing_mm, cine.spacing_mm) {
                let detail = format!("{}; {file} has {}", mm(header.spacing_mm), mm(cine.spacing_mm));
                self.find(FindingKind::CineDiffers, &name(&image), detail);
            }
        }
    }

    fn strangers(&mut self, patient: &Patient) {
        let files = match patient.files() {
            Ok(files) => files,
            Err(e) => return self.find(FindingKind::UnreadableImage, &patient.name, chain(&e)),
        };
        // Without Info.cfg nobody knows which frames are meant.
        let Ok(info) = &patient.info else { return };
        let mut known: Vec<_> = patient.cine().into_iter().collect();
        for phase in Phase::ALL {
            let files = patient.frame_files(info.frame(phase));
            known.extend([files.image, files.labels]);
        }
        for (file, path) in files {
            if file != "Info.cfg" && !known.contains(&path) {
                let detail = "neither of ED's nor of ES's frame in Info.cfg: left out";
                self.find(FindingKind::UnexpectedFile, &file, detail);
            }
        }
    }
}

/// Images with the same bytes: one finding for each but the first.
fn identical(audited: &[Audited]) -> Vec<Finding> {
    let mut first: HashMap<[u8; 32], &str> = HashMap::new();
    let mut findings = Vec::new();
    for (file, digest) in audited.iter().flat_map(|audited| &audited.digests) {
        match first.get(digest) {
            Some(twin) => {
                findings.push(Finding::new(FindingKind::IdenticalImages, file, format!("the same bytes as {twin}")));
            }
            None => drop(first.insert(*digest, file)),
        }
    }
    findings
}

/// Offered volumes that the voxels do not make. Table 9 speaks of the published patients alone: those whose voxels it counts.
fn abnormal(offers: &[Offered], counted: &[PatientVolumes]) -> Result<Vec<Finding>> {
    let published = compare(&table9()?, counted);
    let published = published.into_iter().filter(|c| c.voxels == c.printed.as_ref().map(|printed| printed.voxels));
    let mut findings = Vec::new();
    for c in published.chain(compare(offers, counted)) {
        let (Some(true), Some(computed_ml), Some(explanation)) = (c.abnormal, c.computed_ml, c.explanation) else {
            continue;
        };
        let by = if c.printed.is_some() { "Table 9 of the preprint" } else { "the table" };
        let detail = format!(
            "{by} offers {:.4} ml ({} at {}), the voxels make {computed_ml:.4} ml, {ABNORMAL_ML} ml or more away; it fits {}",
            c.offered_ml,
            c.structure.word(),
            c.phase.word(),
            explanation.words
        );
        findings.push(Finding::new(FindingKind::AbnormalVolume, &c.patient, detail));
    }
    Ok(findings)
}

fn near(one_mm: [f64; 3], other_mm: [f64; 3]) -> bool {
    one_mm.iter().zip(other_mm).all(|(a, b)| (a - b).abs() <= SPACING_TOLERANCE * a.max(b))
}

fn mm([x, y, z]: [f64; 3]) -> String {
    let short = |mm: f64| (mm * 1e6).round() / 1e6;
    format!("{} x {} x {} mm", short(x), short(y), short(z))
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Everything an error says but the file, which the finding names.
fn chain(e: &Error) -> String {
    match &e.file {
        Some(file) => e.chain().replace(&format!(" [{}]", file.display()), ""),
        None => e.chain(),
    }
}
