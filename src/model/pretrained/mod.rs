//! Weights that were trained elsewhere: fetched or imported into `weights/`, recognised, loaded into a network.
//!
//! [`known`] what can be fetched by name, [`recognise`] which network a file belongs to, [`mod@import`] a file kept
//! as ours, [`fetch`] a known one brought from its hub, [`store`] what is there, [`load`] into a network.

pub mod fetch;
pub mod import;
pub mod known;
pub mod load;
pub mod recognise;
pub mod store;
pub mod variant;

pub use fetch::fetch;
pub use import::{Imported, Origin, import};
pub use known::Known;
pub use load::{LoadReport, encoder_names, into_encoder, load_encoder};
pub use recognise::{Architecture, is_head};
pub use store::{Stored, list, open};
