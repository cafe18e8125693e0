//! The workbench.

mod backend;
mod guard;
mod keymap;
pub mod theme;
pub mod widget;
