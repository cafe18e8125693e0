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

# The build for CPU and NVIDIA cards, on a machine with a CUDA toolkit or without (docs/gpu.md)
cuda:
    cargo build --release

# The kernels' PTX anew, after a change in src/nn/kernel/cuda/kernels (needs Python with pip)
ptx:
    python3 src/nn/kernel/cuda/kernels/make_ptx.py

# Everything about a card: right beside the CPU, fast beside PyTorch, never waiting (--quick, --device, --hc18 DIR)
gpu-check *ARGS:
    cargo build --release
    python3 benches/peers/gpu_check.py {{ARGS}}
