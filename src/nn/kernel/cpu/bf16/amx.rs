//! The bf16 product by AMX tiles, in inline assembly: the intrinsics are not in stable Rust.
//!
//! Facts from Intel's Software Developer's Manual, volume 1 chapter 18, and Linux's
//! `Documentation/arch/x86/xstate.rst`: tile data must be asked for, once a process.

use super::tile::Product;
use std::arch::asm;
use std::sync::OnceLock;

/// Whether the processor, the operating system and this process have tiles.
pub(super) fn available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| processor_has_it() && kernel_grants_it())
}

/// CPUID leaf 7: bf16 products and tiles; XCR0: the system saves tile configuration and data.
fn processor_has_it() -> bool {
    use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
    #[target_feature(enable = "xsave")]
    fn saved() -> u64 {
        // Safety: reached only where XSAVE is enabled.
        unsafe { _xgetbv(0) }
    }
    const BF16: u32 = 1 << 22;
    const TILE: u32 = 1 << 24;
    const TILE_STATE: u64 = 0b11 << 17;
    if !is_x86_feature_detected!("xsave") {
        return false;
    }
    // Safety: every x86-64 has CPUID, which older compilers do not take for granted; XSAVE was found above.
    #[allow(unused_unsafe)]
    unsafe {
        let features = if __cpuid(0).eax < 7 { 0 } else { __cpuid_count(7, 0).edx };
        features & BF16 != 0 && features & TILE != 0 && saved() & TILE_STATE == TILE_STATE
    }
}

/// `arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)`.
#[cfg(target_os = "linux")]
fn kernel_grants_it() -> bool {
    const ARCH_PRCTL: i64 = 158;
    let result: i64;
    // Safety: the call reads two numbers and gives this process leave to use tiles, no more.
    unsafe {
        asm!("syscall", inlateout("rax") ARCH_PRCTL => result, in("rdi") 0x1023u64, in("rsi") 18u64,
            lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result == 0
}

#[cfg(not(target_os = "linux"))]
fn kernel_grants_it() -> bool {
    false
}

/// Eight tiles of sixteen rows, 64 bytes each.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

static CONFIGURATION: Configuration = Configuration {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    row_bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

/// Runs `job` with this thread's tiles configured, and gives them back, which spares the system
/// from saving them at every switch.
pub(super) fn enter<R>(job: impl FnOnce() -> R) -> R {
    struct Release;
    impl Drop for Release {
        fn drop(&mut self) {
            // Safety: `enter` made sure that the instruction is there.
            unsafe { asm!("tilerelease", options(nostack, nomem)) }
        }
    }
    assert!(available(), "this machine has no AMX");
    // Safety: the instruction is there, and the configuration is one that palette 1 allows.
    unsafe { asm!("ldtilecfg [{}]", in(reg) &CONFIGURATION, options(nostack, readonly)) };
    let _release = Release;
    job()
}

/// Tiles 0 to 3 hold the sums (upper left, upper right, lower left, lower right), 4 and 5 rows of A,
/// 6 and 7 columns of B. Each of the four sizes names its instructions; what a size does not use of the
/// operands stands in a comment of the assembler (`#`), because every operand must be named.
macro_rules! tiles {
    ($p:expr, clear [$($clear:literal)*] load [$($load:literal)*] step [$($step:literal)*] store [$($store:literal)*]) => {{
        let p = $p;
        let half = 16 * p.c_row;
        if p.accumulate {
            asm!($($load,)* c0 = in(reg) p.c, c1 = in(reg) p.c.wrapping_add(half), row = in(reg) 4 * p.c_row,
                options(nostack));
        } else {
            asm!($($clear,)* options(nostack, nomem));
        }
        if !p.steps.is_empty() {
            asm!(
                "2:",
                "mov {at:e}, dword ptr [{steps}]",
                $($step,)*
                "add {steps}, 4",
                "add {b}, 2048",
                "dec {left}",
                "jnz 2b",
                at = out(reg) _,
                steps = inout(reg) p.steps.as_ptr() => _,
                left = inout(reg) p.steps.len() => _,
                a = in(reg) p.a,
                low = in(reg) p.a.wrapping_add(16 * p.a_row),
                row = in(reg) 2 * p.a_row,
                b = inout(reg) p.b => _,
                pairs = in(reg) 64usize,
                place = out(reg) _,
                options(nostack),
            );
        }
        asm!($($store,)* c0 = in(reg) p.c, c1 = in(reg) p.c.wrapping_add(half), row = in(reg) 4 * p.c_row,
            options(nostack));
    }};
}

/// # Safety
/// Inside [`enter`]; the pointers must be valid as [`Product`] says.
pub(super) unsafe fn multiply(p: Product) {
    match (p.rows > 16, p.columns > 16) {
        (true, true) => tiles!(p,
            clear ["tilezero tmm0" "tilezero tmm1" "tilezero tmm2" "tilezero tmm3"]
            load ["tileloadd tmm0, [{c0} + {row}*1]" "tileloadd tmm1, [{c0} + {row}*1 + 64]"
                "tileloadd tmm2, [{c1} + {row}*1]" "tileloadd tmm3, [{c1} + {row}*1 + 64]"]
            step ["lea {place}, [{a} + {at}*2]" "tileloadd tmm4, [{place} + {row}*1]"
                "tileloadd tmm6, [{b} + {pairs}*1]" "tileloadd tmm7, [{b} + {pairs}*1 + 1024]"
                "tdpbf16ps tmm0, tmm4, tmm6" "tdpbf16ps tmm1, tmm4, tmm7"
                "lea {place}, [{low} + {at}*2]" "tileloadd tmm5, [{place} + {row}*1]"
                "tdpbf16ps tmm2, tmm5, tmm6" "tdpbf16ps tmm3, tmm5, tmm7"]
            store ["tilestored [{c0} + {row}*1], tmm0" "tilestored [{c0} + {row}*1 + 64], tmm1"
                "tilestored [{c1} + {row}*1], tmm2" "tilestored [{c1} + {row}*1 + 64], tmm3"]),
        (true, false) => tiles!(p,
            clear ["tilezero tmm0" "tilezero tmm2"]
            load ["tileloadd tmm0, [{c0} + {row}*1]" "tileloadd tmm2, [{c1} + {row}*1]"]
            step ["lea {place}, [{a} + {at}*2]" "tileloadd tmm4, [{place} + {row}*1]"
                "tileloadd tmm6, [{b} + {pairs}*1]" "tdpbf16ps tmm0, tmm4, tmm6"
                "lea {place}, [{low} + {at}*2]" "tileloadd tmm5, [{place} + {row}*1]"
                "tdpbf16ps tmm2, tmm5, tmm6"]
            store ["tilestored [{c0} + {row}*1], tmm0" "tilestored [{c1} + {row}*1], tmm2"]),
        (false, true) => tiles!(p,
            clear ["tilezero tmm0" "tilezero tmm1"]
            load ["tileloadd tmm0, [{c0} + {row}*1]" "tileloadd tmm1, [{c0} + {row}*1 + 64] # {c1}"]
            step ["lea {place}, [{a} + {at}*2]" "tileloadd tmm4, [{place} + {row}*1]"
                "tileloadd tmm6, [{b} + {pairs}*1]" "tileloadd tmm7, [{b} + {pairs}*1 + 1024] # {low}"
                "tdpbf16ps tmm0, tmm4, tmm6" "tdpbf16ps tmm1, tmm4, tmm7"]
            store ["tilestored [{c0} + {row}*1], tmm0" "tilestored [{c0} + {row}*1 + 64], tmm1 # {c1}"]),
        (false, false) => tiles!(p,
            clear ["tilezero tmm0"]
            load ["tileloadd tmm0, [{c0} + {row}*1] # {c1}"]
            step ["lea {place}, [{a} + {at}*2]" "tileloadd tmm4, [{place} + {row}*1]"
                "tileloadd tmm6, [{b} + {pairs}*1] # {low}" "tdpbf16ps tmm0, tmm4, tmm6"]
            store ["tilestored [{c0} + {row}*1], tmm0 # {c1}"]),
    }
}
