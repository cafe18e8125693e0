"""One image after the other from its PNG to HC in mm on one core: hcwb's beside PyTorch's and OpenCV's, in turn.

    python benches/peers/predict.py RUN_FOLDER IMAGE_FOLDER PIXEL_SIZES.csv [--hcwb target/release/hcwb] [--count 60] [--rounds 5]

The run is a trained `unet`. Both decode, resize, normalise, run the same weights on one image at a time, enlarge the mask to
the file's size, take its largest component, fill it, fit an ellipse and give its circumference. Time an image is that of
count images less that of one, in processes of their own, so that no program's start is counted; the start stands apart.
PyTorch has the better of its two memory layouts and one thread. Needs torch, opencv-python-headless and numpy.
"""
import argparse
import csv
import glob
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import cv2
import numpy as np
import torch
from safetensors import safe_open

from compare import TUNED
from measure import ramanujan
from networks import UNet


def network(path):
    with safe_open(path, "pt") as file:
        about = file.metadata()
        state = {name: file.get_tensor(name) for name in file.keys()}
    assert about["model"] == "unet" and about["batch_norm_eps"] in ("0.00001", "1e-5"), about
    net = UNet().eval()
    left = net.load_state_dict(state, strict=False)
    assert not left.unexpected_keys and all(n.endswith("num_batches_tracked") for n in left.missing_keys), left
    height, width, _ = (int(n) for n in about["input"].split(","))
    return net, (width, height), float(about["grey_mean"]), float(about["grey_sd"])


def circumference_px(net, size, mean, sd, layout, path):
    image = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    x = torch.from_numpy((small - mean) / sd)[None, None].contiguous(memory_format=layout)
    probability = cv2.resize(net(x)[0, 0].numpy(), image.shape[::-1], interpolation=cv2.INTER_LINEAR)
    mask = (probability >= 0.5).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count < 2:
        return 0.0
    largest = (labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))).astype(np.uint8)
    contours, _ = cv2.findContours(largest, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    _, axes, _ = cv2.fitEllipseDirect(contours[0])
    return ramanujan(axes[0] / 2, axes[1] / 2)


def peer(args, paths):
    """Seconds an image in the better layout, and every circumference; run in a process of its own."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    best, found = float("inf"), []
    for layout in (torch.contiguous_format, torch.channels_last):
        net, size, mean, sd = network(args.weights)
        net = net.to(memory_format=layout)
        with torch.inference_mode():
            circumference_px(net, size, mean, sd, layout, paths[0])
            start = time.perf_counter()
            found = [circumference_px(net, size, mean, sd, layout, path) for path in paths[1:]]
        best = min(best, (time.perf_counter() - start) / len(found))
    print(json.dumps({"seconds": best, "hc_px": found}))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("run")
    parser.add_argument("images")
    parser.add_argument("pixel_sizes")
    parser.add_argument("--hcwb", default="target/release/hcwb")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.weights = os.path.join(args.run, "checkpoints", "best.safetensors")
    every = sorted(p for p in glob.glob(os.path.join(args.images, "*.png")) if "Annotation" not in p)
    paths = every[:: max(1, len(every) // (args.count + 1))][: args.count + 1]
    if args.peer:
        return peer(args, paths)
    with open(args.pixel_sizes, newline="") as file:
        mm = {row[0]: float(row[1]) for row in csv.reader(file) if row[0].endswith(".png")}

    def ours(images):
        with tempfile.TemporaryDirectory() as workspace:
            command = [args.hcwb, "--workspace", workspace, "predict", "--weights", args.weights, "--threads", "1", "--batch", "1",
                       "--device", "cpu", "--pixel-sizes", args.pixel_sizes, "--json", *images]
            start = time.perf_counter()
            out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            return time.perf_counter() - start, json.loads(out)

    times, starts, hc = {"hcwb": [], "PyTorch + OpenCV": []}, {"hcwb": [], "PyTorch + OpenCV": []}, {}
    for _ in range(args.rounds):
        one, _ = ours(paths[:1])
        all_of_them, rows = ours(paths)
        times["hcwb"].append((all_of_them - one) / args.count)
        starts["hcwb"].append(one)
        hc["hcwb"] = np.array([row["hc_mm"] or 0.0 for row in rows[1:]])
        command = [sys.executable, __file__, args.run, args.images, args.pixel_sizes, "--count", str(args.count), "--peer"]
        begun = time.perf_counter()
        out = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **TUNED}).stdout)
        times["PyTorch + OpenCV"].append(out["seconds"])
        starts["PyTorch + OpenCV"].append(time.perf_counter() - begun - 2 * args.count * out["seconds"])
        hc["PyTorch + OpenCV"] = np.array([px * mm[os.path.basename(p)] for px, p in zip(out["hc_px"], paths[1:])])
    for name in times:
        print(f"{name:17} {statistics.median(times[name]) * 1e3:7.2f} ms an image (rounds: {' '.join(f'{t * 1e3:.2f}' for t in times[name])}), start {statistics.median(starts[name]):.2f} s")
    apart = np.abs(hc["hcwb"] - hc["PyTorch + OpenCV"])
    print(f"circumferences differ by {np.median(apart):.2f} mm in the median, {apart.max():.2f} mm at most")
    print(f"ratio {statistics.median(times['hcwb']) / statistics.median(times['PyTorch + OpenCV']):.2f}")


if __name__ == "__main__":
    main()
