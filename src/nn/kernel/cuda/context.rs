//! A card in use by one thread: its context, its two streams, its memory and its kernels.

use super::driver::{Driver, Handle, driver};
use super::stream::Stream;
use crate::error::{Error, Result};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CString, c_int};
use std::rc::Rc;

/// The kernels, as text that the driver compiles for the card it finds.
const KERNELS: &str = include_str!("kernels.ptx");

/// A card's context on this thread. Everything made from it keeps it.
pub struct Context {
    pub(super) driver: &'static Driver,
    /// Where kernels run.
    pub compute: Stream,
    /// Where batches come in.
    pub upload: Stream,
    module: Handle,
    functions: RefCell<HashMap<String, Handle>>,
}

impl Context {
    /// Takes card number `index` into use on this thread.
    pub fn open(index: u8) -> Result<Rc<Context>> {
        let driver = driver()?;
        let (mut device, mut context) = (0, std::ptr::null_mut());
        // Safety: the pointers outlive the calls; the context is given back in `drop`.
        unsafe {
            driver.check(&format!("find cuda:{index}"), (driver.cuDeviceGet)(&mut device, c_int::from(index)))?;
            driver.check(
                &format!("take cuda:{index} into use"),
                (driver.cuDevicePrimaryCtxRetain)(&mut context, device),
            )?;
        }
        let opened = Context::in_context(driver, context);
        if opened.is_err() {
            // Safety: what was retained above.
            unsafe { (driver.cuDevicePrimaryCtxRelease_v2)(device) };
        }
        opened
    }

    fn in_context(driver: &'static Driver, context: Handle) -> Result<Rc<Context>> {
        let mut module = std::ptr::null_mut();
        let image = CString::new(KERNELS).map_err(|e| Error::new("the kernels hold a zero byte").because(e))?;
        // Safety: the image ends with a zero byte; the pointers outlive the calls.
        unsafe {
            driver.check("use the card on this thread", (driver.cuCtxSetCurrent)(context))?;
            let (none, no_values) = (std::ptr::null_mut(), std::ptr::null_mut());
            let loaded = (driver.cuModuleLoadDataEx)(&mut module, image.as_ptr().cast(), 0, none, no_values);
            driver.check("load hcwb's kernels onto the card", loaded)?;
        }
        let (compute, upload) = (Stream::new(driver)?, Stream::new(driver)?);
        Ok(Rc::new(Context { driver, compute, upload, module, functions: RefCell::default() }))
    }

    /// Bytes of the card's memory that are free now, and bytes in all.
    pub fn memory(&self) -> Result<(usize, usize)> {
        let (mut free, mut total) = (0, 0);
        // Safety: the pointers outlive the call.
        self.driver
            .check("ask for the card's memory", unsafe { (self.driver.cuMemGetInfo_v2)(&mut free, &mut total) })?;
        Ok((free, total))
    }

    /// The kernel of that name.
    pub(super) fn function(&self, name: &str) -> Result<Handle> {
        if let Some(function) = self.functions.borrow().get(name) {
            return Ok(*function);
        }
        let text = CString::new(name).map_err(|e| Error::new("a kernel's name holds a zero byte").because(e))?;
        let mut function = std::ptr::null_mut();
        // Safety: a terminated name, and a pointer that outlives the call.
        let code = unsafe { (self.driver.cuModuleGetFunction)(&mut function, self.module, text.as_ptr()) };
        self.driver.check(&format!("find the kernel {name}"), code)?;
        self.functions.borrow_mut().insert(name.to_owned(), function);
        Ok(function)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // Safety: nothing made from the context is left, since all of it keeps the context.
        unsafe {
            (self.driver.cuStreamSynchronize)(self.compute.handle);
            (self.driver.cuModuleUnload)(self.module);
            (self.driver.cuStreamDestroy_v2)(self.compute.handle);
            (self.driver.cuStreamDestroy_v2)(self.upload.handle);
            // What was retained is left to the end of the process: to make a card's context anew takes a second.
        }
    }
}
