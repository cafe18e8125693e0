//! What the terminal and the kernel say: keys, mouse, pasted text, another size, signals.

use super::action::Action;
use crate::error::{Error, Result};
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use rustix::event::{PollFd, PollFlags, poll};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGWINCH};
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// Reads from now on, in a thread of its own that sleeps until there is something to read.
pub fn listen(actions: UnboundedSender<Action>) -> Result<()> {
    let wrong = |e: std::io::Error| Error::new("cannot listen to signals").because(e);
    // A byte in a socket for each signal: the size has changed, or it is time to go.
    let signal = |numbers: &[i32]| -> std::io::Result<UnixStream> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        for number in numbers {
            signal_hook::low_level::pipe::register(*number, writer.try_clone()?)?;
        }
        Ok(reader)
    };
    let resized = signal(&[SIGWINCH, SIGCONT]).map_err(wrong)?;
    let ended = signal(&[SIGTERM, SIGHUP, SIGINT]).map_err(wrong)?;
    std::thread::Builder::new()
        .name("input".to_owned())
        .spawn(move || read(&actions, &resized, &ended))
        .map_err(wrong)?;
    Ok(())
}

fn read(actions: &UnboundedSender<Action>, mut resized: &UnixStream, ended: &UnixStream) {
    let stdin = std::io::stdin();
    loop {
        let mut ready = [
            PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(resized.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(ended.as_fd(), PollFlags::IN),
        ];
        if let Err(error) = poll(&mut ready, None)
            && error != rustix::io::Errno::INTR
        {
            let _ = actions.send(Action::End);
            return;
        }
        let [keys, size, end] = ready.map(|fd| fd.revents());
        if !end.is_empty() || keys.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            let _ = actions.send(Action::End);
            return;
        }
        if !size.is_empty() {
            while resized.read(&mut [0; 64]).is_ok_and(|n| n > 0) {}
            if actions.send(Action::Resize).is_err() {
                return;
            }
        }
        if !keys.is_empty() {
            // All that is there, for one read may hold many keys.
            while let Ok(true) = event::poll(Duration::ZERO) {
                let Ok(event) = event::read() else { break };
                if let Some(action) = action(event)
                    && actions.send(action).is_err()
                {
                    return;
                }
            }
        }
    }
}

fn action(event: Event) -> Option<Action> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => Some(Action::Key(key)),
        Event::Mouse(mouse) => Some(Action::Mouse(mouse)),
        Event::Paste(words) => Some(Action::Paste(words)),
        _ => None,
    }
}
