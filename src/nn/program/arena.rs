//! Where each slot of a program lies: slots that are never in use together share their memory.

use super::op::{Op, Place};

/// Alignment of every slot: what cuDNN's fastest kernels and 16-byte accesses ask for, and a cache line.
const ALIGN: usize = 256;

/// The offset of each slot, and the bytes of all together.
#[derive(Clone, Debug, Default)]
pub struct Arena {
    pub offsets: Vec<usize>,
    pub bytes: usize,
}

/// Lays out slots of `sizes` bytes for `ops` run in order; `kept` are in use from first to last.
///
/// Greedy by size: the largest slots are placed first, each at the lowest offset that is free as long as it lives.
pub fn lay_out(sizes: &[usize], ops: &[Op], kept: &[usize]) -> Arena {
    let mut lives: Vec<Option<(usize, usize)>> = vec![None; sizes.len()];
    for (at, op) in ops.iter().enumerate() {
        for place in op.places() {
            if let Place::Slot(slot) = place {
                let (first, _) = lives[slot].unwrap_or((at, at));
                lives[slot] = Some((first, at));
            }
        }
    }
    for slot in kept {
        lives[*slot] = Some((0, ops.len()));
    }
    let mut order: Vec<usize> = (0..sizes.len()).filter(|s| lives[*s].is_some()).collect();
    order.sort_by_key(|s| std::cmp::Reverse(sizes[*s]));
    let mut arena = Arena { offsets: vec![0; sizes.len()], bytes: 0 };
    let mut placed: Vec<usize> = Vec::new();
    for slot in order {
        let (first, last) = lives[slot].expect("only slots in use are placed");
        let mut beside: Vec<(usize, usize)> = placed
            .iter()
            .filter(|p| lives[**p].is_some_and(|(f, l)| f <= last && first <= l))
            .map(|p| (arena.offsets[*p], arena.offsets[*p] + padded(sizes[*p])))
            .collect();
        beside.sort_unstable();
        let mut offset = 0;
        for (from, to) in beside {
            if offset + padded(sizes[slot]) <= from {
                break;
            }
            offset = offset.max(to);
        }
        arena.offsets[slot] = offset;
        arena.bytes = arena.bytes.max(offset + padded(sizes[slot]));
        placed.push(slot);
    }
    arena
}

fn padded(bytes: usize) -> usize {
    bytes.max(1).next_multiple_of(ALIGN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn copy(from: usize, to: usize) -> Op {
        Op::Copy { from: Place::Slot(from), to: Place::Slot(to), bytes: 1 }
    }

    #[test]
    fn a_chain_of_equal_slots_needs_two_of_them() {
        let ops: Vec<Op> = (0..9).map(|i| copy(i, i + 1)).collect();
        assert_eq!(lay_out(&[1000; 10], &ops, &[]).bytes, 2 * 1024);
        assert_eq!(lay_out(&[1000; 10], &ops, &[0]).bytes, 3 * 1024);
    }

    proptest! {
        #[test]
        fn slots_in_use_together_never_overlap(
            sizes in proptest::collection::vec(1usize..5000, 12),
            pairs in proptest::collection::vec((0usize..12, 0usize..12), 1..40),
        ) {
            let ops: Vec<Op> = pairs.iter().map(|(a, b)| copy(*a, *b)).collect();
            let arena = lay_out(&sizes, &ops, &[3]);
            let life = |s: usize| {
                let at: Vec<usize> = pairs.iter().enumerate().filter(|(_, (a, b))| *a == s || *b == s).map(|(i, _)| i).collect();
                if s == 3 { Some((0, pairs.len())) } else { Some((*at.first()?, *at.last()?)) }
            };
            for a in 0..12 {
                let Some((first, last)) = life(a) else { continue };
                prop_assert!(arena.offsets[a].is_multiple_of(ALIGN) && arena.offsets[a] + sizes[a] <= arena.bytes);
                for b in 0..a {
                    let Some((f, l)) = life(b) else { continue };
                    let apart = arena.offsets[a] + sizes[a] <= arena.offsets[b] || arena.offsets[b] + sizes[b] <= arena.offsets[a];
                    prop_assert!(apart || f > last || first > l, "{a} and {b}");
                }
            }
        }
    }
}
