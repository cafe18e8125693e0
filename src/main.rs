//! Parse, run, exit code.

fn main() -> std::process::ExitCode {
    hcwb::cli::main()
}
