//! The table beside the images: `filename,pixel size(mm),head circumference (mm)`.

use super::Part;
use crate::error::{Error, IoContext, Result};
use crate::text;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// No table of pixel sizes is anywhere near this; a larger file is something else.
const LARGEST_TABLE_BYTES: u64 = 64 << 20;

/// One readable row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// In the file, from 1.
    pub line: u64,
    pub file: String,
    pub pixel_size_mm: f64,
    /// `None` in the table of the test set.
    pub hc_mm: Option<f64>,
}

/// What is wrong with a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableDefectKind {
    Missing,
    WrongHeader,
    UnparsableRow,
    DuplicateRow,
}

#[derive(Clone, Debug)]
pub struct TableDefect {
    pub kind: TableDefectKind,
    /// The image that the row speaks of, where that much is legible.
    pub image: Option<String>,
    pub detail: String,
}

/// A table as far as it can be read.
#[derive(Debug)]
pub struct Table {
    pub path: PathBuf,
    pub rows: Vec<Row>,
    pub defects: Vec<TableDefect>,
}

impl Table {
    /// Reads what is legible; only an operating-system error is an error here, everything else a defect.
    pub fn read(path: &Path, part: Part) -> Result<Table> {
        let mut table = Table { path: path.to_path_buf(), rows: Vec::new(), defects: Vec::new() };
        let bytes = match std::fs::metadata(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                table.defect(TableDefectKind::Missing, None, format!("there is no {}", part.table_name()));
                return Ok(table);
            }
            Err(e) => return Err(Error::io("read the table", path, e)),
            Ok(meta) if meta.len() > LARGEST_TABLE_BYTES => {
                let detail = format!("{} bytes are no table of pixel sizes", meta.len());
                table.defect(TableDefectKind::WrongHeader, None, detail);
                return Ok(table);
            }
            Ok(_) => std::fs::read(path).doing("read the table", path)?,
        };
        table.parse(&bytes, part);
        Ok(table)
    }

    fn parse(&mut self, bytes: &[u8], part: Part) {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        // Line by line, so that numbers of lines are those an editor shows, and a stray quote spoils one row only.
        let end = if bytes.contains(&b'\n') { b'\n' } else { b'\r' };
        let lines = bytes.split(|b| *b == end).map(<[u8]>::trim_ascii).zip(1u64..);
        let mut lines = lines.filter(|(line, _)| !line.is_empty());
        let wanted: &[&str] = match part {
            Part::Training => &["filename", "pixel size(mm)", "head circumference (mm)"],
            Part::Test => &["filename", "pixel size(mm)"],
        };
        let header = lines.next().map(|(line, _)| fields(line)).unwrap_or_default();
        let squeeze = |s: &str| s.split_whitespace().collect::<String>().to_lowercase();
        let column = |name: &str| header.iter().position(|found| squeeze(found) == squeeze(name));
        let columns: Vec<usize> = wanted.iter().filter_map(|name| column(name)).collect();
        if columns.len() < wanted.len() {
            let found =
                if header.is_empty() { "nothing".to_owned() } else { format!("\"{}\"", clip(&header.join(","))) };
            let detail = format!("line 1: the header is {found}, wanted is \"{}\"", wanted.join(","));
            self.defect(TableDefectKind::WrongHeader, None, detail);
            return;
        }
        let mut seen: HashMap<String, usize> = HashMap::new();
        for (line, number) in lines {
            self.row(&fields(line), number, &columns, &mut seen);
        }
    }

    fn row(&mut self, fields: &[String], line: u64, columns: &[usize], seen: &mut HashMap<String, usize>) {
        let field = |k: usize| fields.get(columns[k]).cloned().unwrap_or_default();
        let file = field(0);
        let number = |k: usize, what: &str| -> std::result::Result<f64, String> {
            let text = field(k);
            match text.parse::<f64>() {
                Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
                Ok(_) => Err(format!("line {line}: the {what} \"{}\" is not a positive number", clip(&text))),
                Err(_) => Err(format!("line {line}: the {what} \"{}\" is not a number", clip(&text))),
            }
        };
        let image = (!file.is_empty()).then(|| file.clone());
        let of = |problem: String| match &image {
            Some(image) => format!("{problem} ({})", clip(image)),
            None => problem,
        };
        if image.is_none() {
            return self.defect(TableDefectKind::UnparsableRow, None, format!("line {line}: the file name is missing"));
        }
        let hc = if columns.len() > 2 { number(2, "head circumference").map(Some) } else { Ok(None) };
        match (number(1, "pixel size"), hc) {
            (Ok(pixel_size_mm), Ok(hc_mm)) => match seen.get(&file) {
                Some(&first) => {
                    let first = &self.rows[first];
                    let same = first.pixel_size_mm == pixel_size_mm && first.hc_mm == hc_mm;
                    let but = if same { "the same values" } else { "other values; the first row is used" };
                    let detail =
                        format!("line {line}: {} has a row already, in line {}, with {but}", clip(&file), first.line);
                    self.defect(TableDefectKind::DuplicateRow, image, detail);
                }
                None => {
                    seen.insert(file.clone(), self.rows.len());
                    self.rows.push(Row { line, file, pixel_size_mm, hc_mm });
                }
            },
            (Err(problem), _) | (_, Err(problem)) => {
                let detail = of(problem);
                self.defect(TableDefectKind::UnparsableRow, image, detail);
            }
        }
    }

    fn defect(&mut self, kind: TableDefectKind, image: Option<String>, detail: String) {
        self.defects.push(TableDefect { kind, image, detail });
    }

    /// Whether rows can be told apart at all: the file is there and its header is right.
    pub fn legible(&self) -> Result<()> {
        let worst = |d: &&TableDefect| matches!(d.kind, TableDefectKind::Missing | TableDefectKind::WrongHeader);
        match self.defects.iter().find(worst) {
            None => Ok(()),
            Some(defect) => Err(Error::new(format!("the table cannot be used: {}", defect.detail))
                .at(&self.path)
                .cure("put the published file there, with its header line unchanged")),
        }
    }

    /// Rows by file name.
    pub fn by_file(&self) -> HashMap<&str, &Row> {
        self.rows.iter().map(|row| (row.file.as_str(), row)).collect()
    }
}

/// The fields of one line, without the spaces around them.
fn fields(line: &[u8]) -> Vec<String> {
    let mut builder = csv::ReaderBuilder::new();
    builder.has_headers(false).flexible(true).trim(csv::Trim::All).buffer_capacity(512);
    let mut record = csv::ByteRecord::new();
    // Reading bytes from memory cannot fail; an odd quote only makes an odd field.
    match builder.from_reader(line).read_byte_record(&mut record) {
        Ok(_) => record.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect(),
        Err(_) => Vec::new(),
    }
}

/// At most 80 characters, safe for a terminal.
fn clip(text: &str) -> String {
    let safe = text::line(text);
    if safe.chars().count() > 80 { safe.chars().take(79).chain(['…']).collect() } else { safe.into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Table {
        let mut table = Table { path: "table.csv".into(), rows: Vec::new(), defects: Vec::new() };
        table.parse(text.as_bytes(), Part::Training);
        table
    }

    #[test]
    fn byte_order_mark_crlf_and_spaces_are_read_through() {
        let table = parse(
            "\u{feff}filename,pixel size(mm),head circumference (mm)\r\n 000_HC.png , 0.069 ,44.3\r\n\r\n1_HC.png,1e-1,9\r\n",
        );
        assert!(table.defects.is_empty(), "{:?}", table.defects);
        assert_eq!(table.rows[0], Row { line: 2, file: "000_HC.png".into(), pixel_size_mm: 0.069, hc_mm: Some(44.3) });
        assert_eq!(table.rows[1].line, 4);
    }

    #[test]
    fn a_wrong_header_is_named_with_the_one_wanted() {
        let table = parse("filename;pixel size(mm)\n000_HC.png;0.1\n");
        let error = table.legible().unwrap_err();
        assert!(error.what.contains("\"filename;pixel size(mm)\""), "{error}");
        assert!(error.what.contains("filename,pixel size(mm),head circumference (mm)"));
        assert!(parse("").legible().unwrap_err().what.contains("nothing"));
    }

    #[test]
    fn bad_numbers_are_told_with_line_and_file() {
        let table = parse(
            "filename,pixel size(mm),head circumference (mm)\na_HC.png,abc,1\nb_HC.png,0.1,-5\nc_HC.png\n,1,2\nd_HC.png,inf,2\n\
             e_HC.png,0.1,200\ne_HC.png,0.1,201\n",
        );
        let details: Vec<_> = table.defects.iter().map(|d| d.detail.as_str()).collect();
        assert_eq!(details[0], "line 2: the pixel size \"abc\" is not a number (a_HC.png)");
        assert_eq!(details[1], "line 3: the head circumference \"-5\" is not a positive number (b_HC.png)");
        assert_eq!(details[2], "line 4: the pixel size \"\" is not a number (c_HC.png)");
        assert_eq!(details[3], "line 5: the file name is missing");
        assert!(details[4].contains("\"inf\""));
        assert!(details[5].contains("line 8: e_HC.png has a row already, in line 7, with other values"));
        assert_eq!(table.rows.len(), 1);
    }
}
