//! Loops on the current rayon pool, pieces of a range, and scratch memory that a thread keeps.

use crate::nn::kernel::buffer::Buffer;
use rayon::prelude::*;
use std::cell::RefCell;
use std::ops::Range;

/// Runs `job(0..n)` on the current rayon pool, each index on its own.
pub(super) fn for_each(n: usize, job: impl Fn(usize) + Sync + Send) {
    if n == 1 || rayon::current_num_threads() == 1 {
        (0..n).for_each(job)
    } else {
        (0..n).into_par_iter().with_max_len(1).for_each(job)
    }
}

/// Piece `i` of `0..n` cut into `parts` of nearly equal length.
pub(super) fn piece(n: usize, parts: usize, i: usize) -> Range<usize> {
    n * i / parts..n * (i + 1) / parts
}

/// A pointer that jobs share, each writing a part of its own.
pub(super) struct Shared<T>(*mut T);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Shared<T> {}

// Safety: every job that gets one writes only the part that its index names; the callers say which.
unsafe impl<T: Send> Send for Shared<T> {}
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub fn new(slice: &mut [T]) -> Self {
        Shared(slice.as_mut_ptr())
    }
    /// # Safety
    /// `i` must lie in the slice.
    #[inline(always)]
    pub unsafe fn at(self, i: usize) -> *mut T {
        self.0.add(i)
    }
    /// # Safety
    /// The range must lie in the slice, and no other job may touch it.
    #[inline(always)]
    pub unsafe fn slice<'a>(self, range: Range<usize>) -> &'a mut [T] {
        std::slice::from_raw_parts_mut(self.0.add(range.start), range.len())
    }
}

thread_local! {
    static SCRATCH: RefCell<Buffer> = const { RefCell::new(Buffer::EMPTY) };
}

/// Lends `len` floats of unspecified content that the thread keeps for the next call.
///
/// `job` must not wait on the thread pool: a stolen job would ask for the same memory.
pub(super) fn with_scratch<R>(len: usize, job: impl FnOnce(&mut [f32]) -> R) -> R {
    SCRATCH.with_borrow_mut(|scratch| {
        if scratch.len() < len {
            *scratch = Buffer::EMPTY;
            *scratch = Buffer::with_len(len);
        }
        job(&mut scratch[..len])
    })
}
