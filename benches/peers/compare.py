"""hcwb's training step beside PyTorch's, alternating, on this machine.

    python benches/peers/compare.py [--hcwb target/release/hcwb] [--model cnn1m] [--batch 8] [--threads 2] [--rounds 5]

Every round runs hcwb and PyTorch in both of its memory layouts, each in a process of its own. The
ratio is that of the medians over all rounds, against PyTorch's better layout; under 1, hcwb is faster.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hcwb", default="target/release/hcwb")
    parser.add_argument("--model", default="cnn1m")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    common = ["--model", args.model, "--batch", str(args.batch), "--threads", str(args.threads), "--steps", str(args.steps)]
    peer = [sys.executable, os.path.join(HERE, "train_step.py"), *common, "--layout"]
    commands = {
        "hcwb": [args.hcwb, "bench", "train", *common, "--json"],
        "PyTorch contiguous": peer + ["contiguous"],
        "PyTorch channels-last": peer + ["channels-last"],
    }
    # Freed memory stays in the process: with the default allocator PyTorch pays page faults every step.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "4294967296"}
    medians = {name: [] for name in commands}
    for _ in range(args.rounds):
        for name, command in commands.items():
            env = environment if name.startswith("PyTorch") else None
            out = subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout
            medians[name].append(json.loads(out)["step_seconds"]["median"])
    best = {name: statistics.median(values) for name, values in medians.items()}
    for name, seconds in best.items():
        each = " ".join(f"{v * 1e3:.2f}" for v in medians[name])
        print(f"{name:22} {seconds * 1e3:8.2f} ms a step   (rounds: {each})")
    peer = min(v for name, v in best.items() if name.startswith("PyTorch"))
    print(f"ratio {best['hcwb'] / peer:.2f}   ({args.model}, batch {args.batch}, {args.threads} threads)")


if __name__ == "__main__":
    main()
