//! What is learned from: reading HC18 and ACDC, judging, preparing, splitting, filling batches; and phantoms.

pub mod acdc;
pub mod aside;
pub mod audit;
pub mod augment;
pub mod batch;
pub mod cache;
pub mod fetch;
mod finding;
pub mod fingerprint;
pub mod hc18;
pub mod mask_batch;
pub mod normalise;
pub mod phantom;
pub mod raw;
pub mod registry;
pub mod resize;
mod sample;
pub mod split;
pub mod stats;
pub mod stored;

pub use audit::{Audit, Finding, FindingKind, Severity, audit, recorded};
pub use augment::Augment;
pub use cache::{Preparation, Prepared, Sample, Skipped, is_prepared, prepare};
pub use normalise::Normalise;
pub use registry::{AuditSummary, Dataset, DatasetKind, add, list, load};
pub use split::{Split, SplitRule, manifest_csv, split};
