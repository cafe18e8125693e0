//! Runs programs on a card: resolves places to addresses, chooses cuDNN's algorithms once, replays CUDA graphs.

use super::context::Context;
use super::cudnn::{Cudnn, Plan};
use super::driver::Address;
use super::graph::Graph;
use super::memory::Memory;
use super::stream::Event;
use crate::error::{Error, Result};
use crate::nn::program::{Convolution, Launch, Op, Place, Region, pack};
use std::collections::HashMap;
use std::ffi::c_void;
use std::rc::Rc;

/// The most that an algorithm may borrow.
const WORKSPACE_LIMIT_BYTES: usize = 1 << 30;
/// How often each candidate is timed; the least counts.
const TRIALS: usize = 3;

/// One stretch of work that is always run whole: eagerly the first time, then replayed as a CUDA graph.
pub struct Segment {
    ops: Vec<Op>,
    offsets: Rc<Vec<usize>>,
    runs: u32,
    graph: Option<Graph>,
}

impl Segment {
    /// `offsets`: where each slot of the program lies in the arena.
    pub fn new(ops: Vec<Op>, offsets: Rc<Vec<usize>>) -> Segment {
        Segment { ops, offsets, runs: 0, graph: None }
    }
}

/// A card's memory for one network, and what it has learnt about running it.
pub struct Executor {
    context: Rc<Context>,
    cudnn: Cudnn,
    regions: HashMap<Region, Memory>,
    arena: Option<Memory>,
    /// Counts the arenas there have been: a captured graph holds addresses of one.
    generation: u64,
    workspace: Option<Memory>,
    algorithms: HashMap<Convolution, Rc<Plan>>,
    /// Whether work may be replayed; without it every step is launched piece by piece.
    replay: bool,
}

impl Executor {
    pub fn new(context: &Rc<Context>) -> Result<Executor> {
        // Safety: the stream lives as long as the context, which the executor keeps.
        let cudnn = unsafe { Cudnn::new(context.compute.handle) }?;
        let replay = std::env::var_os("HCWB_CUDA_GRAPHS").is_none_or(|v| v != "off");
        Ok(Executor {
            context: context.clone(),
            cudnn,
            regions: HashMap::new(),
            arena: None,
            generation: 0,
            workspace: None,
            algorithms: HashMap::new(),
            replay,
        })
    }

    /// Gives a region its memory, all zeros.
    pub fn add_region(&mut self, region: Region, bytes: usize) -> Result<()> {
        self.regions.insert(region, Memory::zeroed(&self.context, bytes)?);
        Ok(())
    }

    /// The memory of a region that was added.
    pub fn region(&self, region: Region) -> &Memory {
        &self.regions[&region]
    }

    /// The memory of slots.
    pub fn arena(&self) -> &Memory {
        self.arena.as_ref().expect("a program was prepared before its slots are used")
    }

    /// Makes room for a program of that many bytes, and chooses algorithms for convolutions not met before.
    pub fn prepare(&mut self, bytes: usize, segments: &mut [&mut Segment]) -> Result<()> {
        if self.arena.as_ref().is_none_or(|a| a.bytes() < bytes) {
            self.context.compute.wait()?;
            self.arena = None;
            self.generation += 1;
            self.arena = Some(Memory::new(&self.context, bytes)?);
        }
        for segment in segments {
            for op in &segment.ops {
                if let Op::Convolve { convolution, x, w, y } = op
                    && !self.algorithms.contains_key(convolution)
                {
                    let at = [*x, *w, *y].map(|p| self.address(p, &segment.offsets));
                    let plan = self.choose(convolution, at)?;
                    self.algorithms.insert(*convolution, Rc::new(plan));
                }
            }
        }
        // Candidates that were tried and not taken may have borrowed more.
        let needed = self.algorithms.values().map(|p| p.workspace_bytes).max().unwrap_or(0);
        if self.workspace.as_ref().map_or(0, Memory::bytes) > needed {
            self.resize_workspace(needed)?;
        }
        Ok(())
    }

    /// The fastest candidate on this card, or with `deterministic` the first; the workspace grows as it asks.
    fn choose(&mut self, convolution: &Convolution, [x, w, y]: [Address; 3]) -> Result<Plan> {
        let mut candidates = self.cudnn.candidates(convolution, WORKSPACE_LIMIT_BYTES)?;
        if convolution.deterministic || candidates.len() == 1 {
            let plan = candidates.swap_remove(0);
            self.reserve(plan.workspace_bytes)?;
            return Ok(plan);
        }
        let mut best: Option<(f64, Plan)> = None;
        let mut why = None;
        for plan in candidates {
            // One that does not fit, or does not run after all, is none.
            let least = best.as_ref().map_or(f64::INFINITY, |(least, _)| *least);
            match self.reserve(plan.workspace_bytes).and_then(|()| self.time(&plan, [x, w, y], least)) {
                Ok(seconds) if seconds < least => best = Some((seconds, plan)),
                Ok(_) => {}
                Err(e) => why = Some(e),
            }
        }
        let none = || Error::new(format!("cuDNN has no algorithm for {convolution:?} that runs on this card"));
        best.map(|(_, plan)| plan).ok_or_else(|| why.unwrap_or_else(none))
    }

    /// The seconds of a convolution by its fastest algorithm, on memory of its own.
    pub fn least_seconds(&mut self, convolution: &Convolution) -> Result<f64> {
        let shape = &convolution.shape;
        let sizes = [shape.input_len(), shape.weight_len(), shape.output_len()];
        let of = |n: &usize| Memory::zeroed(&self.context, n * convolution.element.bytes());
        let [x, w, y] = [of(&sizes[0])?, of(&sizes[1])?, of(&sizes[2])?];
        let at = [&x, &w, &y].map(|m| m.at(0, 0));
        let plan = self.choose(convolution, at)?;
        self.time(&plan, at, f64::INFINITY)
    }

    /// Memory of the card that is held.
    pub fn bytes(&self) -> u64 {
        let own = self.arena.iter().chain(&self.workspace).chain(self.regions.values());
        own.map(|m| m.bytes() as u64).sum()
    }

    /// The least of a few runs; one that is far above `rival` is not tried again.
    fn time(&self, plan: &Plan, [x, w, y]: [Address; 3], rival: f64) -> Result<f64> {
        let (begin, end) = (Event::new(&self.context)?, Event::new(&self.context)?);
        let mut least = f64::INFINITY;
        for trial in 0..=TRIALS {
            begin.record(&self.context.compute)?;
            // Safety: the addresses are those of tensors of the plan's sizes.
            unsafe { self.cudnn.run(plan, x, w, y, self.workspace_address()) }?;
            end.record(&self.context.compute)?;
            end.wait()?;
            begin.wait()?;
            // The first run loads the kernel.
            if trial > 0 {
                least = least.min(end.seconds_since(&begin)?);
                if least > 2.0 * rival {
                    break;
                }
            }
        }
        Ok(least)
    }

    fn reserve(&mut self, bytes: usize) -> Result<()> {
        match self.workspace.as_ref().map_or(0, Memory::bytes) < bytes {
            true => self.resize_workspace(bytes),
            false => Ok(()),
        }
    }

    fn resize_workspace(&mut self, bytes: usize) -> Result<()> {
        self.context.compute.wait()?;
        self.workspace = None;
        self.generation += 1;
        self.workspace = (bytes > 0).then(|| Memory::new(&self.context, bytes)).transpose()?;
        Ok(())
    }

    fn workspace_address(&self) -> Address {
        self.workspace.as_ref().map_or(0, |w| w.at(0, 0))
    }

    /// Starts a segment that was prepared, in the compute stream.
    pub fn run(&self, segment: &mut Segment) -> Result<()> {
        if segment.graph.as_ref().is_some_and(|g| g.generation != self.generation) {
            segment.graph = None;
            segment.runs = 0;
        }
        if let Some(graph) = &segment.graph {
            return graph.launch();
        }
        // The first run loads what is loaded lazily, which a capture does not allow.
        segment.runs += 1;
        if !self.replay || segment.runs == 1 {
            return segment.ops.iter().try_for_each(|op| self.start(op, &segment.offsets));
        }
        let graph = Graph::capture(&self.context, self.generation, || {
            segment.ops.iter().try_for_each(|op| self.start(op, &segment.offsets))
        })?;
        graph.launch()?;
        segment.graph = Some(graph);
        Ok(())
    }

    /// Starts one piece of work.
    pub fn start(&self, op: &Op, offsets: &[usize]) -> Result<()> {
        match op {
            Op::Launch(launch) => self.launch(launch, offsets),
            Op::Convolve { convolution, x, w, y } => {
                let [x, w, y] = [*x, *w, *y].map(|p| self.address(p, offsets));
                let plan = self.algorithms.get(convolution).expect("a prepared program's convolutions have algorithms");
                // Safety: the program laid out tensors of these sizes at these places.
                unsafe { self.cudnn.run(plan, x, w, y, self.workspace_address()) }
            }
            Op::Copy { from, to, bytes } => {
                let (from, to) = (self.address(*from, offsets), self.address(*to, offsets));
                self.copy(from, to, *bytes)
            }
        }
    }

    /// Starts a copy from the beginning of `from` into a slot's place.
    pub fn fill(&self, from: &Memory, offset: usize, to: Place, bytes: usize, offsets: &[usize]) -> Result<()> {
        self.copy(from.at(offset, bytes), self.address(to, offsets), bytes)
    }

    fn copy(&self, from: Address, to: Address, bytes: usize) -> Result<()> {
        let (driver, stream) = (self.context.driver, self.context.compute.handle);
        // Safety: both stretches are that long: `Memory::at` or the program's layout says so.
        driver.check("copy on the card", unsafe { (driver.cuMemcpyDtoDAsync_v2)(to, from, bytes, stream) })
    }

    fn launch(&self, launch: &Launch, offsets: &[usize]) -> Result<()> {
        let function = self.context.function(&launch.kernel)?;
        let mut arguments = pack(&launch.args, |place| self.address(place, offsets));
        let mut pointers: [*mut c_void; 1] = [arguments.as_mut_ptr().cast()];
        let ([gx, gy], [bx, by]) = (launch.grid, launch.block);
        let driver = self.context.driver;
        // Safety: the driver copies the one argument, which has the size that the kernel declares (tested for
        // every kernel); the places in it belong to the program.
        let code = unsafe {
            let (stream, pointers, none) = (self.context.compute.handle, pointers.as_mut_ptr(), std::ptr::null_mut());
            (driver.cuLaunchKernel)(function, gx, gy, 1, bx, by, 1, 0, stream, pointers, none)
        };
        driver.check(&format!("start the kernel {}", launch.kernel), code)
    }

    /// The address of a place.
    pub(super) fn address(&self, place: Place, offsets: &[usize]) -> Address {
        match place {
            Place::Null => 0,
            Place::In(region, offset) => self.regions[&region].at(offset, 0),
            Place::Slot(slot) => self.arena().at(offsets[slot], 0),
        }
    }

    /// Starts the copy of a slot's first bytes into page-locked memory.
    pub fn receive(
        &self,
        to: &mut super::memory::Pinned,
        at: usize,
        from: Place,
        bytes: usize,
        offsets: &[usize],
    ) -> Result<()> {
        to.receive(at, self.address(from, offsets), bytes, &self.context.compute)
    }
}
