//! What a head circumference says of a pregnancy, and volumes of a heart: for research, not for diagnosis.
//!
//! [`hadlock`] the age by Hadlock 1984; [`intergrowth`] the age and the centile by INTERGROWTH-21st; [`Assessment`] all
//! of it for one head, with what the measurement's own error does to it; [`cardiac`] function and diagnosis of hearts.

mod age;
mod assessment;
pub mod cardiac;
pub mod hadlock;
pub mod intergrowth;
mod normal;

pub use age::{Age, NoAge, days_words};
pub use assessment::{Assessment, Estimate, ForAge};
pub use normal::standard_normal_cdf;

/// Stands beside everything that this room says.
pub const NOTICE: &str = "for research, not for diagnosis";
