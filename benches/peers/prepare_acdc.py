"""Cold preparation of ACDC by nibabel and SciPy on two processes: the peer of `hcwb data prepare NAME --form volume`.

The same work: read every image and its ground truth, find the box that holds all hearts, drop empty slices, drop or
repeat the smallest until there are 9, crop with the border repeated, resize to 224x224 (linear and nearest), count the
voxels of each structure, and write images, labels and native labels.

    python benches/peers/prepare_acdc.py ../shared/acdc         # needs nibabel and SciPy
    python benches/peers/prepare_acdc.py ../shared/acdc --hcwb target/release/hcwb --rounds 5

With --hcwb both prepare in turn, hcwb's cache removed before each round, and the ratio of the medians is printed.
--out keeps the arrays as .npy files, for comparison.
"""

import argparse
import glob
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import tempfile
import time

import nibabel
import numpy as np
from scipy import ndimage

SLICES, HEIGHT, WIDTH = 9, 224, 224


def frames(patient):
    with open(os.path.join(patient, "Info.cfg")) as file:
        info = dict(line.strip().split(": ") for line in file if ": " in line)
    stem = os.path.join(patient, os.path.basename(patient))
    return [f"{stem}_frame{int(info[phase]):02d}" for phase in ("ED", "ES")]


def outline(patient):
    """The box of a patient's heart as (left, top, right, bottom), and the image's size."""
    boxes = []
    for stem in frames(patient):
        heart = (np.asarray(nibabel.load(stem + "_gt.nii.gz").dataobj) > 0).any(axis=2)
        x, y = np.flatnonzero(heart.any(axis=1)), np.flatnonzero(heart.any(axis=0))
        boxes.append((x[0], y[0], x[-1] + 1, y[-1] + 1))
    boxes = np.array(boxes)
    return (*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)), heart.shape


def choose(areas):
    taken = [z for z in range(len(areas)) if areas[z] > 0]
    while len(taken) != SLICES:
        at = min(reversed(range(len(taken))), key=lambda i: areas[taken[i]])
        if len(taken) > SLICES:
            del taken[at]
        else:
            taken.insert(at, taken[at])
    return taken


def heart(job):
    patient, (left, top, width, height) = job
    done = []
    for stem in frames(patient):
        image = nibabel.load(stem + ".nii.gz")
        truth = np.asarray(nibabel.load(stem + "_gt.nii.gz").dataobj)
        values = image.get_fdata(dtype=np.float32)
        taken = choose((truth > 0).sum(axis=(0, 1)))
        columns = np.clip(np.arange(left, left + width), 0, values.shape[0] - 1)
        rows = np.clip(np.arange(top, top + height), 0, values.shape[1] - 1)
        index = np.ix_(columns, rows, taken)
        zoom = (WIDTH / width, HEIGHT / height, 1)
        options = {"mode": "nearest", "grid_mode": True, "prefilter": False}
        small = ndimage.zoom(values[index], zoom, order=1, **options)
        labels = ndimage.zoom(truth[index], zoom, order=0, **options)
        voxels = np.bincount(truth.ravel(), minlength=4)[1:]
        ml = voxels * np.prod(image.header.get_zooms()[:3]) / 1000
        z_y_x = (2, 1, 0)
        done.append((small.transpose(z_y_x), labels.transpose(z_y_x), truth.transpose(z_y_x), ml.tolist()))
    return done


def prepare(folder, out):
    patients = sorted(glob.glob(os.path.join(folder, "**", "patient*", ""), recursive=True))
    patients = [os.path.dirname(patient) for patient in patients]
    with multiprocessing.Pool(2) as pool:
        outlines = pool.map(outline, patients)
        middle = [sorted(size[axis] for _, size in outlines)[len(outlines) // 2] for axis in (0, 1)]
        usual = np.array([box for box, _ in outlines if box[2] <= middle[0] and box[3] <= middle[1]])
        left, top = usual[:, :2].min(axis=0) - 1
        right, bottom = usual[:, 2:].max(axis=0)
        crop = tuple(int(v) for v in (left, top, right - left, bottom - top))
        # One patient after the other, so that not all of them are in memory twice.
        done = [one for both in pool.imap(heart, [(patient, crop) for patient in patients]) for one in both]
    np.save(os.path.join(out, "images.npy"), np.stack([one[0] for one in done]))
    np.save(os.path.join(out, "labels.npy"), np.stack([one[1] for one in done]).astype(np.uint8))
    np.save(os.path.join(out, "native.npy"), np.concatenate([one[2].ravel() for one in done]).astype(np.uint8))
    with open(os.path.join(out, "samples.json"), "w") as file:
        json.dump({"crop": crop, "volumes_ml": [one[3] for one in done]}, file)
    return len(done), crop


def seconds_of(work):
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def against(folder, hcwb, rounds):
    """Alternating, so that what else the machine does meets both."""
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as scratch:
        ws = os.path.join(scratch, "ws")
        run = lambda *words: subprocess.run([hcwb, "--workspace", ws, "data", *words], check=True, capture_output=True)
        run("add", "acdc", folder, "--name", "bench")
        for _ in range(rounds):
            shutil.rmtree(os.path.join(ws, "cache"), ignore_errors=True)
            ours.append(seconds_of(lambda: run("prepare", "bench", "--form", "volume"))[0])
            theirs.append(seconds_of(lambda: prepare(folder, scratch))[0])
    ours_s, theirs_s = statistics.median(ours), statistics.median(theirs)
    print(json.dumps({"hcwb_seconds": ours, "peer_seconds": theirs, "ratio": round(theirs_s / ours_s, 2)}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--hcwb")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out")
    args = parser.parse_args()
    if args.hcwb:
        return against(args.folder, args.hcwb, args.rounds)
    with tempfile.TemporaryDirectory() as scratch:
        seconds, (samples, crop) = seconds_of(lambda: prepare(args.folder, args.out or scratch))
    print(json.dumps({"samples": samples, "crop": crop, "seconds": round(seconds, 3)}))


if __name__ == "__main__":
    main()
