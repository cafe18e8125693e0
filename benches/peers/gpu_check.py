"""Everything that is to be known of a card: right, fast, never waiting. One command, one table.

    python benches/peers/gpu_check.py [--hcwb target/release/hcwb] [--device cuda:0] [--quick]
    just gpu-check

1. `hcwb bench check`: every layer, whole networks and trainings beside the CPU.
2. Training steps beside PyTorch (eager, mixed bf16, channels-last, cudnn.benchmark), in turn, three times; the share of
   the card's measured bf16 peak; the time between steps by the card's clock.
3. A whole epoch of a run on prepared data: its images a second beside the bench's, and its seconds. Data: HC18 where
   --hc18 names its folder, else 600 phantoms.

Without PyTorch the ratios are left out, and said to be.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
# Model, batch, and the recipe whose epochs are timed.
STEPS = [("reg-resnet50", 64, "reg-resnet50"), ("reg-vgg16", 64, "reg-vgg16"), ("unet", 32, None)]
# To try this script itself, on the simulated card for instance.
QUICK = [("cnn263k", 4, "reg-cnn263k")]


def run(command, **more):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **more)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr.strip()[-800:]}")
    return done.stdout


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hcwb", type=pathlib.Path, default=pathlib.Path("target/release/hcwb"))
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--hc18", type=pathlib.Path)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--quick", action="store_true", help="smaller checks, one small network, few images")
    args = parser.parse_args()
    try:
        import torch
        peer = torch.__version__ if torch.cuda.is_available() else None
    except ImportError:
        peer = None
    failed = []

    print("1. Beside the CPU", flush=True)
    check = [args.hcwb, "bench", "check", "--device", args.device] + (["--quick"] if args.quick else [])
    if subprocess.run([str(c) for c in check]).returncode != 0:
        failed.append("the comparison with the CPU")

    print(f"\n2. Steps in bf16, beside PyTorch {peer or '(not there, or without CUDA: ratios left out)'}", flush=True)
    print(f"{'model':14} {'batch':>5} {'ms':>8} {'PyTorch ms':>11} {'ratio':>6} {'peak':>6} {'gap ms':>7} {'GB':>6}")
    rates = {}
    for model, batch, recipe in QUICK if args.quick else STEPS:
        ours, theirs = [], []
        for _ in range(1 if args.quick else 3):
            found = json.loads(run([args.hcwb, "bench", "train", "--model", model, "--batch", batch, "--precision",
                                    "bf16", "--device", args.device, "--steps", args.steps, "--json"]))
            ours.append(found["step_seconds"]["median"])
            if peer:
                theirs.append(json.loads(run([sys.executable, HERE / "train_step.py", "--model", model, "--batch", batch,
                                              "--precision", "bf16", "--device", args.device, "--steps", args.steps]))
                              ["step_seconds"]["median"])
        mine = statistics.median(ours)
        ratio = mine / statistics.median(theirs) if theirs else None
        if recipe:
            rates[recipe] = (batch, batch / mine)
        if ratio and ratio > 1.0:
            failed.append(f"{model}: {ratio:.2f} of PyTorch's time")
        card = found["card"]
        print(f"{model:14} {batch:5} {mine * 1e3:8.2f} {statistics.median(theirs) * 1e3 if theirs else float('nan'):11.2f}"
              f" {ratio or float('nan'):6.2f} {found['share_of_peak']:6.0%} {card['gap_seconds'] * 1e3:7.3f}"
              f" {card['bytes'] / 1e9:6.2f}", flush=True)
    print(f"device: {found['device']}, measured peak {found['peak_gflops'] / 1e3:.0f} TFLOP/s")

    print("\n3. Whole epochs", flush=True)
    print(f"{'recipe':14} {'images':>6} {'seconds':>8} {'images/s':>9} {'of the bench':>13}")
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ, HCWB_WORKSPACE=f"{folder}/ws")
        data = args.hc18
        if data is None:
            data = f"{folder}/raw"
            count = 40 if args.quick else 1000
            run([args.hcwb, "data", "phantom", "hc18", data, "--count", count, "--seed", 1], env=environment)
        run([args.hcwb, "data", "add", "hc18", data, "--name", "check"], env=environment)
        for recipe, (batch, rate) in rates.items():
            settings = ["data.dataset=check", "data.split=600/200/199" if not args.quick else "data.split=kfold",
                        "train.precision=bf16", f"train.batch={batch}", "train.epochs=4", "train.patience=0",
                        "model.pretrained=none"]
            sets = [word for s in settings for word in ("--set", s)]
            started = json.loads(run([args.hcwb, "run", "start", recipe, "--device", args.device, "--foreground",
                                      "--allow-defects", "--json", *sets], env=environment))
            events = pathlib.Path(folder, "ws", "runs", started["id"], "events.jsonl").read_text().splitlines()
            events = [json.loads(e) for e in events]
            images = next(e for e in events if e["kind"] == "started")["train_images"]
            # The first epoch chooses algorithms.
            epochs = [e for e in events if e["kind"] == "epoch"][1:]
            speed = statistics.median(e["images_per_second"] for e in epochs)
            seconds = statistics.median(e["seconds"] for e in epochs)
            if speed < 0.95 * rate:
                failed.append(f"{recipe}: a run makes {speed / rate:.0%} of the bench's images a second")
            print(f"{recipe:14} {images:6} {seconds:8.2f} {speed:9.0f} {speed / rate:13.0%}", flush=True)
    print("\n" + ("Not as it should be: " + "; ".join(failed) if failed else "All as it should be."))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
