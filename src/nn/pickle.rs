//! Python pickles, as far as files of weights need them: plain values are built, nothing is ever called.
//!
//! Opcodes: `Lib/pickletools.py` of CPython. Values lie in one list and refer to each other by place, so that no file,
//! however deep or circular, takes more memory than a fixed multiple of its length, or the stack.

use super::pth::storage_dtype;
use safetensors::Dtype;
use std::collections::HashMap;
use std::io::Read;

/// A value's place in the list of all.
pub type Place = usize;

/// A value; everything that weights do not need is `Other`.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Text(String),
    Int(i64),
    /// Tuples and lists.
    Items(Vec<Place>),
    Pairs(Vec<(Place, Place)>),
    /// `module.name`.
    Class(String),
    Storage {
        key: String,
        dtype: Dtype,
    },
    Tensor(Tensor),
    Other,
}

/// A tensor as a view of a storage; offset and strides in elements.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    pub storage: String,
    pub dtype: Dtype,
    pub offset: usize,
    pub shape: Vec<usize>,
    pub stride: Vec<usize>,
}

impl Tensor {
    /// Of its own values; nothing where no memory could hold them.
    pub fn bytes(&self) -> Option<u64> {
        let count = self.shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d as u64));
        count?.checked_mul(self.dtype.bitsize() as u64 / 8)
    }
}

/// What one pickle holds.
#[derive(Debug)]
pub struct Pickle {
    values: Vec<Value>,
    root: Place,
    storages: HashMap<String, Dtype>,
}

impl Pickle {
    /// Reads one pickle, to its end mark and no further.
    pub fn read(from: &mut impl Read) -> Result<Pickle, String> {
        let mut machine =
            Machine { from, values: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
        while machine.step()? {}
        let root = machine.pop()?;
        let storages = machine.values.iter().filter_map(|value| match value {
            Value::Storage { key, dtype } => Some((key.clone(), *dtype)),
            _ => None,
        });
        Ok(Pickle { storages: storages.collect(), values: machine.values, root })
    }

    pub fn root(&self) -> Place {
        self.root
    }
    pub fn get(&self, place: Place) -> &Value {
        &self.values[place]
    }
    /// Element types of the storages, by key.
    pub fn storages(&self) -> &HashMap<String, Dtype> {
        &self.storages
    }
    /// The items of a tuple or list; none of anything else.
    pub fn items(&self, place: Place) -> &[Place] {
        if let Value::Items(items) = self.get(place) { items } else { &[] }
    }
    /// The pairs of a dictionary; none of anything else.
    pub fn pairs(&self, place: Place) -> &[(Place, Place)] {
        if let Value::Pairs(pairs) = self.get(place) { pairs } else { &[] }
    }
    /// What a dictionary has under `name`.
    pub fn entry(&self, place: Place, name: &str) -> Option<Place> {
        let named = |key: Place| matches!(self.get(key), Value::Text(text) if text == name);
        self.pairs(place).iter().find(|(key, _)| named(*key)).map(|(_, value)| *value)
    }
}

struct Machine<'a, R> {
    from: &'a mut R,
    values: Vec<Value>,
    stack: Vec<Place>,
    marks: Vec<usize>,
    memo: HashMap<u32, Place>,
}

impl<R: Read> Machine<'_, R> {
    /// One opcode; `false` at the end mark.
    fn step(&mut self) -> Result<bool, String> {
        match self.byte()? {
            0x80 => drop(self.byte()?),                    // PROTO
            0x95 => drop(self.bytes::<8>()?),              // FRAME
            b'.' => return Ok(false),                      // STOP
            b'N' | 0x88 | 0x89 => self.push(Value::Other), // None, True, False
            b'G' => {
                self.bytes::<8>()?;
                self.push(Value::Other);
            }
            b'K' => {
                let n = self.byte()?;
                self.push(Value::Int(n.into()));
            }
            b'M' => {
                let n = u16::from_le_bytes(self.bytes()?);
                self.push(Value::Int(n.into()));
            }
            b'J' => {
                let n = i32::from_le_bytes(self.bytes()?);
                self.push(Value::Int(n.into()));
            }
            0x8a => {
                let length = self.byte()?;
                let bytes = self.many(length.into())?;
                self.push(long(&bytes));
            }
            b'X' | b'T' => {
                let length = u32::from_le_bytes(self.bytes()?);
                self.push_text(length)?;
            }
            0x8c | b'U' => {
                let length = self.byte()?;
                self.push_text(length.into())?;
            }
            b'B' => {
                let length = u32::from_le_bytes(self.bytes()?);
                self.many(length)?;
                self.push(Value::Other);
            }
            b'C' => {
                let length = self.byte()?;
                self.many(length.into())?;
                self.push(Value::Other);
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Value::Class(format!("{module}.{name}")));
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let class = match (&self.values[module], &self.values[name]) {
                    // Longer names than any in Python would let a small file take much memory, copied again and again.
                    (Value::Text(module), Value::Text(name)) if module.len() + name.len() < LONGEST_NAME => {
                        Value::Class(format!("{module}.{name}"))
                    }
                    _ => Value::Other,
                };
                self.push(class);
            }
            b'(' => self.marks.push(self.stack.len()),
            b']' | b')' | 0x8f => self.push(Value::Items(Vec::new())),
            b'}' => self.push(Value::Pairs(Vec::new())),
            b't' | b'l' | 0x91 => {
                let items = self.pop_to_mark()?;
                self.push(Value::Items(items));
            }
            b'd' => {
                let items = self.pop_to_mark()?;
                self.push(Value::Pairs(items.as_chunks::<2>().0.iter().map(|[k, v]| (*k, *v)).collect()));
            }
            count @ 0x85..=0x87 => {
                let first = self.stack.len().checked_sub(usize::from(count - 0x84)).ok_or(EMPTY)?;
                let items = self.stack.split_off(first);
                self.push(Value::Items(items));
            }
            b'a' => {
                let item = self.pop()?;
                self.append(&[item])?;
            }
            b'e' | 0x90 => {
                let items = self.pop_to_mark()?;
                self.append(&items)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.insert(&[key, value])?;
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.insert(&items)?;
            }
            b'q' => {
                let name = self.byte()?.into();
                self.keep(name)?;
            }
            b'r' => {
                let name = u32::from_le_bytes(self.bytes()?);
                self.keep(name)?;
            }
            0x94 => self.keep(self.memo.len() as u32)?,
            b'h' => {
                let name = self.byte()?.into();
                self.recall(name)?;
            }
            b'j' => {
                let name = u32::from_le_bytes(self.bytes()?);
                self.recall(name)?;
            }
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_to_mark()?),
            b'2' => self.stack.push(*self.stack.last().ok_or(EMPTY)?),
            b'Q' => {
                let id = self.pop()?;
                let storage = self.storage(id);
                self.push(storage);
            }
            b'R' | 0x81 => {
                let (arguments, class) = (self.pop()?, self.pop()?);
                let made = self.make(class, arguments);
                self.push(made);
            }
            // The state of an object: nothing that weights need.
            b'b' => drop(self.pop()?),
            other => return Err(format!("this is no pickle of weights (opcode {other:#04x})")),
        }
        Ok(true)
    }

    fn byte(&mut self) -> Result<u8, String> {
        self.bytes::<1>().map(|[byte]| byte)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut bytes = [0; N];
        self.from.read_exact(&mut bytes).map_err(|_| "its pickle is cut short".to_owned())?;
        Ok(bytes)
    }

    /// Grows with what is there, not with what is claimed.
    fn many(&mut self, length: u32) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let read = self.from.by_ref().take(length.into()).read_to_end(&mut bytes);
        if read.is_ok_and(|n| n == length as usize) { Ok(bytes) } else { Err("its pickle is cut short".into()) }
    }

    fn line(&mut self) -> Result<String, String> {
        let mut bytes = Vec::new();
        loop {
            match self.byte()? {
                b'\n' => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
                byte => bytes.push(byte),
            }
        }
    }

    fn push(&mut self, value: Value) {
        self.stack.push(self.values.len());
        self.values.push(value);
    }

    fn push_text(&mut self, length: u32) -> Result<(), String> {
        let bytes = self.many(length)?;
        self.push(Value::Text(String::from_utf8_lossy(&bytes).into_owned()));
        Ok(())
    }

    fn pop(&mut self) -> Result<Place, String> {
        Ok(self.stack.pop().ok_or(EMPTY)?)
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Place>, String> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len()).ok_or(EMPTY)?;
        Ok(self.stack.split_off(mark))
    }

    fn append(&mut self, items: &[Place]) -> Result<(), String> {
        let list = *self.stack.last().ok_or(EMPTY)?;
        if let Value::Items(all) = &mut self.values[list] {
            all.extend_from_slice(items);
        }
        Ok(())
    }

    fn insert(&mut self, items: &[Place]) -> Result<(), String> {
        let dictionary = *self.stack.last().ok_or(EMPTY)?;
        if let Value::Pairs(all) = &mut self.values[dictionary] {
            all.extend(items.as_chunks::<2>().0.iter().map(|[key, value]| (*key, *value)));
        }
        Ok(())
    }

    fn keep(&mut self, name: u32) -> Result<(), String> {
        self.memo.insert(name, *self.stack.last().ok_or(EMPTY)?);
        Ok(())
    }

    fn recall(&mut self, name: u32) -> Result<(), String> {
        self.stack.push(*self.memo.get(&name).ok_or("its pickle refers to what is not there")?);
        Ok(())
    }

    fn items(&self, place: Place) -> &[Place] {
        if let Value::Items(items) = &self.values[place] { items } else { &[] }
    }

    /// From ("storage", class, key, device, length ...).
    fn storage(&self, id: Place) -> Value {
        let [_, class, key, ..] = self.items(id) else { return Value::Other };
        match (&self.values[*class], &self.values[*key]) {
            (Value::Class(class), Value::Text(key)) if key.len() < LONGEST_NAME => match storage_dtype(class) {
                Some(dtype) => Value::Storage { key: key.clone(), dtype },
                None => Value::Other,
            },
            _ => Value::Other,
        }
    }

    /// What Python would make by calling `class`: dictionaries and tensors; everything else is left unmade.
    fn make(&self, class: Place, arguments: Place) -> Value {
        let Value::Class(class) = &self.values[class] else { return Value::Other };
        match (class.as_str(), self.items(arguments)) {
            ("collections.OrderedDict" | "collections.defaultdict", _) => Value::Pairs(Vec::new()),
            ("torch._utils._rebuild_tensor_v2", [storage, offset, shape, stride, ..]) => {
                self.tensor(*storage, *offset, *shape, *stride).map_or(Value::Other, Value::Tensor)
            }
            ("torch._utils._rebuild_parameter", [tensor, ..]) => match &self.values[*tensor] {
                Value::Tensor(tensor) => Value::Tensor(tensor.clone()),
                _ => Value::Other,
            },
            // (function, type, arguments, state): a tensor of a class of its own.
            ("torch._tensor._rebuild_from_type_v2", [function, _, arguments, ..]) if matches!(&self.values[*function], Value::Class(c) if c == "torch._utils._rebuild_tensor_v2") => {
                self.make(*function, *arguments)
            }
            _ => Value::Other,
        }
    }

    fn tensor(&self, storage: Place, offset: Place, shape: Place, stride: Place) -> Option<Tensor> {
        let Value::Storage { key, dtype } = &self.values[storage] else { return None };
        let number = |place: Place| match self.values[place] {
            Value::Int(n) => usize::try_from(n).ok(),
            _ => None,
        };
        let numbers = |place: Place| match &self.values[place] {
            Value::Items(items) if items.len() <= 8 => items.iter().map(|i| number(*i)).collect::<Option<Vec<_>>>(),
            _ => None,
        };
        let (offset, shape, stride) = (number(offset)?, numbers(shape)?, numbers(stride)?);
        (shape.len() == stride.len()).then(|| Tensor { storage: key.clone(), dtype: *dtype, offset, shape, stride })
    }
}

/// Of a class or a storage, in bytes.
const LONGEST_NAME: usize = 256;
const EMPTY: &str = "its pickle takes more than it gave";

/// A number of so many bytes, least first, the last one with the sign.
fn long(bytes: &[u8]) -> Value {
    if bytes.len() > 8 {
        return Value::Other;
    }
    let sign = if bytes.last().is_some_and(|b| *b >= 0x80) { 0xff } else { 0 };
    let mut wide = [sign; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    Value::Int(i64::from_le_bytes(wide))
}
