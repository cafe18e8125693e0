"""Makes losses.json: values and gradients of every loss by PyTorch's autograd in float64.

    python tests/golden/losses.py        (torch)

Kappa is computed from observed and chance agreement, not from the formula that the program uses.
"""
import json
import os
import torch
import torch.nn.functional as F

torch.manual_seed(20260606)
HERE = os.path.dirname(os.path.abspath(__file__))


def per_channel(loss):
    return lambda p, t: sum(loss(p[:, c], t[:, c]) for c in range(p.shape[1])) / p.shape[1]


def dice(p, t):
    return 1 - 2 * (p * t).sum() / (p.sum() + t.sum())


def kappa(p, t):
    n = p.numel()
    observed = (p * t + (1 - p) * (1 - t)).sum() / n
    chance = p.mean() * t.mean() + (1 - p).mean() * (1 - t).mean()
    return 1 - (observed - chance) / (1 - chance)


def kappa_printed(p, t):
    n = p.numel()
    pg, sp, sg = (p * t).sum(), p.sum(), t.sum()
    return 1 - (2 * pg - sp * sg / n) / (sp + sg - 2 * pg / n)


def focal(alpha, gamma):
    def loss(p, t):
        positive = -alpha * t * (1 - p) ** gamma * torch.log(p)
        negative = -(1 - alpha) * (1 - t) * p**gamma * torch.log1p(-p)
        return (positive + negative).mean()

    return loss


def focal_kappa(share, alpha, gamma):
    return lambda p, t: (1 - share) * focal(alpha, gamma)(p, t) + share * per_channel(kappa)(p, t)


bce = F.binary_cross_entropy
MASKS = [
    ("dice", {}, per_channel(dice)),
    ("kappa", {}, per_channel(kappa)),
    ("kappa-printed", {}, per_channel(kappa_printed)),
    ("focal", {}, focal(0.25, 2)),
    ("focal", {"alpha": 0.6, "gamma": 1.3}, focal(0.6, 1.3)),
    ("focal-kappa", {}, focal_kappa(0.7, 0.25, 2)),
    ("focal-kappa", {"share": 0.4, "alpha": 0.5, "gamma": 0.5}, focal_kappa(0.4, 0.5, 0.5)),
    ("bce", {}, bce),
    ("dice-bce", {}, lambda p, t: per_channel(dice)(p, t) + bce(p, t)),
]
NUMBERS = [
    ("mae", {}, F.l1_loss),
    ("mse", {}, F.mse_loss),
    ("huber", {"delta": 0.5}, lambda p, t: F.huber_loss(p, t, delta=0.5)),
]
cases = []


def add(losses, p, t):
    for word, settings, loss in losses:
        x = p.clone().requires_grad_()
        value = loss(x, t)
        value.backward()
        cases.append({
            "word": word, **settings, "channels": p.shape[1], "prediction": p.flatten().tolist(),
            "truth": t.flatten().tolist(), "value": value.item(), "grad": x.grad.flatten().tolist(),
        })


def draw(*shape):
    return torch.rand(*shape, dtype=torch.float64)


add(MASKS, draw(20, 1), (draw(20, 1) > 0.6).double())
add(MASKS, draw(12, 3), (draw(12, 3) > 0.5).double())
add(MASKS, draw(9, 4), draw(9, 4))
certain = torch.tensor([[0.0, 1.0, 0.0, 1.0, 0.3]], dtype=torch.float64).T
add([m for m in MASKS if m[0] == "bce"], certain, torch.tensor([[1.0, 0.0, 0.0, 1.0, 1.0]], dtype=torch.float64).T)
add(NUMBERS, 2 * draw(11, 1), 2 * draw(11, 1))
with open(os.path.join(HERE, "losses.json"), "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
