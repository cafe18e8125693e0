//! The one table of keys: it feeds dispatch, the hints at the bottom, the help and `docs/keys.md`.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::fmt::Write;

/// What a key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Show the screen of that number, from 0.
    Tab(usize),
    Help,
    Quit,
    Suspend,
    Redraw,
    Down,
    Up,
    PageDown,
    PageUp,
    First,
    Last,
    Open,
    Back,
    Search,
    Filter,
    Sort,
    NextPane,
    Stop,
    Pause,
    Resume,
    Delete,
    Triage,
    New,
    LogAxis,
    Curve,
    Add,
    Audit,
    Prepare,
    NextImage,
    PreviousImage,
    NextRun,
    PreviousRun,
    Overlay,
    NextSlice,
    PreviousSlice,
    View,
    ShowAll,
    Start,
    /// Show why the network said so.
    Why,
    NextAnalyzer,
    /// Play and halt; choose and drop.
    Mark,
    Order,
    Reverse,
    Measure,
    Stronger,
    Weaker,
    MoreMap,
    MoreImage,
    /// Show what layers answer to.
    Dream,
    More,
    Less,
    Again,
    Save,
}

/// Where a key has its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Data,
    Launch,
    /// The form of Launch: letters and digits are typed, not obeyed.
    LaunchForm,
    Runs,
    /// One run on the whole screen.
    Run,
    Triage,
    /// One image on the whole screen.
    Image,
    Explain,
    /// Deep Dream, over whatever screen it was begun from.
    Dream,
}

impl Place {
    /// In the order of the documentation.
    pub const ALL: [(Place, &str); 9] = [
        (Place::Data, "1 Data"),
        (Place::Launch, "2 Launch"),
        (Place::LaunchForm, "2 Launch, in the form"),
        (Place::Runs, "3 Runs"),
        (Place::Run, "3 Runs, one run"),
        (Place::Triage, "4 Triage"),
        (Place::Image, "4 Triage, one image"),
        (Place::Explain, "5 Explain"),
        (Place::Dream, "Deep Dream"),
    ];

    /// Letters and digits are text here.
    pub fn types(self) -> bool {
        self == Place::LaunchForm
    }
}

/// A row of the table.
pub struct Binding {
    /// The first is the one that hints name.
    pub keys: &'static [&'static str],
    pub command: Command,
    /// Empty: everywhere.
    pub places: &'static [Place],
    /// One or two words for the hint line; empty: not in it.
    pub hint: &'static str,
    pub help: &'static str,
}

const fn bind(
    keys: &'static [&'static str],
    command: Command,
    places: &'static [Place],
    hint: &'static str,
    help: &'static str,
) -> Binding {
    Binding { keys, command, places, hint, help }
}

const EVERYWHERE: &[Place] = &[];
const LISTS: &[Place] = &[Place::Data, Place::Launch, Place::Runs, Place::Triage, Place::Explain];
const ONE_RUN: &[Place] = &[Place::Runs, Place::Run];
const PICTURES: &[Place] = &[Place::Triage, Place::Image];
const WHY: &[Place] = &[Place::Runs, Place::Run, Place::Triage, Place::Image];
const SLICES: &[Place] = &[Place::Data, Place::Triage, Place::Image];

/// Every key. Of two rows that fit, the first counts.
pub static BINDINGS: &[Binding] = &[
    // Runs
    bind(&["enter"], Command::Open, &[Place::Runs], "open", "show the run on the whole screen"),
    bind(&["n"], Command::New, &[Place::Runs], "new", "go to Launch"),
    bind(&["x"], Command::Stop, ONE_RUN, "stop", "make a checkpoint, then end the worker (asks first)"),
    bind(&["p"], Command::Pause, ONE_RUN, "pause", "pause, or go on"),
    bind(&["r"], Command::Resume, ONE_RUN, "resume", "go on from the last checkpoint"),
    bind(&["t"], Command::Triage, ONE_RUN, "triage", "show the predictions of this run"),
    bind(&["l"], Command::LogAxis, ONE_RUN, "log axis", "charts: automatic, logarithmic or linear"),
    bind(&["f"], Command::Filter, &[Place::Runs], "filter", "show only runs that fit: words, mae<60, dice>95"),
    bind(&["s"], Command::Sort, &[Place::Runs], "sort", "sort by time, error, name or status"),
    bind(&["/"], Command::Search, &[Place::Runs], "search", "go to a run by its name"),
    bind(&["d"], Command::Delete, ONE_RUN, "delete", "delete the run and all its files (asks first)"),
    bind(&["c"], Command::Curve, ONE_RUN, "curve", "of masks: the curve of DI, of HD or of the error in mm"),
    // Data
    bind(&["a"], Command::Add, &[Place::Data], "add", "add a data set by the path of its folder"),
    bind(&["u"], Command::Audit, &[Place::Data], "audit", "check every image and row"),
    bind(&["m"], Command::Prepare, &[Place::Data], "prepare", "make the arrays that training reads"),
    bind(&["right", "."], Command::NextImage, &[Place::Data], "next image", "show the next image"),
    bind(&["left", ","], Command::PreviousImage, &[Place::Data], "", "show the image before"),
    bind(&["+", "="], Command::NextSlice, SLICES, "", "of hearts: the next slice (also the mouse wheel on it)"),
    bind(&["-"], Command::PreviousSlice, SLICES, "", "of hearts: the slice before"),
    bind(
        &["v"],
        Command::View,
        &[Place::Data],
        "",
        "of hearts: with mask, bare, with the crop box, as training sees it",
    ),
    bind(&["tab"], Command::NextPane, &[Place::Data], "findings", "go from data sets to findings and back"),
    bind(&["enter"], Command::Open, &[Place::Data], "open", "go to the findings; on a finding: show its image"),
    // Triage
    bind(&["enter"], Command::Open, &[Place::Triage], "open", "show the image on the whole screen"),
    bind(&["f"], Command::Filter, &[Place::Triage], "filter", "only what fits: t2, >20px, >3%, dice<90, hd>5, a name"),
    bind(&["s"], Command::Sort, &[Place::Triage], "sort", "sort by error (px, mm, %), DI, HD or ASSD, or by file"),
    bind(&["/"], Command::Search, &[Place::Triage], "search", "go to an image by its file name"),
    bind(&["e"], Command::Overlay, PICTURES, "overlay", "what lies over it: mask, raw mask, ellipses, nothing"),
    bind(&["right", "]"], Command::NextRun, &[Place::Triage], "next run", "show the next run's predictions"),
    bind(&["left", "["], Command::PreviousRun, &[Place::Triage], "", "show the predictions of the run before"),
    bind(&["down", "right", "j"], Command::Down, &[Place::Image], "next", "show the next image"),
    bind(&["up", "left", "k"], Command::Up, &[Place::Image], "previous", "show the image before"),
    bind(&["w"], Command::Why, WHY, "why", "show on screen 5 why the network said so"),
    // Explain
    bind(
        &["space"],
        Command::Mark,
        &[Place::Explain],
        "play",
        "play the perturbation, or halt; in the list: show, drop",
    ),
    bind(&["tab"], Command::NextPane, &[Place::Explain], "view", "below: perturbation, AOPC, audit, analyzers"),
    bind(&["a"], Command::NextAnalyzer, &[Place::Explain], "analyzer", "perturbation and audit follow the next map"),
    bind(&["right", "."], Command::NextImage, &[Place::Explain], "next image", "the next image, from the worst on"),
    bind(&["left", ","], Command::PreviousImage, &[Place::Explain], "", "the image before"),
    bind(&["]"], Command::Stronger, &[Place::Explain], "intensity", "maps twice as strong"),
    bind(&["["], Command::Weaker, &[Place::Explain], "", "maps half as strong"),
    bind(&["+", "="], Command::MoreMap, &[Place::Explain], "blend", "more of the map, less of the image"),
    bind(&["-"], Command::MoreImage, &[Place::Explain], "", "more of the image, less of the map"),
    bind(&["o"], Command::Order, &[Place::Explain], "", "perturb the most relevant regions first, the least, any"),
    bind(&["enter"], Command::Open, &[Place::Explain], "", "the image and one map, large; in tables: go there"),
    bind(&["s"], Command::Sort, &[Place::Explain], "", "AOPC: sort by the next column"),
    bind(&["S"], Command::Reverse, &[Place::Explain], "", "AOPC: the other way round"),
    bind(&["m"], Command::Measure, &[Place::Explain], "", "measure the AOPC of this run (goes on where it stood)"),
    bind(&[">"], Command::NextRun, &[Place::Explain], "", "explain the next run"),
    bind(&["<"], Command::PreviousRun, &[Place::Explain], "", "explain the run before"),
    // Dreams
    bind(
        &["d"],
        Command::Dream,
        &[Place::Triage, Place::Image, Place::Explain],
        "dream",
        "Deep Dream: what do layers of the network answer to?",
    ),
    bind(&["down", "j"], Command::Down, &[Place::Dream], "layer", "the next layer"),
    bind(&["up", "k"], Command::Up, &[Place::Dream], "", "the layer before"),
    bind(&["right", "+", "="], Command::More, &[Place::Dream], "weight", "a weight larger by 0.25"),
    bind(&["left", "-"], Command::Less, &[Place::Dream], "", "a weight smaller by 0.25"),
    bind(&["tab"], Command::NextPane, &[Place::Dream], "group", "all weight to the next group of layers"),
    bind(&["space"], Command::Pause, &[Place::Dream], "pause", "pause, or go on; at the end: 20 steps more"),
    bind(&["r"], Command::Again, &[Place::Dream], "again", "from the image again"),
    bind(&["s"], Command::Save, &[Place::Dream], "save", "save the picture beside the run, in `explain/`"),
    // Launch
    bind(&["enter"], Command::Open, &[Place::Launch], "edit", "take the recipe into the form"),
    bind(
        &["tab"],
        Command::ShowAll,
        &[Place::Launch, Place::LaunchForm],
        "all keys",
        "show every value, or only what matters",
    ),
    bind(&["ctrl-s"], Command::Start, &[Place::Launch, Place::LaunchForm], "start", "start the run"),
    bind(&["esc"], Command::Back, &[Place::LaunchForm], "recipes", "back to the recipes"),
    // Everywhere
    bind(&["down", "j"], Command::Down, LISTS, "", "the next row"),
    bind(&["up", "k"], Command::Up, LISTS, "", "the row before"),
    bind(&["pagedown", "ctrl-d"], Command::PageDown, LISTS, "", "ten rows down"),
    bind(&["pageup", "ctrl-u"], Command::PageUp, LISTS, "", "ten rows up"),
    bind(&["home", "g"], Command::First, LISTS, "", "the first row"),
    bind(&["end", "G"], Command::Last, LISTS, "", "the last row"),
    bind(&["esc"], Command::Back, &[Place::Run, Place::Image, Place::Dream], "back", "back to the list"),
    bind(&["esc"], Command::Back, EVERYWHERE, "", "back; forget the filter"),
    bind(&["1"], Command::Tab(0), EVERYWHERE, "", "Data: what have I got, and can I trust it?"),
    bind(&["2"], Command::Tab(1), EVERYWHERE, "", "Launch: what shall I run?"),
    bind(&["3"], Command::Tab(2), EVERYWHERE, "", "Runs: what is running, and is it going well?"),
    bind(&["4"], Command::Tab(3), EVERYWHERE, "", "Triage: which predictions are bad, and how?"),
    bind(&["5"], Command::Tab(4), EVERYWHERE, "", "Explain: why did it say so?"),
    bind(&["?", "F1"], Command::Help, EVERYWHERE, "help", "this help"),
    bind(&["q", "ctrl-c"], Command::Quit, EVERYWHERE, "leave", "leave the workbench; runs go on"),
    bind(&["ctrl-z"], Command::Suspend, EVERYWHERE, "", "suspend the workbench; `fg` brings it back"),
    bind(&["ctrl-l"], Command::Redraw, EVERYWHERE, "", "draw the screen anew"),
];

/// What `key` means at `place`.
pub fn command(place: Place, key: KeyEvent) -> Option<Command> {
    let name = name(key)?;
    let plain = matches!(key.code, KeyCode::Char(_)) && !key.modifiers.contains(KeyModifiers::CONTROL);
    if place.types() && plain {
        return None;
    }
    BINDINGS.iter().find(|b| serves(b, place) && b.keys.contains(&name.as_str())).map(|b| b.command)
}

fn serves(binding: &Binding, place: Place) -> bool {
    binding.places.is_empty() || binding.places.contains(&place)
}

/// The rows that count at `place`, those of every place last.
pub fn at(place: Place) -> impl Iterator<Item = &'static Binding> {
    BINDINGS.iter().filter(move |b| serves(b, place))
}

/// How the table writes a key.
fn name(key: KeyEvent) -> Option<String> {
    let word = match key.code {
        KeyCode::Char(' ') => "space".to_owned(),
        KeyCode::Char(c) => c.to_string(),
        KeyCode::F(n) => format!("F{n}"),
        KeyCode::Enter => "enter".to_owned(),
        KeyCode::Esc => "esc".to_owned(),
        KeyCode::Tab => "tab".to_owned(),
        KeyCode::Up => "up".to_owned(),
        KeyCode::Down => "down".to_owned(),
        KeyCode::Left => "left".to_owned(),
        KeyCode::Right => "right".to_owned(),
        KeyCode::PageUp => "pageup".to_owned(),
        KeyCode::PageDown => "pagedown".to_owned(),
        KeyCode::Home => "home".to_owned(),
        KeyCode::End => "end".to_owned(),
        _ => return None,
    };
    match key.modifiers.contains(KeyModifiers::CONTROL) {
        true => Some(format!("ctrl-{}", word.to_lowercase())),
        false => Some(word),
    }
}

/// How people read a key.
pub fn pretty(key: &str) -> String {
    match key {
        "up" => "↑".to_owned(),
        "down" => "↓".to_owned(),
        "left" => "←".to_owned(),
        "right" => "→".to_owned(),
        key => key.to_owned(),
    }
}

/// All keys of a row, as people read them.
pub fn keys(binding: &Binding) -> String {
    binding.keys.iter().map(|k| pretty(k)).collect::<Vec<_>>().join(" ")
}

/// The whole table as a page of Markdown.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Keys of the workbench\n\nGenerated from `src/tui/keymap.rs`; a test keeps this page equal to it.\n",
    );
    let mut section = |title: &str, rows: Vec<&Binding>| {
        let _ = write!(page, "\n## {title}\n\n| key | what it does |\n|---|---|\n");
        for row in rows {
            let keys: Vec<String> = row.keys.iter().map(|k| format!("`{}`", pretty(k))).collect();
            let _ = writeln!(page, "| {} | {} |", keys.join(" "), row.help);
        }
    };
    section("Everywhere", BINDINGS.iter().filter(|b| b.places.is_empty()).collect());
    for (place, title) in Place::ALL {
        section(title, BINDINGS.iter().filter(|b| b.places.contains(&place)).collect());
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_has_two_meanings_in_one_place() {
        for (place, title) in Place::ALL {
            let own: Vec<&Binding> = BINDINGS.iter().filter(|b| b.places.contains(&place)).collect();
            let mut keys: Vec<&str> = own.iter().flat_map(|b| b.keys).copied().collect();
            let all = keys.len();
            keys.sort_unstable();
            keys.dedup();
            // esc of a place comes before esc of everywhere; within a place no key stands twice.
            assert_eq!(keys.len(), all, "{title}: {keys:?}");
        }
    }

    #[test]
    fn the_page_of_keys_is_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/keys.md");
        if std::env::var_os("HCWB_WRITE_DOCS").is_some() {
            std::fs::write(path, markdown()).unwrap();
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(page == markdown(), "write it anew: HCWB_WRITE_DOCS=1 cargo test --lib keymap");
    }

    #[test]
    fn in_a_form_letters_are_text_but_control_keys_are_obeyed() {
        let key = |c, m| KeyEvent::new(KeyCode::Char(c), m);
        assert_eq!(command(Place::LaunchForm, key('q', KeyModifiers::NONE)), None);
        assert_eq!(command(Place::LaunchForm, key('c', KeyModifiers::CONTROL)), Some(Command::Quit));
        assert_eq!(command(Place::Runs, key('q', KeyModifiers::NONE)), Some(Command::Quit));
        assert_eq!(command(Place::Runs, key('G', KeyModifiers::SHIFT)), Some(Command::Last));
        assert_eq!(command(Place::Runs, key('u', KeyModifiers::CONTROL)), Some(Command::PageUp));
        assert_eq!(command(Place::Data, key('u', KeyModifiers::NONE)), Some(Command::Audit));
    }
}
