//! Huge pages for large buffers: fewer faults when they are first written, fewer misses ever after.

/// Floats from which on a buffer is worth it: two huge pages.
const LARGE: usize = 1 << 20;

/// A buffer of zeros, in huge pages where it is large and the system has them.
pub fn zeros(len: usize) -> Vec<f32> {
    // Zeroed by the system page by page, so still untouched when the advice comes.
    let values = vec![0.0f32; len];
    #[cfg(target_os = "linux")]
    if len >= LARGE {
        let page = rustix::param::page_size();
        let first = (values.as_ptr() as usize).next_multiple_of(page);
        let end = (values.as_ptr() as usize + 4 * len) / page * page;
        // Safety: whole pages inside the buffer, whose content the advice leaves alone. Where the system
        // does not take it, nothing is lost but time.
        let _ = unsafe {
            rustix::mm::madvise(first as *mut _, end.saturating_sub(first), rustix::mm::Advice::LinuxHugepage)
        };
    }
    values
}
