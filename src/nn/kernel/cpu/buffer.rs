//! Large buffers: a cache line's alignment, huge pages where the system has them, lent from call to call.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::Mutex;

/// A buffer from which on huge pages are asked for, and their size.
const HUGE: usize = 2 << 20;

/// Floats on a cache line's boundary.
pub(super) struct Buffer {
    start: NonNull<f32>,
    len: usize,
}

// Safety: a buffer owns its memory as a `Vec` does.
unsafe impl Send for Buffer {}
unsafe impl Sync for Buffer {}

impl Buffer {
    pub const EMPTY: Buffer = Buffer { start: NonNull::dangling(), len: 0 };

    /// `len` floats of unspecified content.
    pub fn with_len(len: usize) -> Buffer {
        if len == 0 {
            return Buffer::EMPTY;
        }
        let layout = Buffer::layout(len);
        // Safety: the layout is not empty.
        let Some(start) = NonNull::new(unsafe { alloc(layout) }) else { handle_alloc_error(layout) };
        ask_for_huge_pages(start, layout);
        // Safety: as many bytes as were asked for; zeros are floats.
        unsafe { start.write_bytes(0, layout.size()) };
        Buffer { start: start.cast(), len }
    }

    fn layout(len: usize) -> Layout {
        let bytes = len * size_of::<f32>();
        let align = if bytes >= HUGE { HUGE } else { 64 };
        Layout::from_size_align(bytes, align).expect("a workspace is far smaller than the address space")
    }
}

/// Before the first touch, which is what brings the pages; a refusal costs speed only.
#[cfg(target_os = "linux")]
fn ask_for_huge_pages(start: NonNull<u8>, layout: Layout) {
    if layout.align() == HUGE {
        // Safety: advice about memory that this process has just been given.
        let _ = unsafe { rustix::mm::madvise(start.as_ptr().cast(), layout.size(), rustix::mm::Advice::LinuxHugepage) };
    }
}
#[cfg(not(target_os = "linux"))]
fn ask_for_huge_pages(_: NonNull<u8>, _: Layout) {}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.len > 0 {
            // Safety: allocated with this layout.
            unsafe { dealloc(self.start.as_ptr().cast(), Buffer::layout(self.len)) }
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        // Safety: `len` initialised floats.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        // Safety: as above, and borrowed alone.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

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
    let enough = |i: &usize| free[*i].len >= len;
    let found = (0..free.len()).filter(enough).min_by_key(|i| free[*i].len);
    // None is large enough: the largest is grown, so that short ones do not pile up.
    let chosen = found.or_else(|| (0..free.len()).max_by_key(|i| free[*i].len));
    let mut buffer = chosen.map_or(Buffer::EMPTY, |i| free.swap_remove(i));
    drop(free);
    if buffer.len < len {
        drop(buffer);
        buffer = Buffer::with_len(len);
    }
    Lent { buffer, len }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let buffer = std::mem::replace(&mut self.buffer, Buffer::EMPTY);
        if buffer.len == 0 {
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
