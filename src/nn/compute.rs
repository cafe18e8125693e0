//! How numbers are computed: the instruction set and the precision.

use super::kernel::cpu::Isa;
use crate::error::{Error, Result};
use crate::text;
use std::str::FromStr;

/// The arithmetic of products; everything else is f32 throughout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// f32, with the fastest algorithms: F(4x4, 3x3) among them.
    #[default]
    F32,
    /// f32, with algorithms that lose no digit against the direct one.
    F32Strict,
    /// Operands of products rounded to bf16, sums in f32; weights, gradients and optimizer in f32.
    Bf16,
    /// Products of f32 operands rounded to TF32 (10 bits of mantissa) on cards; f32 on the CPU, which has no such unit.
    Tf32,
}

impl Precision {
    /// Every precision, by the names that recipes and the command line use.
    pub const NAMES: [&str; 4] = ["f32", "f32-strict", "bf16", "tf32"];

    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

impl FromStr for Precision {
    type Err = Error;
    fn from_str(word: &str) -> Result<Precision> {
        match word {
            "f32" => Ok(Precision::F32),
            "f32-strict" => Ok(Precision::F32Strict),
            "bf16" => Ok(Precision::Bf16),
            "tf32" => Ok(Precision::Tf32),
            _ => Err(Error::usage(format!("there is no precision called {}", text::line(word)))
                .cure("use f32, f32-strict, bf16 or tf32")),
        }
    }
}

/// What every kernel is told: which instructions it may use, and how precise its products are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compute {
    pub isa: Isa,
    pub precision: Precision,
}

impl Compute {
    /// The most that this machine has (held down by `HCWB_CPU`), in that precision.
    pub fn current(precision: Precision) -> Compute {
        Compute { isa: Isa::current(), precision }
    }
}
