//! How values are spread, in bars of block glyphs.

use super::text;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

const EIGHTHS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// Draws title, bars and range of `values`; values that are not finite are left out.
pub fn render(title: &str, values: &[f64], area: Rect, buf: &mut Buffer, bar: Style, label: Style) {
    if area.width < 12 || area.height < 3 {
        return;
    }
    let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    let (low, high) = finite.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    let width = area.width as usize;
    buf.set_stringn(area.x, area.y, text::fit(title, width), width, label);
    if finite.is_empty() {
        buf.set_stringn(area.x, area.y + 1, "no values", width, label);
        return;
    }
    let counts = count(&finite, low, high, width);
    let most = counts.iter().copied().max().unwrap_or(1).max(1);
    let rows = area.height - 2;
    for (x, &n) in counts.iter().enumerate() {
        // At least one eighth, so that a single outlier is seen.
        let eighths = (n * u64::from(rows) * 8).div_ceil(most);
        for row in 0..rows {
            let filled = eighths.saturating_sub(u64::from(row) * 8).min(8) as usize;
            buf[(area.x + x as u16, area.y + rows - row)].set_symbol(EIGHTHS[filled]).set_style(bar);
        }
    }
    let y = area.y + area.height - 1;
    let (from, to) = (text::significant(Some(low), 4), text::significant(Some(high), 4));
    buf.set_stringn(area.x, y, &from, width, label);
    let x = area.x + area.width.saturating_sub(to.len() as u16);
    buf.set_stringn(x, y, &to, width, label);
}

fn count(values: &[f64], low: f64, high: f64, bins: usize) -> Vec<u64> {
    let mut counts = vec![0; bins];
    for v in values {
        let share = if high > low { (v - low) / (high - low) } else { 0.5 };
        counts[((share * bins as f64) as usize).min(bins - 1)] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_falls_into_a_bin() {
        assert_eq!(count(&[0.0, 0.1, 5.0, 10.0], 0.0, 10.0, 2), [2, 2]);
        assert_eq!(count(&[3.0, 3.0], 3.0, 3.0, 4), [0, 0, 2, 0]);
    }
}
