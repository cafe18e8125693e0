//! The published figures, as data.

use crate::error::{Error, Result};
use include_dir::{Dir, include_dir};
use serde::{Deserialize, Serialize};

static PAPERS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/data/papers");

/// A mean and, where it is printed, its standard deviation.
pub type Figure = Vec<f64>;

/// What one paper prints of one training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The paper's short name; filled in from the file.
    #[serde(default)]
    pub source: String,
    /// Where it stands in the paper.
    pub place: String,
    pub recipe: String,
    /// None where the paper does not say.
    pub loss: Option<String>,
    pub mae_px: Option<Figure>,
    pub mae_mm: Option<Figure>,
    pub pmae: Option<Figure>,
    /// Of masks, or of the ellipse fitted to them.
    pub dice_percent: Option<Figure>,
    pub iou_percent: Option<Figure>,
    pub pixel_accuracy_percent: Option<Figure>,
    pub hausdorff_px: Option<Figure>,
}

impl Cell {
    /// Whether it is of that recipe and loss; the kappa loss as printed is the papers' kappa loss.
    pub fn is_of(&self, recipe: &str, loss: &str) -> bool {
        let loss = if loss == "kappa-printed" { "kappa" } else { loss };
        self.recipe == recipe && self.loss.as_deref().is_none_or(|l| l == loss)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Paper {
    source: String,
    #[serde(rename = "title")]
    _title: String,
    cell: Vec<Cell>,
}

/// Every published cell.
pub fn cells() -> Result<Vec<Cell>> {
    let mut found = Vec::new();
    for file in PAPERS.files() {
        let wrong = |why: String| Error::new(why).at(file.path());
        let text = file.contents_utf8().ok_or_else(|| wrong("the paper's figures are not text".into()))?;
        let paper: Paper = toml::from_str(text).map_err(|e| wrong(e.message().to_owned()))?;
        found.extend(paper.cell.into_iter().map(|cell| Cell { source: paper.source.clone(), ..cell }));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_published_cell_names_a_shipped_recipe() {
        let recipes: Vec<String> = crate::recipe::shipped().into_iter().map(|s| s.name).collect();
        let cells = cells().unwrap();
        assert!(cells.iter().all(|c| recipes.contains(&c.recipe)));
        let cnn1m = cells.iter().find(|c| c.is_of("reg-cnn1m", "mse")).unwrap();
        assert_eq!((cnn1m.mae_px.clone(), cnn1m.source.as_str()), (Some(vec![50.96, 58.61]), "S1"));
        let losses = crate::nn::loss::WORDS;
        assert!(cells.iter().filter_map(|c| c.loss.as_deref()).all(|loss| losses.contains(&loss)));
    }

    #[test]
    fn a_figure_is_a_mean_with_or_without_its_deviation() {
        for cell in cells().unwrap() {
            let figures = [
                &cell.mae_px,
                &cell.mae_mm,
                &cell.pmae,
                &cell.dice_percent,
                &cell.iou_percent,
                &cell.pixel_accuracy_percent,
                &cell.hausdorff_px,
            ];
            let mut printed = figures.into_iter().flatten().peekable();
            assert!(printed.peek().is_some() && printed.all(|f| matches!(f.len(), 1 | 2)), "{cell:?}");
        }
    }

    #[test]
    fn the_preprints_three_tables_stand_beside_each_of_its_losses() {
        let cells = cells().unwrap();
        for (recipe, loss, mm) in
            [("unet", "kappa-printed", [33.578, 9.31, 8.41]), ("unet-vgg16", "dice", [9.386, 3.96, 4.19])]
        {
            let found: Vec<f64> =
                cells.iter().filter(|c| c.is_of(recipe, loss)).filter_map(|c| Some(c.mae_mm.as_ref()?[0])).collect();
            assert_eq!(found, mm, "{recipe} {loss}");
        }
    }
}
