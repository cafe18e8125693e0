"""Trainings of cnn1m on HC18 in hcwb (f32, f32-strict) and in PyTorch, from the same first weights.

    hcwb --workspace WS data add hc18 FOLDER --name hc18
    python benches/peers/trainings.py WS [--hcwb target/release/hcwb] [--dataset hc18] [--seeds 3] [--epochs 40]

The recipe is reg-cnn1m without augmentation and without early stopping; split, first weights, batch norm and
optimizer are the same on both sides, the order of the images and the dropout are not. The figure is the
validation MAE in pixels, the mean over the last five epochs.
"""
import argparse
import glob
import json
import os
import statistics
import subprocess
import tempfile

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import load_file

from networks import MODELS


def hcwb_run(args, seed, precision):
    sets = {"data.dataset": args.dataset, "seed": seed, "train.precision": precision, "train.epochs": args.epochs, "train.patience": 0,
            "train.threads": args.threads, "augment.flip": "false", "augment.shift_px": 0, "augment.rotation_deg": 0}
    command = [args.hcwb, "--workspace", args.workspace, "run", "start", "reg-cnn1m", "--foreground", "--json"]
    for key, value in sets.items():
        command += ["--set", f"{key}={value}"]
    run = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["id"]
    shown = subprocess.run([args.hcwb, "--workspace", args.workspace, "run", "show", run, "--json"], check=True, capture_output=True, text=True)
    errors = [epoch["val_mae_px"] for epoch in json.loads(shown.stdout)["metrics"]]
    return run, statistics.mean(errors[-5:])


def torch_run(args, seed, run):
    torch.set_num_threads(args.threads)
    torch.manual_seed(seed)
    make, _, side = MODELS["cnn1m"]
    net = make()
    for layer in net.modules():
        if isinstance(layer, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
            layer.eps, layer.momentum = 1e-3, 0.01
    with tempfile.TemporaryDirectory() as folder:
        start = os.path.join(folder, "start.safetensors")
        subprocess.run([args.hcwb, "bench", "start", "--model", "cnn1m", "--seed", str(seed), "-o", start], check=True, stdout=subprocess.DEVNULL)
        first = load_file(start)
    # hcwb numbers two Sequentials, PyTorch's net here is one: the same layers in the same order.
    order = lambda name: (name.startswith("classifier"), int(name.split(".")[1]), name.split(".")[2])
    own = [n for n in net.state_dict() if not n.endswith("num_batches_tracked")]
    state = {}
    for mine, theirs in zip(sorted(own, key=lambda n: (int(n.split(".")[0]), n.split(".")[1])), sorted(first, key=order)):
        assert net.state_dict()[mine].shape == first[theirs].shape, (mine, theirs)
        state[mine] = torch.from_numpy(first[theirs].copy())
    net.load_state_dict(state, strict=False)
    for cache in glob.glob(os.path.join(args.workspace, "cache", f"*-{side}x{side}-*")):
        index = json.load(open(os.path.join(cache, "samples.json")))
        pixels = np.fromfile(os.path.join(cache, "images.u8"), dtype=np.uint8).reshape(-1, 1, side, side).astype(np.float32)
    part = dict(line.strip().split(",")[::len(line.strip().split(",")) - 1] for line in open(os.path.join(args.workspace, "runs", run, "split.csv")))
    hc = np.array([s["hc_px"] for s in index["samples"]], dtype=np.float64)
    of = lambda word: np.array([i for i, s in enumerate(index["samples"]) if part.get(s["file"]) == word])
    train, validation = of("train"), of("validation")
    unit, mean, sd = hc[train].max(), pixels[train].mean(dtype=np.float64), pixels[train].std(dtype=np.float64)
    x, y = torch.from_numpy((pixels - mean) / sd).float(), torch.from_numpy(hc / unit).float()[:, None]
    adam = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
    errors = []
    for _ in range(args.epochs):
        net.train()
        for batch in torch.randperm(len(train)).split(8):
            i = torch.from_numpy(train)[batch]
            adam.zero_grad()
            F.mse_loss(net(x[i]), y[i]).backward()
            adam.step()
        net.eval()
        with torch.inference_mode():
            found = torch.cat([net(x[i]) for i in torch.from_numpy(validation).split(64)])
        errors.append(float((found - y[validation]).abs().mean()) * unit)
    return statistics.mean(errors[-5:])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("workspace")
    parser.add_argument("--hcwb", default="target/release/hcwb")
    parser.add_argument("--dataset", default="hc18")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    found = {"hcwb f32": [], "hcwb f32-strict": [], "PyTorch f32": []}
    for seed in range(args.seeds):
        run, fast = hcwb_run(args, seed, "f32")
        found["hcwb f32"].append(fast)
        found["hcwb f32-strict"].append(hcwb_run(args, seed, "f32-strict")[1])
        found["PyTorch f32"].append(torch_run(args, seed, run))
        print(f"seed {seed}: " + ", ".join(f"{name} {values[-1]:.1f} px" for name, values in found.items()), flush=True)
    for name, values in found.items():
        print(f"{name:16} mean {statistics.mean(values):6.1f} px, seeds from {min(values):.1f} to {max(values):.1f}")


if __name__ == "__main__":
    main()
