//! Kernels against the portable one.
