//! `hcwb submit`: the file that the HC18 challenge asks for, refused whole where anything is wrong with it.

mod fallback;
mod table;

use super::output;
use super::trained::{How, Trained, Which};
use crate::dataset::hc18::{Folder, Part, Table};
use crate::dataset::{aside, registry};
use crate::error::{Error, Result};
use crate::geometry::Ellipse;
use crate::progress::Progress;
use crate::text;
use crate::workspace::Workspace;
use clap::{Args, ValueEnum};
use fallback::MeanHead;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use table::{Asked, PUBLISHED_ROWS};

#[derive(Args)]
pub struct Submit {
    /// The challenge
    #[arg(value_enum)]
    challenge: Challenge,
    #[command(flatten)]
    which: Which,
    /// A data set with a test part, by its name, or a folder that holds test_set/ and test_set_pixel_size.csv
    #[arg(long, value_name = "NAME|DIR", required_unless_present = "images", conflicts_with = "images")]
    data: Option<String>,
    /// The folder of the images
    // In the place of the workbench's --images, whose value stands here where this one is not given.
    #[arg(long, value_name = "DIR", requires = "pixel_sizes")]
    images: Option<String>,
    /// The table of those images and their pixel sizes
    #[arg(long, value_name = "CSV", requires = "images")]
    pixel_sizes: Option<PathBuf>,
    /// Where the submission goes
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// Where no head is found, give the mean ellipse of the images trained on
    #[arg(long)]
    fallback: bool,
    /// Replace a file of that name
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    how: How,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Challenge {
    /// Fetal head circumference, van den Heuvel 2018
    Hc18,
}

/// The images that the table asks for, and their folder.
struct Wanted {
    table: Table,
    images: PathBuf,
}

/// What became of one image.
struct Outcome {
    size_px: (u32, u32),
    found: Result<Ellipse, String>,
}

pub fn run(args: &Submit, ws: &Workspace, progress: &dyn Progress) -> Result<()> {
    let Challenge::Hc18 = args.challenge;
    let wanted = wanted(args, ws)?;
    if args.out.symlink_metadata().is_ok() && !args.force {
        return Err(exists(&args.out));
    }
    let mut wrong: Vec<String> = wanted.table.defects.iter().map(|defect| defect.detail.clone()).collect();
    let rows = &wanted.table.rows;
    if rows.is_empty() {
        return Err(Error::new("the table names no images").at(&wanted.table.path).cure("name the published table"));
    }
    let (outcomes, mean) = args.how.on_threads(|| {
        let mut trained = args.which.open(ws, &args.how)?;
        if !trained.predictor.about().segments() {
            return Err(Error::usage(format!(
                "{} gives circumferences alone, and the challenge asks for ellipses",
                text::line(&trained.name)
            ))
            .cure("name a segmentation's run"));
        }
        let mean = match (args.fallback, &trained.run) {
            (false, _) => None,
            (true, Some(run)) => Some(MeanHead::of_training(ws, run, progress)?),
            (true, None) => {
                return Err(Error::usage("--fallback needs the images that the network was trained on")
                    .cure("name the run with --run instead of its weights"));
            }
        };
        Ok((predict(&mut trained, &wanted, args, progress)?, mean))
    })?;
    let (mut asked, mut ellipses, mut fallen_back) = (Vec::new(), Vec::new(), Vec::new());
    for (row, outcome) in rows.iter().zip(outcomes) {
        let Outcome { size_px, found } = outcome;
        let name = text::line(&row.file).into_owned();
        let ellipse = match (found, mean.filter(|_| size_px.0 > 0)) {
            (Ok(ellipse), _) => ellipse,
            (Err(_), Some(mean)) => {
                fallen_back.push(name);
                mean.in_image(size_px)
            }
            (Err(reason), None) => {
                wrong.push(format!("{name}: {reason}"));
                continue;
            }
        };
        asked.push(Asked { file: row.file.clone(), pixel_size_mm: row.pixel_size_mm, size_px });
        ellipses.push(ellipse);
    }
    let content = table::write(&asked, &ellipses)?;
    wrong.extend(table::check(&content, &asked));
    if !wrong.is_empty() {
        return Err(refused(&wrong));
    }
    store(args, &content)?;
    said(args, asked.len(), &fallen_back, &notes(&wanted))
}

fn wanted(args: &Submit, ws: &Workspace) -> Result<Wanted> {
    let (images, path) = match (&args.data, &args.images, &args.pixel_sizes) {
        (Some(word), _, _) => {
            let root = match Path::new(word).is_dir() {
                true => PathBuf::from(word),
                false => registry::load(ws, word)?.path,
            };
            let folder = Folder::find(&root)?;
            let part = folder.part(Part::Test).ok_or_else(|| {
                let cure = format!("name a folder with {}/ and {}", Part::Test.folder_name(), Part::Test.table_name());
                Error::usage("these data have no test part").at(&root).cure(cure)
            })?;
            (part.images.clone(), part.table.clone())
        }
        (None, Some(images), Some(table)) => (PathBuf::from(images), table.clone()),
        _ => return Err(Error::usage("no images were named").cure("give --data, or --images and --pixel-sizes")),
    };
    if !images.is_dir() {
        return Err(Error::usage("there is no such folder of images").at(&images).cure("check --images"));
    }
    let table = Table::read(&path, Part::Test)?;
    table.legible()?;
    Ok(Wanted { table, images })
}

/// One outcome a row of the table, in its order.
fn predict(trained: &mut Trained, wanted: &Wanted, args: &Submit, progress: &dyn Progress) -> Result<Vec<Outcome>> {
    let rows = &wanted.table.rows;
    let files: Vec<PathBuf> = rows.iter().map(|row| wanted.images.join(&row.file)).collect();
    let missing = || Outcome { size_px: (0, 0), found: Err("there is no such image".into()) };
    let outcomes: Vec<Mutex<Outcome>> = rows.iter().map(|_| Mutex::new(missing())).collect();
    trained.each(&files, &args.how, progress, |i, seen| {
        let outcome = match seen {
            Ok((image, found)) => {
                let reason = || found.reason().unwrap_or_else(|| "no ellipse".into());
                Outcome { size_px: image.dimensions(), found: found.ellipse().copied().ok_or_else(reason) }
            }
            Err(_) if !files[i].exists() => missing(),
            Err(error) => Outcome { size_px: (0, 0), found: Err(error.what) },
        };
        *outcomes[i].lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = outcome;
        Ok(())
    })?;
    Ok(outcomes.into_iter().map(|o| o.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner())).collect())
}

fn refused(wrong: &[String]) -> Error {
    wrong.iter().for_each(|line| eprintln!("hcwb: {}", text::line(line)));
    let error = Error::new(match wrong {
        [one] => format!("nothing was submitted: {one}"),
        _ => format!("nothing was submitted: the {} things above are wrong", wrong.len()),
    });
    match wrong.iter().any(|line| line.contains("no head found")) {
        true => error.cure("name another run, or let --fallback give the mean ellipse where no head is found"),
        false => error.cure("mend the images or their table, or name another run"),
    }
}

fn exists(path: &Path) -> Error {
    Error::usage("there is a file of that name already").at(path).cure("name another, or replace it with --force")
}

fn store(args: &Submit, content: &[u8]) -> Result<()> {
    if args.force {
        return aside::replace(&args.out, content);
    }
    match aside::create(&args.out, content)? {
        true => Ok(()),
        false => Err(exists(&args.out)),
    }
}

/// What is odd, and no reason to refuse.
fn notes(wanted: &Wanted) -> Vec<String> {
    let (rows, table) = (wanted.table.rows.len(), Part::Test.table_name());
    let mut notes = Vec::new();
    if rows != PUBLISHED_ROWS {
        notes.push(format!(
            "{rows} rows: the challenge takes the {PUBLISHED_ROWS} of its own {table}, and will not take this file"
        ));
    }
    let entries = std::fs::read_dir(&wanted.images).into_iter().flatten().flatten();
    let known = wanted.table.by_file();
    let is_image = |name: &String| name.to_ascii_lowercase().ends_with("hc.png") && !name.starts_with('.');
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).filter(is_image);
    let extra = names.filter(|name| !known.contains_key(name.as_str())).count();
    if extra > 0 {
        notes.push(format!("{extra} images of the folder are not in the table and were left out"));
    }
    notes
}

fn said(args: &Submit, rows: usize, fallen_back: &[String], notes: &[String]) -> Result<()> {
    notes.iter().for_each(|note| eprintln!("hcwb: {}", text::line(note)));
    if args.json {
        let file = args.out.to_string_lossy();
        return output::json(&json!({ "file": file, "rows": rows, "fallback": fallen_back, "notes": notes }));
    }
    let mut line = format!("{rows} ellipses in {}\n", text::line(&args.out.to_string_lossy()));
    if !fallen_back.is_empty() {
        let names = fallen_back.join(", ");
        line += &format!("no head was found in {}, which have the mean ellipse: {names}\n", fallen_back.len());
    }
    output::print(&line)
}
