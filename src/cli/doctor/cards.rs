//! Of graphics cards: driver, cards, cuDNN, NVML, and where trainings run.

use super::Check;
#[cfg(feature = "cuda")]
use crate::nn::device::{CardInfo, cards};
use crate::nn::device::{Device, Resolved};
#[cfg(feature = "cuda")]
use crate::nn::kernel::cuda::{card, nvml};

/// Every row. Where nothing of NVIDIA's is installed, nothing of it is wanted.
pub fn checks() -> Vec<Check> {
    let mut checks = libraries();
    checks.push(match Device::resolve("auto") {
        // Something above is marked, with its cure.
        Ok(Resolved { device, note: Some(_) }) => {
            Check::new("train.device", Some(false), format!("auto is {device}, for want of what is marked ✘ above"), "")
        }
        Ok(Resolved { device, note: None }) => Check::good("train.device", format!("auto is {}", device.describe())),
        Err(e) => Check::failed("train.device", e),
    });
    checks
}

#[cfg(not(feature = "cuda"))]
fn libraries() -> Vec<Check> {
    vec![Check::unwanted("NVIDIA driver", "not looked for: this hcwb is built without the feature cuda")]
}

#[cfg(feature = "cuda")]
fn libraries() -> Vec<Check> {
    let driver = match card::driver_found() {
        Ok(found) => found,
        Err(e) => {
            let check = match card::driver_is_there() {
                // There, but it does not work: that is worth a cure. Else this is a machine without cards.
                true => Check::failed("NVIDIA driver", e),
                false => Check::unwanted("NVIDIA driver", e.chain()),
            };
            let places = if card::switched_off() { Vec::new() } else { card::driver_places() };
            let rest = ["cards", "cuDNN", "NVML"].map(|name| Check::unwanted(name, "not looked for without a driver"));
            return std::iter::once(Check { tried: tried(places), ..check }).chain(rest).collect();
        }
    };
    let nvml = nvml::open();
    let version = nvml.as_ref().ok().and_then(|opened| opened.nvml.sys_driver_version().ok());
    let version = version.map_or(String::new(), |v| format!("driver {v}, "));
    let mut checks =
        vec![Check::good("NVIDIA driver", format!("{version}CUDA {}: {}", driver.version, driver.place.display()))];
    checks.extend(of_cards());
    checks.push(match card::cudnn() {
        Ok(found) => Check::good("cuDNN", format!("{}: {}", found.version, found.place.display())),
        Err(e) => Check::failed("cuDNN", e),
    });
    checks.push(match nvml {
        Ok(opened) => Check::good("NVML", opened.found.display().to_string()),
        Err(e) => Check { ok: None, ..Check::failed("NVML", e) },
    });
    checks
}

/// One row a card.
#[cfg(feature = "cuda")]
fn of_cards() -> Vec<Check> {
    let found = match cards() {
        Ok(found) => found,
        Err(e) => return vec![Check::failed("cards", e)],
    };
    let row = |card: CardInfo| {
        let CardInfo { index, name, capability: (major, minor), memory_bytes, processors, pci_bus } = &card;
        let gib = *memory_bytes as f64 / (1u64 << 30) as f64;
        let what = format!(
            "{name}, {gib:.0} GiB, compute capability {major}.{minor}, {processors} multiprocessors, at {pci_bus}"
        );
        match card.check() {
            Ok(()) => Check::good(format!("card cuda:{index}"), what),
            Err(e) => {
                Check::bad(format!("card cuda:{index}"), format!("{what}: {}", e.chain()), e.cure.unwrap_or_default())
            }
        }
    };
    found.into_iter().map(row).collect()
}

#[cfg(feature = "cuda")]
fn tried(places: Vec<(std::path::PathBuf, String)>) -> Vec<super::Tried> {
    places.into_iter().map(|(place, said)| super::Tried { place: place.display().to_string(), said }).collect()
}
