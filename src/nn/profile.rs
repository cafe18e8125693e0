//! Where the time of a step goes, by kind of layer.

use super::layer::Fused;
use std::collections::BTreeMap;
use std::time::Duration;

/// Seconds by kind of layer, forward and backward.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    seconds: BTreeMap<String, [f64; 2]>,
}

impl Profile {
    pub(super) fn add(&mut self, kind: &str, fused: Fused, backward: bool, time: Duration) {
        let mut name = kind.to_owned();
        for (is, word) in [(fused.batch_norm, " + batch-norm"), (fused.add, " + add"), (fused.relu, " + relu")] {
            if is {
                name.push_str(word);
            }
        }
        self.seconds.entry(name).or_default()[usize::from(backward)] += time.as_secs_f64();
    }

    /// Kind of layer with what is fused to it, seconds forward, seconds backward; the dearest first.
    pub fn rows(&self) -> Vec<(&str, f64, f64)> {
        let mut rows: Vec<_> = self.seconds.iter().map(|(name, [f, b])| (name.as_str(), *f, *b)).collect();
        rows.sort_by(|x, y| (y.1 + y.2).total_cmp(&(x.1 + x.2)));
        rows
    }
}
