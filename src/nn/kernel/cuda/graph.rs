//! CUDA graphs: a stretch of work captured once and replayed by a single call.

use super::context::Context;
use super::driver::Handle;
use crate::error::Result;
use std::rc::Rc;

/// What other threads do meanwhile is of no concern to the capture.
const CAPTURE_THREAD_LOCAL: i32 = 1;

/// A captured stretch of work, replayed by a single call.
pub struct Graph {
    context: Rc<Context>,
    executable: Handle,
    /// The arena and workspace whose addresses it holds.
    pub generation: u64,
}

impl Graph {
    /// What `work` gives the compute stream, without running it.
    pub fn capture(context: &Rc<Context>, generation: u64, work: impl FnOnce() -> Result<()>) -> Result<Graph> {
        let (driver, stream) = (context.driver, context.compute.handle);
        let (mut graph, mut executable) = (std::ptr::null_mut(), std::ptr::null_mut());
        // Safety: the stream is this thread's; the pointers outlive the calls; the graph is destroyed once.
        unsafe {
            driver.check("capture the step", (driver.cuStreamBeginCapture_v2)(stream, CAPTURE_THREAD_LOCAL))?;
            let given = work();
            let ended = driver.check("capture the step", (driver.cuStreamEndCapture)(stream, &mut graph));
            given?;
            ended?;
            let made = (driver.cuGraphInstantiateWithFlags)(&mut executable, graph, 0);
            (driver.cuGraphDestroy)(graph);
            driver.check("make the step's graph", made)?;
        }
        Ok(Graph { context: context.clone(), executable, generation })
    }

    pub fn launch(&self) -> Result<()> {
        let driver = self.context.driver;
        // Safety: the graph was made from this context's stream, and its addresses are those of this generation.
        let code = unsafe { (driver.cuGraphLaunch)(self.executable, self.context.compute.handle) };
        driver.check("replay the step", code)
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // Safety: made in `capture`, destroyed once.
        unsafe { (self.context.driver.cuGraphExecDestroy)(self.executable) };
    }
}
