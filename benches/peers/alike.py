"""How alike two runs' maps are: Spearman's rank correlation of values and of sizes, mean over images.

    hcwb explain --run ONE images/ --analyzer gradient,deconvnet --out one
    hcwb explain --run OTHER images/ --analyzer gradient,deconvnet --out other
    python benches/peers/alike.py one other
"""
import collections
import sys
from pathlib import Path

import numpy
from safetensors.numpy import load_file
from scipy.stats import spearmanr


def main():
    one, other = map(Path, sys.argv[1:3])
    found = collections.defaultdict(list)
    for file in sorted(one.glob("*.safetensors")):
        # IMAGE.ANALYZER.safetensors; channels are summed.
        maps = [load_file(folder / file.name)["attribution"].sum(-1).ravel() for folder in (one, other)]
        if all(map.std() > 0 for map in maps):
            sizes = [abs(map) for map in maps]
            found[file.stem.rsplit(".", 1)[-1]].append((spearmanr(*maps)[0], spearmanr(*sizes)[0]))
    for analyzer, values in found.items():
        signed, size = numpy.mean(values, axis=0)
        print(f"{analyzer:22} signed {signed:+.2f}  sizes {size:.2f}  ({len(values)} images)")


if __name__ == "__main__":
    main()
