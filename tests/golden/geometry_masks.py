"""Writes geometry_masks.csv: what SciPy and scikit-image make of 300 random pairs of masks.

Every mask is an ellipse in whole numbers, cut by the frame as it falls, with a gap, a growth and noise; hcwb's test
draws the same masks from the same numbers. Parts by scipy.ndimage.label, outlines by skimage's find_contours, the
ellipse by SciPy's generalised eigensolver from Fitzgibbon's 6x6 problem, its circumference by the elliptic integral,
Hausdorff by scipy.spatial, ASSD by the Euclidean distance transform. Run: python <this file>
"""

import csv
import math
import pathlib

import numpy as np
from scipy import ndimage, special
from scipy.linalg import eig
from scipy.spatial.distance import directed_hausdorff
from skimage.measure import find_contours
from skimage.metrics import hausdorff_distance

CASES = 300
MASK64 = (1 << 64) - 1


class Draw:
    """SplitMix64."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK64
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK64
        return ((z ^ (z >> 31)) * n) >> 64


def draw_mask(draw, width, height, cx, cy, size):
    """An ellipse, perhaps with a gap, a growth and noise: whole numbers only, so that every language draws the same."""
    # p² + q² <= r² in sheared coordinates of whole numbers.
    wide, tall, shear = 60 + draw.below(50), 60 + draw.below(50), draw.below(81) - 40
    y, x = np.mgrid[:height, :width].astype(np.int64)
    dx, dy = x - cx, y - cy
    p, q = wide * dx + shear * dy, tall * dy
    mask = p * p + q * q <= (80 * size) ** 2
    if draw.below(3) == 0:
        gx, gy, half = draw.below(width), draw.below(height), 2 + draw.below(6)
        mask &= ~((abs(x - gx) <= half) & (abs(y - gy) <= half))
    if draw.below(3) == 0:
        gx, gy, radius = draw.below(width), draw.below(height), 2 + draw.below(6)
        mask |= (x - gx) ** 2 + (y - gy) ** 2 <= radius * radius
    noise = [0, 0, 5, 40][draw.below(4)]
    for _ in range(noise):
        nx, ny = draw.below(width), draw.below(height)
        mask[ny, nx] = not mask[ny, nx]
    return mask


def fitzgibbon(x, y):
    mean_x, mean_y, scale = x.mean(), y.mean(), 20.0
    x, y = (x - mean_x) / scale, (y - mean_y) / scale
    design = np.stack([x * x, x * y, y * y, x, y, np.ones_like(x)], axis=1)
    constraint = np.zeros((6, 6))
    constraint[0, 2] = constraint[2, 0] = 2
    constraint[1, 1] = -1
    values, vectors = eig(design.T @ design, constraint)
    good = [k for k in range(6) if np.isfinite(values[k]) and values[k].real > 0 and abs(values[k].imag) < 1e-9]
    a, b, c, d, e, f = vectors[:, good[0]].real
    det = 4 * a * c - b * b
    cx, cy = (b * e - 2 * c * d) / det, (b * d - 2 * a * e) / det
    level = -(f + (d * cx + e * cy) / 2)
    values = np.linalg.eigvalsh(np.array([[a, b / 2], [b / 2, c]]) / level)
    axes = scale / np.sqrt(values)
    return cx * scale + mean_x, cy * scale + mean_y, axes[0], axes[1]


def boundary(mask):
    """Set, with a 4-neighbour that is not; beyond the image nothing is set."""
    return mask & ~ndimage.binary_erosion(mask, ndimage.generate_binary_structure(2, 1), border_value=0)


def case(seed):
    draw = Draw(seed)
    width, height = 50 + draw.below(90), 40 + draw.below(70)
    cx, cy, size = draw.below(width), draw.below(height), 12 + draw.below(28)
    truth = draw_mask(draw, width, height, cx, cy, size)
    prediction = draw_mask(draw, width, height, cx + draw.below(9) - 4, cy + draw.below(9) - 4, size)
    eight = np.ones((3, 3))
    labels, parts = ndimage.label(prediction, eight)
    four_parts = ndimage.label(prediction)[1]
    sizes = np.bincount(labels.ravel())[1:]
    if truth.sum() == 0 or parts == 0:
        return None
    largest = labels == 1 + int(np.argmax(sizes))
    filled = ndimage.binary_fill_holes(largest)
    contours = find_contours(filled.astype(float), 0.5)
    points = np.concatenate([c[:-1] if np.array_equal(c[0], c[-1]) else c for c in contours] or [np.zeros((0, 2))])
    if len(points) < 12:
        return None
    cx, cy, a, b = fitzgibbon(points[:, 1], points[:, 0])
    perimeter = 4 * a * special.ellipe(1 - (b / a) ** 2)
    both, either = (truth & filled).sum(), (truth | filled).sum()
    edge_t, edge_p = boundary(truth), boundary(filled)
    xy_t, xy_p = np.argwhere(edge_t), np.argwhere(edge_p)
    hausdorff = max(directed_hausdorff(xy_t, xy_p)[0], directed_hausdorff(xy_p, xy_t)[0])
    assert abs(hausdorff - hausdorff_distance(edge_t, edge_p)) < 1e-12
    to_t, to_p = ndimage.distance_transform_edt(~edge_t), ndimage.distance_transform_edt(~edge_p)
    assd = (to_t[edge_p].sum() + to_p[edge_t].sum()) / (edge_t.sum() + edge_p.sum())
    whole = [seed, int(truth.sum()), int(prediction.sum()), parts, four_parts, int(sizes.max()), int(filled.sum()), len(points)]
    dice, iou = 2 * both / (truth.sum() + filled.sum()), both / either
    accuracy = (truth == filled).mean()
    return whole + [f"{v:.10g}" for v in (cx, cy, a, b, perimeter, dice, iou, accuracy, hausdorff, assd)]


HEADER = ("seed truth_px prediction_px parts four_parts largest_px filled_px outline_points center_x_px center_y_px "
          "semi_axis_a_px semi_axis_b_px circumference_px dice iou pixel_accuracy hausdorff_px assd_px")
with open(pathlib.Path(__file__).with_suffix(".csv"), "w", newline="") as file:
    table = csv.writer(file, lineterminator="\n")
    table.writerow(HEADER.split())
    rows, seed = 0, 0
    while rows < CASES:
        seed += 1
        row = case(seed)
        if row:
            table.writerow(row)
            rows += 1
