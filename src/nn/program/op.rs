//! One piece of work for a card: a kernel's launch, a convolution or a copy, on places in its memory.

use crate::nn::kernel::cpu::ConvShape;

/// How an activation is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    F32,
    Bf16,
}

impl Element {
    pub fn bytes(self) -> usize {
        match self {
            Element::F32 => 4,
            Element::Bf16 => 2,
        }
    }
    /// The end of a kernel's name.
    fn suffix(self) -> &'static str {
        match self {
            Element::F32 => "f32",
            Element::Bf16 => "bf16",
        }
    }
}

/// Which of a convolution's three products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The output.
    Forward,
    /// The gradient towards the input.
    Data,
    /// The gradient of the filter.
    Filter,
}

/// A convolution on channels-last images or volumes; the filter is (out, kd, kh, kw, in), of the
/// activations' element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Convolution {
    pub direction: Direction,
    pub shape: ConvShape,
    pub element: Element,
    /// Products of f32 may be rounded to TF32.
    pub tf32: bool,
    /// Only algorithms whose result is bit-equal every time, chosen by rule and not by timing.
    pub deterministic: bool,
}

/// A stretch of a card's memory that lives longer than one program's run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Region {
    /// Every parameter, f32.
    Weights,
    /// The same in bf16, for products.
    Narrow,
    /// Gradients of the trained parameters, f32.
    Grads,
    /// What the optimizer remembers of each: its mean or velocity.
    First,
    /// The mean of its square.
    Second,
}

/// An address that is known only once the card's memory is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Byte offset in a region.
    In(Region, usize),
    /// A slot of the program's own memory.
    Slot(usize),
    /// No address: the kernel does without.
    Null,
}

/// One field of a kernel's argument struct.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arg {
    At(Place),
    I32(i32),
    I64(i64),
    U64(u64),
    F32(f32),
    F64(f64),
}

impl From<Place> for Arg {
    fn from(place: Place) -> Arg {
        Arg::At(place)
    }
}

/// A kernel's launch; its arguments are one struct, in the order of the fields.
#[derive(Clone, Debug)]
pub struct Launch {
    pub kernel: String,
    pub grid: [u32; 2],
    pub block: [u32; 2],
    pub args: Vec<Arg>,
}

#[derive(Clone, Debug)]
pub enum Op {
    Launch(Launch),
    Convolve { convolution: Convolution, x: Place, w: Place, y: Place },
    Copy { from: Place, to: Place, bytes: usize },
}

impl Op {
    /// The places it reads or writes.
    pub fn places(&self) -> Vec<Place> {
        match self {
            Op::Launch(launch) => {
                launch.args.iter().filter_map(|a| if let Arg::At(p) = a { Some(*p) } else { None }).collect()
            }
            Op::Convolve { x, w, y, .. } => vec![*x, *w, *y],
            Op::Copy { from, to, .. } => vec![*from, *to],
        }
    }
}

/// `bias_act_bf16`.
pub fn typed(kernel: &str, element: Element) -> String {
    format!("{kernel}_{}", element.suffix())
}

/// The C struct of the arguments: each field at a multiple of its size, the whole at one of 8 bytes.
pub fn pack(args: &[Arg], address: impl Fn(Place) -> u64) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::new();
    let mut put = |field: &[u8]| {
        bytes.resize(bytes.len().next_multiple_of(field.len()), 0);
        bytes.extend(field);
    };
    for arg in args {
        match *arg {
            Arg::At(place) => put(&address(place).to_le_bytes()),
            Arg::I32(v) => put(&v.to_le_bytes()),
            Arg::I64(v) => put(&v.to_le_bytes()),
            Arg::U64(v) => put(&v.to_le_bytes()),
            Arg::F32(v) => put(&v.to_le_bytes()),
            Arg::F64(v) => put(&v.to_le_bytes()),
        }
    }
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_lie_as_a_c_compiler_lays_out_their_struct() {
        let args = [Arg::I32(1), Arg::At(Place::Null), Arg::I32(2), Arg::I32(3), Arg::F32(1.0)];
        let bytes = pack(&args, |_| 0x0102_0304_0506_0708);
        assert_eq!(bytes.len(), 32);
        assert_eq!(bytes[..4], 1i32.to_le_bytes());
        assert_eq!(bytes[8..16], 0x0102_0304_0506_0708u64.to_le_bytes());
        assert_eq!(bytes[16..24], [2i32.to_le_bytes(), 3i32.to_le_bytes()].concat());
        assert_eq!(bytes[24..28], 1f32.to_le_bytes());
    }
}
