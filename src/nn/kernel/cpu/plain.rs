//! Plain code compiled for the instruction set: loops in it become vectors.

use super::simd::{Isa, Kernel, Simd, dispatch};

/// Work written without vectors; `run` and all it calls must be `#[inline(always)]` to be compiled anew.
pub trait Plain {
    fn run(self);
}

/// Runs `job` as compiled for `isa`. Sums and products are never fused or reordered, so the result is the same for all.
pub fn run(isa: Isa, job: impl Plain) {
    // Safety: there are no pointers in it.
    unsafe { dispatch(isa, Compiled(job)) }
}

struct Compiled<J>(J);

impl<J: Plain> Kernel for Compiled<J> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        self.0.run()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Thirds<'a>(&'a mut [f64]);

    impl Plain for Thirds<'_> {
        #[inline(always)]
        fn run(self) {
            let mut before = 0.0;
            for (i, v) in self.0.iter_mut().enumerate() {
                *v = (i as f64 + 0.1).sqrt() * *v + before / 3.0;
                before = *v;
            }
        }
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let of = |isa: Isa| {
            let mut values: Vec<f64> = (0..1001).map(|i| 1.0 / (i as f64 + 0.7)).collect();
            run(isa, Thirds(&mut values));
            values
        };
        let first = of(Isa::Portable);
        assert!(Isa::available().all(|isa| of(isa) == first));
    }
}
