//! Arrays of floats on a cache line's boundary, in huge pages where they are large and the system has them.
//!
//! A `Vec` of that size begins 16 bytes into a page: every vector would lie across two cache lines.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// A buffer from which on huge pages are asked for, and their size.
const HUGE: usize = 2 << 20;

/// Floats on a cache line's boundary.
pub struct Buffer {
    start: NonNull<f32>,
    len: usize,
}

// Safety: a buffer owns its memory as a `Vec` does.
unsafe impl Send for Buffer {}
unsafe impl Sync for Buffer {}

impl Buffer {
    pub const EMPTY: Buffer = Buffer { start: NonNull::dangling(), len: 0 };

    /// `len` zeros.
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

impl Clone for Buffer {
    fn clone(&self) -> Buffer {
        Buffer::from(&**self)
    }
}

impl From<&[f32]> for Buffer {
    fn from(values: &[f32]) -> Buffer {
        let mut buffer = Buffer::with_len(values.len());
        buffer.copy_from_slice(values);
        buffer
    }
}

impl PartialEq for Buffer {
    fn eq(&self, other: &Buffer) -> bool {
        **self == **other
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_buffer_begins_on_a_cache_line_and_holds_zeros() {
        for len in [0, 1, 17, 5000, 1 << 20] {
            let buffer = Buffer::with_len(len);
            assert_eq!(buffer.as_ptr() as usize % 64, if len == 0 { buffer.as_ptr() as usize % 64 } else { 0 });
            assert!(buffer.len() == len && buffer.iter().all(|v| *v == 0.0));
        }
        let values = [1.5, -2.0, 3.0];
        assert_eq!(*Buffer::from(&values[..]).clone(), values);
    }
}
