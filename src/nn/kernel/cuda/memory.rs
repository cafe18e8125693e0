//! Memory of a card, and page-locked memory of this machine that the card reads and writes by itself.

use super::context::Context;
use super::driver::{Address, OUT_OF_MEMORY};
use super::stream::Stream;
use crate::error::{Error, Result};
use std::ffi::c_void;
use std::rc::Rc;

/// A stretch of a card's memory.
pub struct Memory {
    context: Rc<Context>,
    address: Address,
    bytes: usize,
}

impl Memory {
    /// Uninitialised; fails, saying how much is free, where the card has not that much.
    pub fn new(context: &Rc<Context>, bytes: usize) -> Result<Memory> {
        let mut address = 0;
        let driver = context.driver;
        // Safety: the pointer outlives the call; freed in `drop`.
        let code = unsafe { (driver.cuMemAlloc_v2)(&mut address, bytes.max(1)) };
        if code == OUT_OF_MEMORY {
            let free = context.memory().map_or(0, |(free, _)| free);
            let gb = |bytes: usize| bytes as f64 / 1e9;
            return Err(Error::new(format!(
                "the card is out of memory: {:.2} GB are wanted at once, {:.2} GB are free",
                gb(bytes),
                gb(free)
            ))
            .cure("lower train.micro_batch, or end what else uses the card (nvidia-smi lists it)"));
        }
        driver.check("take memory of the card", code)?;
        Ok(Memory { context: context.clone(), address, bytes })
    }

    /// All bits zero.
    pub fn zeroed(context: &Rc<Context>, bytes: usize) -> Result<Memory> {
        let memory = Memory::new(context, bytes)?;
        // Safety: the memory is that long.
        let code = unsafe { (context.driver.cuMemsetD8Async)(memory.address, 0, bytes, context.compute.handle) };
        context.driver.check("clear memory of the card", code)?;
        Ok(memory)
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The address `offset` bytes in, of at least `bytes` more.
    pub(super) fn at(&self, offset: usize, bytes: usize) -> Address {
        assert!(offset.checked_add(bytes).is_some_and(|end| end <= self.bytes), "a place lies in its memory");
        self.address + offset as Address
    }

    /// Writes `values` from `offset` bytes on, after all earlier work of the compute stream.
    pub fn write(&self, offset: usize, values: &[f32]) -> Result<()> {
        let (driver, bytes) = (self.context.driver, size_of_val(values));
        let (to, stream) = (self.at(offset, bytes), self.context.compute.handle);
        // Safety: as many bytes as both sides hold; the stream is finished before the values can go.
        let code = unsafe { (driver.cuMemcpyHtoDAsync_v2)(to, values.as_ptr().cast(), bytes, stream) };
        driver.check("copy to the card", code)?;
        self.context.compute.wait()
    }

    /// `count` f32 from `offset` bytes on, after all earlier work of the compute stream.
    pub fn read(&self, offset: usize, count: usize) -> Result<Vec<f32>> {
        let mut values = vec![0f32; count];
        let (driver, bytes) = (self.context.driver, 4 * count);
        let (from, stream) = (self.at(offset, bytes), self.context.compute.handle);
        // Safety: as many bytes as both sides hold; the stream is finished before the values are used.
        let code = unsafe { (driver.cuMemcpyDtoHAsync_v2)(values.as_mut_ptr().cast(), from, bytes, stream) };
        driver.check("copy from the card", code)?;
        self.context.compute.wait()?;
        Ok(values)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // Safety: allocated in `new`, freed once. Work that still uses it is waited for by the driver.
        unsafe { (self.context.driver.cuMemFree_v2)(self.address) };
    }
}

/// Memory of this machine that a card reads and writes by itself while the processor goes on.
pub struct Pinned {
    context: Rc<Context>,
    start: *mut c_void,
    bytes: usize,
}

impl Pinned {
    /// Zeros.
    pub fn new(context: &Rc<Context>, bytes: usize) -> Result<Pinned> {
        let mut start = std::ptr::null_mut();
        let bytes = bytes.max(8);
        // Safety: the pointer outlives the call; freed in `drop`; zeroed before anyone reads it.
        unsafe {
            context.driver.check(
                "take page-locked memory of this machine",
                (context.driver.cuMemHostAlloc)(&mut start, bytes, 0),
            )?;
            std::ptr::write_bytes(start.cast::<u8>(), 0, bytes);
        }
        Ok(Pinned { context: context.clone(), start, bytes })
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// `count` f32 from `offset` bytes on. Whoever asks knows that the card is not at it.
    pub fn floats(&self, offset: usize, count: usize) -> &[f32] {
        assert!(offset.is_multiple_of(4) && offset + 4 * count <= self.bytes, "values lie in their memory");
        // Safety: aligned, initialised and that long; every bit pattern is a float.
        unsafe { std::slice::from_raw_parts(self.start.cast::<u8>().add(offset).cast(), count) }
    }

    /// As [`Pinned::floats`], to be written.
    pub fn floats_mut(&mut self, offset: usize, count: usize) -> &mut [f32] {
        assert!(offset.is_multiple_of(4) && offset + 4 * count <= self.bytes, "values lie in their memory");
        // Safety: as in `floats`, and no one else writes: the caller holds it alone.
        unsafe { std::slice::from_raw_parts_mut(self.start.cast::<u8>().add(offset).cast(), count) }
    }

    /// Starts the copy of its first `bytes` to the beginning of `to`, in that stream.
    pub fn send(&self, bytes: usize, to: &Memory, stream: &Stream) -> Result<()> {
        assert!(bytes <= self.bytes, "no more than there is");
        let driver = self.context.driver;
        // Safety: as many bytes as both sides hold; whoever writes here next waits for the stream first.
        let code = unsafe { (driver.cuMemcpyHtoDAsync_v2)(to.at(0, bytes), self.start, bytes, stream.handle) };
        driver.check("copy to the card", code)
    }

    /// Starts the copy of `bytes` from that address to `offset` here, in that stream.
    pub(super) fn receive(&mut self, offset: usize, from: Address, bytes: usize, stream: &Stream) -> Result<()> {
        assert!(offset + bytes <= self.bytes, "no more than there is room for");
        let driver = self.context.driver;
        // Safety: as many bytes as both sides hold; whoever reads here waits for the stream first.
        let code = unsafe {
            (driver.cuMemcpyDtoHAsync_v2)(self.start.cast::<u8>().add(offset).cast(), from, bytes, stream.handle)
        };
        driver.check("copy from the card", code)
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // Safety: allocated in `new`, freed once.
        unsafe { (self.context.driver.cuMemFreeHost)(self.start) };
    }
}
