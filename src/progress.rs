//! How long work says how far it is, without knowing who listens.

/// Told by long work, from any thread.
pub trait Progress: Sync {
    /// A stage of `total` units begins; `what` is a short present participle ("decoding images").
    fn begin(&self, what: &str, total: u64);
    /// As [`Progress::begin`], the units being bytes; a `total` of 0 is not known yet.
    fn begin_bytes(&self, what: &str, total: u64) {
        self.begin(what, total);
    }
    /// `units` more are done.
    fn advance(&self, units: u64);
}

/// Nobody listens.
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64) {}
}
