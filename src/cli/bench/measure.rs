//! `hcwb bench measure`: what measuring masks costs, data in memory.

use super::network::{on_threads, peak_rss_bytes};
use crate::error::{Error, IoContext, Result};
use crate::geometry::{BitMask, BoundaryDistance, Ellipse, Head, HeadOptions, Overlap, fill};
use clap::Args;
use rayon::prelude::*;
use std::path::PathBuf;
use std::time::Instant;

/// Time the way from masks to numbers: largest part, ellipse, HC, Dice index, Hausdorff distance, ASSD.
#[derive(Args)]
pub struct BenchMeasure {
    /// Masks altogether; those in memory are measured again and again
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    count: u32,
    /// Raw bytes, 0 or 255: predicted and true mask in turn, row by row [default: made-up heads]
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Width and height of every mask in px
    #[arg(long, default_value = "800x540", value_name = "WxH", value_parser = parse_size)]
    size: (usize, usize),
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    threads: Option<u32>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn parse_size(text: &str) -> Result<(usize, usize), String> {
    let side = |s: &str| s.parse().ok().filter(|n| (1..=20_000).contains(n));
    let sides = text.split_once('x').and_then(|(w, h)| Some((side(w)?, side(h)?)));
    sides.ok_or_else(|| "write width x height, for instance 800x540".into())
}

/// What one pair of masks gives; `None` where there is no head or no outline.
struct Numbers {
    hc_px: Option<f64>,
    dice: Option<f64>,
    distance: Option<BoundaryDistance>,
}

pub fn run(args: &BenchMeasure) -> Result<()> {
    let (width, height) = args.size;
    let bytes = match &args.input {
        Some(path) => std::fs::read(path).doing("read the masks", path)?,
        None => made_up(width, height),
    };
    let pairs: Vec<&[u8]> = bytes.chunks_exact(2 * width * height).collect();
    if pairs.is_empty() || bytes.len() != pairs.len() * 2 * width * height {
        let file = args.input.clone().unwrap_or_default();
        return Err(Error::new(format!("its {} bytes are no pairs of {width}x{height} masks", bytes.len())).at(file));
    }
    let count = args.count as usize;
    let (threads, (seconds, numbers)) = on_threads(args.threads, || {
        let start = Instant::now();
        let numbers: Result<Vec<Numbers>> =
            (0..count).into_par_iter().map(|i| measure(pairs[i % pairs.len()], width, height)).collect();
        Ok((start.elapsed().as_secs_f64(), numbers?))
    })?;
    let mean = |of: &dyn Fn(&Numbers) -> Option<f64>| {
        let values: Vec<f64> = numbers.iter().filter_map(of).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let rate = count as f64 / seconds;
    if args.json {
        let value = serde_json::json!({
            "masks": count, "width": width, "height": height, "threads": threads, "seconds": seconds,
            "masks_per_second": rate, "mean_hc_px": mean(&|n| n.hc_px), "mean_dice": mean(&|n| n.dice),
            "mean_hausdorff_px": mean(&|n| Some(n.distance?.hausdorff_px)),
            "mean_assd_px": mean(&|n| Some(n.distance?.average_px)), "peak_rss_bytes": peak_rss_bytes(),
        });
        println!("{value}");
    } else {
        println!("{count} masks of {width}x{height} in {seconds:.2} s, {rate:.0} a second ({threads} threads)");
    }
    Ok(())
}

fn measure(pair: &[u8], width: usize, height: usize) -> Result<Numbers> {
    let (prediction, truth) = pair.split_at(width * height);
    let prediction = BitMask::from_bytes(prediction, width, height, 128)?;
    let truth = BitMask::from_bytes(truth, width, height, 128)?;
    let head = HeadOptions::default().head_of_mask(&prediction);
    let (ellipse, mask) = match head {
        Ok(Head { ellipse, mask, .. }) => (Some(ellipse), mask),
        Err(_) => (None, prediction),
    };
    Ok(Numbers {
        hc_px: ellipse.map(|ellipse| ellipse.circumference_ramanujan_px()),
        dice: Overlap::of(&truth, &mask)?.dice(),
        distance: BoundaryDistance::of(&truth, &mask)?,
    })
}

/// 64 heads of any size and direction, as predicted and as true: a few px apart, with fragments and a hole.
fn made_up(width: usize, height: usize) -> Vec<u8> {
    let (w, h) = (width as f64, height as f64);
    let mut bytes = Vec::new();
    for i in 0..64 {
        let i = f64::from(i);
        let a = h * (0.15 + 0.3 * (i * 0.618).fract());
        let truth = Ellipse::new(w * (0.4 + 0.2 * (i * 0.71).fract()), h * 0.5, a, a * 0.8, i);
        let (x, y) = (truth.center_x_px + 4.0 * i.sin(), truth.center_y_px + 4.0 * i.cos());
        let mut prediction = fill(&Ellipse::new(x, y, a + 3.0 * (2.0 * i).sin(), a * 0.79, i), width, height);
        let specks = [(0.1, 0.1, 255), (0.9, 0.2, 255), (0.85, 0.9, 255), (x / w, y / h, 0)];
        for (x, y, value) in specks {
            let speck = fill(&Ellipse::new(w * x, h * y, h * 0.02, h * 0.015, i), width, height);
            speck.pixels().for_each(|(x, y)| prediction.values[y * width + x] = value);
        }
        bytes.extend(prediction.values);
        bytes.extend(fill(&truth, width, height).values);
    }
    bytes
}
