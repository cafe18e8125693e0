//! Files from the net: whole and checked under their final name, or not there at all.
//!
//! [`download`] one file, resumed after cuts; [`checksum`] what it must be; [`partial`] what has arrived so far;
//! [`http`] requests and patience; [`hub`] what a model hub says of a file beforehand; [`unzip`] archives unpacked.

pub mod checksum;
pub mod download;
pub mod http;
pub mod hub;
mod partial;
pub mod unzip;

pub use checksum::Checksum;
pub use download::{Download, Outcome, Size, download};
pub use http::Patience;
pub use unzip::{Unpacked, unzip};
