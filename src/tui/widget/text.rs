//! Figures and words cut to measure: nothing is cut without `…`.

use std::borrow::Cow;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// `text` in at most `width` columns; what does not fit ends in `…`.
pub fn fit(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    let mut cut = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide + 1 > width {
            break;
        }
        used += wide;
        cut.push(c);
    }
    if width > 0 {
        cut.push('…');
    }
    Cow::Owned(cut)
}

/// The end of `text` in at most `width` columns, for paths: what does not fit is a `…` in front.
pub fn fit_end(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    let mut kept: Vec<char> = Vec::new();
    let mut used = 1;
    for c in text.chars().rev() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        kept.push(c);
    }
    if width > 0 {
        kept.push('…');
    }
    Cow::Owned(kept.into_iter().rev().collect())
}

/// `text` in exactly `width` columns, to the left.
pub fn left(text: &str, width: usize) -> String {
    let mut cell = fit(text, width).into_owned();
    cell.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.width())));
    cell
}

/// `text` in exactly `width` columns, to the right.
pub fn right(text: &str, width: usize) -> String {
    let cell = fit(text, width);
    let mut padded: String = std::iter::repeat_n(' ', width.saturating_sub(cell.width())).collect();
    padded.push_str(&cell);
    padded
}

/// Words to lines of at most `width` columns.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(fit(word, width).into_owned()),
        }
    }
    lines
}

/// `1,072,961`
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `0:07:12`; days go before hours: `2d 04:31`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "–".to_owned();
    }
    let s = seconds.round() as u64;
    match s / 86_400 {
        0 => format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60),
        days => format!("{days}d {:02}:{:02}", s / 3600 % 24, s / 60 % 60),
    }
}

/// `digits` significant digits, without an exponent where that is readable; `–` for nothing.
pub fn significant(value: Option<f64>, digits: usize) -> String {
    let Some(v) = value.filter(|v| v.is_finite()) else { return "–".to_owned() };
    if v == 0.0 {
        return "0".to_owned();
    }
    let magnitude = v.abs().log10().floor() as i32;
    if (-4..7).contains(&magnitude) {
        let decimals = (digits as i32 - 1 - magnitude).max(0) as usize;
        format!("{v:.decimals$}")
    } else {
        format!("{v:.*e}", digits.saturating_sub(1))
    }
}

/// A learning rate: `1e-3`, `2.5e-4`, `0`.
pub fn rate(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let text = format!("{value:.3e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    format!("{}e{exponent}", mantissa.trim_end_matches('0').trim_end_matches('.'))
}

/// `value` with `decimals` decimals; `–` for nothing.
pub fn decimals(value: Option<f64>, decimals: usize) -> String {
    value.filter(|v| v.is_finite()).map_or("–".to_owned(), |v| format!("{v:.decimals$}"))
}

/// Mean and standard deviation (n - 1) of some figures; nothing of none.
pub fn mean_and_sd(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let values: Vec<f64> = values.collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let square = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (values.len().max(2) - 1) as f64;
    (!values.is_empty()).then(|| (mean, square.sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_cut_without_an_ellipsis() {
        assert_eq!(fit("reg-cnn263k", 11), "reg-cnn263k");
        assert_eq!(fit("reg-cnn263k", 8), "reg-cnn…");
        assert_eq!(fit("漢字", 3), "漢…");
        assert_eq!(fit_end("/data/hc18/training_set", 12), "…raining_set");
        assert_eq!(right("7", 3), "  7");
        assert_eq!(left("ab", 4), "ab  ");
        assert_eq!(wrap("a bc def", 4), ["a bc", "def"]);
    }

    #[test]
    fn figures_read_as_people_write_them() {
        assert_eq!(count(1_072_961), "1,072,961");
        assert_eq!(count(999), "999");
        assert_eq!(duration(432.4), "0:07:12");
        assert_eq!(duration(190_000.0), "2d 04:46");
        assert_eq!(duration(f64::NAN), "–");
        assert_eq!(significant(Some(0.012_345), 3), "0.0123");
        assert_eq!(significant(Some(90.183), 4), "90.18");
        assert_eq!(significant(Some(1.5e-9), 3), "1.50e-9");
        assert_eq!(significant(Some(f64::NAN), 3), "–");
        assert_eq!((rate(1e-3), rate(2.5e-4), rate(0.0)), ("1e-3".into(), "2.5e-4".into(), "0".into()));
    }
}
