//! Batches on their way up and results on their way back, through page-locked memory and beside the kernels.

use super::Frame;
use crate::error::Result;
use crate::nn::kernel::cuda::context::Context;
use crate::nn::kernel::cuda::executor::Executor;
use crate::nn::kernel::cuda::memory::{Memory, Pinned};
use crate::nn::kernel::cuda::stream::Event;
use crate::nn::program::{Place, SCALARS_BYTES};
use crate::nn::{OptimizerKind, OptimizerSpec, Tensor};
use rayon::prelude::*;
use std::rc::Rc;

/// The numbers that change from step to step (`Scalars` in `kernels/kernel.h`).
#[derive(Clone, Copy, Debug, Default)]
pub struct Scalars {
    /// Of dropout.
    pub seed: u64,
    /// Gradients are added to those that are there.
    pub accumulate: bool,
    /// The part's share of the batch.
    pub share: f32,
    /// The optimizer's, in the order of the struct behind `share`.
    pub step: [f32; 11],
}

impl Scalars {
    /// Of the optimizer's step `steps`, counted from 1.
    pub fn of_step(optimizer: &OptimizerSpec, lr: f64, steps: u64) -> Scalars {
        let step = match optimizer.kind {
            OptimizerKind::Sgd => {
                let s = optimizer.sgd_step(lr, steps);
                let first = f32::from(u8::from(s.first_step));
                [s.lr, s.momentum, s.l2, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, first]
            }
            OptimizerKind::Adam | OptimizerKind::AdamW => {
                let s = optimizer.adam_step(lr, steps);
                let moments = [s.beta2, s.one_minus_beta1, s.one_minus_beta2, s.step_size, s.correction2_sqrt];
                let [b2, m1, m2, size, correction] = moments;
                [lr as f32, 0.0, s.l2, s.shrink, s.eps, b2, m1, m2, size, correction, 0.0]
            }
        };
        Scalars { step, ..Scalars::default() }
    }

    /// As the kernels read them: the seed's halves, then the rest.
    fn words(&self) -> [f32; SCALARS_BYTES / 4] {
        let mut words = [0.0; SCALARS_BYTES / 4];
        words[0] = f32::from_bits(self.seed as u32);
        words[1] = f32::from_bits((self.seed >> 32) as u32);
        words[2] = f32::from(u8::from(self.accumulate));
        words[3] = self.share;
        words[4..15].copy_from_slice(&self.step);
        words
    }
}

/// Two landing places, so that a batch comes in while the one before is at work.
pub struct Uploads {
    lanes: [Lane; 2],
    next: usize,
}

struct Lane {
    here: Option<Pinned>,
    there: Option<Memory>,
    /// The copy up is done: `here` may be written again.
    arrived: Event,
    /// The program has its copy: `there` may be written again.
    taken: Event,
}

impl Uploads {
    pub fn new(context: &Rc<Context>) -> Result<Uploads> {
        let lane = || Ok(Lane { here: None, there: None, arrived: Event::new(context)?, taken: Event::new(context)? });
        Ok(Uploads { lanes: [lane()?, lane()?], next: 0 })
    }

    /// Memory of the card that is held.
    pub fn bytes(&self) -> u64 {
        self.lanes.iter().map(|l| l.there.as_ref().map_or(0, Memory::bytes) as u64).sum()
    }

    /// Sends the step's numbers, truth and input; the compute stream goes on once they are in their places.
    pub fn send(
        &mut self,
        context: &Rc<Context>,
        executor: &Executor,
        frame: &Frame,
        scalars: &Scalars,
        truth: &[f32],
        input: &[f32],
    ) -> Result<()> {
        let lane = &mut self.lanes[self.next];
        self.next = 1 - self.next;
        let truth_at = SCALARS_BYTES;
        let input_at = (truth_at + size_of_val(truth)).next_multiple_of(256);
        let bytes = input_at + size_of_val(input);
        lane.arrived.wait()?;
        if lane.here.as_ref().is_none_or(|p| p.bytes() < bytes) {
            lane.taken.wait()?;
            (lane.here, lane.there) = (None, None);
            lane.here = Some(Pinned::new(context, bytes)?);
            lane.there = Some(Memory::new(context, bytes)?);
        }
        let (Some(here), Some(there)) = (&mut lane.here, &lane.there) else { unreachable!("just made") };
        here.floats_mut(0, SCALARS_BYTES / 4).copy_from_slice(&scalars.words());
        here.floats_mut(truth_at, truth.len()).copy_from_slice(truth);
        // Tens of megabytes: one core alone would keep a fast card waiting.
        let pieces = here.floats_mut(input_at, input.len()).par_chunks_mut(1 << 16);
        pieces.zip(input.par_chunks(1 << 16)).for_each(|(to, from)| to.copy_from_slice(from));
        context.upload.wait_for(&lane.taken)?;
        here.send(bytes, there, &context.upload)?;
        lane.arrived.record(&context.upload)?;
        context.compute.wait_for(&lane.arrived)?;
        let offsets = &frame.offsets;
        executor.fill(there, 0, frame.scalars, SCALARS_BYTES, offsets)?;
        if let Some(place) = frame.truth.filter(|_| !truth.is_empty()) {
            executor.fill(there, truth_at, place, size_of_val(truth), offsets)?;
        }
        executor.fill(there, input_at, frame.input, size_of_val(input), offsets)?;
        lane.taken.record(&context.compute)
    }
}

/// Page-locked memory for results, used again once they are taken.
#[derive(Default)]
pub struct Results {
    free: Vec<(Pinned, Event)>,
}

/// A result on its way.
pub struct Coming {
    pinned: Pinned,
    done: Event,
    has_loss: bool,
    shape: Vec<usize>,
}

/// Room for the loss before the output.
const OUTPUT_AT: usize = 16;

impl Results {
    /// Starts the copy of a program's loss and output, after the work so far.
    pub fn fetch(
        &mut self,
        context: &Rc<Context>,
        executor: &Executor,
        frame: &Frame,
        loss: Option<Place>,
    ) -> Result<Coming> {
        let bytes = 4 * frame.output_shape.iter().product::<usize>();
        let fits = self.free.iter().position(|(p, _)| p.bytes() >= OUTPUT_AT + bytes);
        let (mut pinned, done) = match fits {
            Some(i) => self.free.swap_remove(i),
            None => (Pinned::new(context, OUTPUT_AT + bytes)?, Event::new(context)?),
        };
        if let Some(loss) = loss {
            executor.receive(&mut pinned, 0, loss, 8, &frame.offsets)?;
        }
        executor.receive(&mut pinned, OUTPUT_AT, frame.output, bytes, &frame.offsets)?;
        done.record(&context.compute)?;
        Ok(Coming { pinned, done, has_loss: loss.is_some(), shape: frame.output_shape.clone() })
    }

    /// Loss (0 where there is none) and output, once they are here.
    pub fn take(&mut self, coming: Coming) -> Result<(f64, Tensor)> {
        let Coming { pinned, done, has_loss, shape } = coming;
        done.wait()?;
        let loss = match pinned.floats(0, 2) {
            [low, high] if has_loss => f64::from_bits(u64::from(low.to_bits()) | u64::from(high.to_bits()) << 32),
            _ => 0.0,
        };
        let values = pinned.floats(OUTPUT_AT, shape.iter().product()).to_vec();
        self.free.push((pinned, done));
        Ok((loss, Tensor::from_vec(&shape, values)?))
    }
}
