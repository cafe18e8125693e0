//! A line chart in braille: two points a cell across, four down.
//!
//! Live charts are cheap on the wire because their ranges are round numbers that seldom change: a new point then adds
//! one cell, and nothing that is already drawn moves.

use super::text;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

/// One curve. Values that are not finite break it.
pub struct Series<'a> {
    pub name: &'a str,
    pub points: &'a [(f64, f64)],
    pub style: Style,
    /// Drawn with gaps, so that two curves differ without colour.
    pub dashed: bool,
}

/// Everything a chart shows.
pub struct Chart<'a> {
    pub title: &'a str,
    pub series: &'a [Series<'a>],
    /// Points at this abscissa and beyond are not shown; the axis ends there.
    pub x_end: f64,
    pub x_name: &'a str,
    pub log: bool,
    /// What [`Chart::mark`] marks.
    pub mark_name: &'a str,
    /// A point that is marked, such as the best value.
    pub mark: Option<(f64, f64)>,
    pub text: Style,
    pub axis: Style,
    pub mark_style: Style,
}

/// The ordinates shown, from lowest to highest: round numbers that hold every point.
fn bounds(series: &[Series], log: bool) -> Option<(f64, f64)> {
    let values = series.iter().flat_map(|s| s.points).map(|p| p.1).filter(|v| v.is_finite() && (!log || *v > 0.0));
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if low > high {
        return None;
    }
    if log {
        let (low, high) = (round_down(low), round_up(high));
        return Some(if high > low { (low, high) } else { (low / 2.0, high * 2.0) });
    }
    // From zero where that costs less than half of the height.
    let low = if low >= 0.0 && low < high * 0.5 { 0.0 } else { low };
    let step = round_up(((high - low) / 8.0).max(high.abs() * 1e-6).max(1e-12));
    Some(((low / step).floor() * step, ((high / step).floor() + 1.0) * step))
}

/// The nearest of 1, 2, 3, 5 times a power of ten not above a positive `v`.
fn round_down(v: f64) -> f64 {
    let power = 10f64.powf(v.log10().floor());
    [5.0, 3.0, 2.0, 1.0].into_iter().map(|m| m * power).find(|&r| r <= v * (1.0 + 1e-12)).unwrap_or(power)
}

/// The nearest of 1, 2, 3, 5 times a power of ten not below a positive `v`.
fn round_up(v: f64) -> f64 {
    let power = 10f64.powf(v.log10().floor());
    [1.0, 2.0, 3.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|&r| r >= v * (1.0 - 1e-12)).unwrap_or(power)
}

/// Where an axis of whole numbers ends that has come to `now` and may come to `planned`: a step ahead, so that a running
/// curve rescales seldom.
pub fn axis_end(now: f64, planned: f64) -> f64 {
    let steps = [5.0, 10.0, 20.0, 30.0, 50.0, 75.0, 100.0, 150.0, 200.0, 300.0, 500.0, 750.0, 1000.0];
    let ahead = steps.into_iter().find(|&s| s >= now).unwrap_or_else(|| round_up(now.max(1.0)));
    if planned >= 1.0 { ahead.min(planned.max(now)) } else { ahead }
}

/// Dots of one cell, by column and row.
const DOTS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

struct Canvas {
    width: usize,
    height: usize,
    cells: Vec<(u8, usize)>,
}

impl Canvas {
    fn dot(&mut self, x: i64, y: i64, series: usize) {
        let (dots_x, dots_y) = (self.width as i64 * 2, self.height as i64 * 4);
        if (0..dots_x).contains(&x) && (0..dots_y).contains(&y) {
            let cell = &mut self.cells[y as usize / 4 * self.width + x as usize / 2];
            cell.0 |= DOTS[x as usize % 2][y as usize % 4];
            cell.1 = series;
        }
    }

    /// From one point to the next; `pen` counts dots along the curve for the dashes.
    fn line(&mut self, from: (f64, f64), to: (f64, f64), series: usize, dashed: bool, pen: &mut u64) {
        let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).ceil().clamp(1.0, 10_000.0) as u64;
        for i in 0..=steps {
            let t = i as f64 / steps as f64;
            let (x, y) = (from.0 + (to.0 - from.0) * t, from.1 + (to.1 - from.1) * t);
            if !dashed || *pen % 5 < 3 {
                self.dot(x.round() as i64, y.round() as i64, series);
            }
            *pen += u64::from(i > 0);
        }
    }
}

impl Chart<'_> {
    /// Draws into `area`: title and legend, the plot with its axis to the left, the abscissae below.
    pub fn render(&self, area: Rect, buf: &mut Buffer) {
        if area.width < 16 || area.height < 4 {
            return;
        }
        self.legend(area, buf);
        let Some((low, high)) = bounds(self.series, self.log) else {
            let y = area.y + area.height / 2;
            buf.set_stringn(area.x + 2, y, "no epoch yet", area.width as usize - 2, self.axis);
            return;
        };
        let scale = |v: f64| if self.log { v.ln() } else { v };
        let middle = if self.log { (low * high).sqrt() } else { (low + high) / 2.0 };
        let labels = [high, middle, low].map(|v| text::significant(Some(v), 3));
        let gutter = labels.iter().map(String::len).max().unwrap_or(1);
        let plot = Rect {
            x: area.x + gutter as u16 + 1,
            y: area.y + 1,
            width: area.width - gutter as u16 - 1,
            height: area.height - 2,
        };
        self.axes(plot, gutter, &labels, buf);

        let (width, height) = (plot.width as usize, plot.height as usize);
        let mut canvas = Canvas { width, height, cells: vec![(0, 0); width * height] };
        let to_dots = |(x, y): (f64, f64)| {
            let across = x / self.x_end.max(1e-9) * (width * 2 - 1) as f64;
            let up = (scale(y) - scale(low)) / (scale(high) - scale(low));
            (across, (1.0 - up) * (height * 4 - 1) as f64)
        };
        for (number, series) in self.series.iter().enumerate() {
            let (mut last, mut pen) = (None, 0);
            for &(x, y) in series.points {
                if !y.is_finite() || (self.log && y <= 0.0) || x > self.x_end {
                    last = None;
                    continue;
                }
                let to = to_dots((x, y));
                canvas.line(last.unwrap_or(to), to, number, series.dashed, &mut pen);
                last = Some(to);
            }
        }
        for (i, (dots, series)) in canvas.cells.iter().enumerate().filter(|(_, c)| c.0 != 0) {
            let glyph = char::from_u32(0x2800 + u32::from(*dots)).unwrap_or(' ');
            let at = Position::new(plot.x + (i % width) as u16, plot.y + (i / width) as u16);
            buf[at].set_char(glyph).set_style(self.series[*series].style);
        }
        if let Some(mark) = self.mark.filter(|m| m.0 <= self.x_end && m.1.is_finite() && (!self.log || m.1 > 0.0)) {
            let (x, y) = to_dots(mark);
            let at = Position::new(plot.x + (x / 2.0) as u16, plot.y + (y / 4.0) as u16);
            if plot.contains(at) {
                buf[at].set_char('◆').set_style(self.mark_style);
            }
        }
    }

    fn legend(&self, area: Rect, buf: &mut Buffer) {
        let right = area.x + area.width;
        let (mut x, y) = (area.x, area.y);
        let mut put = |word: &str, style: Style| {
            x = buf.set_stringn(x, y, word, right.saturating_sub(x) as usize, style).0;
        };
        put(self.title, self.text);
        if self.log {
            put(" (log)", self.axis);
        }
        for series in self.series {
            if !series.name.is_empty() {
                put(if series.dashed { "  ┄ " } else { "  ─ " }, series.style);
                put(series.name, self.axis);
            }
        }
        let named: usize = self.series.iter().map(|series| 4 + series.name.width()).sum();
        let used = self.title.width() + if self.log { 6 } else { 0 } + named;
        // Whole or not at all: the figures above the chart name the best epoch too.
        if self.mark.is_some() && used + "  ◆ ".width() + self.mark_name.width() <= usize::from(area.width) {
            put("  ◆ ", self.mark_style);
            put(self.mark_name, self.axis);
        }
    }

    fn axes(&self, plot: Rect, gutter: usize, labels: &[String; 3], buf: &mut Buffer) {
        for y in plot.y..plot.y + plot.height {
            buf[(plot.x - 1, y)].set_char('│').set_style(self.axis);
        }
        let rows = [plot.y, plot.y + plot.height / 2, plot.y + plot.height - 1];
        for (i, (label, y)) in labels.iter().zip(rows).enumerate() {
            // On a low plot the middle one would touch its neighbours.
            if i != 1 || plot.height >= 5 {
                buf.set_string(plot.x - 1 - gutter as u16, y, text::right(label, gutter), self.axis);
                buf[(plot.x - 1, y)].set_char('┤');
            }
        }
        let y = plot.y + plot.height;
        let end = text::significant(Some(self.x_end), 3).trim_end_matches(".00").trim_end_matches(".0").to_owned();
        buf.set_string(plot.x - 1, y, "0", self.axis);
        let half = (self.x_end / 2.0).floor();
        if plot.width > 24 && half > 0.0 {
            let x = plot.x + (half / self.x_end * f64::from(plot.width - 1)) as u16;
            buf.set_string(x, y, format!("{half}"), self.axis);
        }
        let last = format!("{} {end}", self.x_name);
        let x = (plot.x + plot.width).saturating_sub(last.chars().count() as u16);
        buf.set_string(x, y, last, self.axis);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(points: &[(f64, f64)], log: bool) -> Vec<String> {
        let series = [Series { name: "train", points, style: Style::new(), dashed: false }];
        let chart = Chart {
            title: "loss",
            series: &series,
            x_end: 10.0,
            x_name: "epoch",
            log,
            mark: None,
            mark_name: "best",
            text: Style::new(),
            axis: Style::new(),
            mark_style: Style::new(),
        };
        let area = Rect::new(0, 0, 30, 6);
        let mut buf = Buffer::empty(area);
        chart.render(area, &mut buf);
        (0..6).map(|y| (0..30).map(|x| buf[(x, y)].symbol().to_owned()).collect()).collect()
    }

    #[test]
    fn a_falling_line_goes_from_the_upper_left_to_the_lower_right() {
        let rows = draw(&[(0.0, 10.0), (10.0, 0.0)], false);
        assert_eq!(rows[0].trim_end(), "loss  ─ train");
        let plot = |row: &str| row.chars().skip_while(|c| *c != '┤' && *c != '│').skip(1).collect::<String>();
        let first = plot(&rows[1]).find(|c| c != ' ').unwrap();
        let last = plot(&rows[4]).trim_end().chars().count();
        assert!(first < 3 && last > 20, "{rows:#?}");
        assert!(rows[5].contains("epoch 10"), "{rows:#?}");
    }

    #[test]
    fn nan_breaks_the_curve_not_the_chart() {
        let rows = draw(&[(1.0, 10.0), (2.0, f64::NAN), (3.0, 1.0)], true);
        assert!(rows[0].contains("loss (log)"));
        assert!(draw(&[(1.0, f64::NAN)], false)[3].contains("no epoch yet"));
        assert!(draw(&[(1.0, 0.0)], true)[3].contains("no epoch yet"), "log of zero");
    }

    #[test]
    fn a_live_axis_rescales_seldom() {
        let ends: std::collections::BTreeSet<u64> = (1..=100).map(|n| axis_end(f64::from(n), 100.0) as u64).collect();
        assert_eq!(ends.into_iter().collect::<Vec<_>>(), [5, 10, 20, 30, 50, 75, 100]);
        assert_eq!(axis_end(3.0, 4.0), 4.0);
    }
}
