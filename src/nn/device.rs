//! Where a network computes: one word in recipes and on the command line, and what it means on this machine.

#[cfg(feature = "cuda")]
use super::kernel::cuda::card;
use crate::error::{Error, Result};
use crate::text;
use std::fmt;

/// A device of this machine. Layers get theirs at run time through [`super::Compute`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Device {
    Cpu,
    /// A graphics card by the driver's number (which `CUDA_VISIBLE_DEVICES` may change).
    Cuda(u8),
}

/// What a word comes to on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    pub device: Device,
    /// Why `auto` is the CPU although there is a driver, with the cure: for the run's log.
    pub note: Option<String>,
}

/// A graphics card as its driver describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardInfo {
    pub index: u8,
    /// `NVIDIA H100 80GB HBM3`.
    pub name: String,
    /// NVIDIA's compute capability, major and minor.
    pub capability: (i32, i32),
    pub memory_bytes: u64,
    /// Streaming multiprocessors.
    pub processors: u32,
    /// `0000:01:00.0`: the card itself, whatever its number is in this process.
    pub pci_bus: String,
}

/// The oldest cards that serve: Ampere, the first with bf16.
pub const LEAST_CAPABILITY: (i32, i32) = (8, 0);

enum Word {
    Auto,
    Named(Device),
}

impl Word {
    fn of(word: &str) -> Result<Word> {
        let card = |n: &str| n.bytes().all(|b| b.is_ascii_digit()).then(|| n.parse().ok()).flatten();
        match word {
            "auto" => Ok(Word::Auto),
            "cpu" => Ok(Word::Named(Device::Cpu)),
            "cuda" => Ok(Word::Named(Device::Cuda(0))),
            _ => match word.strip_prefix("cuda:").and_then(card) {
                Some(index) => Ok(Word::Named(Device::Cuda(index))),
                None => Err(Error::usage(format!("there is no device called {}", text::line(word)))
                    .cure("use auto or cpu, or cuda:0 for the first graphics card")),
            },
        }
    }
}

impl Device {
    /// Refuses what is none of `auto`, `cpu`, `cuda` and `cuda:N`. Whether there is such a card is another question:
    /// recipes are read on machines without one too.
    pub fn check(word: &str) -> Result<()> {
        Word::of(word).map(drop)
    }

    /// The device that `word` means here. `auto` is the first card that can be used, else the CPU; a card that is named
    /// and cannot be used is an error that says what is missing.
    pub fn resolve(word: &str) -> Result<Resolved> {
        let (device, note) = match Word::of(word)? {
            Word::Named(Device::Cpu) => (Device::Cpu, None),
            Word::Named(Device::Cuda(index)) => match usable(index) {
                Ok(()) => (Device::Cuda(index), None),
                Err(e) => {
                    let error = Error::usage(format!("{} cannot be used: {}", Device::Cuda(index), e.chain()));
                    return Err(error.cure(e.cure.unwrap_or("use auto or cpu".to_owned())));
                }
            },
            Word::Auto => match first_usable() {
                Ok(index) => (Device::Cuda(index), None),
                Err(e) => (Device::Cpu, card::driver_is_there().then(|| note(&e))),
            },
        };
        Ok(Resolved { device, note })
    }

    /// The card, if it is one and the driver knows it.
    pub fn card(self) -> Option<CardInfo> {
        match self {
            Device::Cpu => None,
            Device::Cuda(index) => card::cards().ok()?.into_iter().find(|card| card.index == index),
        }
    }

    /// `cpu`, or `cuda:0 (NVIDIA H100 80GB HBM3)`.
    pub fn describe(self) -> String {
        match self.card() {
            Some(card) => format!("{self} ({})", card.name),
            None => self.to_string(),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Device::Cpu => f.write_str("cpu"),
            Device::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

impl CardInfo {
    /// Fails for a card that is older than the kernels.
    pub fn check(&self) -> Result<()> {
        let ((major, minor), least) = (self.capability, LEAST_CAPABILITY);
        if self.capability >= least {
            return Ok(());
        }
        Err(Error::new(format!(
            "{} has compute capability {major}.{minor}, and {}.{} is needed",
            text::line(&self.name),
            least.0,
            least.1
        ))
        .cure("use a card of 2020 or later (Ampere: A100, RTX 30 and their successors), or the CPU"))
    }
}

/// Every card that the driver shows, in its order, usable or not. Fails where there is no driver, and none is empty.
pub fn cards() -> Result<Vec<CardInfo>> {
    card::cards()
}

fn usable(index: u8) -> Result<()> {
    let cards = card::cards()?;
    let Some(card) = cards.get(usize::from(index)) else {
        let last = cards.len().saturating_sub(1);
        return Err(match last {
            0 => Error::new("there is one card").cure("use cuda:0, auto or cpu"),
            _ => Error::new(format!("there are {} cards", cards.len())).cure(format!("use cuda:0 to cuda:{last}")),
        });
    };
    card.check()?;
    card::cudnn().map(drop)
}

/// The number of the first card that can be used, or what bars the way to the best one.
fn first_usable() -> Result<u8> {
    let cards = card::cards()?;
    let card = cards.iter().find(|card| card.check().is_ok()).or(cards.first());
    let index = card.map_or(0, |card| card.index);
    usable(index).map(|()| index)
}

fn note(error: &Error) -> String {
    let mut said = format!("no card can be used, so the CPU is: {}", error.chain());
    if let Some(cure) = &error.cure {
        said += &format!("; {cure}");
    }
    said
}

/// In place of the cards where hcwb is built without them.
#[cfg(not(feature = "cuda"))]
mod card {
    use super::{CardInfo, Error, Result};

    pub fn cards() -> Result<Vec<CardInfo>> {
        Err(Error::new("this hcwb is built without CUDA").cure("build it with the feature cuda, or use the CPU"))
    }
    pub fn cudnn() -> Result<()> {
        cards().map(drop)
    }
    pub fn driver_is_there() -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_checked_without_a_card() {
        for word in ["auto", "cpu", "cuda", "cuda:0", "cuda:17"] {
            Device::check(word).unwrap();
        }
        for word in ["", "gpu", "cuda:", "cuda:x", "cuda:+1", "cuda:256", "cuda0", "CPU", "cuda:-1"] {
            let error = Device::check(word).unwrap_err();
            assert!(error.cure.is_some() && error.kind == crate::error::Kind::Usage, "{word}");
        }
        assert_eq!(Device::resolve("cpu").unwrap(), Resolved { device: Device::Cpu, note: None });
        assert_eq!((Device::Cpu.describe(), Device::Cuda(3).to_string()), ("cpu".to_owned(), "cuda:3".to_owned()));
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn a_build_without_cuda_says_so_and_auto_is_the_cpu() {
        let error = Device::resolve("cuda:0").unwrap_err();
        assert_eq!(error.what, "cuda:0 cannot be used: this hcwb is built without CUDA");
        assert_eq!(Device::resolve("auto").unwrap(), Resolved { device: Device::Cpu, note: None });
    }

    #[test]
    fn a_card_older_than_ampere_is_named_with_its_capability() {
        let mut card = CardInfo {
            index: 0,
            name: "Tesla P100".to_owned(),
            capability: (6, 0),
            memory_bytes: 16 << 30,
            processors: 56,
            pci_bus: "0000:01:00.0".to_owned(),
        };
        let error = card.check().unwrap_err();
        assert_eq!(error.what, "Tesla P100 has compute capability 6.0, and 8.0 is needed");
        (card.capability, card.name) = ((7, 5), "Tesla T4".to_owned());
        assert!(card.check().is_err());
        for capability in [(8, 0), (8, 6), (9, 0), (12, 0)] {
            card.capability = capability;
            card.check().unwrap();
        }
    }
}
