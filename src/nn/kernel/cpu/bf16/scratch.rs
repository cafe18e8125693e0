//! Scratch memory in whole cache lines, kept by the thread from call to call.

use std::cell::RefCell;

/// One cache line: what a row of a tile fills.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Line([u16; 32]);

thread_local! {
    static KEPT: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
}

/// Lends `len` bf16 numbers of unspecified content, the first at the start of a cache line.
///
/// Calls may nest, and `job` may wait on the thread pool: whoever comes in between gets other memory.
pub(super) fn lend<R>(len: usize, job: impl FnOnce(&mut [u16]) -> R) -> R {
    let mut lines = KEPT.with_borrow_mut(Vec::pop).unwrap_or_default();
    let needed = len.div_ceil(32);
    if lines.len() < needed {
        // Not `resize`, which would copy what nobody wants.
        lines = vec![Line([0; 32]); needed];
    }
    // Safety: a line is 32 numbers without padding, and there are enough of them.
    let result = job(unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), len) });
    KEPT.with_borrow_mut(|kept| kept.push(lines));
    result
}

/// As [`lend`], for f32.
pub(super) fn lend_floats<R>(len: usize, job: impl FnOnce(&mut [f32]) -> R) -> R {
    lend(2 * len, |halves| {
        // Safety: twice as many halves, aligned to a line; every bit pattern is an f32.
        job(unsafe { std::slice::from_raw_parts_mut(halves.as_mut_ptr().cast(), len) })
    })
}
