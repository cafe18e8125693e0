"""Makes map_similarity.json: how alike pairs of maps are, and how much of them lies in a region.

    python tests/golden/map_similarity.py        (numpy, scipy)

Rank correlation by scipy.stats.spearmanr; SSIM by scipy.ndimage.gaussian_filter with what scikit-image's
structural_similarity does under gaussian_weights=True, use_sample_covariance=False, data_range=1: sigma 1.5,
truncate 3.5, the mean without a frame of 5 px. Maps hold few different values, so that many ranks are tied.
"""
import json
import os
import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr

HERE = os.path.dirname(os.path.abspath(__file__))
draw = np.random.default_rng(20261121)


def ssim(x, y):
    blur = lambda v: gaussian_filter(v, sigma=1.5, truncate=3.5)
    ux, uy = blur(x), blur(y)
    vx, vy, vxy = blur(x * x) - ux * ux, blur(y * y) - uy * uy, blur(x * y) - ux * uy
    c1, c2 = 0.01**2, 0.03**2
    s = (2 * ux * uy + c1) * (2 * vxy + c2) / ((ux**2 + uy**2 + c1) * (vx + vy + c2))
    return s[5:-5, 5:-5].mean()


def shown(sizes):
    return np.minimum(sizes / np.percentile(sizes, 99, method="lower"), 1)


cases = []
for height, width, channels, agreement in [(12, 17, 1, 0.0), (16, 13, 3, 0.7), (20, 11, 1, -0.9)]:
    one = draw.normal(size=(height, width, channels))
    other = agreement * one + np.sqrt(1 - agreement**2) * draw.normal(size=one.shape)
    one, other = np.round(2 * one) / 2, np.round(2 * other) / 2
    signed = [m.sum(2).ravel() for m in (one, other)]
    absolute = [np.abs(m).sum(2) for m in (one, other)]
    region = draw.random((height, width)) < 0.3
    # Without ties the K most relevant are those that a sort puts first.
    relevance = np.round(draw.random((height, width)), 6) + 0.5 * region
    first = np.argsort(-relevance.ravel(), kind="stable")[: region.sum()]
    cases.append(
        {
            "size": [height, width],
            "channels": channels,
            "one": one.ravel().tolist(),
            "other": other.ravel().tolist(),
            "spearman": spearmanr(*signed).statistic,
            "spearman_absolute": spearmanr(*[a.ravel() for a in absolute]).statistic,
            "ssim": ssim(*[shown(a) for a in absolute]),
            "relevance": np.round(relevance, 6).ravel().tolist(),
            "region": region.ravel().astype(int).tolist(),
            "mass": relevance[region].sum() / relevance.sum(),
            "rank": region.ravel()[first].mean(),
        }
    )
with open(os.path.join(HERE, "map_similarity.json"), "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
