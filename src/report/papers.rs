//! The published figures, as data.

use crate::error::{Error, Result};
use crate::recipe::Recipe;
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

/// What one paper prints of one training on hearts; what it does not say is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeartCell {
    /// The paper's short name; filled in from the file.
    #[serde(default)]
    pub source: String,
    /// Where it stands in the paper.
    pub place: String,
    pub recipe: String,
    pub loss: Option<String>,
    /// The next six as a recipe's `data` and `model` have them.
    pub clean: Option<bool>,
    pub phases: Option<String>,
    pub input: Option<String>,
    pub target: Option<String>,
    pub outputs: Option<String>,
    pub structures: Option<String>,
    pub rv: Option<StructureCell>,
    pub myo: Option<StructureCell>,
    pub lv: Option<StructureCell>,
    pub heart: Option<StructureCell>,
}

/// What it prints of one structure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StructureCell {
    pub mae_ml: Figure,
    pub pmae: Option<Figure>,
}

impl HeartCell {
    /// Whether what it says of its training holds of that recipe.
    pub fn is_of(&self, recipe: &Recipe) -> bool {
        let data = &recipe.data;
        let says = |said: &Option<String>, is: &str| said.as_deref().is_none_or(|said| said == is);
        self.recipe == recipe.name
            && says(&self.loss, &recipe.train.loss)
            && self.clean.is_none_or(|clean| clean == data.clean)
            && says(&self.phases, &data.phases)
            && says(&self.input, &data.input)
            && says(&self.target, &data.target)
            && says(&self.outputs, recipe.outputs())
            && says(&self.structures, &data.structures)
    }

    pub fn structure(&self, word: &str) -> Option<&StructureCell> {
        let of = [("rv", &self.rv), ("myo", &self.myo), ("lv", &self.lv), ("heart", &self.heart)];
        of.into_iter().find(|(name, _)| *name == word)?.1.as_ref()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Paper {
    source: String,
    #[serde(rename = "title")]
    _title: String,
    #[serde(default)]
    cell: Vec<Cell>,
    #[serde(default)]
    heart: Vec<HeartCell>,
    /// Table 9 of S4, read where the data are cleaned.
    #[serde(default, rename = "patient")]
    _patients: Vec<toml::Value>,
}

/// Every published cell on heads.
pub fn cells() -> Result<Vec<Cell>> {
    let found = papers()?.into_iter().flat_map(|paper| {
        let source = paper.source;
        paper.cell.into_iter().map(move |cell| Cell { source: source.clone(), ..cell })
    });
    Ok(found.collect())
}

/// Every published cell on hearts.
pub fn heart_cells() -> Result<Vec<HeartCell>> {
    let found = papers()?.into_iter().flat_map(|paper| {
        let source = paper.source;
        paper.heart.into_iter().map(move |cell| HeartCell { source: source.clone(), ..cell })
    });
    Ok(found.collect())
}

fn papers() -> Result<Vec<Paper>> {
    let paper = |file: &include_dir::File<'static>| {
        let wrong = |why: String| Error::new(why).at(file.path());
        let text = file.contents_utf8().ok_or_else(|| wrong("the paper's figures are not text".into()))?;
        toml::from_str(text).map_err(|e| wrong(e.message().to_owned()))
    };
    PAPERS.files().map(paper).collect()
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

    #[test]
    fn the_preprints_hearts_stand_beside_the_recipes_that_ask_for_them() {
        let cells = heart_cells().unwrap();
        assert_eq!(cells.len(), 20);
        let of = |name: &str, set: &[&str]| {
            let mut recipe = Recipe::load(name).unwrap();
            set.iter().for_each(|pair| recipe.set_pair(pair).unwrap());
            let found = cells.iter().filter(|c| c.is_of(&recipe));
            found.map(|c| (c.place.clone(), c.structure("lv").map(|s| s.mae_ml[0]))).collect::<Vec<_>>()
        };
        assert_eq!(of("cardiac-vgg3d", &[]), [("table 13".to_owned(), Some(97.163))]);
        assert_eq!(of("cardiac-vgg3d", &["data.clean=false"]), [("table 12".to_owned(), Some(107.315))]);
        assert_eq!(of("cardiac-vgg2d", &["train.loss=huber"]), [("table 14".to_owned(), Some(78.184))]);
        let truth = ["data.phases=ed", "data.input=truth", "data.target=voxels"];
        let label = [&truth[..], &["model.outputs=multi-label"]].concat();
        assert_eq!(of("cardiac-vgg2d", &label), [("table 11".to_owned(), Some(27.05))]);
        let heart = [&truth[..], &["data.structures=heart"]].concat();
        assert_eq!(of("cardiac-vgg2d", &heart), [("table 11".to_owned(), None)]);
        let ed = ["data.phases=ed", "data.target=voxels", "train.loss=mae", "data.clean=false"];
        assert_eq!(of("cardiac-vgg2d", &ed), [("table 10".to_owned(), Some(41.98))]);
    }
}
