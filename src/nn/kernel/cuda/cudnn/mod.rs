//! Convolutions by cuDNN 9's graph API: the output, and the gradients of input and filter.

mod convolution;
mod descriptor;
mod ffi;
pub mod find;
mod plan;

pub use ffi::Functions;
pub use find::open;
pub use plan::Plan;

use super::driver::{Address, Handle};
use crate::error::Result;
use crate::nn::program::Convolution;
use convolution::{W, X, Y};
use descriptor::Descriptor;
use ffi::{attribute, kind};
use std::rc::Rc;

/// cuDNN, at work on one stream of the context that was current when it was made.
pub struct Cudnn {
    connection: Rc<Connection>,
}

/// cuDNN's handle; plans keep it open.
struct Connection {
    functions: &'static Functions,
    handle: Handle,
}

impl Cudnn {
    /// # Safety
    /// A stream of the current context, which stays open as long as this and its plans.
    pub unsafe fn new(stream: Handle) -> Result<Cudnn> {
        let functions = open()?;
        let mut handle = std::ptr::null_mut();
        // Safety: `handle` outlives the call.
        functions.check("start on this card", unsafe { (functions.cudnnCreate)(&mut handle) })?;
        let connection = Rc::new(Connection { functions, handle });
        // Safety: a live handle, and the caller's stream.
        functions.check("use the stream", unsafe { (functions.cudnnSetStream)(handle, stream) })?;
        Ok(Cudnn { connection })
    }

    /// 92600 is 9.26.0.
    pub fn version(&self) -> usize {
        // Safety: no arguments.
        unsafe { (self.connection.functions.cudnnGetVersion)() }
    }

    /// The algorithms for a convolution in the order of cuDNN's heuristics: only those that keep its promises, run on
    /// this card and need a workspace of at most `limit_bytes`; the first alone if it is deterministic, else the first 16.
    ///
    /// Fails, and says why, where there is none. Nothing is kept.
    pub fn candidates(&self, c: &Convolution, limit_bytes: usize) -> Result<Vec<Plan>> {
        plan::candidates(&self.connection, c, limit_bytes)
    }

    /// Runs a plan on the stream and does not wait: `x` is the input or its gradient, `w` the filter or its gradient,
    /// `y` the output or its gradient; the one that the plan's direction names is written, whatever it held.
    ///
    /// # Safety
    /// Addresses are multiples of 16, of tensors of the plan's sizes; `workspace` has [`Plan::workspace_bytes`] and
    /// is the plan's own until it is done (null where that is 0).
    pub unsafe fn run(&self, plan: &Plan, x: Address, w: Address, y: Address, workspace: Address) -> Result<()> {
        let functions = self.connection.functions;
        let pack = Descriptor::new(functions, kind::VARIANT_PACK)?
            .integers(attribute::PACK_IDS, &[X, W, Y])?
            .addresses(attribute::PACK_POINTERS, &[x, w, y])?
            .addresses(attribute::PACK_WORKSPACE, &[workspace])?
            .finalize("the addresses of a convolution")?;
        // Safety: a finalized plan, with the handle that it was made with, and the caller's addresses.
        let status = unsafe { (functions.cudnnBackendExecute)(plan.connection.handle, plan.plan.raw(), pack.raw()) };
        functions.check(&format!("run {}", plan.name), status)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Safety: made by `cudnnCreate`, destroyed once; every plan is gone. Nothing can be done about a failure.
        unsafe { (self.functions.cudnnDestroy)(self.handle) };
    }
}
