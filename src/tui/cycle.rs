//! The loop: wait for actions, change the state, draw at most so many times a second.

use super::Options;
use super::action::{Action, Effect};
use super::app::State;
use super::backend::{Screen, terminal_size};
use super::background::{Desk, runs};
use super::event;
use super::guard::Guard;
use super::images::Images;
use super::screen::{self, launch::Launch};
use super::theme::{Depth, Scope, Theme};
use super::widget::paint::Brush;
use crate::error::{Error, IoContext, Result};
use crate::run;
use ratatui::backend::WindowSize;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use ratatui_image::picker::ProtocolType;
use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Keys and mouse are answered at once, but no more than 30 times a second.
const FRAME: Duration = Duration::from_millis(33);
/// What happens by itself may wait a little longer: each frame costs bytes whatever is in it.
const LIVE_FRAME: Duration = Duration::from_millis(60);
/// Summaries read before the first frame, as long as that takes no longer than this.
const READ_FIRST: Duration = Duration::from_millis(4);
/// While a run lives, its clock ticks.
const SECOND: Duration = Duration::from_secs(1);

type Workbench = Terminal<Screen<File>>;

pub fn run(options: Options) -> Result<()> {
    let theme = Theme::load(options.theme.as_deref().unwrap_or("default"), Depth::of_environment())?;
    let protocol = options.images.protocol();
    let guard = Guard::take(protocol == Some(ProtocolType::Kitty))?;
    let outcome = show(options, theme, protocol, &guard);
    drop(guard);
    let word = match outcome? {
        0 => return Ok(()),
        1 => "1 run goes on; `hcwb` shows it again".to_owned(),
        n => format!("{n} runs go on; `hcwb` shows them again"),
    };
    // Whoever closed the terminal meanwhile does not need to be told.
    let _ = writeln!(std::io::stdout(), "{word}");
    Ok(())
}

/// Everything between taking the terminal and giving it back; returns how many runs go on and are worth a word.
fn show(options: Options, theme: Theme, protocol: Option<ProtocolType>, guard: &Guard) -> Result<usize> {
    let lost = |e: std::io::Error| Error::new("cannot write to the terminal").because(e);
    let out = std::io::stdout();
    let out = File::from(rustix::io::dup(&out).map_err(|e| lost(e.into()))?);
    let screen = Screen::new(out, terminal_size);
    let viewport = TerminalOptions { viewport: Viewport::Fullscreen };
    let mut terminal = Terminal::with_options(screen, viewport).map_err(lost)?;
    let size = terminal_size().map_err(lost)?;
    let area = Rect { width: size.columns_rows.width, height: size.columns_rows.height, ..Rect::default() };

    let models: Vec<&str> = crate::model::list().iter().map(|m| m.name).collect();
    let brush = brush(&theme, options.images, protocol, &size);
    let mut state = State::new(theme, area, Launch::new(&models), options.focus_run);
    state.picture.off = options.images == Images::Off;
    let (known, unread) = read_first(&options.workspace, &mut state);
    state.effects.clear();
    draw(&mut terminal, &mut state).map_err(lost)?;

    // Everything else begins after the first frame.
    let (sender, receiver) = unbounded_channel();
    let (wishes, granted) = std::sync::mpsc::channel();
    event::listen(sender.clone())?;
    let begun =
        runs::Follower::begin(options.workspace.clone(), sender.clone(), (wishes.clone(), granted), known, unread);
    begun.doing("follow the runs", options.workspace.runs())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(4)
        .enable_time()
        .build()
        .map_err(|e| Error::new("cannot start the background threads").because(e))?;
    let desk = Desk::new(options.workspace, sender, wishes, runtime.handle().clone(), brush);
    desk.take(Effect::ListData);
    desk.take(Effect::ListCards);
    desk.take(Effect::Watch(state.runs.selected().map(|r| r.run.clone())));
    let ended = runtime.block_on(cycle(&mut terminal, &mut state, receiver, &desk, guard));
    // Work under way (an audit, a preparation) is safe to break off: it is written aside.
    runtime.shutdown_background();
    match ended {
        Ok(()) if state.quietly => Ok(0),
        Ok(()) => Ok(state.runs.live()),
        // The terminal is gone: that is a way of leaving.
        Err(e) if matches!(e.raw_os_error(), Some(5 | 6 | 9 | 32)) => Ok(0),
        Err(e) => Err(lost(e)),
    }
}

fn brush(theme: &Theme, images: Images, protocol: Option<ProtocolType>, size: &WindowSize) -> Brush {
    let cells = size.columns_rows;
    let cell = |pixels: u16, cells: u16, usual: u16| match pixels / cells.max(1) {
        0 => usual,
        pixels => pixels,
    };
    Brush {
        pixels: protocol,
        fine: images == Images::Auto,
        cell_px: (cell(size.pixels.width, cells.width, 10), cell(size.pixels.height, cells.height, 20)),
        depth: theme.depth,
        truth: theme.style(Scope::PictureTruth),
        prediction: theme.style(Scope::PicturePrediction),
        structures: [Scope::PictureRv, Scope::PictureMyo, Scope::PictureLv].map(|scope| theme.style(scope)),
    }
}

/// The list of runs, with as many summaries as can be read in a moment; returns all runs and those not read.
fn read_first(workspace: &crate::workspace::Workspace, state: &mut State) -> (Vec<run::RunDir>, Vec<run::RunDir>) {
    let runs = match run::list(workspace) {
        Ok(runs) => runs,
        Err(error) => {
            state.notice = Some((Scope::Error, format!("✘ {}", super::background::words(&error))));
            Vec::new()
        }
    };
    let mut unread = runs.clone();
    let begun = Instant::now();
    let mut read = Vec::new();
    while begun.elapsed() < READ_FIRST
        && let Some(run) = unread.pop()
    {
        let facts = runs::facts(&run);
        read.push((run, facts));
    }
    // Live ones are read again, to be followed.
    unread.extend(
        read.iter().rev().filter(|(_, f)| f.as_ref().is_ok_and(|f| f.status.is_live())).map(|(r, _)| r.clone()),
    );
    state.update(Action::RunsListed(runs.clone()));
    state.update(Action::RunsRead(read));
    (runs, unread)
}

async fn cycle(
    terminal: &mut Workbench,
    state: &mut State,
    mut actions: UnboundedReceiver<Action>,
    desk: &Desk,
    guard: &Guard,
) -> std::io::Result<()> {
    let mut drawn = Instant::now();
    // When the next frame is due, if anything has changed since the last.
    let mut due: Option<Instant> = None;
    let mut ticked = Instant::now();
    loop {
        let wake = match (due, state.runs.ticking()) {
            (Some(due), _) => Some(due),
            (None, true) => Some(ticked + SECOND),
            (None, false) => None,
        };
        let received = tokio::select! {
            action = actions.recv() => Some(action),
            () = sleep_until(wake), if wake.is_some() => None,
        };
        state.now = jiff::Timestamp::now();
        match received {
            // Every sender is gone: cannot be, the desk holds one.
            Some(None) => return Ok(()),
            Some(Some(action)) => {
                let mut next = Some(action);
                while let Some(action) = next {
                    let pace = match &action {
                        Action::RunEvents(news) if !news.anew => LIVE_FRAME,
                        Action::RunsRead(_) | Action::Job(..) | Action::Tick | Action::Dreamt(..) => LIVE_FRAME,
                        Action::Resize => {
                            let size = terminal_size()?.columns_rows;
                            state.area = Rect { width: size.width, height: size.height, ..Rect::default() };
                            FRAME
                        }
                        // Keys, and the answers to them.
                        _ => FRAME,
                    };
                    let at = drawn + pace;
                    due = Some(due.map_or(at, |due| due.min(at)));
                    state.update(action);
                    next = actions.try_recv().ok();
                }
            }
            None => {}
        }
        if state.runs.ticking() && ticked.elapsed() >= SECOND {
            ticked = Instant::now();
            state.update(Action::Tick);
            due = Some(due.unwrap_or_else(Instant::now));
        }
        for effect in std::mem::take(&mut state.effects) {
            match effect {
                Effect::Suspend => {
                    guard.suspend()?;
                    terminal.clear()?;
                    due = Some(Instant::now());
                }
                Effect::Redraw => {
                    terminal.clear()?;
                    due = Some(Instant::now());
                }
                effect => desk.take(effect),
            }
        }
        if state.quit {
            return Ok(());
        }
        if due.is_some_and(|due| due <= Instant::now()) {
            due = None;
            drawn = Instant::now();
            draw(terminal, state)?;
        }
    }
}

async fn sleep_until(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when.into()).await,
        None => std::future::pending().await,
    }
}

fn draw(terminal: &mut Workbench, state: &mut State) -> std::io::Result<()> {
    let mut hits = None;
    terminal.draw(|frame| hits = Some(screen::draw(state, frame)))?;
    if let Some(hits) = hits {
        state.hits = hits;
    }
    Ok(())
}
