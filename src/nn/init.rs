//! Seeded first values; each parameter draws from a stream of its own, so their order does not matter.

use super::graph::NodeId;
use super::network::Network;
use super::parameter::{Init, Parameter, ParameterSpec};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// The first values of a parameter, in the order of the kernels.
pub fn values(name: &str, spec: &ParameterSpec, seed: u64) -> Vec<f32> {
    match spec.init {
        Init::Constant(value) => vec![value; spec.len()],
        Init::GlorotUniform { fan_in, fan_out } => {
            let limit = (6.0 / (fan_in + fan_out) as f64).sqrt();
            let mut stream = stream(name, seed);
            // Drawn in the order of the file, so that no layout of the kernels changes a network.
            let disk: Vec<f32> =
                (0..spec.len()).map(|_| ((stream.random::<f64>() * 2.0 - 1.0) * limit) as f32).collect();
            spec.order.from_disk(&disk)
        }
    }
}

impl Network {
    /// This network with first values instead of learned ones in these nodes: those of [`Network::new`] with that seed.
    pub fn with_fresh(&self, nodes: &[NodeId], seed: u64) -> Network {
        let mut parameters: Vec<Parameter> = self.parameters().to_vec();
        for node in nodes {
            for parameter in &mut parameters[self.own_of(node.index())] {
                parameter.value = values(&parameter.name, &parameter.spec, seed);
            }
        }
        self.computing_alike(Network::with_parameters(self.graph().clone(), parameters))
    }
}

fn stream(name: &str, seed: u64) -> ChaCha8Rng {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(name.as_bytes());
    ChaCha8Rng::from_seed(hash.finalize().into())
}
