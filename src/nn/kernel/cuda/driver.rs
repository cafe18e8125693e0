//! The driver's own functions (`libcuda.so.1`), as CUDA's documentation gives them, and its errors.

use super::card;
use super::library::{self, functions};
use crate::error::{Error, Result};
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::sync::OnceLock;

/// An address on a card.
pub type Address = u64;
/// An opaque handle: a context, stream, event, module, function or graph.
pub type Handle = *mut c_void;

functions! {
    /// The functions of the driver that are used here; names with `_v2` are what the headers call by the plain name.
    Driver {
        fn cuInit(flags: c_uint) -> c_int;
        fn cuDriverGetVersion(version: *mut c_int) -> c_int;
        fn cuGetErrorName(code: c_int, name: *mut *const c_char) -> c_int;
        fn cuGetErrorString(code: c_int, text: *mut *const c_char) -> c_int;
        fn cuDeviceGetCount(count: *mut c_int) -> c_int;
        fn cuDeviceGet(device: *mut c_int, ordinal: c_int) -> c_int;
        fn cuDeviceGetName(name: *mut c_char, length: c_int, device: c_int) -> c_int;
        fn cuDeviceGetPCIBusId(name: *mut c_char, length: c_int, device: c_int) -> c_int;
        fn cuDeviceGetAttribute(value: *mut c_int, attribute: c_int, device: c_int) -> c_int;
        fn cuDeviceTotalMem_v2(bytes: *mut usize, device: c_int) -> c_int;
        fn cuDevicePrimaryCtxRetain(context: *mut Handle, device: c_int) -> c_int;
        fn cuDevicePrimaryCtxRelease_v2(device: c_int) -> c_int;
        fn cuCtxSetCurrent(context: Handle) -> c_int;
        fn cuMemGetInfo_v2(free: *mut usize, total: *mut usize) -> c_int;
        fn cuMemAlloc_v2(address: *mut Address, bytes: usize) -> c_int;
        fn cuMemFree_v2(address: Address) -> c_int;
        fn cuMemHostAlloc(host: *mut *mut c_void, bytes: usize, flags: c_uint) -> c_int;
        fn cuMemFreeHost(host: *mut c_void) -> c_int;
        fn cuMemcpyHtoDAsync_v2(to: Address, from: *const c_void, bytes: usize, stream: Handle) -> c_int;
        fn cuMemcpyDtoHAsync_v2(to: *mut c_void, from: Address, bytes: usize, stream: Handle) -> c_int;
        fn cuMemcpyDtoDAsync_v2(to: Address, from: Address, bytes: usize, stream: Handle) -> c_int;
        fn cuMemsetD8Async(address: Address, value: u8, bytes: usize, stream: Handle) -> c_int;
        fn cuStreamCreate(stream: *mut Handle, flags: c_uint) -> c_int;
        fn cuStreamDestroy_v2(stream: Handle) -> c_int;
        fn cuStreamSynchronize(stream: Handle) -> c_int;
        fn cuStreamWaitEvent(stream: Handle, event: Handle, flags: c_uint) -> c_int;
        fn cuEventCreate(event: *mut Handle, flags: c_uint) -> c_int;
        fn cuEventDestroy_v2(event: Handle) -> c_int;
        fn cuEventRecord(event: Handle, stream: Handle) -> c_int;
        fn cuEventSynchronize(event: Handle) -> c_int;
        fn cuEventElapsedTime(milliseconds: *mut f32, from: Handle, to: Handle) -> c_int;
        fn cuModuleLoadDataEx(module: *mut Handle, image: *const c_void, count: c_uint, options: *mut c_int, values: *mut *mut c_void) -> c_int;
        fn cuModuleUnload(module: Handle) -> c_int;
        fn cuModuleGetFunction(function: *mut Handle, module: Handle, name: *const c_char) -> c_int;
        fn cuLaunchKernel(
            function: Handle,
            grid_x: c_uint, grid_y: c_uint, grid_z: c_uint,
            block_x: c_uint, block_y: c_uint, block_z: c_uint,
            shared_bytes: c_uint, stream: Handle, arguments: *mut *mut c_void, extra: *mut *mut c_void,
        ) -> c_int;
        fn cuStreamBeginCapture_v2(stream: Handle, mode: c_int) -> c_int;
        fn cuStreamEndCapture(stream: Handle, graph: *mut Handle) -> c_int;
        fn cuGraphInstantiateWithFlags(executable: *mut Handle, graph: Handle, flags: u64) -> c_int;
        fn cuGraphDestroy(graph: Handle) -> c_int;
        fn cuGraphExecDestroy(executable: Handle) -> c_int;
        fn cuGraphLaunch(executable: Handle, stream: Handle) -> c_int;
    }
}

/// CUDA's code for memory that is not to be had.
pub const OUT_OF_MEMORY: c_int = 2;

/// CUDA's code for a driver that sees no card.
const NO_DEVICE: c_int = 100;

/// The oldest driver that serves: CUDA 12.0 (525).
const OLDEST: c_int = 12_000;

/// The driver of this machine, opened and initialised once; or why there is none, in one sentence, and the cure.
pub fn driver() -> Result<&'static Driver> {
    static DRIVER: OnceLock<Result<Driver>> = OnceLock::new();
    match DRIVER.get_or_init(open) {
        Ok(driver) => Ok(driver),
        Err(e) => Err(e.again()),
    }
}

fn open() -> Result<Driver> {
    if card::switched_off() {
        return Err(Error::new("cards are switched off (HCWB_CUDA=off)").cure("unset HCWB_CUDA, or use the CPU"));
    }
    let opened = library::open(&["libcuda.so.1"], &library::driver_folders()).map_err(|_| {
        Error::new("there is no NVIDIA driver on this machine (libcuda.so.1 could not be opened)")
            .cure("install NVIDIA's driver, or use the CPU; `hcwb doctor` says where it was looked for")
    })?;
    let driver = Driver::of(opened)?;
    let mut version = 0;
    // Safety: `version` outlives the call.
    driver.check("ask the driver for its version", unsafe { (driver.cuDriverGetVersion)(&mut version) })?;
    if version < OLDEST {
        return Err(Error::new(format!("the NVIDIA driver serves CUDA {} only", version_text(version)))
            .cure("install a driver of version 525 or later (CUDA 12.0)"));
    }
    // Safety: no arguments.
    match unsafe { (driver.cuInit)(0) } {
        NO_DEVICE => Err(card::no_card()),
        code => driver.check("start the NVIDIA driver", code).map(|()| driver),
    }
}

/// `12.4` from 12040.
pub fn version_text(version: c_int) -> String {
    format!("{}.{}", version / 1000, version % 1000 / 10)
}

impl Driver {
    /// An error from what a function returned, if it is one; `doing` completes "cannot …".
    pub fn check(&self, doing: &str, code: c_int) -> Result<()> {
        if code == 0 {
            return Ok(());
        }
        let mut text = std::ptr::null();
        // Safety: the driver writes a pointer to a static text.
        let known = unsafe { (self.cuGetErrorString)(code, &mut text) } == 0 && !text.is_null();
        let text = match known {
            // Safety: a static, terminated text of the driver.
            true => unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned(),
            false => "unknown to this driver".to_owned(),
        };
        Err(Error::new(format!("cannot {doing}: {text} (CUDA error {code})")))
    }
}
