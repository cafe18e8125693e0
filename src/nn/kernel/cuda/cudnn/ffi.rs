//! cuDNN's own functions and codes (`libcudnn.so.9`), as its header `cudnn_graph.h` gives them, and its errors.

use super::super::driver::Handle;
use super::super::library::functions;
use crate::error::{Error, Result};
use std::ffi::{CStr, c_char, c_int, c_void};

functions! {
    /// The functions of cuDNN that are used here: the graph API alone, called "backend" in its headers.
    Functions {
        fn cudnnGetVersion() -> usize;
        fn cudnnGetCudartVersion() -> usize;
        fn cudnnGetErrorString(status: c_int) -> *const c_char;
        fn cudnnGetLastErrorString(message: *mut c_char, bytes: usize) -> ();
        fn cudnnCreate(handle: *mut Handle) -> c_int;
        fn cudnnDestroy(handle: Handle) -> c_int;
        fn cudnnSetStream(handle: Handle, stream: Handle) -> c_int;
        fn cudnnBackendCreateDescriptor(kind: c_int, descriptor: *mut Handle) -> c_int;
        fn cudnnBackendDestroyDescriptor(descriptor: Handle) -> c_int;
        fn cudnnBackendFinalize(descriptor: Handle) -> c_int;
        fn cudnnBackendSetAttribute(
            descriptor: Handle, name: c_int, kind: c_int, count: i64, values: *const c_void,
        ) -> c_int;
        fn cudnnBackendGetAttribute(
            descriptor: Handle, name: c_int, kind: c_int, room: i64, count: *mut i64, values: *mut c_void,
        ) -> c_int;
        fn cudnnBackendExecute(handle: Handle, plan: Handle, pack: Handle) -> c_int;
    }
}

impl Functions {
    /// An error from what a function returned, if it is one; `doing` completes "cuDNN cannot …".
    pub fn check(&self, doing: &str, status: c_int) -> Result<()> {
        if status == 0 {
            return Ok(());
        }
        let mut last = [0 as c_char; 512];
        // Safety: cuDNN writes a terminated text of at most that many bytes, and returns a static text.
        let (last, text) = unsafe {
            (self.cudnnGetLastErrorString)(last.as_mut_ptr(), last.len() - 1);
            let text = (self.cudnnGetErrorString)(status);
            let text = if text.is_null() { c"unknown to it" } else { CStr::from_ptr(text) };
            (CStr::from_ptr(last.as_ptr()).to_string_lossy(), text.to_string_lossy())
        };
        // Its last messages, a line each.
        let because: String = last.lines().map(|line| format!("; {}", line.trim())).collect();
        Err(Error::new(format!("cuDNN cannot {doing}: {text} (cuDNN error {status}{because})")))
    }
}

/// Kinds of descriptors (`cudnnBackendDescriptorType_t`).
pub mod kind {
    use std::ffi::c_int;
    pub const CONVOLUTION: c_int = 1;
    pub const ENGINE: c_int = 2;
    pub const ENGINE_CONFIG: c_int = 3;
    pub const HEURISTICS: c_int = 4;
    pub const EXECUTION_PLAN: c_int = 5;
    pub const KNOB_CHOICE: c_int = 7;
    pub const FORWARD: c_int = 10;
    pub const BACKWARD_FILTER: c_int = 11;
    pub const BACKWARD_DATA: c_int = 12;
    pub const OPERATION_GRAPH: c_int = 15;
    pub const VARIANT_PACK: c_int = 16;
    pub const TENSOR: c_int = 17;
}

/// Names of attributes (`cudnnBackendAttributeName_t`).
pub mod attribute {
    use std::ffi::c_int;
    pub const CONVOLUTION_COMPUTE_TYPE: c_int = 100;
    pub const CONVOLUTION_MODE: c_int = 101;
    pub const CONVOLUTION_DILATIONS: c_int = 102;
    pub const CONVOLUTION_STRIDES: c_int = 103;
    pub const CONVOLUTION_POST_PADDINGS: c_int = 104;
    pub const CONVOLUTION_PRE_PADDINGS: c_int = 105;
    pub const CONVOLUTION_SPATIAL_DIMS: c_int = 106;
    pub const HEURISTICS_MODE: c_int = 200;
    pub const HEURISTICS_GRAPH: c_int = 201;
    pub const HEURISTICS_RESULTS: c_int = 202;
    pub const CONFIG_ENGINE: c_int = 300;
    pub const CONFIG_KNOB_CHOICES: c_int = 302;
    pub const PLAN_HANDLE: c_int = 400;
    pub const PLAN_CONFIG: c_int = 401;
    pub const PLAN_WORKSPACE_BYTES: c_int = 402;
    pub const KNOB_TYPE: c_int = 600;
    pub const KNOB_VALUE: c_int = 601;
    pub const GRAPH_HANDLE: c_int = 800;
    pub const GRAPH_OPERATIONS: c_int = 801;
    pub const TENSOR_ALIGNMENT_BYTES: c_int = 900;
    pub const TENSOR_DATA_TYPE: c_int = 901;
    pub const TENSOR_DIMENSIONS: c_int = 902;
    pub const TENSOR_STRIDES: c_int = 903;
    pub const TENSOR_ID: c_int = 906;
    pub const PACK_IDS: c_int = 1000;
    pub const PACK_POINTERS: c_int = 1001;
    pub const PACK_WORKSPACE: c_int = 1003;
    pub const ENGINE_INDEX: c_int = 1301;
    pub const ENGINE_NUMERICAL_NOTES: c_int = 1303;
}

/// Types of attributes (`cudnnBackendAttributeType_t`).
pub mod value {
    use std::ffi::c_int;
    pub const HANDLE: c_int = 0;
    pub const DATA_TYPE: c_int = 1;
    pub const INT64: c_int = 3;
    pub const FLOAT: c_int = 4;
    pub const POINTER: c_int = 6;
    pub const CONVOLUTION_MODE: c_int = 7;
    pub const HEURISTICS_MODE: c_int = 8;
    pub const KNOB_TYPE: c_int = 9;
    pub const NUMERICAL_NOTE: c_int = 11;
    pub const DESCRIPTOR: c_int = 15;
}

/// Values of codes: `cudnnDataType_t`, `cudnnConvolutionMode_t`, `cudnnBackendHeurMode_t`.
pub mod code {
    use std::ffi::c_int;
    pub const F32: c_int = 0;
    pub const BF16: c_int = 9;
    pub const CROSS_CORRELATION: c_int = 1;
    /// A neural network's order; it costs more time on the CPU, and knows images alone.
    pub const MODE_B: c_int = 1;
    /// Whatever works, without regard to speed.
    pub const MODE_FALLBACK: c_int = 2;
    /// A decision tree's order, the one to be asked first.
    pub const MODE_A: c_int = 3;
}

/// What an engine does to numbers (`cudnnBackendNumericalNote_t`).
pub mod note {
    use std::ffi::c_int;
    pub const TENSOR_CORE: c_int = 0;
    pub const DOWN_CONVERT_INPUTS: c_int = 1;
    pub const REDUCED_PRECISION_REDUCTION: c_int = 2;
    pub const FFT: c_int = 3;
    pub const NONDETERMINISTIC: c_int = 4;
    pub const WINOGRAD_TILE_6X6: c_int = 7;
    pub const WINOGRAD_TILE_13X13: c_int = 8;
}
