//! The algorithms that cuDNN has for a convolution, in the order of its heuristics, and one of them made ready.

use super::Connection;
use super::convolution::Graph;
use super::descriptor::Descriptor;
use super::ffi::{attribute, code, kind, note, value};
use crate::error::{Error, Result};
use crate::nn::program::{Convolution, Element};
use std::collections::HashSet;
use std::ffi::c_int;
use std::rc::Rc;

/// More are not made ready: the heuristics propose up to 60, by rising estimates of their time.
const MOST: usize = 16;

/// Room for an algorithm's settings; cuDNN 9.28 has been seen to give 8.
const KNOBS: usize = 32;

/// Room for an algorithm's numerical notes, of which cuDNN 9.28 knows 10.
const NOTES: usize = 32;

/// A chosen algorithm, ready to run. It outlives the CUDA graphs that it was captured into.
pub struct Plan {
    pub workspace_bytes: usize,
    /// cuDNN's number of the algorithm, and its settings: `engine 6, 2=1, 14=0`.
    pub name: String,
    pub(super) plan: Descriptor,
    // What the plan refers to, destroyed after it.
    _config: Descriptor,
    _graph: Rc<Graph>,
    pub(super) connection: Rc<Connection>,
}

/// Why algorithms were left out: what an error says if none is left.
#[derive(Default)]
struct LeftOut {
    by_rule: usize,
    unready: usize,
    least_workspace_bytes: Option<usize>,
    error: Option<Error>,
}

/// See [`super::Cudnn::candidates`].
pub(super) fn candidates(connection: &Rc<Connection>, c: &Convolution, limit_bytes: usize) -> Result<Vec<Plan>> {
    let graph = Rc::new(c.graph(connection.functions, connection.handle)?);
    let most = if c.deterministic { 1 } else { MOST };
    let (mut plans, mut seen, mut left_out) = (Vec::new(), HashSet::new(), LeftOut::default());
    for mode in [code::MODE_A, code::MODE_B, code::MODE_FALLBACK] {
        if mode == code::MODE_FALLBACK && !plans.is_empty() {
            break;
        }
        // A mode may know nothing of volumes, or not exist in this version: the others are asked all the same.
        let configs = configs(connection, &graph, mode).unwrap_or_else(|e| {
            left_out.error = Some(e);
            Vec::new()
        });
        for config in configs {
            if plans.len() == most {
                return Ok(plans);
            }
            match ready(connection, c, &graph, config, &mut seen, &mut left_out) {
                Ok(Some(plan)) if plan.workspace_bytes <= limit_bytes => plans.push(plan),
                Ok(Some(plan)) => {
                    let least = left_out.least_workspace_bytes.get_or_insert(usize::MAX);
                    *least = plan.workspace_bytes.min(*least);
                }
                Ok(None) => {}
                Err(e) => {
                    left_out.unready += 1;
                    left_out.error = Some(e);
                }
            }
        }
    }
    if plans.is_empty() { Err(left_out.explain(c, limit_bytes)) } else { Ok(plans) }
}

/// What one mode of the heuristics proposes, the best first.
fn configs(connection: &Connection, graph: &Graph, mode: c_int) -> Result<Vec<Descriptor>> {
    let answers = Descriptor::new(connection.functions, kind::HEURISTICS)?
        .descriptor(attribute::HEURISTICS_GRAPH, &graph.graph)?
        .code(attribute::HEURISTICS_MODE, value::HEURISTICS_MODE, mode)?
        .finalize("a question for algorithms")?;
    let most = answers.count(attribute::HEURISTICS_RESULTS, value::DESCRIPTOR)?;
    answers.read_descriptors(attribute::HEURISTICS_RESULTS, kind::ENGINE_CONFIG, most)
}

/// The plan of a proposal; none where it was seen before or the convolution's rules forbid it.
fn ready(
    connection: &Rc<Connection>,
    c: &Convolution,
    graph: &Rc<Graph>,
    config: Descriptor,
    seen: &mut HashSet<String>,
    left_out: &mut LeftOut,
) -> Result<Option<Plan>> {
    let engines = config.read_descriptors(attribute::CONFIG_ENGINE, kind::ENGINE, 1)?;
    let engine = engines.first().ok_or_else(|| Error::new("cuDNN proposes an algorithm without an engine"))?;
    let mut name = format!("engine {}", engine.read_integer(attribute::ENGINE_INDEX)?);
    for knob in config.read_descriptors(attribute::CONFIG_KNOB_CHOICES, kind::KNOB_CHOICE, KNOBS)? {
        let kind = knob.read_codes(attribute::KNOB_TYPE, value::KNOB_TYPE, 1)?;
        name += &format!(", {}={}", kind.first().unwrap_or(&-1), knob.read_integer(attribute::KNOB_VALUE)?);
    }
    if !seen.insert(name.clone()) {
        return Ok(None);
    }
    if !allowed(c, &engine.read_codes(attribute::ENGINE_NUMERICAL_NOTES, value::NUMERICAL_NOTE, NOTES)?) {
        left_out.by_rule += 1;
        return Ok(None);
    }
    let plan = Descriptor::new(connection.functions, kind::EXECUTION_PLAN)?
        .handle(attribute::PLAN_HANDLE, connection.handle)?
        .descriptor(attribute::PLAN_CONFIG, &config)?
        .finalize(&format!("{name} for {c}"))?;
    let workspace_bytes = usize::try_from(plan.read_integer(attribute::PLAN_WORKSPACE_BYTES)?).unwrap_or(usize::MAX);
    let (graph, connection) = (graph.clone(), connection.clone());
    Ok(Some(Plan { workspace_bytes, name, plan, _config: config, _graph: graph, connection }))
}

/// Whether an engine with those numerical notes keeps the convolution's promises.
fn allowed(c: &Convolution, notes: &[c_int]) -> bool {
    // What multiplies by less than f32 (for f32 tensors, tensor cores mean TF32). Fourier transforms and
    // Winograd's larger tiles lose one to three digits more than a plain sum.
    const ROUNDS: [c_int; 5] =
        [note::TENSOR_CORE, note::DOWN_CONVERT_INPUTS, note::FFT, note::WINOGRAD_TILE_6X6, note::WINOGRAD_TILE_13X13];
    let exact = c.element == Element::F32 && !c.tf32;
    let varies = notes.contains(&note::NONDETERMINISTIC);
    let rounds = notes.iter().any(|n| ROUNDS.contains(n));
    // Sums are f32 in every case.
    !(c.deterministic && varies || exact && rounds || notes.contains(&note::REDUCED_PRECISION_REDUCTION))
}

impl LeftOut {
    fn explain(self, c: &Convolution, limit_bytes: usize) -> Error {
        let mut why = Vec::new();
        if self.by_rule > 0 {
            why.push(format!("{} round more than is allowed, or give another result every time", self.by_rule));
        }
        if self.unready > 0 {
            why.push(format!("{} do not run on this card", self.unready));
        }
        if let Some(least) = self.least_workspace_bytes {
            why.push(format!("others need a workspace of {least} bytes at least, and {limit_bytes} are allowed"));
        }
        let why = if why.is_empty() { String::new() } else { format!(" ({})", why.join("; ")) };
        let error = Error::new(format!("cuDNN has no algorithm for {c}{why}"));
        match self.error {
            Some(below) => error.because(below),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::kernel::cpu::ConvShape;
    use crate::nn::program::Direction;

    fn convolution(element: Element, tf32: bool, deterministic: bool) -> Convolution {
        let shape = ConvShape {
            batch: 64,
            input: [1, 57, 56],
            in_channels: 3,
            out_channels: 8,
            kernel: [1, 3, 3],
            stride: [1, 2, 2],
            padding: [0, 1, 1],
        };
        Convolution { direction: Direction::Data, shape, element, tf32, deterministic }
    }

    #[test]
    fn f32_without_tf32_takes_no_engine_that_rounds_more_than_f32() {
        let (strict, tf32) = (convolution(Element::F32, false, false), convolution(Element::F32, true, false));
        let bf16 = convolution(Element::Bf16, false, false);
        for rounding in [note::TENSOR_CORE, note::DOWN_CONVERT_INPUTS, note::FFT, note::WINOGRAD_TILE_6X6] {
            assert!(!allowed(&strict, &[rounding]) && allowed(&tf32, &[rounding]) && allowed(&bf16, &[rounding]));
        }
        assert!(allowed(&strict, &[]) && allowed(&strict, &[note::NONDETERMINISTIC]));
    }

    #[test]
    fn a_deterministic_run_takes_no_engine_that_varies_and_nobody_sums_in_less_than_f32() {
        for element in [Element::F32, Element::Bf16] {
            assert!(!allowed(&convolution(element, true, true), &[note::TENSOR_CORE, note::NONDETERMINISTIC]));
            assert!(allowed(&convolution(element, true, true), &[note::TENSOR_CORE]));
            assert!(!allowed(&convolution(element, true, false), &[note::REDUCED_PRECISION_REDUCTION]));
        }
    }

    #[test]
    fn an_error_says_which_convolution_and_why_nothing_serves_it() {
        let left_out = LeftOut { by_rule: 2, least_workspace_bytes: Some(4096), ..LeftOut::default() };
        let error = left_out.explain(&convolution(Element::Bf16, false, true), 100);
        let expected = "cuDNN has no algorithm for the data gradient of a 3x3 convolution (stride 2x2, padding 1x1) of \
            64x57x56x3 to 64x29x28x8 in bf16 (2 round more than is allowed, or give another result every time; others \
            need a workspace of 4096 bytes at least, and 100 are allowed)";
        assert_eq!(error.what, expected);
    }
}
