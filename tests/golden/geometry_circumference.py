"""Writes geometry_circumference.csv: circumferences by SciPy's complete elliptic integral. Run: python <this file>"""

import csv
import pathlib

from scipy.special import ellipe

with open(pathlib.Path(__file__).with_suffix(".csv"), "w", newline="") as file:
    table = csv.writer(file, lineterminator="\n")
    table.writerow(["semi_axis_a_px", "semi_axis_b_px", "circumference_px"])
    for a in (1.0, 70.0, 221.37, 326.5, 1000.0):
        for ratio in (1.0, 0.95, 0.78, 0.6, 0.3, 0.05, 1e-4):
            b = a * ratio
            table.writerow([repr(a), repr(b), repr(float(4 * a * ellipe(1 - (b / a) ** 2)))])
