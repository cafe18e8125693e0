//! Run ids: they sort by time and say what they are, `20261121-0315-reg-resnet50-mae-f0-k3x9`.

use jiff::Timestamp;
use rand::Rng;

/// The id of a run of `recipe`, begun at `now` (UTC); the last four characters keep equal ones apart.
pub fn new(now: Timestamp, recipe: &str, loss: &str, fold: usize) -> String {
    const ALPHABET: &[u8] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut rng = rand::rng();
    let tail: String = (0..4).map(|_| ALPHABET[rng.random_range(0..ALPHABET.len())] as char).collect();
    format!("{}-{recipe}-{loss}-f{fold}-{tail}", now.strftime("%Y%m%d-%H%M"))
}
