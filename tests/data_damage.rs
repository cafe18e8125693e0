//! Bad input: every damage is named with its file, nothing else is lost, and nothing that exists is overwritten.

use hcwb::Error;
use hcwb::dataset::audit::{Audit, FindingKind, Severity};
use hcwb::dataset::{self, Dataset, DatasetKind, Preparation, cache, phantom, registry};
use hcwb::error::Kind;
use hcwb::progress::{Progress, Silent};
use hcwb::workspace::Workspace;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

const SIZE: Preparation = Preparation { width: 32, height: 32 };

/// Eight phantoms (001 to 006, one of them twice) in a scratch folder, with an empty workspace.
struct Scene {
    scratch: tempfile::TempDir,
    ws: Workspace,
}

impl Scene {
    fn new() -> Scene {
        let scratch = tempfile::tempdir().unwrap();
        let ws = Workspace::at(scratch.path().join("ws")).unwrap();
        phantom::write(&scratch.path().join("raw"), 8, 1, &Silent).unwrap();
        Scene { scratch, ws }
    }
    fn raw(&self) -> PathBuf {
        self.scratch.path().join("raw")
    }
    fn image(&self, name: &str) -> PathBuf {
        self.raw().join("training_set").join(name)
    }
    fn table(&self) -> PathBuf {
        self.raw().join("training_set_pixel_size_and_HC.csv")
    }
    fn edit_table(&self, edit: impl Fn(String) -> String) {
        fs::write(self.table(), edit(fs::read_to_string(self.table()).unwrap())).unwrap();
    }
    fn add(&self) -> Dataset {
        dataset::add(&self.ws, DatasetKind::Hc18, &self.raw(), "d", &Silent).unwrap()
    }
    fn audit(&self) -> Audit {
        dataset::audit(&self.ws, &self.add(), &Silent).unwrap()
    }
}

fn named(audit: &Audit) -> Vec<(FindingKind, &str)> {
    audit.findings.iter().map(|f| (f.kind, f.file.as_str())).collect()
}

fn truncate(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

#[test]
fn a_half_downloaded_image_is_found_skipped_and_counted() {
    let scene = Scene::new();
    truncate(&scene.image("002_HC.png"));
    let audit = scene.audit();
    assert_eq!(named(&audit), [(FindingKind::UnreadableImage, "002_HC.png")]);
    assert!(audit.findings[0].detail.contains("ends too early"), "{}", audit.findings[0].detail);
    let data = dataset::load(&scene.ws, "d").unwrap();
    assert_eq!(data.audit.unwrap().errors, 1);
    let prepared = dataset::prepare(&scene.ws, &data, &SIZE, &Silent).unwrap();
    assert_eq!((prepared.samples.len(), prepared.skipped.len()), (7, 1));
    assert_eq!(prepared.skipped[0].file, "002_HC.png");
    // The images behind the hole are still those of their samples.
    let whole = Scene::new();
    let all = dataset::prepare(&whole.ws, &whole.add(), &SIZE, &Silent).unwrap();
    for (i, sample) in prepared.samples.iter().enumerate() {
        let twin = all.samples.iter().position(|s| s.file == sample.file).unwrap();
        assert_eq!(prepared.image(i), all.image(twin), "{}", sample.file);
    }
}

#[test]
fn a_half_downloaded_annotation_costs_the_ellipse_not_the_sample() {
    let scene = Scene::new();
    truncate(&scene.image("003_HC_Annotation.png"));
    assert_eq!(named(&scene.audit()), [(FindingKind::UnreadableImage, "003_HC_Annotation.png")]);
    let data = dataset::load(&scene.ws, "d").unwrap();
    let prepared = dataset::prepare(&scene.ws, &data, &SIZE, &Silent).unwrap();
    let without: Vec<&str> = prepared.samples.iter().filter(|s| s.truth.is_none()).map(|s| s.file.as_str()).collect();
    assert_eq!((prepared.samples.len(), without), (8, vec!["003_HC.png"]));
}

#[test]
fn a_lost_partner_is_named_by_its_own_name() {
    let scene = Scene::new();
    fs::remove_file(scene.image("001_HC_Annotation.png")).unwrap();
    fs::remove_file(scene.image("004_HC.png")).unwrap();
    let audit = scene.audit();
    let expected = [
        (FindingKind::MissingPartner, "001_HC_Annotation.png"),
        (FindingKind::MissingPartner, "004_HC.png"),
        (FindingKind::RowWithoutImage, "004_HC.png"),
    ];
    assert_eq!(named(&audit), expected);
    assert!(audit.findings[0].detail.contains("001_HC.png"));
    assert!(audit.findings[1].detail.contains("004_HC_Annotation.png"));
    assert!(audit.findings[2].detail.contains("line 6"), "{}", audit.findings[2].detail);
    assert!(audit.findings.iter().all(|f| f.severity == Severity::Error));
}

#[test]
fn rows_that_are_missing_unparsable_or_wrong_are_told_apart() {
    let scene = Scene::new();
    scene.edit_table(|text| {
        let lines: Vec<String> = text
            .lines()
            .filter(|line| !line.starts_with("000_HC"))
            .map(|line| match line.split(',').collect::<Vec<_>>()[..] {
                ["001_HC.png", _, hc] => format!("001_HC.png,0,069,{hc}"),
                ["002_HC.png", size, hc] => format!("002_HC.png,{size},{:.2}", hc.parse::<f64>().unwrap() + 0.15),
                ["003_HC.png", _, hc] => format!("003_HC.png,0.5,{hc}"),
                _ => line.to_owned(),
            })
            .collect();
        lines.join("\n")
    });
    let audit = scene.audit();
    let expected = [
        (FindingKind::UnparsableRow, "training_set_pixel_size_and_HC.csv"),
        (FindingKind::ImageWithoutRow, "000_HC.png"),
        (FindingKind::PixelSizeOutOfRange, "003_HC.png"),
        (FindingKind::HcDisagrees, "002_HC.png"),
        (FindingKind::HcDisagrees, "003_HC.png"),
    ];
    assert_eq!(named(&audit), expected);
    assert!(audit.findings[0].detail.starts_with("line 2: the pixel size \"0\" is not a positive number (001_HC.png)"));
    assert!(audit.findings[3].detail.contains("difference -0.1"), "{}", audit.findings[3].detail);
}

#[test]
fn a_wrong_header_is_an_error_that_names_file_found_and_wanted() {
    let scene = Scene::new();
    scene.edit_table(|text| text.replace("filename,pixel size(mm)", "name;mm"));
    let audit = scene.audit();
    assert_eq!(named(&audit), [(FindingKind::WrongHeader, "training_set_pixel_size_and_HC.csv")]);
    let data = dataset::load(&scene.ws, "d").unwrap();
    let error = dataset::prepare(&scene.ws, &data, &SIZE, &Silent).err().unwrap();
    assert!(error.what.contains("name;mm") && error.what.contains("filename,pixel size(mm),head"), "{error}");
    assert_eq!(error.file.unwrap().file_name(), scene.table().file_name());
    assert!(error.cure.is_some());
    fs::remove_file(scene.table()).unwrap();
    let audit = dataset::audit(&scene.ws, &data, &Silent).unwrap();
    assert_eq!(named(&audit), [(FindingKind::MissingTable, "training_set_pixel_size_and_HC.csv")]);
}

#[test]
fn identical_odd_converted_and_empty_images_are_warnings() {
    let scene = Scene::new();
    fs::copy(scene.image("000_HC.png"), scene.image("001_HC.png")).unwrap();
    image::GrayImage::new(790, 540).save(scene.image("002_HC.png")).unwrap();
    image::GrayImage::new(800, 540).save(scene.image("003_HC_Annotation.png")).unwrap();
    image::RgbImage::new(800, 540).save(scene.image("004_HC.png")).unwrap();
    fs::write(scene.image("notes.png"), b"not a png").unwrap();
    let audit = scene.audit();
    let expected = [
        (FindingKind::IdenticalImages, "001_HC.png"),
        (FindingKind::OddSize, "002_HC.png"),
        (FindingKind::AnnotationSizeDiffers, "002_HC_Annotation.png"),
        (FindingKind::EmptyRing, "003_HC_Annotation.png"),
        (FindingKind::ConvertedImage, "004_HC.png"),
        (FindingKind::UnexpectedFile, "notes.png"),
    ];
    assert_eq!(named(&audit), expected);
    assert_eq!(audit.summary().errors, 0);
    assert!(audit.findings[0].detail.contains("000_HC.png"));
}

#[cfg(unix)]
#[test]
fn control_characters_in_file_names_reach_neither_findings_nor_samples() {
    let scene = Scene::new();
    fs::copy(scene.image("000_HC.png"), scene.image("000_\x1b[31mHC.png")).unwrap();
    let audit = scene.audit();
    assert_eq!(named(&audit), [(FindingKind::UnexpectedFile, "000_[31mHC.png")]);
    let prepared = dataset::prepare(&scene.ws, &dataset::load(&scene.ws, "d").unwrap(), &SIZE, &Silent).unwrap();
    assert_eq!(prepared.samples.len(), 8);
}

#[test]
fn missing_empty_and_foreign_folders_are_refused_by_add() {
    let scene = Scene::new();
    let add = |dir: &Path, name: &str| dataset::add(&scene.ws, DatasetKind::Hc18, dir, name, &Silent);
    let file = scene.scratch.path().join("file.txt");
    fs::write(&file, "x").unwrap();
    let empty = scene.scratch.path().join("empty");
    fs::create_dir(&empty).unwrap();
    for dir in [scene.scratch.path().join("nowhere"), empty, file] {
        let error = add(&dir, "x").unwrap_err();
        assert_eq!(error.file.as_deref(), Some(&*dir), "{error}");
        assert!(error.cure.is_some(), "{error}");
    }
    assert!(!scene.ws.datasets().exists(), "nothing was made for a refused folder");
}

#[test]
fn nothing_that_is_registered_is_overwritten() {
    let scene = Scene::new();
    let first = scene.add();
    let error = dataset::add(&scene.ws, DatasetKind::Hc18, &scene.raw(), "d", &Silent).unwrap_err();
    assert_eq!(error.kind, Kind::Usage);
    assert_eq!(dataset::load(&scene.ws, "d").unwrap(), first);
    let error = dataset::load(&scene.ws, "dd").unwrap_err();
    assert_eq!(error.cure.as_deref(), Some("did you mean \"d\"?"));
    assert!(dataset::load(&scene.ws, "../d").is_err());
    let names: Vec<String> = dataset::list(&scene.ws).unwrap().into_iter().map(|d| d.name).collect();
    assert_eq!(names, ["d"]);
}

#[test]
fn the_folder_itself_may_be_named_and_has_the_same_fingerprint() {
    let scene = Scene::new();
    let whole = scene.add();
    let inner = scene.raw().join("training_set");
    let data = dataset::add(&scene.ws, DatasetKind::Hc18, &inner, "inner", &Silent).unwrap();
    assert_eq!(data.fingerprint, whole.fingerprint);
    assert_eq!(dataset::audit(&scene.ws, &data, &Silent).unwrap().findings, []);
    // All in one folder, as some mirrors have it.
    fs::rename(scene.table(), inner.join("training_set_pixel_size_and_HC.csv")).unwrap();
    let flat = dataset::add(&scene.ws, DatasetKind::Hc18, &inner, "flat", &Silent).unwrap();
    assert_eq!(flat.fingerprint, whole.fingerprint);
    assert_eq!(dataset::audit(&scene.ws, &flat, &Silent).unwrap().findings, []);
}

#[test]
fn a_test_set_is_read_with_its_own_table_and_cannot_be_learned_from() {
    let scene = Scene::new();
    let test = scene.scratch.path().join("test");
    fs::create_dir_all(test.join("test_set")).unwrap();
    let mut table = String::from("filename,pixel size(mm)\n");
    for i in 0..3 {
        fs::copy(scene.image(&format!("00{i}_HC.png")), test.join("test_set").join(format!("00{i}_HC.png"))).unwrap();
        table.push_str(&format!("00{i}_HC.png,0.1\n"));
    }
    fs::write(test.join("test_set_pixel_size.csv"), table).unwrap();
    let data = dataset::add(&scene.ws, DatasetKind::Hc18, &test, "test", &Silent).unwrap();
    let audit = dataset::audit(&scene.ws, &data, &Silent).unwrap();
    assert_eq!((audit.images, audit.findings.len()), (3, 0), "{:?}", audit.findings);
    let error = dataset::prepare(&scene.ws, &data, &SIZE, &Silent).err().unwrap();
    assert!(error.what.contains("test set"), "{error}");
}

/// Counts what is announced.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Progress for Heard {
    fn begin(&self, what: &str, _: u64) {
        self.0.lock().unwrap().push(what.to_owned());
    }
    fn advance(&self, _: u64) {}
}

#[test]
fn a_prepared_cache_opens_without_the_raw_files_and_is_remade_when_damaged() {
    let scene = Scene::new();
    let data = scene.add();
    assert!(!dataset::is_prepared(&scene.ws, &data, &SIZE));
    let first = dataset::prepare(&scene.ws, &data, &SIZE, &Silent).unwrap();
    assert!(first.made && dataset::is_prepared(&scene.ws, &data, &SIZE));

    let heard = Heard::default();
    let again = dataset::prepare(&scene.ws, &data, &SIZE, &heard).unwrap();
    assert!(!again.made && again.notes.is_empty() && heard.0.lock().unwrap().is_empty());
    assert_eq!((again.images(), &again.samples), (first.images(), &first.samples));

    // Damaged: noticed by its size, said, made anew.
    let images = cache::folder(&scene.ws, &data, &SIZE).join("images.u8");
    let bytes = fs::read(&images).unwrap();
    fs::remove_file(&images).unwrap();
    fs::write(&images, &bytes[..bytes.len() - 1]).unwrap();
    let remade = dataset::prepare(&scene.ws, &data, &SIZE, &Silent).unwrap();
    assert!(remade.made && remade.notes[0].contains("damaged"), "{:?}", remade.notes);
    assert_eq!(remade.images(), first.images());

    // Deleted: made anew without a word.
    fs::remove_dir_all(scene.ws.cache()).unwrap();
    assert!(dataset::prepare(&scene.ws, &data, &SIZE, &Silent).unwrap().notes.is_empty());
    assert_eq!(fs::read_dir(scene.ws.cache()).unwrap().count(), 1, "nothing is left beside it");

    // The raw files are gone: what was prepared still serves, and it is said.
    fs::rename(scene.raw(), scene.scratch.path().join("elsewhere")).unwrap();
    let gone = dataset::prepare(&scene.ws, &data, &SIZE, &Silent).unwrap();
    assert!(!gone.made && gone.notes[0].contains("not at"), "{:?}", gone.notes);
}

#[test]
fn changed_raw_data_are_noticed_prepared_anew_and_their_audit_forgotten() {
    let scene = Scene::new();
    let data = scene.add();
    dataset::audit(&scene.ws, &data, &Silent).unwrap();
    let data = dataset::load(&scene.ws, "d").unwrap();
    assert_eq!(dataset::recorded(&scene.ws, &data).unwrap().findings, []);
    dataset::prepare(&scene.ws, &data, &SIZE, &Silent).unwrap();

    fs::copy(scene.image("000_HC.png"), scene.image("001_HC.png")).unwrap();
    let prepared = dataset::prepare(&scene.ws, &data, &SIZE, &Silent).unwrap();
    assert!(prepared.made && prepared.notes[0].contains("changed"), "{:?}", prepared.notes);
    let renewed = dataset::load(&scene.ws, "d").unwrap();
    assert_eq!(prepared.fingerprint, renewed.fingerprint);
    assert_ne!(renewed.fingerprint, data.fingerprint);
    assert_eq!(renewed.audit, None);
    assert!(dataset::recorded(&scene.ws, &renewed).is_none());
}

#[test]
fn removing_forgets_the_data_set_and_its_cache_but_no_raw_file() {
    let scene = Scene::new();
    let data = scene.add();
    dataset::audit(&scene.ws, &data, &Silent).unwrap();
    dataset::prepare(&scene.ws, &data, &SIZE, &Silent).unwrap();
    registry::remove(&scene.ws, "d").unwrap();
    assert_eq!(fs::read_dir(scene.ws.cache()).unwrap().count(), 0);
    assert_eq!(fs::read_dir(scene.ws.datasets()).unwrap().count(), 0);
    assert_eq!(fs::read_dir(scene.raw().join("training_set")).unwrap().count(), 16);
    assert!(registry::remove(&scene.ws, "d").is_err());
}

#[test]
fn a_workspace_that_cannot_be_written_is_an_error_with_a_cure() {
    let scene = Scene::new();
    // A file where a folder should be refuses everyone, the superuser too.
    let file = scene.scratch.path().join("occupied");
    fs::write(&file, "x").unwrap();
    let check = |ws: &Workspace| {
        let error: Error = dataset::add(ws, DatasetKind::Hc18, &scene.raw(), "d", &Silent).unwrap_err();
        assert!(error.cure.as_deref().unwrap_or("").contains("--workspace"), "{error} {:?}", error.cure);
    };
    check(&Workspace::at(file.join("ws")).unwrap());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if rustix::process::geteuid().is_root() {
            eprintln!("left out: a read-only workspace, because permissions do not hold for the superuser");
            return;
        }
        let locked = scene.scratch.path().join("locked");
        fs::create_dir(&locked).unwrap();
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o500)).unwrap();
        check(&Workspace::at(locked.join("ws")).unwrap());
    }
}
