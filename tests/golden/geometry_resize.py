"""Writes geometry_resize.csv: a formula's image resized by Pillow (BILINEAR, antialiased). Run: python <this file>"""

import csv
import pathlib

import numpy as np
from PIL import Image

with open(pathlib.Path(__file__).with_suffix(".csv"), "w", newline="") as file:
    table = csv.writer(file, lineterminator="\n")
    table.writerow(["width", "height", "new_width", "new_height", "grey_hex"])
    for width, height, new_width, new_height in [(200, 135, 32, 32), (61, 90, 24, 24), (25, 20, 32, 33), (800, 540, 9, 7)]:
        y, x = np.mgrid[:height, :width]
        image = Image.fromarray(((x * x * 7 + y * 13 + x * y // 5) % 256).astype(np.uint8))
        small = np.asarray(image.resize((new_width, new_height), Image.BILINEAR))
        table.writerow([width, height, new_width, new_height, small.tobytes().hex()])
