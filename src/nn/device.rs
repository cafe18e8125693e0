//! Where a network computes: one word in recipes and on the command line.

use crate::error::{Error, Result};
use crate::text;
use std::fmt;
use std::str::FromStr;

/// A device of this machine. Layers get theirs at run time through [`super::Compute`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    Cpu,
}

impl FromStr for Device {
    type Err = Error;

    /// `auto` is the best there is; `cuda:0` the first graphics card, which this build cannot use.
    fn from_str(word: &str) -> Result<Device> {
        match word {
            "auto" | "cpu" => Ok(Device::Cpu),
            _ if word == "cuda" || word.strip_prefix("cuda:").is_some_and(|n| n.parse::<u8>().is_ok()) => {
                Err(Error::usage(format!("{word} cannot be used: this hcwb is built without CUDA"))
                    .cure("use auto or cpu"))
            }
            _ => Err(Error::usage(format!("there is no device called {}", text::line(word))).cure("use auto or cpu")),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Device::Cpu => f.write_str("cpu"),
        }
    }
}
