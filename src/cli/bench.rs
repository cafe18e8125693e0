//! stand-in until the engine's bench command is merged
#[derive(clap::Args)]
pub struct BenchTrain {}
pub fn bench_train(_b: &BenchTrain) -> crate::Result<()> {
    Ok(())
}
