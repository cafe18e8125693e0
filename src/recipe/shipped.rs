//! The recipes that come with the program.

use super::Recipe;
use include_dir::{Dir, include_dir};

static RECIPES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/data/recipes");

/// A shipped recipe as a list shows it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Shipped {
    pub name: String,
    pub purpose: String,
    /// What the paper prints for it.
    pub paper: Option<String>,
}

/// Every shipped recipe, by name.
pub fn shipped() -> Vec<Shipped> {
    let mut found: Vec<Shipped> = RECIPES
        .files()
        .filter_map(|file| {
            let name = file.path().file_stem()?.to_str()?;
            let recipe = Recipe::parse(file.contents_utf8()?, name).ok()?;
            let paper = (!recipe.paper.is_empty()).then_some(recipe.paper);
            Some(Shipped { name: name.to_owned(), purpose: recipe.purpose, paper })
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// The text of the shipped recipe called `name`.
pub(super) fn text(name: &str) -> Option<&'static str> {
    RECIPES.get_file(format!("{name}.toml"))?.contents_utf8()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_file_is_a_recipe_named_after_its_file() {
        assert_eq!(shipped().len(), RECIPES.files().count());
        for file in RECIPES.files() {
            let name = file.path().file_stem().unwrap().to_str().unwrap();
            let recipe = Recipe::load(name).unwrap();
            assert_eq!(recipe.name, name);
            assert!(!recipe.purpose.is_empty(), "{name} says what it is for");
            recipe.check_task(&recipe.graph().unwrap()).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
    }
}
