//! What multiplies bf16 numbers on this machine.

use crate::nn::kernel::cpu::simd::{Isa, amx_allowed};

/// Bodies of the bf16 product, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bf16Unit {
    /// No such instruction: the f32 kernels run on operands rounded to bf16.
    Portable,
    /// AVX512-BF16: `vdpbf16ps`.
    Avx512Bf16,
    /// AMX tiles: `tdpbf16ps`.
    Amx,
}

impl Bf16Unit {
    /// The best that goes with `isa` on this machine; `HCWB_CPU=avx512` keeps the tiles out.
    pub fn of(isa: Isa) -> Bf16Unit {
        match isa {
            Isa::Avx512 if amx_allowed() && amx() => Bf16Unit::Amx,
            Isa::Avx512 if avx512_bf16() => Bf16Unit::Avx512Bf16,
            _ => Bf16Unit::Portable,
        }
    }

    /// Every body that this machine can run, for tests that compare them.
    #[cfg(test)]
    pub(super) fn available() -> impl Iterator<Item = Bf16Unit> {
        let there = |unit: &Bf16Unit| match unit {
            Bf16Unit::Portable => true,
            Bf16Unit::Avx512Bf16 => Isa::detect() == Isa::Avx512 && avx512_bf16(),
            Bf16Unit::Amx => Isa::detect() == Isa::Avx512 && amx(),
        };
        [Bf16Unit::Portable, Bf16Unit::Avx512Bf16, Bf16Unit::Amx].into_iter().filter(there)
    }

    pub fn name(self) -> &'static str {
        match self {
            Bf16Unit::Portable => "f32 kernels",
            Bf16Unit::Avx512Bf16 => "AVX512-BF16",
            Bf16Unit::Amx => "AMX",
        }
    }
}

fn avx512_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

fn amx() -> bool {
    #[cfg(target_arch = "x86_64")]
    return super::amx::available();
    #[cfg(not(target_arch = "x86_64"))]
    false
}
