"""AOPC of a run's analyzers less that of the control, image by image: does what an analyzer chose hurt more than noise?

    python benches/peers/control.py RUN_DIR [--count 100]

Reads what `hcwb aopc --order most,least` (seed 0, 15 steps) has kept in RUN_DIR/explain/aopc.csv, for the held-out images
that --count chooses. Equation 9 with K + 1 as denominator, px; ± is half the 95 % interval over images; a star where
the difference to `random` in the same order is negative, interval considered.
"""
import argparse
import csv
import math
from collections import defaultdict
from pathlib import Path


def mean_and_interval(values):
    mean = sum(values) / len(values)
    variance = sum((v - mean) ** 2 for v in values) / max(len(values) - 1, 1)
    return mean, 1.96 * math.sqrt(variance / len(values))


def areas(run, count):
    """AOPC of each image, by order and analyzer, in the order of the file."""
    with open(run / "predictions.csv") as file:
        held_out = sorted(row["file"] for row in csv.DictReader(file))
    count = min(count, len(held_out))
    chosen = {held_out[i * len(held_out) // count] for i in range(count)}
    curves = defaultdict(dict)
    with open(run / "explain" / "aopc.csv") as file:
        for row in csv.DictReader(file):
            words = dict(pair.split("=", 1) for pair in row["design"].split())
            if (words["seed"], words["steps"], row["repeat"]) == ("0", "15", "0") and row["file"] in chosen:
                curves[words["order"], row["analyzer"], row["file"]][int(row["step"])] = float(row["error_px"])
    found = defaultdict(dict)
    for (order, analyzer, image), curve in curves.items():
        found[order, analyzer][image] = sum(curve[0] - error for error in curve.values()) / len(curve)
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("--count", type=int, default=100)
    args = parser.parse_args()
    found = areas(args.run, args.count)
    print("order  analyzer               images  AOPC px            less the control's")
    for (order, analyzer), images in found.items():
        control = found[order, "random"]
        both = [image for image in images if image in control]
        if not both:
            raise SystemExit(f"no image has a curve of the control, {order} relevant first: measure `random` too")
        mean, interval = mean_and_interval(list(images.values()))
        less, around = mean_and_interval([images[image] - control[image] for image in both])
        star = "*" if analyzer != "random" and less + around < 0 else ""
        print(f"{order:6} {analyzer:22} {len(images):6}  {mean:+7.1f} ± {interval:5.1f}   {less:+7.1f} ± {around:5.1f}{star}")


if __name__ == "__main__":
    main()
