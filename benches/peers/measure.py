"""From masks to numbers, hcwb's beside OpenCV's and NumPy's, in turn, on this machine.

    python benches/peers/measure.py [--hcwb target/release/hcwb] [--count 10000] [--threads 2] [--rounds 3]

Both measure the same masks of 800x540 in memory: largest component, holes filled, ellipse (direct least squares), HC,
Dice index, Hausdorff distance and ASSD. OpenCV runs in as many processes as hcwb has threads, each with one thread.
Needs opencv-python-headless and numpy.
"""
import argparse
import json
import math
import multiprocessing
import os
import statistics
import subprocess
import tempfile
import time

import cv2
import numpy as np

WIDTH, HEIGHT, PAIRS = 800, 540, 100
CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
MASKS = None


def make_pairs():
    """Heads as networks find them: an ellipse with a wavy outline, fragments and a hole, beside the true ellipse."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:HEIGHT, :WIDTH]

    def level(cx, cy, a, b, angle, wave=0.0, waves=5):
        u = ((x - cx) * math.cos(angle) + (y - cy) * math.sin(angle)) / a
        v = ((y - cy) * math.cos(angle) - (x - cx) * math.sin(angle)) / b
        return np.hypot(u, v) <= 1 + wave * np.sin(waves * np.arctan2(v, u))

    pairs = np.zeros((PAIRS, 2, HEIGHT, WIDTH), np.uint8)
    for prediction, truth in pairs:
        a = rng.uniform(75, 260)
        cx, cy, b, angle = rng.uniform(330, 470), rng.uniform(230, 310), a * rng.uniform(0.7, 0.95), rng.uniform(0, math.pi)
        truth[level(cx, cy, a, b, angle)] = 255
        shift = rng.normal(0, 3, 4)
        prediction[level(cx + shift[0], cy + shift[1], a + shift[2], b + shift[3], angle, rng.uniform(0, 0.03))] = 255
        for _ in range(rng.integers(0, 4)):
            px, py, size = rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT), rng.uniform(3, 20)
            prediction[level(px, py, size, size * 0.7, 0.3)] = 255
        prediction[level(cx, cy, a * 0.1, b * 0.05, 0.0)] = 0
    return pairs


def ramanujan(a, b):
    h = ((a - b) / (a + b)) ** 2
    return math.pi * (a + b) * (1 + 3 * h / (10 + math.sqrt(4 - 3 * h)))


def measure(prediction, truth):
    _, labels, stats, _ = cv2.connectedComponentsWithStats(prediction, connectivity=8)
    largest = (labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))).astype(np.uint8)
    contours, _ = cv2.findContours(largest, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(largest, contours, -1, 1, cv2.FILLED)
    _, axes, _ = cv2.fitEllipseDirect(contours[0])
    hc = ramanujan(axes[0] / 2, axes[1] / 2)
    true = truth >> 7
    common = cv2.countNonZero(cv2.bitwise_and(true, largest))
    dice = 2 * common / (cv2.countNonZero(true) + cv2.countNonZero(largest))
    edges = [m - cv2.erode(m, CROSS, borderType=cv2.BORDER_CONSTANT, borderValue=0) for m in (true, largest)]
    away = [cv2.distanceTransform(1 - e, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) for e in edges]
    there, back = away[1][edges[0] > 0], away[0][edges[1] > 0]
    hausdorff = max(there.max(), back.max())
    assd = (there.sum(dtype=np.float64) + back.sum(dtype=np.float64)) / (len(there) + len(back))
    return hc, dice, hausdorff, assd


def begin(masks):
    global MASKS
    MASKS = masks
    cv2.setNumThreads(1)


def some(span):
    return [measure(*MASKS[i % PAIRS]) for i in range(*span)]


def opencv(pool, count, threads):
    """Seconds and mean numbers; the processes are there already and hold the masks."""
    step = math.ceil(count / (threads * 8))
    spans = [(i, min(i + step, count)) for i in range(0, count, step)]
    start = time.perf_counter()
    numbers = [row for rows in pool.map(some, spans, chunksize=1) for row in rows]
    return time.perf_counter() - start, np.mean(numbers, axis=0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hcwb", default="target/release/hcwb")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    pairs = make_pairs()
    seconds = {"hcwb": [], "OpenCV": []}
    with tempfile.NamedTemporaryFile(suffix=".raw") as file, \
            multiprocessing.get_context("fork").Pool(args.threads, begin, (pairs,)) as pool:
        pairs.tofile(file.name)
        opencv(pool, args.threads * 8, args.threads)
        command = [args.hcwb, "bench", "measure", "--input", file.name, "--count", str(args.count), "--threads",
                   str(args.threads), "--json"]
        for _ in range(args.rounds):
            out = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            seconds["hcwb"].append(out["seconds"])
            taken, means = opencv(pool, args.count, args.threads)
            seconds["OpenCV"].append(taken)
    print(f"{args.count} masks of {WIDTH}x{HEIGHT}, {args.threads} threads")
    ours = [out[f"mean_{key}"] for key in ("hc_px", "dice", "hausdorff_px", "assd_px")]
    for name, means in (("hcwb", ours), ("OpenCV", means)):
        each = " ".join(f"{s:.2f}" for s in seconds[name])
        hc, dice, hausdorff, assd = means
        print(f"  {name:7} {statistics.median(seconds[name]):7.2f} s   (rounds: {each})   mean HC {hc:.2f} px, DI {dice:.5f}, "
              f"HD {hausdorff:.4f} px, ASSD {assd:.4f} px")
    ratio = statistics.median(seconds["OpenCV"]) / statistics.median(seconds["hcwb"])
    print(f"  hcwb is {ratio:.1f} times as fast")


if __name__ == "__main__":
    main()
