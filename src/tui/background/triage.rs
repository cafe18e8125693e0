//! Predictions with the images they belong to.

use super::hearts;
use crate::dataset::hc18::Folder;
use crate::dataset::registry;
use crate::error::Result;
use crate::run::RunDir;
use crate::run::predictions::{self as table, Prediction};
use crate::tui::model::{Agreement, Case, Predictions, Segmented};
use crate::tui::widget::picture::Oval;
use crate::workspace::Workspace;
use std::collections::HashMap;
use std::path::PathBuf;

/// Every prediction of `run`; none while it has made none.
///
/// # Errors
/// A predictions file that cannot be read. A data set that is gone only leaves the pictures out.
pub fn predictions(ws: &Workspace, run: &RunDir) -> Result<Predictions> {
    match run.recipe()?.task.starts_with("cardiac") {
        true => hearts::cases(ws, run).map(Predictions::Hearts),
        false => cases(ws, run).map(Predictions::Heads),
    }
}

fn cases(ws: &Workspace, run: &RunDir) -> Result<Vec<Case>> {
    let rows = table::read(run)?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let recipe = run.recipe()?;
    let paths = registry::load(ws, &recipe.data.dataset).and_then(|dataset| images(&dataset.path)).unwrap_or_default();
    let segments = recipe.task == "hc-segmentation";
    let case = |row: Prediction| {
        let truth = || {
            Some(Oval {
                center_x_px: row.truth_center_x_px?,
                center_y_px: row.truth_center_y_px?,
                semi_axis_a_px: row.truth_semi_axis_a_px?,
                semi_axis_b_px: row.truth_semi_axis_b_px?,
                angle_rad: row.truth_angle_rad?,
                predicted: false,
            })
        };
        Case {
            path: paths.get(&row.file).cloned().unwrap_or_else(|| PathBuf::from(&row.file)),
            truth: truth(),
            segmented: segments.then(|| Box::new(segmented(run, &row))),
            file: crate::text::line(&row.file).into_owned(),
            exam: row.exam,
            set: crate::text::line(&row.set).into_owned(),
            trimester: row.trimester,
            pixel_size_mm: row.pixel_size_mm,
            truth_px: row.truth_hc_px,
            prediction_px: row.prediction_hc_px,
            error_px: row.error_px,
            truth_mm: row.truth_hc_mm,
            prediction_mm: row.prediction_hc_mm,
            error_mm: row.error_mm,
            error_percent: row.error_percent,
        }
    };
    Ok(rows.into_iter().map(case).collect())
}

/// What the row of a segmentation has besides the circumference.
fn segmented(run: &RunDir, row: &Prediction) -> Segmented {
    let percent = |share: Option<f64>| share.map(|s| 100.0 * s);
    let agreement = |dice, hausdorff_mm, assd_mm| Agreement { dice_percent: percent(dice), hausdorff_mm, assd_mm };
    let ellipse = || {
        Some(Oval {
            center_x_px: row.prediction_center_x_px?,
            center_y_px: row.prediction_center_y_px?,
            semi_axis_a_px: row.prediction_semi_axis_a_px?,
            semi_axis_b_px: row.prediction_semi_axis_b_px?,
            angle_rad: row.prediction_angle_rad?,
            predicted: true,
        })
    };
    let path = table::probabilities_png(run, &row.file);
    let written = std::fs::metadata(&path).and_then(|about| about.modified()).ok();
    Segmented {
        ellipse: ellipse(),
        probabilities: written.map(|written| (path, written)),
        raw: agreement(row.raw_dice, row.raw_hausdorff_mm, row.raw_assd_mm),
        processed: agreement(row.mask_dice, row.mask_hausdorff_mm, row.mask_assd_mm),
        drawn: agreement(row.ellipse_dice, row.ellipse_hausdorff_mm, row.ellipse_assd_mm),
        note: row.note.as_deref().map(|note| crate::text::line(note).into_owned()),
    }
}

/// Where each image of the data set lies, by its file name.
fn images(root: &std::path::Path) -> Result<HashMap<String, PathBuf>> {
    let mut paths = HashMap::new();
    for part in &Folder::find(root)?.parts {
        for image in part.read()?.images {
            paths.entry(image.name).or_insert(image.path);
        }
    }
    Ok(paths)
}
