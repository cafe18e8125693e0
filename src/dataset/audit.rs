//! The audit: what is wrong with a data set, file by file.

use super::acdc::{self, Offered};
use super::aside;
pub use super::finding::{Finding, FindingKind, Severity};
use super::fingerprint::digest;
use super::hc18::{
    self, Folder, HC_TOLERANCE_MM, ImageFile, Listing, PUBLISHED_PIXEL_SIZE_MM, PUBLISHED_SIZE_PX, Part, Ring, Row,
    TableDefectKind,
};
use super::registry::{AuditSummary, Dataset, DatasetKind};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::workspace::Workspace;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

/// What an audit found: errors first, then by kind and file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    pub images: usize,
    pub findings: Vec<Finding>,
}

impl Audit {
    pub fn summary(&self) -> AuditSummary {
        let errors = self.findings.iter().filter(|f| f.severity == Severity::Error).count();
        AuditSummary { images: self.images, errors, warnings: self.findings.len() - errors }
    }

    /// How many findings of each kind.
    pub fn counts(&self) -> BTreeMap<FindingKind, usize> {
        let mut counts = BTreeMap::new();
        for finding in &self.findings {
            *counts.entry(finding.kind).or_default() += 1;
        }
        counts
    }
}

/// Reads every file of the data set and records what is wrong: the summary in `datasets/<name>.toml`, all findings in
/// `datasets/<name>.audit.json`.
pub fn audit(ws: &Workspace, dataset: &Dataset, progress: &dyn Progress) -> Result<Audit> {
    audit_with(ws, dataset, &[], progress)
}

/// As [`audit`], with offered volumes of hearts to compare with.
pub fn audit_with(ws: &Workspace, dataset: &Dataset, offers: &[Offered], progress: &dyn Progress) -> Result<Audit> {
    let mut dataset = dataset.clone();
    dataset.refresh(ws, progress)?;
    let audit = match dataset.kind {
        DatasetKind::Hc18 => audit_folder(&dataset.path, progress)?,
        DatasetKind::Acdc => acdc::audit_offered(&dataset.path, offers, progress)?,
    };
    let recorded = Recorded { fingerprint: dataset.fingerprint.clone(), audit };
    let json = serde_json::to_vec_pretty(&recorded).map_err(|e| Error::new("cannot write the audit").because(e))?;
    aside::replace(&findings_file(ws, &dataset.name), &json)?;
    dataset.audit = Some(recorded.audit.summary());
    dataset.store(ws)?;
    Ok(recorded.audit)
}

/// The last audit of these very data, if there was one.
pub fn recorded(ws: &Workspace, dataset: &Dataset) -> Option<Audit> {
    let bytes = std::fs::read(findings_file(ws, &dataset.name)).ok()?;
    let recorded: Recorded = serde_json::from_slice(&bytes).ok()?;
    (recorded.fingerprint == dataset.fingerprint).then_some(recorded.audit)
}

#[derive(Serialize, Deserialize)]
struct Recorded {
    fingerprint: String,
    #[serde(flatten)]
    audit: Audit,
}

pub(super) fn findings_file(ws: &Workspace, name: &str) -> PathBuf {
    ws.datasets().join(format!("{name}.audit.json"))
}

/// Audits a folder of HC18 that need not be registered.
pub fn audit_folder(dir: &Path, progress: &dyn Progress) -> Result<Audit> {
    let folder = Folder::find(dir)?;
    let mut audit = Audit { images: 0, findings: Vec::new() };
    for part in &folder.parts {
        let listing = part.read()?;
        audit.images += listing.images.len();
        let mut findings = audit_part(&listing, progress);
        if folder.parts.len() > 1 && part.part == Part::Test {
            // Both parts number their files from 000.
            let table = part.part.table_name();
            for finding in findings.iter_mut().filter(|finding| finding.file != table) {
                finding.file = format!("{}/{}", part.part.folder_name(), finding.file);
            }
        }
        audit.findings.extend(findings);
    }
    // Stable: within a kind the order of the files stays, by examination and repeat.
    audit.findings.sort_by_key(|finding| (finding.severity, finding.kind));
    Ok(audit)
}

fn audit_part(listing: &Listing, progress: &dyn Progress) -> Vec<Finding> {
    let mut findings = audit_names(listing);
    let rows = listing.table.by_file();
    progress.begin("auditing images", listing.images.len() as u64);
    let seen: Vec<([u8; 32], Vec<Finding>)> = listing
        .images
        .par_iter()
        .map(|image| {
            let seen = audit_image(image, rows.get(image.name.as_str()).copied());
            progress.advance(1);
            seen
        })
        .collect();
    findings.extend(identical(listing, &rows, seen.iter().map(|(digest, _)| *digest)));
    findings.extend(seen.into_iter().flat_map(|(_, findings)| findings));
    findings
}

/// What can be said without opening an image: partners, rows, the table.
fn audit_names(listing: &Listing) -> Vec<Finding> {
    let mut findings = Vec::new();
    let table_name = listing.part.table_name();
    let images: HashSet<&str> = listing.images.iter().map(|image| image.name.as_str()).collect();
    let mut spoken_of: HashSet<&str> = listing.table.rows.iter().map(|row| row.file.as_str()).collect();
    for defect in &listing.table.defects {
        let kind = match defect.kind {
            TableDefectKind::Missing => FindingKind::MissingTable,
            TableDefectKind::WrongHeader => FindingKind::WrongHeader,
            TableDefectKind::UnparsableRow => FindingKind::UnparsableRow,
            TableDefectKind::DuplicateRow => FindingKind::DuplicateRow,
        };
        findings.push(Finding::new(kind, table_name, &defect.detail));
        spoken_of.extend(defect.image.as_deref());
    }
    for row in listing.table.rows.iter().filter(|row| !images.contains(row.file.as_str())) {
        let detail = format!("line {} of {table_name} speaks of it", row.line);
        findings.push(Finding::new(FindingKind::RowWithoutImage, &row.file, detail));
    }
    for image in &listing.images {
        // Without a legible table one finding says so for all images.
        if listing.table.legible().is_ok() && !spoken_of.contains(image.name.as_str()) {
            let detail = format!("{table_name} has no row for it");
            findings.push(Finding::new(FindingKind::ImageWithoutRow, &image.name, detail));
        }
        if listing.part == Part::Training && image.annotation.is_none() {
            let partner = hc18::annotation_name(&image.name);
            findings.push(Finding::new(
                FindingKind::MissingPartner,
                &partner,
                format!("the annotation of {}", image.name),
            ));
        }
    }
    for (annotation, _) in &listing.lost_annotations {
        let image = annotation.replace("_Annotation.", ".");
        findings.push(Finding::new(FindingKind::MissingPartner, &image, format!("the image of {annotation}")));
    }
    for stranger in &listing.strangers {
        let detail = "its name is neither NNN_HC.png nor NNN_HC_Annotation.png: left out";
        findings.push(Finding::new(FindingKind::UnexpectedFile, stranger, detail));
    }
    findings
}

fn audit_image(image: &ImageFile, row: Option<&Row>) -> ([u8; 32], Vec<Finding>) {
    let mut findings = Vec::new();
    let read = |path: &Path, name: &str, findings: &mut Vec<Finding>| {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) => {
                findings.push(Finding::new(FindingKind::UnreadableImage, name, format!("cannot be read: {e}")));
                return (None, [0; 32]);
            }
        };
        let digest = digest(&bytes);
        match hc18::decode_bytes(&bytes, path) {
            Ok(decoded) => {
                if let Some(from) = decoded.converted_from {
                    let detail = format!("{from}, converted to 8-bit grey");
                    findings.push(Finding::new(FindingKind::ConvertedImage, name, detail));
                }
                (Some(decoded.gray), digest)
            }
            Err(e) => {
                findings.push(Finding::new(FindingKind::UnreadableImage, name, e.what));
                (None, digest)
            }
        }
    };
    let (gray, digest) = read(&image.path, &image.name, &mut findings);
    let size = gray.map(|gray| gray.dimensions());
    if let Some((width, height)) = size.filter(|size| *size != PUBLISHED_SIZE_PX) {
        let (w, h) = PUBLISHED_SIZE_PX;
        let detail = format!("{width}x{height} px; the paper says {w}x{h}");
        findings.push(Finding::new(FindingKind::OddSize, &image.name, detail));
    }
    if let Some(row) = row {
        let (low, high) = PUBLISHED_PIXEL_SIZE_MM;
        if !(low..=high).contains(&row.pixel_size_mm) {
            let detail = format!("{:.4} mm; the paper says {low} to {high}", row.pixel_size_mm);
            findings.push(Finding::new(FindingKind::PixelSizeOutOfRange, &image.name, detail));
        }
    }
    if let Some(path) = &image.annotation {
        let name = hc18::annotation_name(&image.name);
        if let (Some(annotation), _) = read(path, &name, &mut findings) {
            let (width, height) = annotation.dimensions();
            if let Some((w, h)) = size.filter(|size| *size != (width, height)) {
                let detail = format!("{width}x{height} px, but {} is {w}x{h}", image.name);
                findings.push(Finding::new(FindingKind::AnnotationSizeDiffers, &name, detail));
            }
            audit_ring(&Ring::of(&annotation), &name, image, row, &mut findings);
        }
    }
    (digest, findings)
}

fn audit_ring(ring: &Ring, name: &str, image: &ImageFile, row: Option<&Row>, findings: &mut Vec<Finding>) {
    if ring.pixels == 0 {
        return findings.push(Finding::new(FindingKind::EmptyRing, name, "no pixel of it is white"));
    }
    if !ring.cut.words().is_empty() {
        let detail = format!("the head leaves the image: {}", ring.cut.words());
        findings.push(Finding::new(FindingKind::RingCutByBorder, name, detail));
    }
    let ellipse = match &ring.ellipse {
        Ok(ellipse) => ellipse,
        Err(e) => {
            let detail = format!("{} ring pixels: {e}", ring.pixels);
            return findings.push(Finding::new(FindingKind::NoEllipse, name, detail));
        }
    };
    let Some((hc_mm, pixel_size_mm)) = row.and_then(|row| Some((row.hc_mm?, row.pixel_size_mm))) else { return };
    let ring_hc_mm = ellipse.circumference_ramanujan_px() * pixel_size_mm;
    let difference = ring_hc_mm - hc_mm;
    if difference.abs() > HC_TOLERANCE_MM {
        let filled = ring.pixels as f64 > 0.5 * ellipse.area_px2();
        let hint = if filled { "; the annotation is filled, not a ring" } else { "" };
        let detail = format!("table {hc_mm:.2} mm, ring {ring_hc_mm:.2} mm, difference {difference:+.2} mm{hint}");
        findings.push(Finding::new(FindingKind::HcDisagrees, &image.name, detail));
    }
}

/// Images with the same bytes: one finding for each but the first.
fn identical(listing: &Listing, rows: &HashMap<&str, &Row>, digests: impl Iterator<Item = [u8; 32]>) -> Vec<Finding> {
    let mut first: HashMap<[u8; 32], &ImageFile> = HashMap::new();
    let mut findings = Vec::new();
    for (image, digest) in listing.images.iter().zip(digests) {
        if digest == [0; 32] {
            continue; // could not be read
        }
        let Some(twin) = first.get(&digest) else {
            first.insert(digest, image);
            continue;
        };
        let mut detail = format!("the same bytes as {}", twin.name);
        if twin.exam != image.exam {
            detail.push_str(", of another examination: it may straddle a split");
        }
        let hc = |image: &ImageFile| rows.get(image.name.as_str()).and_then(|row| row.hc_mm);
        if let (Some(one), Some(two)) = (hc(twin), hc(image))
            && one != two
        {
            detail.push_str(&format!(", yet HC {two} mm instead of {one} mm"));
        }
        findings.push(Finding::new(FindingKind::IdenticalImages, &image.name, detail));
    }
    findings
}
