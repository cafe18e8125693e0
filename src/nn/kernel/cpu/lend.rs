//! Workspace that kernels borrow from call to call.

use crate::nn::kernel::buffer::Buffer;
use std::ops::{Deref, DerefMut};
use std::sync::Mutex;

/// Buffers that nobody has at the moment.
static FREE: Mutex<Vec<Buffer>> = Mutex::new(Vec::new());

/// A lent buffer; it goes back when dropped.
pub(super) struct Lent {
    buffer: Buffer,
    len: usize,
}

/// Lends `len` floats of unspecified content. Other than scratch memory it may be held while the
/// pool is waited for.
pub(super) fn lend(len: usize) -> Lent {
    if len == 0 {
        return Lent { buffer: Buffer::EMPTY, len };
    }
    let mut free = FREE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let enough = |i: &usize| free[*i].len() >= len;
    let found = (0..free.len()).filter(enough).min_by_key(|i| free[*i].len());
    // None is large enough: the largest is grown, so that short ones do not pile up.
    let chosen = found.or_else(|| (0..free.len()).max_by_key(|i| free[*i].len()));
    let mut buffer = chosen.map_or(Buffer::EMPTY, |i| free.swap_remove(i));
    drop(free);
    if buffer.len() < len {
        drop(buffer);
        buffer = Buffer::with_len(len);
    }
    Lent { buffer, len }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let buffer = std::mem::replace(&mut self.buffer, Buffer::EMPTY);
        if buffer.is_empty() {
            return;
        }
        FREE.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(buffer);
    }
}

impl Deref for Lent {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.buffer[..self.len]
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.buffer[..self.len]
    }
}
