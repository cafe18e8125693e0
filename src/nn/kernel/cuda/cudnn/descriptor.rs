//! A descriptor of cuDNN's graph API, owned: created, given its attributes, finalized, read, destroyed.

use super::super::driver::{Address, Handle};
use super::ffi::{Functions, value};
use crate::error::Result;
use std::ffi::{c_int, c_void};

/// What cuDNN calls a backend descriptor. It may refer to others, which its owner keeps alive as long.
pub struct Descriptor {
    functions: &'static Functions,
    raw: Handle,
}

impl Descriptor {
    /// An empty descriptor of that [`kind`](super::ffi::kind).
    pub fn new(functions: &'static Functions, kind: c_int) -> Result<Descriptor> {
        let mut raw = std::ptr::null_mut();
        // Safety: `raw` outlives the call.
        let status = unsafe { (functions.cudnnBackendCreateDescriptor)(kind, &mut raw) };
        functions.check(&format!("make a descriptor of kind {kind}"), status)?;
        Ok(Descriptor { functions, raw })
    }

    pub fn raw(&self) -> Handle {
        self.raw
    }

    pub fn integers(self, name: c_int, values: &[i64]) -> Result<Descriptor> {
        self.set(name, value::INT64, values)
    }

    pub fn float(self, name: c_int, value: f32) -> Result<Descriptor> {
        self.set(name, value::FLOAT, &[value])
    }

    /// A value of one of cuDNN's enumerations, which are C integers all; `kind` says of which.
    pub fn code(self, name: c_int, kind: c_int, code: c_int) -> Result<Descriptor> {
        self.set(name, kind, &[code])
    }

    pub fn handle(self, name: c_int, handle: Handle) -> Result<Descriptor> {
        self.set(name, value::HANDLE, &[handle])
    }

    pub fn addresses(self, name: c_int, addresses: &[Address]) -> Result<Descriptor> {
        self.set(name, value::POINTER, addresses)
    }

    pub fn descriptor(self, name: c_int, other: &Descriptor) -> Result<Descriptor> {
        self.set(name, value::DESCRIPTOR, &[other.raw])
    }

    /// `kind` is that of `T`.
    fn set<T>(self, name: c_int, kind: c_int, values: &[T]) -> Result<Descriptor> {
        let (count, values) = (values.len() as i64, values.as_ptr().cast::<c_void>());
        // Safety: `count` values of the kind's type; cuDNN copies them.
        let status = unsafe { (self.functions.cudnnBackendSetAttribute)(self.raw, name, kind, count, values) };
        self.functions.check(&format!("take attribute {name}"), status)?;
        Ok(self)
    }

    /// Lets cuDNN check the attributes; they cannot be changed any more. `what` completes "cuDNN cannot accept …".
    pub fn finalize(self, what: &str) -> Result<Descriptor> {
        // Safety: a live descriptor.
        let status = unsafe { (self.functions.cudnnBackendFinalize)(self.raw) };
        self.functions.check(&format!("accept {what}"), status)?;
        Ok(self)
    }

    pub fn read_integer(&self, name: c_int) -> Result<i64> {
        let mut value = [0_i64];
        self.get(name, value::INT64, &mut value)?;
        Ok(value[0])
    }

    /// Codes of an enumeration, as many as there are, `most` at most; 1 where there is always one.
    pub fn read_codes(&self, name: c_int, kind: c_int, most: usize) -> Result<Vec<c_int>> {
        let mut codes = vec![0; most];
        let count = self.get(name, kind, &mut codes)?;
        codes.truncate(count);
        Ok(codes)
    }

    /// How many values there are. cuDNN does not count every attribute's.
    pub fn count(&self, name: c_int, kind: c_int) -> Result<usize> {
        self.get::<c_int>(name, kind, &mut [])
    }

    /// The descriptors of that kind under `name`, as many as there are, `most` at most.
    pub fn read_descriptors(&self, name: c_int, kind: c_int, most: usize) -> Result<Vec<Descriptor>> {
        // cuDNN fills descriptors that the caller has made.
        let mut found = (0..most).map(|_| Descriptor::new(self.functions, kind)).collect::<Result<Vec<_>>>()?;
        let mut handles: Vec<Handle> = found.iter().map(Descriptor::raw).collect();
        found.truncate(self.get(name, value::DESCRIPTOR, &mut handles)?);
        Ok(found)
    }

    /// How many values there are, at most as many as there is room for; without room, how many there are in all.
    fn get<T>(&self, name: c_int, kind: c_int, room: &mut [T]) -> Result<usize> {
        let mut count = 0;
        let values = if room.is_empty() { std::ptr::null_mut() } else { room.as_mut_ptr().cast::<c_void>() };
        let length = room.len() as i64;
        // Safety: cuDNN writes `length` values of the kind's type at most, and one count.
        let status =
            unsafe { (self.functions.cudnnBackendGetAttribute)(self.raw, name, kind, length, &mut count, values) };
        self.functions.check(&format!("say its attribute {name}"), status)?;
        let count = usize::try_from(count).unwrap_or(0);
        Ok(if room.is_empty() { count } else { count.min(room.len()) })
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // Safety: created by `new`, destroyed once. Nothing can be done about a failure.
        unsafe { (self.functions.cudnnBackendDestroyDescriptor)(self.raw) };
    }
}
