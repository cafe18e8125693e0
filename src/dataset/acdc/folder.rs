//! Where the patients of a folder lie, and which files each has.

use super::{Info, Phase};
use crate::error::{Error, IoContext, Result};
use std::path::{Path, PathBuf};

/// The published split; a flat folder has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Training,
    Testing,
}

impl Part {
    pub const ALL: [Part; 2] = [Part::Training, Part::Testing];

    pub fn folder_name(self) -> &'static str {
        match self {
            Part::Training => "training",
            Part::Testing => "testing",
        }
    }
}

/// A folder in ACDC's layout.
#[derive(Debug)]
pub struct Hearts {
    pub root: PathBuf,
    /// By number; damaged ones too.
    pub patients: Vec<Patient>,
}

/// One patient's folder.
#[derive(Debug)]
pub struct Patient {
    /// The folder's name, `patient001`.
    pub name: String,
    pub number: u32,
    pub path: PathBuf,
    pub part: Option<Part>,
    pub info: Result<Info>,
}

/// One phase of a patient whose image is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub phase: Phase,
    /// From 1, as in the file's name.
    pub frame: u32,
    pub image: PathBuf,
    pub labels: Option<PathBuf>,
}

/// Where the files of a frame are, or should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameFiles {
    pub image: PathBuf,
    pub labels: PathBuf,
}

impl Hearts {
    /// Looks for patients in `training/` and `testing/` of `dir`, in `dir` itself, and in its `database/`.
    pub fn find(dir: &Path) -> Result<Hearts> {
        let wanted = "name the folder that holds training/ with patient001, patient002 and so on, or those themselves";
        let meta = std::fs::metadata(dir).map_err(|e| Error::io("open the data folder", dir, e).cure(wanted))?;
        if !meta.is_dir() {
            return Err(Error::new("the data must be a folder, not a file").at(dir).cure(wanted));
        }
        for root in [dir.to_path_buf(), dir.join("database")] {
            let mut patients = Vec::new();
            for part in Part::ALL {
                let folder = root.join(part.folder_name());
                if folder.is_dir() {
                    patients.extend(patients_in(&folder, Some(part))?);
                }
            }
            if root.is_dir() && patients.is_empty() {
                patients = patients_in(&root, None)?;
            }
            if !patients.is_empty() {
                patients.sort_by(|a, b| (a.number, &a.name, a.part).cmp(&(b.number, &b.name, b.part)));
                return Ok(Hearts { root: dir.to_path_buf(), patients });
            }
        }
        Err(Error::new("there is no ACDC patient in this folder").at(dir).cure(wanted))
    }

    pub fn patient(&self, name: &str) -> Option<&Patient> {
        self.patients.iter().find(|patient| patient.name == name)
    }

    /// Frames whose images are there, of whichever phase.
    pub fn count_images(&self) -> Result<usize> {
        let mut images = 0;
        for patient in &self.patients {
            let files = patient.files()?;
            images += files.iter().filter(|(name, _)| name.contains("_frame") && !name.contains("_gt.")).count();
        }
        Ok(images)
    }

    /// Every file that makes up the data, with a name that does not depend on where the folder lies, sorted by it.
    pub fn files(&self) -> Result<Vec<(String, PathBuf)>> {
        let mut files = Vec::new();
        for patient in &self.patients {
            let label = patient.part.map_or(String::new(), |part| format!("{}/", part.folder_name()));
            for (name, path) in patient.files()? {
                files.push((format!("{label}{}/{name}", patient.name), path));
            }
        }
        files.sort();
        Ok(files)
    }
}

impl Patient {
    fn open(name: String, number: u32, path: PathBuf, part: Option<Part>) -> Patient {
        let info = Info::read(&path.join("Info.cfg"));
        Patient { name, number, path, part, info }
    }

    /// What `Info.cfg` says, or why it says nothing.
    pub fn info(&self) -> Result<&Info> {
        self.info.as_ref().map_err(Error::again)
    }

    /// Where frame `frame` should be: the file that is there, gzipped or not, else the published name.
    pub fn frame_files(&self, frame: u32) -> FrameFiles {
        FrameFiles { image: self.file(&format!("frame{frame:02}")), labels: self.file(&format!("frame{frame:02}_gt")) }
    }

    /// The whole cine, where it was kept.
    pub fn cine(&self) -> Option<PathBuf> {
        Some(self.file("4d")).filter(|path| path.is_file())
    }

    fn file(&self, what: &str) -> PathBuf {
        let [gzipped, plain] = ["nii.gz", "nii"].map(|end| self.path.join(format!("{}_{what}.{end}", self.name)));
        if plain.is_file() && !gzipped.is_file() { plain } else { gzipped }
    }

    /// The frame of a phase. An image that is missing is an error; ground truth may be absent.
    pub fn frame(&self, phase: Phase) -> Result<Frame> {
        let frame = self.info()?.frame(phase);
        let FrameFiles { image, labels } = self.frame_files(frame);
        if !image.is_file() {
            return Err(Error::new(format!("the image of {} (frame {frame}) is missing", phase.word()))
                .at(image)
                .cure("copy or download the file again"));
        }
        Ok(Frame { phase, frame, image, labels: Some(labels).filter(|path| path.is_file()) })
    }

    /// ED, then ES.
    pub fn frames(&self) -> Result<Vec<Frame>> {
        Phase::ALL.into_iter().map(|phase| self.frame(phase)).collect()
    }

    /// (name, path) of `Info.cfg` and the NIfTI files, sorted; hidden files and others left out.
    pub fn files(&self) -> Result<Vec<(String, PathBuf)>> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.path).doing("list the patient's folder", &self.path)? {
            let entry = entry.doing("list the patient's folder", &self.path)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.starts_with('.') && (name == "Info.cfg" || name.ends_with(".nii") || name.ends_with(".nii.gz")) {
                files.push((name, entry.path()));
            }
        }
        files.sort();
        Ok(files)
    }
}

/// The number in `patient001`.
fn number(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("patient")?;
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn patients_in(dir: &Path, part: Option<Part>) -> Result<Vec<Patient>> {
    let mut patients = Vec::new();
    for entry in std::fs::read_dir(dir).doing("list the data folder", dir)? {
        let entry = entry.doing("list the data folder", dir)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(number) = number(&name).filter(|_| entry.path().is_dir()) {
            patients.push(Patient::open(name, number, entry.path(), part));
        }
    }
    Ok(patients)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn patient(root: &Path, name: &str) {
        fs::create_dir_all(root.join(name)).unwrap();
        let info = "ED: 1\nES: 12\nGroup: RV\nHeight: 170.0\nNbFrame: 20\nWeight: 70.0\n";
        fs::write(root.join(name).join("Info.cfg"), info).unwrap();
        for frame in ["01", "01_gt", "12"] {
            fs::write(root.join(name).join(format!("{name}_frame{frame}.nii.gz")), b"").unwrap();
        }
    }

    #[test]
    fn patients_are_found_in_the_published_layout_in_its_parts_and_in_a_flat_folder() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path();
        assert!(Hearts::find(root).unwrap_err().what.contains("no ACDC patient"));
        patient(&root.join("database/training"), "patient002");
        patient(&root.join("database/testing"), "patient101");
        patient(&root.join("database/training"), "patient001");
        fs::create_dir(root.join("database/training/patients")).unwrap();
        let names = |dir: &Path| {
            let hearts = Hearts::find(dir).unwrap();
            hearts.patients.iter().map(|p| (p.name.clone(), p.part)).collect::<Vec<_>>()
        };
        let (training, testing) = (Some(Part::Training), Some(Part::Testing));
        let all = [("patient001".into(), training), ("patient002".into(), training), ("patient101".into(), testing)];
        assert_eq!(names(root), all);
        assert_eq!(names(&root.join("database")), all);
        let flat = [("patient001".to_owned(), None), ("patient002".to_owned(), None)];
        assert_eq!(names(&root.join("database/training")), flat);
        let files = Hearts::find(root).unwrap().files().unwrap();
        assert_eq!(files.len(), 12);
        assert_eq!(files[0].0, "testing/patient101/Info.cfg");
    }

    #[test]
    fn frames_are_those_of_the_info_and_a_missing_image_is_named() {
        let scratch = tempfile::tempdir().unwrap();
        patient(scratch.path(), "patient007");
        let path = |name: &str| scratch.path().join("patient007").join(name);
        let hearts = Hearts::find(scratch.path()).unwrap();
        let frames = hearts.patients[0].frames().unwrap();
        assert_eq!((frames[0].phase, frames[0].frame, frames[1].phase, frames[1].frame), (Phase::Ed, 1, Phase::Es, 12));
        assert_eq!(frames[0].labels, Some(path("patient007_frame01_gt.nii.gz")));
        assert_eq!(frames[1].labels, None);
        fs::remove_file(path("patient007_frame12.nii.gz")).unwrap();
        let e = hearts.patients[0].frames().unwrap_err();
        assert_eq!(e.file, Some(path("patient007_frame12.nii.gz")));
        fs::remove_file(path("Info.cfg")).unwrap();
        let hearts = Hearts::find(scratch.path()).unwrap();
        assert_eq!(hearts.patients[0].frames().unwrap_err().file, Some(path("Info.cfg")));
    }
}
