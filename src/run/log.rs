//! `events.jsonl`: appended to by the worker alone, followed by anyone.

use super::event::{Body, Event};
use crate::error::{Error, IoContext, Result};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The worker's end of the log.
pub struct Writer {
    file: File,
    path: PathBuf,
    next_seq: u64,
    /// Bytes of whole lines.
    length: u64,
}

impl Writer {
    /// Opens the log for appending. Only the holder of the run's lock may do this: a partial last
    /// line, left by a worker that was killed while writing, is cut off.
    pub fn open(path: &Path) -> Result<Writer> {
        let mut file =
            File::options().create(true).read(true).append(true).open(path).doing("open the event log", path)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).doing("read the event log", path)?;
        let whole = text.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        if whole < text.len() {
            file.set_len(whole as u64).doing("mend the event log", path)?;
        }
        let last = text[..whole].split(|b| *b == b'\n').rev().find_map(parse);
        let next_seq = last.map_or(0, |e| e.seq + 1);
        Ok(Writer { file, path: path.to_path_buf(), next_seq, length: whole as u64 })
    }

    /// Appends one event, as one write. What a full disk left of a line is taken back, so that the next
    /// event (that the run failed, say) does not continue it.
    pub fn write(&mut self, body: Body) -> Result<()> {
        let event = Event { seq: self.next_seq, time: jiff::Timestamp::now(), body };
        let mut line = serde_json::to_vec(&event)
            .map_err(|e| Error::new("an event cannot be written as JSON").at(&self.path).because(e))?;
        line.push(b'\n');
        if let Err(e) = self.file.write_all(&line) {
            let _ = self.file.set_len(self.length);
            return Err(Error::io("write the event log", &self.path, e));
        }
        self.length += line.len() as u64;
        self.next_seq += 1;
        Ok(())
    }
}

/// A reader's place in a log: each `poll` gives what has been added, whole lines only.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    offset: u64,
    partial: Vec<u8>,
    skip_steps: bool,
}

impl Tail {
    pub fn new(path: impl Into<PathBuf>) -> Tail {
        Tail { path: path.into(), offset: 0, partial: Vec::new(), skip_steps: false }
    }

    /// Leaves `step` events out, unparsed: a list of runs does not need them.
    pub fn without_steps(path: impl Into<PathBuf>) -> Tail {
        Tail { skip_steps: true, ..Tail::new(path) }
    }

    /// The events added since the last call. A log that has become shorter is read from its start.
    pub fn poll(&mut self) -> Result<Vec<Event>> {
        let mut file = File::open(&self.path).doing("read the event log", &self.path)?;
        let length = file.metadata().doing("read the event log", &self.path)?.len();
        if length < self.offset {
            self.offset = 0;
            self.partial.clear();
        }
        if length == self.offset {
            return Ok(Vec::new());
        }
        file.seek(SeekFrom::Start(self.offset)).doing("read the event log", &self.path)?;
        let read = file.take(length - self.offset).read_to_end(&mut self.partial);
        self.offset += read.doing("read the event log", &self.path)? as u64;
        let Some(end) = self.partial.iter().rposition(|b| *b == b'\n') else {
            return Ok(Vec::new());
        };
        let rest = self.partial.split_off(end + 1);
        let lines = std::mem::replace(&mut self.partial, rest);
        Ok(lines.split(|b| *b == b'\n').filter(|l| !(self.skip_steps && is_step(l))).filter_map(parse).collect())
    }
}

/// `None` for an empty or damaged line: one bad line must not hide the others.
fn parse(line: &[u8]) -> Option<Event> {
    serde_json::from_slice(line).ok()
}

/// The kind stands third, so the head of the line tells.
fn is_step(line: &[u8]) -> bool {
    const STEP: &[u8] = br#""kind":"step""#;
    line[..line.len().min(96)].windows(STEP.len()).any(|w| w == STEP)
}

#[cfg(test)]
mod tests {
    use super::super::event::{Queued, Step};
    use super::*;

    fn step(step: u64) -> Body {
        Body::Step(Step { epoch: 1, step, loss: Some(0.5) })
    }

    #[test]
    fn a_partial_last_line_is_not_yet_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let mut log = Writer::open(&path).unwrap();
        log.write(Body::Queued(Queued {})).unwrap();
        let mut tail = Tail::new(&path);
        assert_eq!(tail.poll().unwrap().len(), 1);
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(br#"{"seq":1,"ti"#).unwrap();
        assert!(tail.poll().unwrap().is_empty());
        // The next worker cuts it off and goes on counting; the reader sees no gap.
        let mut log = Writer::open(&path).unwrap();
        log.write(step(1)).unwrap();
        log.write(step(2)).unwrap();
        let mut fresh = Tail::new(&path);
        let seqs: Vec<u64> = fresh.poll().unwrap().iter().map(|e| e.seq).collect();
        assert_eq!(seqs, [0, 1, 2]);
        assert!(Tail::without_steps(&path).poll().unwrap().len() == 1);
    }

    #[test]
    fn a_damaged_line_hides_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        Writer::open(&path).unwrap().write(step(1)).unwrap();
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"\xff\x00garbage\n").unwrap();
        Writer::open(&path).unwrap().write(step(2)).unwrap();
        assert_eq!(Tail::new(&path).poll().unwrap().len(), 2);
    }
}
