//! The cards of this machine, and what else it takes to use one.

use super::driver::{Driver, driver, version_text};
use super::{cudnn, library};
use crate::error::{Error, Result};
use crate::nn::device::CardInfo;
use std::ffi::{CStr, c_char, c_int};
use std::path::PathBuf;

/// What a library said of itself, and where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub version: String,
    pub place: PathBuf,
}

// CUdevice_attribute of the driver's documentation.
const MULTIPROCESSOR_COUNT: c_int = 16;
const COMPUTE_CAPABILITY_MAJOR: c_int = 75;
const COMPUTE_CAPABILITY_MINOR: c_int = 76;

/// Whether `HCWB_CUDA=off` says that this machine is to be treated as one without a driver.
pub fn switched_off() -> bool {
    std::env::var_os("HCWB_CUDA").is_some_and(|word| word == "off")
}

/// Refuses an `HCWB_CUDA` that is neither `off` nor `auto`.
pub fn check_env() -> Result<()> {
    match std::env::var_os("HCWB_CUDA") {
        Some(word) if !["", "auto", "off"].iter().any(|known| word == *known) => {
            let word = word.to_string_lossy().into_owned();
            Err(Error::usage(format!("HCWB_CUDA is `{}`", crate::text::line(&word)))
                .cure("use no card at all with HCWB_CUDA=off, or leave it unset"))
        }
        _ => Ok(()),
    }
}

/// Every card that the driver shows, in its order.
pub fn cards() -> Result<Vec<CardInfo>> {
    let driver = driver()?;
    let mut count = 0;
    // Safety: `count` outlives the call.
    driver.check("count the cards", unsafe { (driver.cuDeviceGetCount)(&mut count) })?;
    let count = u8::try_from(count).unwrap_or(u8::MAX);
    if count == 0 {
        return Err(no_card());
    }
    (0..count).map(|index| card(driver, index)).collect()
}

/// For a driver that starts and sees nothing.
pub(super) fn no_card() -> Error {
    Error::new("the NVIDIA driver shows no card")
        .cure("see what `nvidia-smi` says and whether CUDA_VISIBLE_DEVICES hides the cards, or use the CPU")
}

fn card(driver: &Driver, index: u8) -> Result<CardInfo> {
    let mut device = 0;
    // Safety: `device` outlives the call.
    driver.check("open a card", unsafe { (driver.cuDeviceGet)(&mut device, c_int::from(index)) })?;
    let number = |attribute: c_int| -> Result<c_int> {
        let mut value = 0;
        // Safety: `value` outlives the call.
        let code = unsafe { (driver.cuDeviceGetAttribute)(&mut value, attribute, device) };
        driver.check("ask a card what it is", code).map(|()| value)
    };
    let word = |ask: unsafe extern "C" fn(*mut c_char, c_int, c_int) -> c_int| -> Result<String> {
        let mut text: [c_char; 128] = [0; 128];
        // Safety: the driver writes at most as many bytes as it is told, a terminator among them.
        driver.check("ask a card for its name", unsafe { ask(text.as_mut_ptr(), text.len() as c_int, device) })?;
        text[127] = 0;
        // Safety: terminated, as just seen to.
        Ok(unsafe { CStr::from_ptr(text.as_ptr()) }.to_string_lossy().into_owned())
    };
    let mut memory_bytes = 0;
    // Safety: `memory_bytes` outlives the call.
    let code = unsafe { (driver.cuDeviceTotalMem_v2)(&mut memory_bytes, device) };
    driver.check("ask a card for its memory", code)?;
    Ok(CardInfo {
        index,
        name: word(driver.cuDeviceGetName)?,
        capability: (number(COMPUTE_CAPABILITY_MAJOR)?, number(COMPUTE_CAPABILITY_MINOR)?),
        memory_bytes: memory_bytes as u64,
        processors: number(MULTIPROCESSOR_COUNT)?.max(0) as u32,
        pci_bus: word(driver.cuDeviceGetPCIBusId)?,
    })
}

/// The driver's library and the newest CUDA it serves.
pub fn driver_found() -> Result<Found> {
    let driver = driver()?;
    let mut version = 0;
    // Safety: `version` outlives the call.
    driver.check("ask the driver for its version", unsafe { (driver.cuDriverGetVersion)(&mut version) })?;
    Ok(Found { version: version_text(version), place: driver.library.found.clone() })
}

/// Whether a driver is installed, in whatever state.
pub fn driver_is_there() -> bool {
    !switched_off() && library::open(&["libcuda.so.1"], &library::driver_folders()).is_ok()
}

/// Where the driver was looked for in vain, and what the loader said of each place.
pub fn driver_places() -> Vec<(PathBuf, String)> {
    let folders = library::driver_folders();
    match library::open(&["libcuda.so.1"], &folders) {
        Ok(_) => Vec::new(),
        Err(not_found) => {
            let empty = folders.iter().map(|folder| folder.join("libcuda.so.1")).filter(|place| !place.exists());
            not_found.tried.into_iter().chain(empty.map(|place| (place, "not there".to_owned()))).collect()
        }
    }
}

/// cuDNN's version and place; or where it was looked for, and the cure.
pub fn cudnn() -> Result<Found> {
    let cudnn = cudnn::open()?;
    // Safety: no arguments.
    let number = unsafe { (cudnn.cudnnGetVersion)() };
    Ok(Found { version: cudnn_text(number), place: cudnn.library.found.clone() })
}

/// `9.26.0` from 92600 (version 9 counts major * 10000 + minor * 100 + patch).
fn cudnn_text(number: usize) -> String {
    format!("{}.{}.{}", number / 10_000, number / 100 % 100, number % 100)
}

#[cfg(test)]
mod tests {
    #[test]
    fn cudnns_number_reads_as_its_version() {
        assert_eq!(super::cudnn_text(91_002), "9.10.2");
        assert_eq!(super::cudnn_text(90_100), "9.1.0");
    }
}
