"""Writes geometry_fit.csv: noisy points and the ellipse that Fitzgibbon's original 6x6 problem gives for them.

Solved by SciPy's generalised eigensolver, without the reduction that hcwb uses. Run: python <this file>
"""

import csv
import math
import pathlib

import numpy as np
from scipy.linalg import eig


def fitzgibbon(x, y):
    mean_x, mean_y, scale = x.mean(), y.mean(), 100.0
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
    values, vectors = np.linalg.eigh(np.array([[a, b / 2], [b / 2, c]]) / level)
    major = vectors[:, 0]
    axes = scale / np.sqrt(values)
    return cx * scale + mean_x, cy * scale + mean_y, axes[0], axes[1], math.atan2(major[1], major[0]) % math.pi


rng = np.random.default_rng(1)
with open(pathlib.Path(__file__).with_suffix(".csv"), "w", newline="") as file:
    table = csv.writer(file, lineterminator="\n")
    table.writerow(["center_x_px", "center_y_px", "semi_axis_a_px", "semi_axis_b_px", "angle_rad", "points"])
    cases = [(400, 270, 250, 190, 0.3, 6.28, 24), (120, 400, 90, 70, 2.5, 4.0, 12), (600, 100, 300, 150, 1.4, 3.0, 30)]
    for cx, cy, a, b, angle, arc, n in cases:
        t = np.linspace(0, arc, n, endpoint=False)
        u, v = a * np.cos(t), b * np.sin(t)
        x = np.round(cx + u * math.cos(angle) - v * math.sin(angle) + rng.normal(0, 2, n), 3)
        y = np.round(cy + u * math.sin(angle) + v * math.cos(angle) + rng.normal(0, 2, n), 3)
        points = " ".join(f"{p:.3f} {q:.3f}" for p, q in zip(x, y))
        table.writerow([repr(float(value)) for value in fitzgibbon(x, y)] + [points])
