"""ResNet50 with given weights: hcwb's feature maps and its inference time beside PyTorch's.

    python benches/peers/inference.py WEIGHTS.safetensors [--hcwb target/release/hcwb] [--images 100] [--rounds 3]

The weights are a torchvision-named ResNet50 without a head, such as `hcwb weights import` keeps. Feature maps
are those behind each stage; their difference is the greatest, over the greatest value of the map.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from safetensors.numpy import load_file as load_arrays

from compare import TUNED
from networks import ResNet50


def network(path):
    net = ResNet50().eval()
    state = {n: v.float() for n, v in load_file(path).items()}
    left = net.load_state_dict(state, strict=False)
    assert all(n.startswith("fc") or n.endswith("num_batches_tracked") for n in left.missing_keys), left.missing_keys
    return net


def timed(path, images, batch, threads):
    """Seconds that PyTorch takes for so many images, the better of its layouts; run in a process of its own."""
    torch.set_num_threads(threads)
    best = float("inf")
    for layout in (torch.contiguous_format, torch.channels_last):
        net, x = network(path).to(memory_format=layout), torch.randn(batch, 3, 224, 224).contiguous(memory_format=layout)
        with torch.inference_mode():
            net(x)
            start = time.perf_counter()
            for _ in range(images // batch):
                net(x)
        best = min(best, time.perf_counter() - start)
    return best


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("weights")
    parser.add_argument("--hcwb", default="target/release/hcwb")
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        print(timed(args.weights, args.images, args.batch, args.threads))
        return
    net, kept = network(args.weights), {}
    stages = ["conv1", "layer1", "layer2", "layer3", "layer4"]
    for name in stages:
        net.get_submodule(name).register_forward_hook(lambda _m, _i, out, name=name: kept.update({name: out}))
    torch.manual_seed(0)
    x = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        net(x)
    last_block = {"conv1": "conv1", "layer1": "layer1.2.relu", "layer2": "layer2.3.relu", "layer3": "layer3.5.relu", "layer4": "layer4.2.relu"}
    with tempfile.TemporaryDirectory() as folder:
        data, out = os.path.join(folder, "x.safetensors"), os.path.join(folder, "maps.safetensors")
        save_file({"input": x.permute(0, 2, 3, 1).contiguous()}, data)
        for name in stages:
            subprocess.run([args.hcwb, "bench", "features", "--model", "reg-resnet50", "--encoder", args.weights, "--input", data,
                            "--layer", last_block[name], "-o", out], check=True, stdout=subprocess.DEVNULL)
            got, want = load_arrays(out)["features"], kept[name].permute(0, 2, 3, 1).numpy()
            print(f"{name:8} {str(want.shape):20} greatest difference {np.abs(got - want).max() / np.abs(want).max():.1e} of the greatest value")
    times = {"hcwb": [], "PyTorch": []}
    for _ in range(args.rounds):
        command = [args.hcwb, "bench", "infer", "--model", "reg-resnet50", "--batch", str(args.batch), "--count", str(args.images),
                   "--threads", str(args.threads), "--json"]
        times["hcwb"].append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["seconds"])
        command = [sys.executable, __file__, args.weights, "--peer", "--images", str(args.images), "--batch", str(args.batch), "--threads", str(args.threads)]
        times["PyTorch"].append(float(subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **TUNED}).stdout))
    median = {name: statistics.median(values) for name, values in times.items()}
    print(f"{args.images} images: hcwb {median['hcwb']:.2f} s, PyTorch {median['PyTorch']:.2f} s, ratio {median['hcwb'] / median['PyTorch']:.2f}")


if __name__ == "__main__":
    main()
