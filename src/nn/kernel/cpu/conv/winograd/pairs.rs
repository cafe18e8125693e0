//! Pairs of tiles in one row of the matrices: vectors are filled where a layer has few channels.
//!
//! With eight channels half of a sixteen-lane vector would idle in every phase. Two tiles that lie side
//! by side go together instead, their values of a channel next to each other. The product multiplies
//! each pair of values by one weight that stands twice, so the columns of its right-hand side come in
//! twos as well; in the weight gradient they are the sums over the left and over the right tiles.

use super::kernel::Weights;

/// Weights whose columns each stand twice.
pub(super) struct Doubled {
    values: Vec<f32>,
    depth: usize,
    size: [usize; 2],
    transposed: bool,
}

impl Doubled {
    pub fn weights(&self) -> Weights<'_> {
        Weights { values: &self.values, depth: self.depth, size: self.size, transposed: self.transposed }
    }
}

/// The columns of a product are the last but one side of transposed weights, the last one of others.
pub(super) fn doubled(of: &Weights) -> Doubled {
    let [inputs, outputs] = of.size;
    let (run, size) = if of.transposed { (outputs, [2 * inputs, outputs]) } else { (1, [inputs, 2 * outputs]) };
    let values = of.values.chunks(run).flat_map(|run| [run, run]).flatten().copied().collect();
    Doubled { values, depth: of.depth, size, transposed: of.transposed }
}

/// Adds the two sums of each weight, to what `target` holds or without it.
pub(super) fn fold(apart: &[f32], accumulate: bool, target: &mut [f32]) {
    for (sums, target) in apart.chunks_exact(2).zip(target) {
        let sum = sums[0] + sums[1];
        *target = if accumulate { *target + sum } else { sum };
    }
}
