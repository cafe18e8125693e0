"""hcwb's training step beside PyTorch's, alternating, on this machine.

    python benches/peers/compare.py [--hcwb target/release/hcwb] [--models cnn1m,unet] [--batch 8] [--threads 2]
                                    [--precision f32] [--isa avx2] [--rounds 3]

Every round runs hcwb and PyTorch in both of its memory layouts, each in a process of its own. The
ratio is that of the medians over all rounds, against PyTorch's better layout; under 1, hcwb is faster.
Peak memory is compared with the layout that needs less. `--isa avx2` holds both sides to AVX2.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
# Freed memory stays in the process: with the default allocator PyTorch pays page faults every step.
TUNED = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "4294967296"}
AVX2 = {"HCWB_CPU": "avx2", "ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "DNNL_MAX_CPU_ISA": "AVX2"}


def compare(model, args, steps):
    common = ["--model", model, "--batch", str(args.batch), "--threads", str(args.threads), "--steps", str(steps),
              "--precision", args.precision]
    peer = [sys.executable, os.path.join(HERE, "train_step.py"), *common, "--layout"]
    commands = {
        "hcwb": [args.hcwb, "bench", "train", *common, "--json"],
        "PyTorch contiguous": peer + ["contiguous"],
        "PyTorch channels-last": peer + ["channels-last"],
    }
    held = AVX2 if args.isa == "avx2" else {}
    seconds, memory = {name: [] for name in commands}, {name: [] for name in commands}
    for _ in range(args.rounds):
        for name, command in commands.items():
            env = {**os.environ, **held, **(TUNED if name.startswith("PyTorch") else {})}
            out = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout)
            seconds[name].append(out["step_seconds"]["median"])
            memory[name].append(out["peak_rss_bytes"] / 1e6)
    print(f"{model}, batch {args.batch}, {args.threads} threads, {args.precision}{', AVX2' if held else ''}")
    for name in commands:
        each = " ".join(f"{v * 1e3:.2f}" for v in seconds[name])
        print(f"  {name:22} {statistics.median(seconds[name]) * 1e3:8.2f} ms a step, {statistics.median(memory[name]):6.0f} MB   (rounds: {each})")
    ratio = lambda of: statistics.median(of["hcwb"]) / min(statistics.median(v) for n, v in of.items() if n != "hcwb")
    print(f"  ratio {ratio(seconds):.2f} of the time, {ratio(memory):.2f} of the memory", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hcwb", default="target/release/hcwb")
    parser.add_argument("--models", default="cnn1m,cnn1m-as-drawn,unet,reg-vgg16,reg-resnet50,cardiac-vgg3d")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--steps", type=int, default=0, help="timed steps a process; 0: by the network's size")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", default="f32")
    parser.add_argument("--isa", choices=["all", "avx2"], default="all")
    args = parser.parse_args()
    for model in args.models.split(","):
        compare(model, args, args.steps or (40 if model.startswith("cnn") else 5))


if __name__ == "__main__":
    main()
