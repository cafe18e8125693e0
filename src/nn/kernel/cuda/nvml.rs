//! NVML, the library behind `nvidia-smi`: opened where the driver's libraries lie.

use super::{card, library};
use crate::error::{Error, Result};
use nvml_wrapper::Nvml;
use std::path::PathBuf;

/// NVML, started, and where it was found.
pub struct Opened {
    pub nvml: Nvml,
    pub found: PathBuf,
}

/// Opens and starts NVML. Fails where there is none; training does without it.
pub fn open() -> Result<Opened> {
    let mut said = "it is switched off (HCWB_CUDA=off)".to_owned();
    let places = match card::switched_off() {
        true => Vec::new(),
        false => library::places(&["libnvidia-ml.so.1"], &library::driver_folders()),
    };
    for found in places {
        match Nvml::builder().lib_path(found.as_os_str()).init() {
            Ok(nvml) => return Ok(Opened { nvml, found }),
            Err(e) => said = e.to_string(),
        }
    }
    Err(Error::new(format!("NVML cannot be used: {said}"))
        .cure("install the driver's libnvidia-ml.so.1 if runs are to show the card's load, memory and power"))
}
