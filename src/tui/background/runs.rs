//! Follows runs: lists them, reads what lists show, tails what lives or is looked at.
//!
//! One thread, asleep until a directory changes, somebody wishes something, or a second has passed while a run lives (a
//! worker that is killed writes nothing, so its lock must be tried).

use super::tailed::Tailed;
use super::words;
use crate::run::{self, RunDir, Summary};
use crate::tui::action::Action;
use crate::tui::model::RunFacts;
use crate::workspace::Workspace;
use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;

/// How often a lock is tried while a run lives.
const LOCK_EVERY: Duration = Duration::from_secs(1);
/// How often the disk is looked at where changes cannot be watched.
const POLL_EVERY: Duration = Duration::from_secs(2);
/// Runs whose directories are watched, the newest ones; a kernel gives out so many watches only.
const MOST_WATCHED: usize = 1000;
/// Summaries told at once.
const BATCH: usize = 16;

/// What the follower is told.
pub enum Wish {
    /// Look at the list again.
    List,
    /// Somebody looks at this run.
    Watch(Option<RunDir>),
    /// Something has happened at this path.
    Touched(PathBuf),
}

/// What has been wished since the last look.
#[derive(Default)]
struct Asked {
    list: bool,
    watch: Option<Option<RunDir>>,
    touched: HashSet<PathBuf>,
}

pub struct Follower {
    workspace: Workspace,
    actions: UnboundedSender<Action>,
    wishes: Receiver<Wish>,
    watcher: Option<RecommendedWatcher>,
    watched: HashSet<PathBuf>,
    known: Vec<RunDir>,
    /// Runs whose facts are still to be read, the next one last.
    unread: Vec<RunDir>,
    tailed: HashMap<RunDir, Tailed>,
    looked_at: Option<RunDir>,
}

/// What a list shows of a run, read whole.
pub fn facts(run: &RunDir) -> Result<RunFacts, String> {
    let recipe = run.recipe().map_err(|e| words(&e))?;
    let Summary { status, history, .. } = run::summary(run, false).map_err(|e| words(&e))?;
    Ok(RunFacts::of(&recipe, status, &history, jiff::Timestamp::now()))
}

impl Follower {
    /// Begins to follow in a thread of its own. `unread` are the runs of `known` that nobody has read yet, oldest first.
    pub fn begin(
        workspace: Workspace,
        actions: UnboundedSender<Action>,
        wishes: (Sender<Wish>, Receiver<Wish>),
        known: Vec<RunDir>,
        unread: Vec<RunDir>,
    ) -> std::io::Result<()> {
        let (sender, receiver) = wishes;
        std::thread::Builder::new().name("runs".to_owned()).spawn(move || {
            let watcher = watcher(sender);
            let mut follower = Follower {
                workspace,
                actions,
                wishes: receiver,
                watcher,
                watched: HashSet::new(),
                known,
                unread,
                tailed: HashMap::new(),
                looked_at: None,
            };
            follower.follow();
        })?;
        Ok(())
    }

    fn follow(&mut self) {
        // Something may have come since the list was read for the first frame.
        let mut list = true;
        let mut looked = Instant::now();
        loop {
            if list {
                self.list();
            }
            let mut asked = Asked::default();
            match self.wait(looked) {
                Ok(Some(wish)) => self.note(wish, &mut asked),
                Ok(None) => {}
                Err(()) => return,
            }
            while let Ok(wish) = self.wishes.try_recv() {
                self.note(wish, &mut asked);
            }
            list = asked.list;
            // Of all the runs that were looked at in passing, only the last one is read.
            if let Some(run) = asked.watch {
                self.look_at(run);
            }
            self.poll_touched(&asked.touched);
            if looked.elapsed() >= LOCK_EVERY {
                looked = Instant::now();
                self.poll_all();
                list |= self.watcher.is_none();
            }
            self.read_some();
        }
    }

    /// Sleeps until there is something to do. `Err`: nobody is there any more.
    fn wait(&self, looked: Instant) -> Result<Option<Wish>, ()> {
        let lives = self.tailed.values().any(|t| t.status.is_live());
        let patience = match () {
            () if !self.unread.is_empty() => Duration::ZERO,
            () if lives => LOCK_EVERY,
            () if self.watcher.is_none() => POLL_EVERY,
            () => return self.wishes.recv().map(Some).map_err(|_| ()),
        };
        match self.wishes.recv_timeout(patience.saturating_sub(looked.elapsed().min(patience))) {
            Ok(wish) => Ok(Some(wish)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(()),
        }
    }

    /// Adds a wish to those that are seen to together.
    fn note(&self, wish: Wish, asked: &mut Asked) {
        match wish {
            Wish::List => asked.list = true,
            Wish::Watch(run) => asked.watch = Some(run),
            Wish::Touched(path) => {
                let runs = self.workspace.runs();
                let inside = path.strip_prefix(&runs).unwrap_or(Path::new(""));
                let mut parts = inside.components();
                match (parts.next(), parts.next()) {
                    (Some(run), Some(_)) => {
                        asked.touched.insert(runs.join(run));
                    }
                    // Runs are made and unmade under names with a dot in front.
                    (Some(name), None) => asked.list |= !name.as_os_str().to_string_lossy().starts_with('.'),
                    (None, _) => asked.list = true,
                }
            }
        }
    }

    fn look_at(&mut self, run: Option<RunDir>) {
        if let Some(before) = std::mem::replace(&mut self.looked_at, run.clone())
            && !self.tailed.get(&before).is_some_and(|t| t.status.is_live())
        {
            self.tailed.remove(&before);
        }
        if let Some(run) = run
            && !self.tailed.get(&run).is_some_and(|t| t.with_steps)
        {
            self.tail(run, true);
        }
    }

    /// Reads a run from its start and follows it from then on.
    fn tail(&mut self, run: RunDir, with_steps: bool) {
        self.unread.retain(|unread| *unread != run);
        match Tailed::open(run.clone(), with_steps) {
            Ok((tailed, news)) => {
                self.tailed.insert(run, tailed);
                self.tell(Action::RunEvents(news));
            }
            Err(error) => self.tell(Action::RunsRead(vec![(run, Err(words(&error)))])),
        }
    }

    fn poll_touched(&mut self, touched: &HashSet<PathBuf>) {
        for path in touched {
            let Some(run) = self.known.iter().find(|run| run.path() == path).cloned() else { continue };
            if self.tailed.contains_key(&run) {
                self.poll(&run);
            } else if !self.unread.contains(&run) {
                // Somebody resumed it, or is writing into an old run: what is known of it is not true any more.
                self.unread.push(run);
            }
        }
    }

    fn poll_all(&mut self) {
        let live: Vec<RunDir> =
            self.tailed.iter().filter(|(_, t)| t.status.is_live()).map(|(r, _)| r.clone()).collect();
        live.iter().for_each(|run| self.poll(run));
        if self.watcher.is_none()
            && let Some(run) = self.looked_at.clone()
        {
            self.poll(&run);
        }
    }

    /// Tells what is new of a tailed run, if anything is.
    fn poll(&mut self, run: &RunDir) {
        let Some(tailed) = self.tailed.get_mut(run) else { return };
        let (news, predicted) = tailed.news();
        if !tailed.status.is_live() && self.looked_at.as_ref() != Some(run) {
            self.tailed.remove(run);
        }
        if let Some(news) = news {
            self.tell(Action::RunEvents(news));
        }
        if predicted {
            self.tell(Action::Predicted(run.clone()));
        }
    }

    /// Reads the directory; tells the list if it is another one.
    fn list(&mut self) {
        // Watched before it is read, so that no run can come in between.
        self.watch_all();
        // A workspace that cannot be read has no runs to show; the next look may find them.
        let Ok(runs) = run::list(&self.workspace) else { return };
        if runs != self.known {
            let new: Vec<RunDir> = runs.iter().filter(|run| !self.known.contains(run)).cloned().collect();
            self.unread.extend(new);
            self.unread.retain(|run| runs.contains(run));
            self.tailed.retain(|run, _| runs.contains(run));
            self.known = runs.clone();
            self.tell(Action::RunsListed(runs));
            self.watch_all();
        }
    }

    /// Reads the newest of the runs that nobody has read yet.
    fn read_some(&mut self) {
        let mut read = Vec::new();
        for _ in 0..BATCH {
            let Some(run) = self.unread.pop() else { break };
            if self.tailed.contains_key(&run) {
                continue;
            }
            let facts = facts(&run);
            let lives = facts.as_ref().is_ok_and(|f| f.status.is_live());
            if lives {
                self.tail(run, false);
            } else {
                read.push((run, facts));
            }
        }
        if !read.is_empty() {
            self.tell(Action::RunsRead(read));
        }
    }

    fn tell(&self, action: Action) {
        // The workbench is closing if nobody listens; the next wait ends this thread.
        let _ = self.actions.send(action);
    }

    fn watch_all(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        let runs = self.workspace.runs();
        let mut wanted: Vec<PathBuf> =
            self.known.iter().rev().take(MOST_WATCHED).map(|r| r.path().to_owned()).collect();
        // Before the first run there is nothing to watch but the workspace, or what it will be made in.
        let root = [runs.as_path(), self.workspace.root()].into_iter().find(|p| p.is_dir());
        wanted.extend(root.map(Path::to_owned));
        self.watched.retain(|path| wanted.contains(path) && path.exists());
        for path in wanted {
            if !self.watched.contains(&path) && watcher.watch(&path, RecursiveMode::NonRecursive).is_ok() {
                self.watched.insert(path);
            }
        }
        if self.watched.is_empty() {
            // Nothing can be watched: look every two seconds instead.
            self.watcher = None;
        }
    }
}

/// Tells of every change but of reading, which the workbench does itself.
fn watcher(wishes: Sender<Wish>) -> Option<RecommendedWatcher> {
    notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        let written = matches!(event.kind, EventKind::Access(AccessKind::Close(AccessMode::Write)));
        if written || matches!(event.kind, EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_)) {
            for path in event.paths {
                let _ = wishes.send(Wish::Touched(path));
            }
        }
    })
    .ok()
}
