//! Tables and JSON on standard output.

use crate::error::{Error, Result};
use std::io::Write;
use unicode_width::UnicodeWidthStr;

/// Prints one JSON value and nothing else.
pub fn json(value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|e| Error::new("cannot write JSON").because(e))?;
    print(&format!("{text}\n"))
}

/// Prints text; a reader that went away (`| head`) is no error.
pub fn print(text: &str) -> Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::io("write to standard output", "-", e)),
        _ => Ok(()),
    }
}

/// Rows under a header, columns aligned; columns whose header begins with `>` to the right.
/// Every cell is made safe for a terminal.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let right: Vec<bool> = header.iter().map(|h| h.starts_with('>')).collect();
    let header: Vec<String> = header.iter().map(|h| h.trim_start_matches('>').to_owned()).collect();
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| crate::text::line(cell).into_owned()).collect()).collect();
    let width = |column: usize| {
        std::iter::once(&header).chain(&rows).map(|row| row.get(column).map_or(0, |c| c.width())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let mut text = String::new();
    for row in std::iter::once(&header).chain(&rows) {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let pad = " ".repeat(widths[column].saturating_sub(cell.width()));
            if right[column] {
                line.push_str(&pad);
                line.push_str(cell);
            } else {
                line.push_str(cell);
                line.push_str(&pad);
            }
            line.push_str("  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Words to lines of at most `width` columns; a longer word has a line to itself. Made safe for a terminal.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in crate::text::line(text).split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// `72` as `1:12`, `3700` as `1:01:40`.
pub fn duration(seconds: f64) -> String {
    let s = seconds.max(0.0).round() as u64;
    match s / 3600 {
        0 => format!("{}:{:02}", s / 60, s % 60),
        h => format!("{h}:{:02}:{:02}", s / 60 % 60, s % 60),
    }
}

/// A figure with two decimals, or a dash.
pub fn figure(value: Option<f64>) -> String {
    value.map_or("–".into(), |v| format!("{v:.2}"))
}

/// `4.31 ± 2.20`.
pub fn figure_sd(value: Option<f64>, sd: Option<f64>) -> String {
    match (value, sd) {
        (Some(v), Some(sd)) => format!("{v:.2} ± {sd:.2}"),
        (v, _) => figure(v),
    }
}

/// `263633` as `263,633`.
pub fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_align_and_carry_no_control_characters() {
        let rows = vec![vec!["a\x1b[2J".into(), "1".into()], vec!["µ".into(), "23".into()]];
        assert_eq!(table(&["name", ">n"], &rows), "name   n\na[2J   1\nµ     23\n");
        assert_eq!(thousands(1_072_961), "1,072,961");
        assert_eq!((duration(72.0), duration(3700.4)), ("1:12".into(), "1:01:40".into()));
    }
}
