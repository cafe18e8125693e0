"""AOPC of a reg-resnet50 run: `hcwb aopc` beside the same work in PyTorch with captum and zennit, batched and as a loop.

    python benches/peers/aopc.py --workspace WS --run ID --images WS_OR_HC18/training_set [--count 10] [--rounds 1]

All three explain the same held-out images of the run by eight analyzers, put 15 regions of 9x9 px under noise, the most relevant
first, and ask the network at each step. "batched" makes the maps of eight images at once (captum and zennit as in
analyzers.py) and sends all steps of four images through the network together; "loop" takes one image and one step at
a time, as most notebooks do. Whole commands are timed, with start, decoding and resizing; hcwb draws other noise each
round (--seed), so that nothing is taken from an earlier one. Mean errors of the clean images are printed for all three:
they have to agree, or the comparison is of different things.
"""
import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from analyzers import ANALYZERS, explain
from compare import TUNED

STEPS, REGION, SD = 15, 9, 0.3


def resnet50(weights):
    import torch
    import torchvision
    from safetensors import safe_open

    with safe_open(weights, "pt") as file:
        state, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()
    net = torchvision.models.resnet50(num_classes=1)
    # v1: the stride stands in the first 1x1 of a block.
    for layer in (net.layer2, net.layer3, net.layer4):
        layer[0].conv1.stride, layer[0].conv2.stride = (2, 2), (1, 1)
    state = {name: value for name, value in state.items() if name in net.state_dict()}
    net.load_state_dict(state, strict=False)
    for module in net.modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
    return net.eval().requires_grad_(False), metadata


def perturbed(image, scores):
    """Steps 0 to 15 of one image (C, H, W), the highest scores first."""
    import torch

    ranked = scores.flatten().argsort(descending=True)
    columns, steps = scores.shape[1], [image]
    for k in range(1, STEPS + 1):
        step = image.clone()
        for region in ranked[:k].tolist():
            y, x = region // columns * REGION, region % columns * REGION
            place = step[:, y : y + REGION, x : x + REGION]
            place.copy_(SD * torch.randn_like(place))
        steps.append(step)
    return torch.stack(steps)


def peer(args):
    import numpy
    import torch
    from PIL import Image

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    run = Path(args.workspace, "runs", args.run)
    net, metadata = resnet50(run / "checkpoints" / "best.safetensors")
    with open(run / "predictions.csv") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["file"])
        rows = [rows[i * len(rows) // args.count] for i in range(args.count)]
    mean, sd = float(metadata["grey_mean"]), float(metadata["grey_sd"])
    unit = float(metadata["target_unit_px"])
    truth = torch.tensor([float(row["truth_hc_px"]) for row in rows])

    def seen(row):
        grey = Image.open(Path(args.images, row["file"])).convert("L").resize((224, 224), Image.Resampling.BILINEAR)
        return torch.from_numpy((numpy.asarray(grey, numpy.float32) - mean) / sd).expand(3, -1, -1)

    images = torch.stack([seen(row) for row in rows])
    pool = lambda maps: torch.nn.functional.avg_pool2d(maps.mean(1, keepdim=True), REGION, ceil_mode=True)[:, 0]
    clean = []
    for name in ANALYZERS:
        method = explain(name, "reg-resnet50", net)
        maps_at_once, images_at_once = (8, 4) if args.peer == "batched" else (1, 1)
        scores = torch.cat([pool(method(some.clone()).detach()) for some in images.split(maps_at_once)])
        for first in range(0, len(images), images_at_once):
            some = range(first, min(first + images_at_once, len(images)))
            steps = torch.cat([perturbed(images[i], scores[i]) for i in some])
            with torch.no_grad():
                said = torch.cat([net(part) for part in steps.split(len(steps) if args.peer == "batched" else 1)])
            errors = (said.view(len(some), -1) * unit - truth[some.start : some.stop, None]).abs()
            clean += errors[:, 0].tolist()
    print(json.dumps({"error_px": statistics.mean(clean)}))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hcwb", default="target/release/hcwb")
    parser.add_argument("--workspace", required=True)
    parser.add_argument("--run", required=True)
    parser.add_argument("--images", required=True, help="folder of the PNGs")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--sides", default="hcwb,batched,loop")
    parser.add_argument("--peer", choices=["batched", "loop"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        return peer(args)
    common = ["--workspace", args.workspace, "--run", args.run, "--count", str(args.count)]
    environment = {**os.environ, **TUNED, "RAYON_NUM_THREADS": str(args.threads), "HCWB_CUDA": "off"}
    sides, times = args.sides.split(","), {}
    for round in range(args.rounds):
        seed = str(time.time_ns() % 2**31)
        for side in sides:
            if side == "hcwb":
                command = [args.hcwb, "aopc", *common, "--analyzer", ",".join(ANALYZERS), "--seed", seed, "--json"]
            else:
                command = [sys.executable, __file__, "--peer", side, *common, "--images", args.images, "--threads", str(args.threads)]
            start = time.perf_counter()
            run = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
            times.setdefault(side, []).append(time.perf_counter() - start)
            found = json.loads(run.stdout)
            error = found["error_px"] if side != "hcwb" else found[0]["error_px"]
            print(f"round {round + 1}  {side:8} {times[side][-1]:8.1f} s   error of the clean images {error:.2f} px", flush=True)
    medians = {side: statistics.median(t) for side, t in times.items()}
    for side in sides[1:]:
        print(f"hcwb / {side}: {medians['hcwb'] / medians[side]:.2f}")


if __name__ == "__main__":
    main()
