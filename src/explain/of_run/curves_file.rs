//! The curves of a run on disk: one row a step, appended image by image, so that a long work can be taken up again.

use crate::error::{Error, IoContext, Result};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

/// One step of one image's curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Of the weights and of everything that decides a curve besides image and analyzer.
    pub design: String,
    pub analyzer: String,
    pub file: String,
    /// From 0: the same again with other noise.
    pub repeat: u64,
    /// Regions under noise.
    pub step: usize,
    pub hc_px: f64,
    /// |prediction - truth|, px of the file.
    pub error_px: f64,
    pub error_mm: f64,
}

/// What is known of a curve besides its steps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub design: String,
    pub analyzer: String,
    pub file: String,
    pub repeat: u64,
}

impl Row {
    /// What it shares with the other steps of its curve.
    pub fn key(&self) -> Key {
        let Row { design, analyzer, file, repeat, .. } = self.clone();
        Key { design, analyzer, file, repeat }
    }
}

/// The value of a `key=value` in the words of a design.
pub fn word_of<'a>(design: &'a str, key: &str) -> Option<&'a str> {
    design.split_whitespace().find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
}

/// Every whole curve: as many steps as its design says, and step 0. What a kill or a full disk has cut short counts as
/// not there, and so does a file that is not.
pub fn read(path: &Path) -> Result<HashMap<Key, Vec<Row>>> {
    if !path.exists() {
        return Ok(HashMap::new());
    }
    let wrong = |e: csv::Error| Error::new("cannot read the curves").at(path).because(e);
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(path).map_err(wrong)?;
    let mut curves: HashMap<Key, Vec<Row>> = HashMap::new();
    // A torn row is one that cannot be read: its curve is short of a step then.
    for row in reader.deserialize::<Row>().flatten() {
        curves.entry(row.key()).or_default().push(row);
    }
    for curve in curves.values_mut() {
        // A curve that was cut short and made again stands there twice in part.
        curve.sort_by_key(|row| row.step);
        curve.dedup_by_key(|row| row.step);
    }
    let steps = |key: &Key| word_of(&key.design, "steps")?.parse::<usize>().ok();
    let whole = |key: &Key, curve: &[Row]| steps(key).is_some_and(|steps| curve.len() == steps + 1);
    curves.retain(|key, curve| whole(key, curve) && curve.iter().enumerate().all(|(i, row)| row.step == i));
    Ok(curves)
}

/// A file that curves are appended to.
pub struct Curves {
    file: File,
    path: std::path::PathBuf,
}

impl Curves {
    /// Opens it, or begins it; a last row that was cut short is closed first.
    pub fn open(path: &Path) -> Result<Curves> {
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).doing("make the folder of curves", folder)?;
        let before = std::fs::read(path).unwrap_or_default();
        let mut file = OpenOptions::new().create(true).append(true).open(path).doing("open the curves", path)?;
        let head: &[u8] = match before.last() {
            None => b"design,analyzer,file,repeat,step,hc_px,error_px,error_mm\n",
            Some(b'\n') => b"",
            Some(_) => b"\n",
        };
        file.write_all(head).doing("write the curves", path)?;
        Ok(Curves { file, path: path.to_path_buf() })
    }

    /// Appends whole curves.
    pub fn append(&mut self, rows: &[Row]) -> Result<()> {
        let wrong = |e: csv::Error| Error::new("cannot write the curves").at(&self.path).because(e);
        let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
        rows.iter().try_for_each(|row| writer.serialize(row)).map_err(wrong)?;
        let bytes = writer.into_inner().map_err(|e| Error::new("cannot write the curves").because(e.into_error()))?;
        self.file.write_all(&bytes).doing("write the curves", &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(file: &str, steps: usize) -> Vec<Row> {
        let row = |step| Row {
            design: format!("order=most steps={steps}"),
            analyzer: "gradient".into(),
            file: file.into(),
            repeat: 0,
            step,
            hc_px: 1000.5,
            error_px: step as f64,
            error_mm: 0.1,
        };
        (0..=steps).map(row).collect()
    }

    #[test]
    fn a_curve_that_was_cut_short_is_made_again_and_the_others_stand() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("explain/aopc.csv");
        Curves::open(&path).unwrap().append(&[curve("a.png", 3), curve("b.png", 3)].concat()).unwrap();
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 9]).unwrap();
        let known = read(&path).unwrap();
        assert_eq!(known.keys().map(|k| k.file.as_str()).collect::<Vec<_>>(), ["a.png"]);
        Curves::open(&path).unwrap().append(&curve("b.png", 3)).unwrap();
        let known = read(&path).unwrap();
        assert_eq!(known[&curve("b.png", 3)[0].key()], curve("b.png", 3));
        assert_eq!(known.len(), 2);
        assert!(read(&folder.path().join("none.csv")).unwrap().is_empty());
    }
}
