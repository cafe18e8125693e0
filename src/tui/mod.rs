//! The workbench: events become actions, actions change the state, the state is drawn.
//!
//! [`event`] terminal and signals; [`input`] what keys and clicks do; [`background`] everything that takes time; [`app`] the state and its changes;
//! [`screen`] how it looks; [`keymap`] the one table of keys; [`cycle`] the loop that ties them together.

mod action;
mod app;
mod backend;
mod background;
mod cycle;
mod dreamt;
mod event;
mod explained;
mod filter;
mod guard;
mod images;
mod input;
pub mod keymap;
mod model;
mod screen;
pub mod theme;
mod typing;
mod wall;
mod widget;

pub use images::Images;

use crate::Result;
use crate::workspace::Workspace;

/// What the workbench is opened with.
pub struct Options {
    pub workspace: Workspace,
    /// `--theme`: a shipped one, one of the user's own, or a file.
    pub theme: Option<String>,
    pub images: Images,
    /// The id of the run to begin with.
    pub focus_run: Option<String>,
}

/// Shows the workbench until the user leaves it. Runs go on.
///
/// # Errors
/// A wrong request where there is no terminal or the theme is wrong.
pub fn run(options: Options) -> Result<()> {
    cycle::run(options)
}
