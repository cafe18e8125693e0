//! hcwb: a terminal research workbench, from raw medical images to the predictions that went wrong.
//!
//! The rooms, floor by floor; each floor imports only from floors below it.
//!
//! ground — [`error`] what went wrong, where, and the cure; [`text`] what may reach a terminal;
//!          [`workspace`] where everything lies on disk; [`progress`] how far long work is
//! 1 — [`geometry`] ellipses and their circumference; [`clinic`] what a circumference says of a pregnancy,
//!     and volumes of a heart; [`nn`] the engine: graph, layers, kernels; [`fetch`] files from the net, whole and checked
//! 2 — [`dataset`] what is learned from; [`model`] what learns
//! 3 — [`recipe`] what to do; [`run`] what was done: the run directory
//! 4 — [`train`] the loop
//! 5 — [`explain`] why a network said so; [`launch`] worker processes and the queue; [`report`] tables beside the papers'
//! 6 — [`tui`] the workbench; [`cli`] the command line

#![deny(unsafe_code)]

pub mod error;
pub mod progress;
pub mod text;
pub mod workspace;

pub mod clinic;
pub mod fetch;
pub mod geometry;
pub mod nn;

pub mod dataset;
pub mod model;

pub mod recipe;
pub mod run;

pub mod train;

pub mod explain;
pub mod launch;
pub mod report;

pub mod cli;
pub mod tui;

pub use error::{Error, Result};
