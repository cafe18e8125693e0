//! `Info.cfg`: phases, group and measures of a patient, `key: value` a line.

use crate::clinic::cardiac::Group;
use crate::error::{Error, IoContext, Result};
use crate::text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// The heart at its fullest or at its emptiest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Phase {
    /// End diastole.
    Ed,
    /// End systole.
    Es,
}

impl Phase {
    pub const ALL: [Phase; 2] = [Phase::Ed, Phase::Es];

    pub fn word(self) -> &'static str {
        match self {
            Phase::Ed => "ED",
            Phase::Es => "ES",
        }
    }
}

const KEYS: [&str; 6] = ["ED", "ES", "Group", "Height", "NbFrame", "Weight"];
/// A real one has under 100 bytes.
const MOST_BYTES: u64 = 1 << 16;

/// What `Info.cfg` says. Without ED and ES there is none; what else is missing or wrong costs itself alone and is named.
#[derive(Clone, Debug, PartialEq)]
pub struct Info {
    /// The frame of end diastole, from 1.
    pub ed: u32,
    pub es: u32,
    pub group: Option<Group>,
    pub height_cm: Option<f64>,
    pub weight_kg: Option<f64>,
    /// Frames of the 4D file.
    pub frames: Option<u32>,
    /// Keys that are missing, repeated or not to be read, a sentence each; safe for a terminal.
    pub defects: Vec<String>,
}

impl Info {
    /// Reads a file. An error names the key.
    pub fn read(path: &Path) -> Result<Info> {
        let doing = "read the patient's information";
        let file = std::fs::File::open(path).doing(doing, path)?;
        let mut bytes = Vec::new();
        file.take(MOST_BYTES + 1).read_to_end(&mut bytes).doing(doing, path)?;
        if bytes.len() as u64 > MOST_BYTES {
            return Err(Error::new("Info.cfg is longer than any that was published").at(path).cure(RESTORE));
        }
        Info::parse(&String::from_utf8_lossy(&bytes)).map_err(|e| e.at(path))
    }

    /// From the file's text. The caller names the file in errors.
    pub fn parse(content: &str) -> Result<Info> {
        let (entries, mut defects) = entries(content);
        let whole = |what: &'static str| move |text: &str| text.parse::<u32>().map_err(|_| format!("is no {what}"));
        let measure = |low: f64, high: f64, unit: &'static str| {
            move |text: &str| match text.parse::<f64>() {
                Ok(value) if (low..=high).contains(&value) => Ok(value),
                _ => Err(format!("is not between {low} and {high} {unit}")),
            }
        };
        let frame = |key: &str| {
            let frame = entry(&entries, key, whole("number of a frame")).and_then(|frame| match frame {
                0 => Err(format!("{key} is 0; frames count from 1")),
                frame => Ok(frame),
            });
            frame.map_err(|what| Error::new(what).cure(RESTORE))
        };
        let (ed, es) = (frame("ED")?, frame("ES")?);
        let mut keep = |what: String| defects.push(what);
        let group = entry(&entries, "Group", |text| {
            Group::parse(text).ok_or("is none of NOR, MINF, DCM, HCM and RV".to_owned())
        });
        let group = group.map_err(&mut keep).ok();
        let height_cm = entry(&entries, "Height", measure(30.0, 250.0, "cm")).map_err(&mut keep).ok();
        let weight_kg = entry(&entries, "Weight", measure(2.0, 400.0, "kg")).map_err(&mut keep).ok();
        let frames = entry(&entries, "NbFrame", whole("number of frames")).map_err(&mut keep).ok();
        for (key, frame) in [("ED", ed), ("ES", es)] {
            if let Some(frames) = frames.filter(|frames| frame > *frames) {
                keep(format!("{key} is frame {frame} of {frames}"));
            }
        }
        if ed == es {
            keep(format!("ED and ES are the same frame, {ed}"));
        }
        Ok(Info { ed, es, group, height_cm, weight_kg, frames, defects })
    }

    pub fn frame(&self, phase: Phase) -> u32 {
        match phase {
            Phase::Ed => self.ed,
            Phase::Es => self.es,
        }
    }
}

const RESTORE: &str = "restore the published Info.cfg: ED, ES, Group, Height, NbFrame and Weight, once each";

/// Key to its values with their lines, and what is wrong with lines that hold none.
type Entries<'a> = BTreeMap<&'a str, Vec<&'a str>>;

fn entries(content: &str) -> (Entries<'_>, Vec<String>) {
    let (mut entries, mut defects) = (Entries::new(), Vec::new());
    for (i, line) in content.trim_start_matches('\u{feff}').lines().enumerate() {
        match line.split_once(':') {
            _ if line.trim().is_empty() => {}
            Some((key, value)) if KEYS.contains(&key.trim()) => {
                entries.entry(key.trim()).or_default().push(value.trim())
            }
            Some((key, _)) => {
                let near = text::nearest(key.trim(), KEYS).map(|key| format!("; {key} is meant?")).unwrap_or_default();
                defects.push(format!("line {} has the unknown key \"{}\"{near}", i + 1, short(key.trim())));
            }
            None => defects.push(format!("line {} is not \"key: value\"", i + 1)),
        }
    }
    (entries, defects)
}

fn entry<T>(entries: &Entries, key: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<T, String> {
    match entries.get(key).map(Vec::as_slice) {
        None | Some([]) => Err(format!("{key} is missing")),
        Some([value]) => parse(value).map_err(|what| format!("{key} \"{}\" {what}", short(value))),
        Some(values) => Err(format!("{key} stands there {} times", values.len())),
    }
}

fn short(value: &str) -> String {
    let line = text::line(value);
    if line.chars().count() > 40 { line.chars().take(40).chain(['…']).collect() } else { line.into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "ED: 1\nES: 12\nGroup: DCM\nHeight: 184.0\nNbFrame: 30\nWeight: 95.0\n";

    #[test]
    fn a_published_file_is_read_whatever_its_line_ends_and_order() {
        let info = Info::parse(WHOLE).unwrap();
        let expected = Info {
            ed: 1,
            es: 12,
            group: Some(Group::Dcm),
            height_cm: Some(184.0),
            weight_kg: Some(95.0),
            frames: Some(30),
            defects: Vec::new(),
        };
        assert_eq!(info, expected);
        let mut lines: Vec<&str> = WHOLE.lines().collect();
        lines.reverse();
        assert_eq!(Info::parse(&format!("\u{feff}{}\r\n\r\n", lines.join(" \r\n"))).unwrap(), expected);
    }

    #[test]
    fn a_missing_or_repeated_phase_is_an_error_that_names_the_key() {
        for key in ["ED", "ES"] {
            let line = WHOLE.lines().find(|line| line.starts_with(key)).unwrap();
            let missing = Info::parse(&WHOLE.replace(&format!("{line}\n"), "")).unwrap_err();
            assert_eq!(missing.what, format!("{key} is missing"));
            assert!(missing.cure.is_some());
            let twice = Info::parse(&format!("{WHOLE}{line}\n")).unwrap_err();
            assert_eq!(twice.what, format!("{key} stands there 2 times"));
        }
        for bad in ["ED: 0", "ED: -1", "ED: 1.5", "ED: \x1b[2Jone", "ED:", "ED: 99999999999"] {
            let e = Info::parse(&WHOLE.replace("ED: 1", bad)).unwrap_err();
            assert!(e.what.starts_with("ED ") && !e.what.contains('\x1b'), "{}", e.what);
        }
    }

    #[test]
    fn any_other_key_that_is_missing_repeated_or_wrong_costs_itself_alone() {
        for key in ["Group", "Height", "NbFrame", "Weight"] {
            let line = WHOLE.lines().find(|line| line.starts_with(key)).unwrap();
            let without = WHOLE.replace(&format!("{line}\n"), "");
            assert_eq!(Info::parse(&without).unwrap().defects, [format!("{key} is missing")]);
            let twice = Info::parse(&format!("{WHOLE}{line}\n")).unwrap();
            assert_eq!(twice.defects, [format!("{key} stands there 2 times")]);
            let wrong = Info::parse(&format!("{without}{key}: NaN\n")).unwrap();
            assert_eq!(wrong.defects.len(), 1, "{key}");
            assert!(wrong.defects[0].starts_with(key));
            assert_eq!(wrong.es, 12);
        }
        let info = Info::parse(&WHOLE.replace("NbFrame: 30", "NbFrame: 10").replace("Weight", "Wieght")).unwrap();
        let expected =
            ["line 6 has the unknown key \"Wieght\"; Weight is meant?", "Weight is missing", "ES is frame 12 of 10"];
        assert_eq!(info.defects, expected);
    }
}
