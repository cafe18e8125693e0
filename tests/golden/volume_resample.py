"""Writes volume_resample.csv: a formula's slice cropped with its border repeated (NumPy) and resized: larger by SciPy,
smaller by Pillow's antialiased BILINEAR in float. Run: python <this file>"""

import csv
import pathlib

import numpy as np
from PIL import Image
from scipy import ndimage

CASES = [  # width, height of the image; left, top, width, height of the crop; width, height it is resized to
    (12, 9, 2, 1, 7, 6, 14, 13),
    (12, 9, -2, -3, 8, 14, 11, 17),
    (6, 12, 1, 2, 9, 8, 9, 8),
    (40, 31, 3, 2, 33, 27, 11, 10),
    (40, 31, -4, 5, 50, 30, 17, 30),
]

with open(pathlib.Path(__file__).with_suffix(".csv"), "w", newline="") as file:
    table = csv.writer(file, lineterminator="\n")
    names = "width height left top crop_width crop_height new_width new_height linear nearest"
    table.writerow(names.split())
    for width, height, left, top, cw, ch, nw, nh in CASES:
        y, x = np.mgrid[:height, :width]
        values = ((x * x * 7 + y * 13 + x * y // 5) % 256).astype(np.float32) - 31.5
        labels = ((x * x + y * 3 + x * y) // 7 % 4).astype(np.uint8)
        columns = np.clip(np.arange(left, left + cw), 0, width - 1)
        rows = np.clip(np.arange(top, top + ch), 0, height - 1)
        values, labels = values[np.ix_(rows, columns)], labels[np.ix_(rows, columns)]
        if nw >= cw and nh >= ch:
            options = {"mode": "nearest", "grid_mode": True, "prefilter": False}
            linear = ndimage.zoom(values, (nh / ch, nw / cw), order=1, **options)
            nearest = ndimage.zoom(labels, (nh / ch, nw / cw), order=0, **options)
        else:
            # Pillow leaves out what lies beyond an image's border; here it is to be repeated.
            wide = np.pad(values, 16, mode="edge")
            linear = np.asarray(Image.fromarray(wide).resize((nw, nh), Image.BILINEAR, box=(16, 16, 16 + cw, 16 + ch)))
            nearest = np.asarray(Image.fromarray(labels).resize((nw, nh), Image.NEAREST))
        assert linear.shape == nearest.shape == (nh, nw)
        row = [width, height, left, top, cw, ch, nw, nh]
        table.writerow([*row, " ".join(f"{v:.4f}" for v in linear.ravel()), "".join(map(str, nearest.ravel()))])
