//! Training on a card: batches go up ahead of their turn, each step is replayed as one graph, results come back
//! when they are asked for.

mod batches;
mod state;

use super::{CardTime, Done, Part};
use crate::error::{Error, Result};
use crate::nn::kernel::cpu::ConvShape;
use crate::nn::kernel::cuda::context::Context;
use crate::nn::kernel::cuda::executor::{Executor, Segment};
use crate::nn::kernel::cuda::stream::Event;
use crate::nn::program::{
    Aim, Arg, Arithmetic, Convolution, Direction, Element, Launch, Layout, Op, Place, Program, Region, geometry,
};
use crate::nn::{Loss, Network, OptimizerKind, OptimizerSpec, Precision, Tensor};
use batches::{Coming, Results, Scalars, Uploads};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

pub struct CardTrainer {
    /// Names, shapes and graph; its values are those it began with.
    network: Network,
    layout: Layout,
    arithmetic: Arithmetic,
    loss: Loss,
    optimizer: OptimizerSpec,
    /// Steps started.
    steps: u64,
    // Fields go from the top: graphs and memory before the context that they belong to.
    programs: HashMap<(Use, usize), Prepared>,
    uploads: Uploads,
    results: Results,
    in_flight: VecDeque<Flight>,
    /// Where the last step that was collected ended.
    last_end: Option<Event>,
    executor: Executor,
    context: Rc<Context>,
}

/// A step in flight.
struct Flight {
    /// Each part's share of the batch, and its result.
    parts: Vec<(f64, Coming)>,
    begin: Event,
    end: Event,
}

/// What a program is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Use {
    Train,
    Predict,
    /// With batch statistics and dropout.
    Analyse,
}

/// A program, ready to run.
struct Prepared {
    forward: Segment,
    backward: Segment,
    frame: Frame,
}

/// Where a program meets its caller.
#[derive(Clone)]
struct Frame {
    offsets: Rc<Vec<usize>>,
    bytes: usize,
    input: Place,
    truth: Option<Place>,
    scalars: Place,
    output: Place,
    output_shape: Vec<usize>,
    loss: Option<Place>,
    input_grad: Option<Place>,
}

impl CardTrainer {
    pub fn new(
        network: Network,
        index: u8,
        arithmetic: Arithmetic,
        loss: Loss,
        optimizer: &OptimizerSpec,
    ) -> Result<CardTrainer> {
        let context = Context::open(index)?;
        let mut executor = Executor::new(&context)?;
        let layout = Layout::new(network.graph());
        executor.add_region(Region::Weights, 4 * layout.all)?;
        executor.add_region(Region::Grads, 4 * layout.trained)?;
        executor.add_region(Region::First, 4 * layout.trained)?;
        if optimizer.kind != OptimizerKind::Sgd {
            executor.add_region(Region::Second, 4 * layout.trained)?;
        }
        if arithmetic.precision == Precision::Bf16 {
            executor.add_region(Region::Narrow, 2 * layout.all)?;
        }
        let (uploads, results) = (Uploads::new(&context)?, Results::default());
        let weights = network.state();
        let mut trainer = CardTrainer {
            network,
            layout,
            arithmetic,
            loss,
            optimizer: *optimizer,
            steps: 0,
            programs: HashMap::new(),
            uploads,
            results,
            in_flight: VecDeque::new(),
            last_end: None,
            executor,
            context,
        };
        trainer.load_weights(&weights)?;
        Ok(trainer)
    }

    /// The program for that use and batch, written and prepared the first time.
    fn prepared(&mut self, what: Use, batch: usize) -> Result<()> {
        if !self.programs.contains_key(&(what, batch)) {
            let aim = match what {
                Use::Train => Aim::Train(self.loss),
                Use::Predict => Aim::Infer,
                Use::Analyse => Aim::Analyse { training: true },
            };
            let program = Program::new(self.network.graph(), &self.layout, batch, aim, self.arithmetic);
            self.programs.insert((what, batch), Prepared::new(program));
        }
        let prepared = self.programs.get_mut(&(what, batch)).expect("just made");
        let Prepared { forward, backward, frame } = prepared;
        self.executor.prepare(frame.bytes, &mut [forward, backward])
    }

    pub fn submit(&mut self, parts: &[Part], lr: f64) -> Result<()> {
        let images: usize = parts.iter().map(|p| p.input.batch()).sum();
        self.steps += 1;
        let (mut results, begin, end) = (Vec::new(), Event::new(&self.context)?, Event::new(&self.context)?);
        for (i, part) in parts.iter().enumerate() {
            let share = part.input.batch() as f64 / images as f64;
            let mut scalars = Scalars::of_step(&self.optimizer, lr, self.steps);
            (scalars.seed, scalars.share, scalars.accumulate) = (part.seed, share as f32, i > 0);
            let frame = self.begin(Use::Train, &part.input, Some(&part.truth), &scalars)?;
            if i == 0 {
                begin.record(&self.context.compute)?;
            }
            let prepared = self.programs.get_mut(&(Use::Train, part.input.batch())).expect("just begun");
            self.executor.run(&mut prepared.forward)?;
            let loss = frame.loss.expect("a training program has a loss");
            let result = self.results.fetch(&self.context, &self.executor, &frame, Some(loss))?;
            results.push((share, result));
            if i + 1 == parts.len() {
                let update = self.update(frame.scalars);
                self.executor.start(&update, &frame.offsets)?;
            }
        }
        end.record(&self.context.compute)?;
        self.in_flight.push_back(Flight { parts: results, begin, end });
        Ok(())
    }

    /// Checks a batch, sends it up and puts it where the program expects it.
    fn begin(&mut self, what: Use, input: &Tensor, truth: Option<&[f32]>, scalars: &Scalars) -> Result<Frame> {
        self.network.check_input(input)?;
        self.prepared(what, input.batch())?;
        let frame = self.programs[&(what, input.batch())].frame.clone();
        let outputs: usize = frame.output_shape.iter().product();
        if truth.is_some_and(|t| t.len() != outputs) {
            return Err(Error::new(format!("{outputs} true values belong to a batch of {}", input.batch())));
        }
        self.uploads.send(&self.context, &self.executor, &frame, scalars, truth.unwrap_or_default(), input.data())?;
        Ok(frame)
    }

    /// The optimizer's step over all trained parameters.
    fn update(&self, scalars: Place) -> Op {
        let n = self.layout.trained;
        let at = |region| Arg::At(Place::In(region, 0));
        let narrow = match self.arithmetic.precision {
            Precision::Bf16 => at(Region::Narrow),
            _ => Arg::At(Place::Null),
        };
        let [value, grad, first, second] = [Region::Weights, Region::Grads, Region::First, Region::Second].map(at);
        let (end, n_arg) = (Arg::At(scalars), Arg::I64(n as i64));
        let (kernel, args) = match self.optimizer.kind {
            OptimizerKind::Sgd => ("sgd", vec![value, grad, first, narrow, end, n_arg]),
            OptimizerKind::Adam | OptimizerKind::AdamW => {
                ("adam", vec![value, grad, first, second, narrow, end, n_arg])
            }
        };
        let (grid, block) = geometry::flat(n);
        Op::Launch(Launch { kernel: kernel.to_owned(), grid, block, args })
    }

    pub fn collect(&mut self) -> Result<Option<Done>> {
        let Some(Flight { parts, begin, end }) = self.in_flight.pop_front() else { return Ok(None) };
        let mut done = Done { loss: 0.0, outputs: Vec::new(), on_card: None };
        for (share, result) in parts {
            let (loss, output) = self.results.take(result)?;
            done.loss += share * loss;
            done.outputs.push(output);
        }
        begin.wait()?;
        end.wait()?;
        let gap_seconds = self.last_end.as_ref().map_or(Ok(0.0), |last| begin.seconds_since(last))?;
        done.on_card = Some(CardTime { busy_seconds: end.seconds_since(&begin)?, gap_seconds });
        self.last_end = Some(end);
        Ok(Some(done))
    }

    /// The best of cuDNN's algorithms on products of square matrices, which grow until one takes a millisecond.
    pub fn peak_gflops(&mut self) -> Result<f64> {
        let Arithmetic { precision, .. } = self.arithmetic;
        let element = if precision == Precision::Bf16 { Element::Bf16 } else { Element::F32 };
        let (direction, tf32) = (Direction::Forward, precision == Precision::Tf32);
        let mut best = 0f64;
        for side in [512, 1024, 2048, 4096, 8192] {
            let (one, input) = ([1; 3], [1, side / 64, 64]);
            let (in_channels, out_channels) = (side, side);
            let shape =
                ConvShape { batch: 1, input, in_channels, out_channels, kernel: one, stride: one, padding: [0; 3] };
            let product = Convolution { direction, shape, element, tf32, deterministic: false };
            let seconds = self.executor.least_seconds(&product)?;
            best = best.max(2.0 * (side as f64).powi(3) / seconds / 1e9);
            if seconds > 1e-3 {
                break;
            }
        }
        Ok(best)
    }

    /// Memory of the card that is held now.
    pub fn bytes(&self) -> u64 {
        self.executor.bytes() + self.uploads.bytes()
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    pub fn predict(&mut self, input: &Tensor) -> Result<Tensor> {
        let frame = self.begin(Use::Predict, input, None, &Scalars::default())?;
        let prepared = self.programs.get_mut(&(Use::Predict, input.batch())).expect("just begun");
        self.executor.run(&mut prepared.forward)?;
        let result = self.results.fetch(&self.context, &self.executor, &frame, None)?;
        Ok(self.results.take(result)?.1)
    }

    pub fn analyse(&mut self, input: &Tensor, seed: u64, grad: &Tensor) -> Result<(Tensor, Tensor)> {
        let scalars = Scalars { seed, share: 1.0, ..Scalars::default() };
        let frame = self.begin(Use::Analyse, input, Some(grad.data()), &scalars)?;
        let prepared = self.programs.get_mut(&(Use::Analyse, input.batch())).expect("just begun");
        self.executor.run(&mut prepared.forward)?;
        self.executor.run(&mut prepared.backward)?;
        let result = self.results.fetch(&self.context, &self.executor, &frame, None)?;
        let output = self.results.take(result)?.1;
        let Some(place) = frame.input_grad else { return Ok((output, Tensor::zeros(input.shape()))) };
        let frame = Frame { output: place, output_shape: input.shape().to_vec(), ..frame };
        let result = self.results.fetch(&self.context, &self.executor, &frame, None)?;
        Ok((output, self.results.take(result)?.1))
    }
}

impl Prepared {
    fn new(program: Program) -> Prepared {
        let offsets = Rc::new(program.arena.offsets);
        let frame = Frame {
            offsets: offsets.clone(),
            bytes: program.arena.bytes,
            input: program.input,
            truth: program.truth,
            scalars: program.scalars,
            output: program.output.place,
            output_shape: program.output.shape,
            loss: program.loss,
            input_grad: program.input_grad.map(|g| g.place),
        };
        let forward = Segment::new(program.forward, offsets.clone());
        Prepared { forward, backward: Segment::new(program.backward, offsets), frame }
    }
}
