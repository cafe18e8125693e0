//! The machine's peak: how fast products go that never leave the nearest cache.

use super::gemm::{Block, Tile, gemm};
use super::simd::Isa;
use std::time::{Duration, Instant};

/// Floating-point operations a second, in 10^9, of all threads of the current rayon pool together:
/// the microkernel on operands that stay in the first-level cache, the best of several tries.
pub fn gflops(isa: Isa) -> f64 {
    const ROWS: usize = 48;
    const DEPTH: usize = 128;
    let columns = isa.panel();
    let once = || {
        let (a, b) = (vec![0.5f32; ROWS * DEPTH], vec![0.25f32; DEPTH * columns]);
        let mut c = vec![0f32; ROWS * columns];
        let tile = Tile {
            steps: DEPTH,
            a: a.as_ptr(),
            a_row: DEPTH,
            b: b.as_ptr(),
            b_step: columns,
            c: c.as_mut_ptr(),
            c_row: columns,
            ..Tile::PLAIN
        };
        let (start, mut products) = (Instant::now(), 0u64);
        while start.elapsed() < Duration::from_millis(25) {
            for _ in 0..64 {
                // Safety: the operands are as long as rows, depth and columns say.
                unsafe { gemm(isa, Block { m: ROWS, n: columns, panel: 0, tile }) };
            }
            products += 64 * (2 * ROWS * DEPTH * columns) as u64;
            std::hint::black_box(&mut c);
        }
        products as f64 / start.elapsed().as_secs_f64() / 1e9
    };
    (0..5).map(|_| rayon::broadcast(|_| once()).into_iter().sum::<f64>()).fold(0.0, f64::max)
}
