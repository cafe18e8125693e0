//! Whose turn it is: slots and tickets as locked files, which the kernel frees when a worker dies.
//!
//! Every waiting worker is a process of its own, holding a ticket. Who finds the slot free and has the
//! oldest ticket takes it. There is no scheduler that could die.

use crate::error::{Error, IoContext, Result};
use crate::nn::Device;
use crate::workspace::Workspace;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a waiting worker looks.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A place in the queue for the CPU or for one card. Who waits for one does not wait for another.
pub struct Queue {
    folder: PathBuf,
    /// `cpu`, or `cuda-` and the card's place on the bus, which no process sees by another number.
    line: String,
    /// Runs at once.
    slots: usize,
    id: String,
    /// Held while at work.
    slot: Option<File>,
}

impl Queue {
    /// The queue of `ws` for `device`, on behalf of run `id`.
    pub fn new(ws: &Workspace, device: Device, id: &str) -> Result<Queue> {
        // One run uses every core it is given, and a card's whole memory if it can.
        let (line, slots) = match (device, device.card()) {
            (Device::Cpu, _) => ("cpu".to_owned(), slots("HCWB_CPU_SLOTS")?),
            (_, Some(card)) => (format!("cuda-{}", card.pci_bus), slots("HCWB_CUDA_SLOTS")?),
            (Device::Cuda(index), None) => (format!("cuda-{index}"), slots("HCWB_CUDA_SLOTS")?),
        };
        let folder = ws.runs().join(".queue");
        ws.make(&folder)?;
        Ok(Queue { folder, line, slots, id: id.to_owned(), slot: None })
    }

    /// Waits for the slot; false if `give_up` says so before it is free. `waiting` is called once if
    /// the slot is not free at once.
    pub fn wait(&mut self, waiting: &mut dyn FnMut() -> Result<()>, give_up: &dyn Fn() -> bool) -> Result<bool> {
        let ticket = Ticket::draw(&self.folder, &self.line, &self.id)?;
        let mut told = false;
        loop {
            if ticket.is_first(&self.folder)? && self.try_slot()? {
                return Ok(true);
            }
            if give_up() {
                return Ok(false);
            }
            if !std::mem::replace(&mut told, true) {
                waiting()?;
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    pub fn release(&mut self) {
        self.slot = None;
    }

    fn try_slot(&mut self) -> Result<bool> {
        for n in 0..self.slots {
            let path = self.folder.join(format!("{}-slot-{n}", self.line));
            let file = open(&path)?;
            match file.try_lock() {
                Ok(()) => {
                    self.slot = Some(file);
                    return Ok(true);
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(e)) => return Err(Error::io("lock a slot of the queue", path, e)),
            }
        }
        Ok(false)
    }
}

/// Runs at once on one device: what `variable` says, else one.
fn slots(variable: &str) -> Result<usize> {
    match std::env::var(variable) {
        Err(_) => Ok(1),
        Ok(text) => text.parse().ok().filter(|n| (1..=1024).contains(n)).ok_or_else(|| {
            Error::usage(format!("{variable} is `{}`", crate::text::line(&text)))
                .cure("set it to how many runs may train at once, from 1 to 1024")
        }),
    }
}

fn open(path: &Path) -> Result<File> {
    let file = File::options().create(true).truncate(false).read(true).write(true).open(path);
    file.doing("open a file of the queue", path)
}

/// A locked file whose name sorts by the time it was drawn; gone when dropped.
struct Ticket {
    path: PathBuf,
    /// With which the names of all tickets of its line begin.
    prefix: String,
    _file: File,
}

impl Ticket {
    fn draw(folder: &Path, line: &str, id: &str) -> Result<Ticket> {
        let prefix = format!("{line}-ticket-");
        let path = folder.join(format!("{prefix}{:020}-{id}", jiff::Timestamp::now().as_nanosecond()));
        let file = open(&path)?;
        // Nobody else knows the name yet, but a passer-by may be testing whether it is abandoned.
        file.lock().doing("lock a ticket of the queue", &path)?;
        Ok(Ticket { path, prefix, _file: file })
    }

    /// Whether no living worker has an older ticket. Abandoned ones are swept away.
    fn is_first(&self, folder: &Path) -> Result<bool> {
        let mut older: Vec<PathBuf> = std::fs::read_dir(folder)
            .doing("read the queue", folder)?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| *path < self.path && self.is_like(path))
            .collect();
        older.sort();
        for path in older {
            let Ok(file) = File::open(&path) else { continue };
            match file.try_lock_shared() {
                Err(TryLockError::WouldBlock) => return Ok(false),
                _ => {
                    let _ = std::fs::remove_file(&path);
                }
            }
        }
        Ok(true)
    }

    fn is_like(&self, path: &Path) -> bool {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&self.prefix))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_taken_in_order_and_the_dead_are_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let ws = Workspace::at(folder.path()).unwrap();
        let mut first = Queue::new(&ws, Device::Cpu, "a").unwrap();
        assert!(first.wait(&mut || Ok(()), &|| true).unwrap());
        let mut second = Queue::new(&ws, Device::Cpu, "b").unwrap();
        let mut told = 0;
        let looks = std::cell::Cell::new(0);
        let give_up = || looks.replace(looks.get() + 1) > 0;
        let mut tell = || {
            told += 1;
            Ok(())
        };
        assert!(!second.wait(&mut tell, &give_up).unwrap());
        assert_eq!(told, 1);
        first.release();
        // A ticket left by a worker that was killed bars nobody.
        std::fs::write(ws.runs().join(".queue/cpu-ticket-00000000000000000001-dead"), "").unwrap();
        assert!(second.wait(&mut || Ok(()), &|| true).unwrap());
        let living = Ticket::draw(&ws.runs().join(".queue"), "cpu", "c").unwrap();
        second.release();
        assert!(!first.wait(&mut || Ok(()), &|| true).unwrap(), "an older living ticket goes first");
        drop(living);
        assert!(first.wait(&mut || Ok(()), &|| true).unwrap());
    }

    #[test]
    fn a_run_on_the_cpu_does_not_wait_for_a_card_nor_one_card_for_another() {
        let folder = tempfile::tempdir().unwrap();
        let ws = Workspace::at(folder.path()).unwrap();
        // Cards that no machine has: their lines are named by their numbers.
        let queue = |device, id: &str| Queue::new(&ws, device, id).unwrap();
        let wait = |queue: &mut Queue| queue.wait(&mut || Ok(()), &|| true).unwrap();
        let mut on_card = queue(Device::Cuda(251), "a");
        assert!(wait(&mut on_card));
        let _waiting = Ticket::draw(&ws.runs().join(".queue"), "cuda-251", "b").unwrap();
        assert!(wait(&mut queue(Device::Cpu, "c")));
        assert!(wait(&mut queue(Device::Cuda(25), "d")));
        on_card.release();
        assert!(!wait(&mut queue(Device::Cuda(251), "e")), "an older ticket for this card goes first");
    }
}
