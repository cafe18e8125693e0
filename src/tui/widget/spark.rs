//! A curve in one line of block glyphs.

const GLYPHS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// `values` from oldest to newest in `width` glyphs: the mean of each stretch, scaled from the least to the greatest.
///
/// Values that are not finite take part as blanks. Fewer values than `width` give a shorter line.
pub fn sparkline(values: &[f64], width: usize) -> String {
    let means = squeeze(values, width);
    let finite = means.iter().copied().filter(|v| v.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    means
        .iter()
        .map(|v| match (v.is_finite(), high > low) {
            (false, _) => ' ',
            (true, false) => GLYPHS[3],
            (true, true) => GLYPHS[((v - low) / (high - low) * 7.0).round() as usize],
        })
        .collect()
}

/// At most `width` means of equal stretches of `values`.
pub fn squeeze(values: &[f64], width: usize) -> Vec<f64> {
    if values.len() <= width {
        return values.to_vec();
    }
    let mean_of = |i: usize| {
        let stretch = &values[i * values.len() / width..(i + 1) * values.len() / width];
        let finite: Vec<f64> = stretch.iter().copied().filter(|v| v.is_finite()).collect();
        if finite.is_empty() { f64::NAN } else { finite.iter().sum::<f64>() / finite.len() as f64 }
    };
    (0..width).map(mean_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_value_is_the_highest_glyph_and_nan_breaks_nothing() {
        assert_eq!(sparkline(&[8.0, 4.0, 1.0], 8), "█▄▁");
        assert_eq!(sparkline(&[8.0, f64::NAN, 1.0], 8), "█ ▁");
        assert_eq!(sparkline(&[2.0, 2.0], 8), "▄▄");
        assert_eq!(sparkline(&[], 8), "");
        assert_eq!(sparkline(&(0..100).map(f64::from).collect::<Vec<_>>(), 8), "▁▂▃▄▅▆▇█");
    }
}
