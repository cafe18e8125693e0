//! Whether a recipe's training fits into memory, and what would.

use crate::error::{Error, Result};
#[cfg(feature = "cuda")]
use crate::nn::Precision;
#[cfg(feature = "cuda")]
use crate::nn::kernel::cuda::context::Context;
#[cfg(feature = "cuda")]
use crate::nn::memory::card_bytes;
use crate::nn::memory::training_bytes;
use crate::nn::{Device, Graph};
use crate::recipe::Recipe;

/// Fails where a step would take more memory than is to be had on `device`, and says what fits: which
/// `train.micro_batch`, and on a card which precision.
pub fn check(recipe: &Recipe, graph: &Graph, device: Device) -> Result<()> {
    match device {
        Device::Cpu => {
            let optimizer = recipe.train.optimizer.parse()?;
            let bytes = |batch| training_bytes(graph, batch, optimizer);
            // Where the system does not say, the attempt has to show it.
            available_bytes().map_or(Ok(()), |available| check_against(recipe, available, &bytes, None))
        }
        #[cfg(feature = "cuda")]
        Device::Cuda(index) => check_card(recipe, graph, Context::open(index)?.memory()?.0 as u64),
        #[cfg(not(feature = "cuda"))]
        Device::Cuda(_) => Ok(()),
    }
}

/// Before a run waits for its turn: as [`check`], but on a card against all of its memory, since what another run
/// uses now will be free by then.
pub fn check_launch(recipe: &Recipe, graph: &Graph, device: Device) -> Result<()> {
    match device.card() {
        None => check(recipe, graph, Device::Cpu),
        #[cfg(feature = "cuda")]
        Some(card) => check_card(recipe, graph, card.memory_bytes),
        #[cfg(not(feature = "cuda"))]
        Some(_) => Ok(()),
    }
}

/// What a step takes on `device`, about.
pub fn step_bytes(recipe: &Recipe, graph: &Graph, device: Device) -> Result<u64> {
    let (batch, optimizer) = (recipe.train.at_once(), recipe.train.optimizer.parse()?);
    match device {
        #[cfg(feature = "cuda")]
        Device::Cuda(_) => Ok(card_bytes(graph, batch, optimizer, recipe.train.precision.parse()?)),
        _ => Ok(training_bytes(graph, batch, optimizer)),
    }
}

#[cfg(feature = "cuda")]
fn check_card(recipe: &Recipe, graph: &Graph, available: u64) -> Result<()> {
    let optimizer = recipe.train.optimizer.parse()?;
    let precision: Precision = recipe.train.precision.parse()?;
    let bytes = |batch| card_bytes(graph, batch, optimizer, precision);
    let narrow =
        (precision != Precision::Bf16).then(|| card_bytes(graph, recipe.train.at_once(), optimizer, Precision::Bf16));
    check_against(recipe, available, &bytes, narrow)
}

/// `bytes` of a batch; `in_bf16`: those of the whole batch in that precision, where it is another.
fn check_against(recipe: &Recipe, available: u64, bytes: &dyn Fn(usize) -> u64, in_bf16: Option<u64>) -> Result<()> {
    let at_once = recipe.train.at_once();
    let needed = bytes(at_once);
    if needed <= available {
        return Ok(());
    }
    // Twice as many samples take at most twice the memory, so the largest that fits is found by halving.
    let (mut fits, mut too_many) = (0, at_once);
    while fits + 1 < too_many {
        let middle = (fits + too_many) / 2;
        if bytes(middle) <= available { fits = middle } else { too_many = middle }
    }
    let mut cure = match fits {
        0 => "use a smaller network or smaller images: not even one image fits".to_owned(),
        n => format!(
            "set train.micro_batch={n}: {:.1} GB, the same batch in {} parts",
            gb(bytes(n)),
            recipe.train.batch.div_ceil(n)
        ),
    };
    if let Some(narrow) = in_bf16.filter(|b| *b <= available) {
        cure += &format!("; or train.precision=bf16: {:.1} GB", gb(narrow));
    }
    Err(Error::new(format!(
        "a step of {} on {at_once} images takes about {:.1} GB, and {:.1} GB are free",
        recipe.model.name,
        gb(needed),
        gb(available)
    ))
    .cure(cure))
}

fn gb(bytes: u64) -> f64 {
    bytes as f64 / 1e9
}

/// What the system, or the control group this process lives in, could still give.
fn available_bytes() -> Option<u64> {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let of_system = Some(system.available_memory()).filter(|b| *b > 0)?;
    Some(match system.cgroup_limits() {
        Some(limits) => of_system.min(limits.free_memory.max(limits.total_memory.saturating_sub(limits.rss))),
        None => of_system,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_large_a_batch_is_refused_with_the_largest_micro_batch_that_fits() {
        let mut recipe = Recipe::default();
        recipe.set("model.name", "cnn1m").unwrap();
        recipe.set("train.batch", "4096").unwrap();
        let graph = recipe.graph().unwrap();
        let optimizer = recipe.train.optimizer.parse().unwrap();
        let bytes = |batch| training_bytes(&graph, batch, optimizer);
        let check = |recipe: &Recipe, available| check_against(recipe, available, &bytes, None);
        check(&recipe, bytes(4096)).unwrap();
        let error = check(&recipe, bytes(100) + 1).unwrap_err();
        assert!(error.what.contains("4096 images"), "{error}");
        assert!(error.cure.as_ref().unwrap().starts_with("set train.micro_batch=100:"), "{error}");
        recipe.set("train.micro_batch", "100").unwrap();
        check(&recipe, bytes(100)).unwrap();
        let error = check(&recipe, 1).unwrap_err();
        assert!(error.cure.unwrap().contains("not even one image"));
        let error = check_against(&recipe, bytes(10), &bytes, Some(bytes(10))).unwrap_err();
        assert!(error.cure.as_ref().unwrap().contains("; or train.precision=bf16: "), "{error:?}");
    }

    #[test]
    fn this_machine_says_how_much_memory_is_free_where_it_runs_linux() {
        if cfg!(target_os = "linux") {
            assert!(available_bytes().unwrap() > 1 << 20);
        }
    }
}
