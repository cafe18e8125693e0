//! The published figures, as data.

use crate::error::{Error, Result};
use include_dir::{Dir, include_dir};
use serde::{Deserialize, Serialize};

static PAPERS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/data/papers");

/// One published figure; means and standard deviations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The paper's short name; filled in from the file.
    #[serde(default)]
    pub source: String,
    /// Where it stands in the paper.
    pub place: String,
    pub recipe: String,
    pub loss: String,
    pub mae_px: Option<[f64; 2]>,
    pub mae_mm: Option<[f64; 2]>,
    pub pmae: Option<[f64; 2]>,
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
        let cnn1m = cells.iter().find(|c| c.recipe == "reg-cnn1m" && c.loss == "mse").unwrap();
        assert_eq!((cnn1m.mae_px, cnn1m.source.as_str()), (Some([50.96, 58.61]), "S1"));
    }
}
