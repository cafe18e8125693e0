//! Why a network said so: analyzers give each input value its share in the output.

pub mod gradient;
