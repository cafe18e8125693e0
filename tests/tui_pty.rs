//! The workbench in a real pty: what a person sees and types, from the demo to the worst prediction.

mod common;

use common::{Sandbox, wait};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Generous: the machines that test have two slow cores, and share them.
const DEADLINE: Duration = Duration::from_secs(120);

/// A workbench in a terminal of its own.
struct Seat {
    screen: Arc<Mutex<vt100::Parser>>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    _pty: Box<dyn MasterPty + Send>,
}

impl Seat {
    fn open(sandbox: &Sandbox, args: &[&str]) -> Seat {
        let size = PtySize { rows: 30, cols: 120, pixel_width: 0, pixel_height: 0 };
        let pty = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_hcwb"));
        command.args(args);
        command.cwd(sandbox.path());
        command.env("HCWB_WORKSPACE", sandbox.workspace());
        command.env("TERM", "xterm-256color");
        command.env("HCWB_CUDA", "off");
        for name in ["NO_COLOR", "COLORTERM", "TERM_PROGRAM", "KITTY_WINDOW_ID", "TMUX", "HCWB_CPU"] {
            command.env_remove(name);
        }
        let child = pty.slave.spawn_command(command).unwrap();
        let mut reader = pty.master.try_clone_reader().unwrap();
        let keys = pty.master.take_writer().unwrap();
        let screen = Arc::new(Mutex::new(vt100::Parser::new(30, 120, 0)));
        let seen = screen.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 8192];
            while let Ok(n @ 1..) = reader.read(&mut bytes) {
                seen.lock().unwrap().process(&bytes[..n]);
            }
        });
        Seat { screen, keys, child, _pty: pty.master }
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Waits until the screen holds `words`; says what it held instead if it never does.
    fn see(&mut self, words: &str) {
        self.see_that(words, |text| text.contains(words));
    }

    fn see_that(&mut self, what: &str, fits: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        while !fits(&self.text()) {
            if let Ok(Some(ended)) = self.child.try_wait() {
                assert!(fits(&self.text()), "ended ({ended:?}) before {what}:\n{}", self.text());
                return;
            }
            assert!(begun.elapsed() < DEADLINE, "never saw {what}:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Leaves with `q`; returns what stands on the normal screen then.
    fn leave(mut self) -> String {
        self.press("q");
        let begun = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < DEADLINE, "q does not leave:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(10));
        }
        // What was written last may still be on its way.
        let begun = Instant::now();
        while self.screen.lock().unwrap().screen().alternate_screen() && begun.elapsed() < DEADLINE {
            std::thread::sleep(Duration::from_millis(10));
        }
        std::thread::sleep(Duration::from_millis(50));
        self.text()
    }

    /// The nearest thing to a lost connection.
    fn kill(mut self) {
        let pid = self.child.process_id().unwrap();
        kill(pid);
        let _ = self.child.wait();
    }
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// Ends the runs that a test has started.
struct Runs<'a>(&'a Sandbox);

impl Runs<'_> {
    fn ids(&self) -> Vec<String> {
        let list = self.0.json(&["run", "list", "--json"]);
        list.as_array().unwrap().iter().map(|r| r["id"].as_str().unwrap().to_owned()).collect()
    }

    fn worker(&self, id: &str) -> u32 {
        let events = self.0.events(id);
        let started = events.iter().rev().find(|e| e["kind"] == "started" || e["kind"] == "resumed");
        let pid = started.and_then(|e| e["pid"].as_u64());
        let first = || events.iter().rev().find_map(|e| e["pid"].as_u64());
        pid.or_else(first).expect("a worker has started") as u32
    }
}

impl Drop for Runs<'_> {
    fn drop(&mut self) {
        let Ok(list) = self.0.command(&["run", "list", "--json"]).output() else { return };
        let Ok(list) = serde_json::from_slice::<serde_json::Value>(&list.stdout) else { return };
        for run in list.as_array().into_iter().flatten() {
            if matches!(run["status"].as_str(), Some("running" | "paused" | "queued"))
                && let Some(id) = run["id"].as_str()
            {
                let _ = self.0.command(&["run", "stop", id]).output();
                let begun = Instant::now();
                while self.0.status(id) != "stopped" && begun.elapsed() < DEADLINE {
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
        }
    }
}

#[test]
fn the_demo_reaches_its_first_epoch_before_ones_eyes() {
    let sandbox = Sandbox::new();
    let runs = Runs(&sandbox);
    let mut seat = Seat::open(&sandbox, &["demo", "--set", "data.size=64x64"]);
    seat.see("[3 Runs]");
    seat.see("▶ running");
    seat.see("epoch   1  MAE");
    assert!(seat.text().contains("img/s"), "{}", seat.text());
    let after = seat.leave();
    assert!(after.contains("1 run goes on; `hcwb` shows it again"), "{after}");
    let id = &runs.ids()[0];
    let epochs = || sandbox.events(id).iter().filter(|e| e["kind"] == "epoch").count();
    let left_at = epochs();
    wait("the run to go on without a screen", || epochs() > left_at);
}

#[test]
fn a_run_is_launched_from_the_keyboard() {
    let sandbox = Sandbox::with_phantoms(24);
    let runs = Runs(&sandbox);
    let mut seat = Seat::open(&sandbox, &[]);
    seat.see("No runs yet: press n");
    seat.press("n");
    seat.see("[2 Launch]");
    let down = hcwb::recipe::shipped().iter().position(|r| r.name == "reg-cnn263k").unwrap();
    seat.press(&"j".repeat(down));
    seat.see("╭ reg-cnn263k");
    seat.see("19 train (");
    seat.see("263,633 trainable");
    // Into the form; every field; down to the epochs.
    seat.press("\r");
    seat.see("esc recipes");
    for _ in 0..8 {
        seat.press("\x1b[B");
    }
    seat.see("at most so many passes");
    seat.press("\x15");
    seat.press("two");
    seat.see("✘ wants a whole number");
    seat.press("\x152");
    seat.see("was 100");
    seat.press("\x13");
    seat.see("[3 Runs]");
    seat.see("✔ finished");
    seat.see("2/2");
    let after = seat.leave();
    assert!(!after.contains("goes on"), "{after}");
    let id = &runs.ids()[0];
    assert_eq!(sandbox.status(id), "finished");
}

#[test]
fn triage_leads_to_the_worst_image_and_to_why() {
    let sandbox = Sandbox::with_phantoms(24);
    let _runs = Runs(&sandbox);
    let id = sandbox.start(&["--set", "train.epochs=2"]);
    sandbox.wait_for_status(&id, "finished");
    // The worst by the file, in its own words.
    let mut rows = csv::Reader::from_path(sandbox.run_dir(&id).join("predictions.csv")).unwrap();
    let headers = rows.headers().unwrap().clone();
    let column = |name: &str| headers.iter().position(|h| h == name).unwrap();
    let (file, error) = (column("file"), column("error_px"));
    let mut worst: Vec<(f64, String)> =
        rows.records().map(|r| r.unwrap()).map(|r| (r[error].parse::<f64>().unwrap(), r[file].to_owned())).collect();
    worst.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));

    let mut seat = Seat::open(&sandbox, &["--images", "halfblocks"]);
    seat.see("✔ finished");
    seat.press("t");
    seat.see("worst first, in px");
    seat.see(&format!("› {}", worst[0].1));
    seat.see(&format!("{:+.1} px", worst[0].0));
    seat.see("▀▀▀▀▀▀▀▀");
    seat.see("── true ellipse");
    seat.press("j");
    seat.see(&format!("› {}", worst[1].1));
    seat.see(&format!("{:+.1} px", worst[1].0));
    seat.press("e");
    seat.see("╌╌ predicted size");
    seat.press("\r");
    seat.see("esc back");
    seat.press("\x1b");
    seat.see("worst first");
    // Why the network said so of the image that is selected: maps, the perturbation played, the audit.
    seat.press("w");
    seat.see("[5 Explain]");
    seat.see(&worst[1].1);
    seat.see("›gradient");
    seat.see("step 0 of 15");
    seat.press(" ");
    seat.see("step 2 of 15");
    seat.press("\t\ta");
    seat.see("lrp-z  in ");
    seat.see("leaked");
    seat.press("\t");
    seat.see("[x] gradient");
    seat.leave();
}

#[test]
fn a_killed_workbench_finds_its_run_again_and_a_killed_worker_is_shown_as_crashed() {
    let sandbox = Sandbox::with_phantoms(24);
    let runs = Runs(&sandbox);
    let id = sandbox.start(&["--set", "train.epochs=100000", "--set", "train.patience=0"]);
    let mut seat = Seat::open(&sandbox, &[]);
    seat.see("▶ running");
    seat.kill();

    let mut seat = Seat::open(&sandbox, &[]);
    seat.see("▶ running");
    seat.see_that("the curve", |text| text.contains("◆ best"));
    seat.press("p");
    seat.see("‖ paused");
    seat.press("p");
    seat.see("▶ running");
    let begun = Instant::now();
    kill(runs.worker(&id));
    seat.see("! crashed");
    assert!(begun.elapsed() < Duration::from_secs(5), "crashed is shown after {:?}", begun.elapsed());
    seat.press("r");
    seat.see("▶ running");
    seat.see("resumed after epoch");
    seat.press("x");
    seat.see("The worker makes a checkpoint");
    seat.press("y");
    seat.see("■ stopped");
    let after = seat.leave();
    assert!(!after.contains("goes on"), "{after}");
}

#[test]
fn a_small_terminal_says_so_and_comes_back_when_enlarged() {
    let sandbox = Sandbox::new();
    let mut seat = Seat::open(&sandbox, &[]);
    seat.see("[3 Runs]");
    let resize = |seat: &Seat, cols, rows| {
        seat.screen.lock().unwrap().screen_mut().set_size(rows, cols);
        seat._pty.resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
    };
    resize(&seat, 60, 20);
    seat.see("now 60 x 20");
    resize(&seat, 80, 24);
    seat.see("[3 Runs]");
    seat.leave();
}

#[test]
fn a_network_dreams_live_and_the_picture_is_kept() {
    let sandbox = Sandbox::with_phantoms(24);
    let mut args = vec!["run", "start", "unet-small", "--foreground", "--json"];
    for pair in ["data.dataset=phantom", "data.size=64x64", "train.threads=1", "train.epochs=1", "train.batch=6"] {
        args.extend(["--set", pair]);
    }
    let id = sandbox.json(&args)["id"].as_str().unwrap().to_owned();
    let mut seat = Seat::open(&sandbox, &[]);
    seat.see("✔ finished");
    seat.press("t");
    seat.see("_HC.png");
    seat.press("d");
    seat.see("Deep Dream");
    seat.see("✔ done");
    assert!(seat.text().contains("octave 3/3  64x64 px  step 20/20"), "{}", seat.text());
    // A weight that is moved shows what it does: as many steps more.
    seat.press("\x1b[C");
    seat.see("━━━━━●─── 1.25 encoder.1.relu1");
    seat.see("step 40/40");
    seat.see("✔ done");
    seat.press("s");
    seat.see("saved as ");
    seat.press("\x1b");
    seat.see("enter open");
    seat.leave();
    let kept: Vec<_> = std::fs::read_dir(sandbox.run_dir(&id).join("explain")).unwrap().flatten().collect();
    assert!(kept.len() == 1 && kept[0].file_name().to_string_lossy().ends_with("_HC.dream-1.png"), "{kept:?}");
    assert_eq!(image::image_dimensions(kept[0].path()).unwrap(), (64, 64));
}
