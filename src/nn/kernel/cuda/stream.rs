//! Streams, in which a card works in order, and the events that mark places in them.

use super::context::Context;
use super::driver::{Driver, Handle};
use crate::error::Result;
use std::rc::Rc;

/// Streams that do not wait for the one that other libraries use by default.
const NON_BLOCKING: u32 = 1;

/// Work in order; destroyed with its context.
pub struct Stream {
    driver: &'static Driver,
    pub(super) handle: Handle,
}

impl Stream {
    pub(super) fn new(driver: &'static Driver) -> Result<Stream> {
        let mut handle = std::ptr::null_mut();
        // Safety: the pointer outlives the call.
        driver.check("make a stream", unsafe { (driver.cuStreamCreate)(&mut handle, NON_BLOCKING) })?;
        Ok(Stream { driver, handle })
    }

    /// Until all its work is done.
    pub fn wait(&self) -> Result<()> {
        // Safety: a stream of this thread's context.
        self.driver.check("finish the card's work", unsafe { (self.driver.cuStreamSynchronize)(self.handle) })
    }

    /// What comes next in this stream waits for the event.
    pub fn wait_for(&self, event: &Event) -> Result<()> {
        // Safety: both are of this thread's context.
        self.driver
            .check("order the card's work", unsafe { (self.driver.cuStreamWaitEvent)(self.handle, event.handle, 0) })
    }
}

/// A mark in a stream.
pub struct Event {
    context: Rc<Context>,
    handle: Handle,
}

impl Event {
    /// One that can tell the time between it and another.
    pub fn new(context: &Rc<Context>) -> Result<Event> {
        let mut handle = std::ptr::null_mut();
        // Safety: the pointer outlives the call.
        context.driver.check("make an event", unsafe { (context.driver.cuEventCreate)(&mut handle, 0) })?;
        Ok(Event { context: context.clone(), handle })
    }

    /// Marks all that the stream was given so far.
    pub fn record(&self, stream: &Stream) -> Result<()> {
        // Safety: both are of this thread's context.
        self.context
            .driver
            .check("mark the card's work", unsafe { (self.context.driver.cuEventRecord)(self.handle, stream.handle) })
    }

    /// Until what it marks is done.
    pub fn wait(&self) -> Result<()> {
        // Safety: an event of this thread's context.
        self.context
            .driver
            .check("finish the card's work", unsafe { (self.context.driver.cuEventSynchronize)(self.handle) })
    }

    /// Seconds from `earlier` to this; both are done.
    pub fn seconds_since(&self, earlier: &Event) -> Result<f64> {
        let mut milliseconds = 0f32;
        let driver = self.context.driver;
        // Safety: both are of this thread's context, the pointer outlives the call.
        let code = unsafe { (driver.cuEventElapsedTime)(&mut milliseconds, earlier.handle, self.handle) };
        driver.check("time the card's work", code)?;
        Ok(f64::from(milliseconds) / 1e3)
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // Safety: made in `new`, destroyed once.
        unsafe { (self.context.driver.cuEventDestroy_v2)(self.handle) };
    }
}
