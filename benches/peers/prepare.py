"""Cold preparation of HC18 by Pillow and numpy on two processes: the peer of `hcwb data prepare`.

The same work: decode every image and its annotation, resize the image to 128x128 with antialiasing, fit an ellipse to
the ring's pixels by direct least squares (Halir & Flusser), write one array and one table.

    python benches/peers/prepare.py ../shared/hc18            # needs Pillow and numpy
    hcwb data add hc18 ../shared/hc18 --name bench && time hcwb data prepare bench
"""

import csv
import json
import math
import multiprocessing
import os
import re
import sys
import tempfile
import time

import numpy as np
from PIL import Image

SIZE = (128, 128)


def fit_ellipse(x, y):
    """Circumference in px and the five parameters."""
    mean_x, mean_y = x.mean(), y.mean()
    x, y = x - mean_x, y - mean_y
    scale = math.sqrt((x @ x + y @ y) / (2 * len(x)))
    x, y = x / scale, y / scale
    quadratic = np.stack([x * x, x * y, y * y], axis=1)
    linear = np.stack([x, y, np.ones_like(x)], axis=1)
    s1, s2, s3 = quadratic.T @ quadratic, quadratic.T @ linear, linear.T @ linear
    to_linear = -np.linalg.solve(s3, s2.T)
    m = s1 + s2 @ to_linear
    m = np.array([m[2] / 2, -m[1], m[0] / 2])
    _, vectors = np.linalg.eig(m)
    vectors = vectors.real
    a, b, c = vectors[:, np.argmax(4 * vectors[0] * vectors[2] - vectors[1] ** 2)]
    d, e, f = to_linear @ (a, b, c)
    det = 4 * a * c - b * b
    cx, cy = (b * e - 2 * c * d) / det, (b * d - 2 * a * e) / det
    level = -(f + (d * cx + e * cy) / 2)
    mid, half = (a + c) / 2, math.hypot((a - c) / 2, b / 2)
    axes = sorted((math.sqrt(level / (mid - half)) * scale, math.sqrt(level / (mid + half)) * scale), reverse=True)
    h = ((axes[0] - axes[1]) / (axes[0] + axes[1])) ** 2
    hc_px = math.pi * sum(axes) * (1 + 3 * h / (10 + math.sqrt(4 - 3 * h)))
    return hc_px, cx * scale + mean_x, cy * scale + mean_y, *axes, math.atan2(b, a - c) / 2


def prepare(job):
    path, row = job
    image = Image.open(path)
    small = np.asarray(image.resize(SIZE, Image.BILINEAR))
    ring = np.asarray(Image.open(path.replace("HC.png", "HC_Annotation.png")))
    y, x = np.nonzero(ring >= 128)
    ellipse = fit_ellipse(x.astype(float), y.astype(float))
    return small, [row[0], *image.size, row[1], row[2], *ellipse]


def main():
    folder = sys.argv[1]
    start = time.perf_counter()
    with open(os.path.join(folder, "training_set_pixel_size_and_HC.csv")) as file:
        rows = list(csv.reader(file))[1:]
    rows.sort(key=lambda row: int(re.match(r"\d+", row[0])[0]))
    jobs = [(os.path.join(folder, "training_set", row[0]), row) for row in rows]
    with tempfile.TemporaryDirectory() as scratch:
        with multiprocessing.Pool(2) as pool:
            done = pool.map(prepare, jobs, chunksize=8)
        with open(os.path.join(scratch, "images.u8"), "wb") as file:
            file.write(np.stack([image for image, _ in done]).tobytes())
        with open(os.path.join(scratch, "samples.csv"), "w") as file:
            csv.writer(file).writerows(sample for _, sample in done)
    seconds = time.perf_counter() - start
    worst = max(abs(sample[5] * float(sample[3]) - float(sample[4])) for _, sample in done)
    print(json.dumps({"images": len(done), "seconds": round(seconds, 3), "worst_hc_difference_mm": round(worst, 4)}))


if __name__ == "__main__":
    main()
