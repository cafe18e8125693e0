# List the recipes
default:
    @just --list

# Open the workbench
run *ARGS:
    cargo run --release -- {{ARGS}}

# Phantom data, a small network, watched live
demo *ARGS:
    cargo run --release -- demo {{ARGS}}

# Everything that is tested
test *ARGS:
    cargo test {{ARGS}}

# Formatting and lints
lint:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings

# Benchmarks of the engine and of the data room
bench *ARGS:
    cargo bench {{ARGS}}

# Training steps beside PyTorch's, in turn: ratios of time and memory (needs Python with torch)
bench-peers *ARGS:
    cargo build --release
    python3 benches/peers/compare.py {{ARGS}}

# The CUDA build (not there yet: docs/decisions.md)
cuda:
    @echo "This version trains on the CPU only; the CUDA build comes with the feature of that name."
    @exit 1
