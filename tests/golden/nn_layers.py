"""Makes nn_layers.safetensors: what PyTorch computes in float64 for every layer and for small graphs.

    python tests/golden/nn_layers.py        (torch, numpy, safetensors)

Images and volumes are channels last, (N, [D,] H, W, C), weights in PyTorch's own order. Inputs,
output gradients and parameters are not in the file: they are drawn from the hash of their names, here
and in tests/nn_layers.rs alike, and are float32 before anything is computed from them.
"""
import os
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import save_file

torch.set_num_threads(1)
HERE = os.path.dirname(os.path.abspath(__file__))
out = {}


def drawn(name, *shape):
    """Values in [-1, 1) from the FNV-1a hash of the name and SplitMix64's finaliser."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 % 2**64
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, int(np.prod(shape)) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return torch.from_numpy((z >> np.uint64(40)).astype(np.float64) / 2**23 - 1).reshape(shape)


def first(x):
    """Channels first, as PyTorch computes."""
    return x.movedim(-1, 1) if x.dim() > 2 else x


def last(x):
    """Channels last, as the engine computes."""
    return (x.movedim(1, -1) if x.dim() > 2 else x).detach().float().contiguous()


def fill(name, module):
    """Draws every parameter; what a norm divides by or multiplies with stays positive."""
    for key, p in list(module.named_parameters()) + list(module.named_buffers()):
        if p.is_floating_point():
            v = drawn(f"{name}.{key}", *p.shape)
            if key.endswith("running_var") or (key.endswith("weight") and p.dim() == 1):
                v = (v.abs() + 0.5).float().double()
            with torch.no_grad():
                p.copy_(v)


def case(name, shape, module, remake=lambda x: x, train=True, forward_only=False):
    """`shape` of the input, samples first and channels last; `remake` where it is not as drawn."""
    x = remake(drawn(f"{name}.x", *shape))
    x = first(x.float().double()).contiguous().requires_grad_()
    if isinstance(module, nn.Module):
        module = module.double().train(train)
        fill(name, module)
    y = module(x)
    out[f"{name}.y"] = last(y)
    if forward_only:
        return
    y.backward(first(drawn(f"{name}.g", *last(y).shape)))
    out[f"{name}.dx"] = last(x.grad)
    if isinstance(module, nn.Module):
        out.update({f"{name}.d{k}": p.grad.float() for k, p in module.named_parameters()})
        if train:
            after = {k: v.float().clone() for k, v in module.named_buffers() if v.is_floating_point()}
            out.update({f"{name}.after.{k}": v for k, v in after.items()})


def conv(name, shape, co, k, s=1, p=0):
    of = nn.Conv2d if len(shape) == 4 else nn.Conv3d
    case(f"conv.{name}", shape, of(shape[-1], co, k, s, p))


conv("3x3-1-8", (1, 9, 13, 1), 8, 3, 1, 1)
conv("3x3-3-5", (2, 9, 7, 3), 5, 3, 1, 1)
# 3x3 at stride 1 with many channels: planes with tails, without padding, and of whole tiles.
conv("3x3-16-17-tails", (1, 6, 7, 16), 17, 3, 1, 1)
conv("3x3-17-16-p0", (2, 5, 4, 17), 16, 3)
conv("3x3-16-16-p2", (1, 2, 6, 16), 16, 3, 1, 2)
conv("3x3-5-17-s2", (1, 10, 9, 5), 17, 3, 2, 1)
conv("5x3-5-7-s2x3", (1, 9, 11, 5), 7, (5, 3), (2, 3), (2, 1))
conv("7x7-3-5-s2", (1, 13, 12, 3), 5, 7, 2, 3)
conv("1x1-17-16", (1, 5, 4, 17), 16, 1)
conv("1x1-8-3-s2", (2, 7, 8, 8), 3, 1, 2)
conv("2x2-5-1-s3", (2, 8, 10, 5), 1, 2, 3)
conv("3x3-4-4-p2", (1, 5, 6, 4), 4, 3, 1, 2)
conv("3x3x3-2-5", (2, 3, 4, 5, 2), 5, 3, 1, 1)
conv("3x3x3-16-16", (1, 2, 3, 5, 16), 16, 3, 1, 1)
conv("1x3x3-4-5", (1, 2, 5, 6, 4), 5, (1, 3, 3), 1, (0, 1, 1))
conv("3x1x1-5-9", (1, 5, 3, 2, 5), 9, (3, 1, 1), 1, (1, 0, 0))
conv("3x5x2-3-4-s2x1x3", (1, 4, 6, 8, 3), 4, (3, 5, 2), (2, 1, 3), (1, 2, 1))
conv("1x1x1-6-3-s2", (2, 3, 4, 5, 6), 3, 1, 2)


def transposed(name, shape, co, k, s=1, p=0, bias=True):
    of = nn.ConvTranspose2d if len(shape) == 4 else nn.ConvTranspose3d
    case(f"transposed.{name}", shape, of(shape[-1], co, k, s, p, bias=bias))


transposed("2x2-16-8-s2", (1, 4, 5, 16), 8, 2, 2)
transposed("3x3-5-17-s2", (2, 3, 2, 5), 17, 3, 2, 1)
transposed("4x4-3-2-s2-p1", (2, 4, 3, 3), 2, 4, 2, 1)
transposed("3x3-16-16", (1, 3, 5, 16), 16, 3, 1, 1)
transposed("2x3-4-3-s3x1", (1, 3, 4, 4), 3, (2, 3), (3, 1), (0, 1), bias=False)
transposed("2x2x2-5-4-s2", (2, 2, 3, 2, 5), 4, 2, 2)
transposed("1x3x2-3-5-s1x2x3", (1, 3, 3, 2, 3), 5, (1, 3, 2), (1, 2, 3), (0, 1, 0))


def norm(name, shape, train=True):
    c = shape[-1]
    of = {2: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}[len(shape)]
    # A mean that is large beside the spread costs careless code its digits.
    case(f"norm.{name}", shape, of(c), lambda x: x + 20 * drawn(f"norm.{name}.mean", c), train)


norm("images-5", (3, 6, 7, 5))
norm("images-17", (1, 5, 7, 17))
norm("volumes-3", (2, 3, 4, 5, 3))
norm("rows-16", (8, 16))
norm("rows-3", (5, 3))
norm("eval-8", (2, 5, 4, 8), train=False)


def pool(name, shape, k, s=None, p=0):
    # Few distinct values, so that windows hold their maximum more than once.
    coarse = lambda x: (4 * x).floor()
    case(f"max.{name}", shape, (nn.MaxPool2d if len(shape) == 4 else nn.MaxPool3d)(k, s, p), coarse)
    case(f"avg.{name}", shape, (nn.AvgPool2d if len(shape) == 4 else nn.AvgPool3d)(k, s, p))


pool("2", (1, 6, 4, 17), 2)
pool("2-odd", (1, 7, 9, 5), 2)
pool("3-s2-p1", (2, 9, 8, 3), 3, 2, 1)
pool("3x2-s1x3-p1x0", (1, 6, 11, 3), (3, 2), (1, 3), (1, 0))
pool("2-s3", (1, 6, 8, 8), 2, 3)
pool("2x2x2", (1, 4, 5, 4, 3), 2)
pool("3x2x3-s1x2x1-p1", (1, 4, 5, 4, 2), (3, 2, 3), (1, 2, 1), (1, 1, 1))
pool("1x2x2", (1, 3, 4, 4, 9), (1, 2, 2))

case("upsample.2", (2, 3, 4, 5), nn.Upsample(scale_factor=2))
case("upsample.3x1", (1, 3, 2, 17), nn.Upsample(scale_factor=(3, 1)))
case("upsample.2x2x2", (1, 2, 3, 2, 3), nn.Upsample(scale_factor=2))
case("upsample.1x2x3", (1, 2, 2, 3, 8), nn.Upsample(scale_factor=(1, 2, 3)))
case("mean.image", (2, 3, 5, 9), lambda x: x.mean((2, 3)))
case("mean.volume", (2, 3, 4, 5, 3), lambda x: x.mean((2, 3, 4)))
case("sigmoid", (7, 33), torch.sigmoid, lambda x: 12 * x)
case("relu", (3, 4, 5, 3), torch.relu)
case("linear.37-5", (3, 37), nn.Linear(37, 5))
case("linear.300-3", (2, 300), nn.Linear(300, 3))
case("linear.2100-6", (5, 2100), nn.Linear(2100, 6), forward_only=True)


class Flattened(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.linear = nn.Linear(inputs, 3)

    def forward(self, x):
        return self.linear(x.flatten(1))


case("flatten.image", (2, 3, 4, 5), Flattened(60))
case("flatten.volume", (2, 2, 3, 4, 5), Flattened(120))


class Residual(nn.Module):
    """A block with a projection, one without, and a sum of three; then the mean and a linear layer."""

    def __init__(self, d, c):
        super().__init__()
        conv, norm = ((nn.Conv2d, nn.BatchNorm2d), (nn.Conv3d, nn.BatchNorm3d))[d - 2]
        self.conv1, self.bn1 = conv(2, c, 3, 2, 1, bias=False), norm(c)
        self.conv2, self.bn2 = conv(c, c, 3, 1, 1, bias=False), norm(c)
        self.down, self.bnd = conv(2, c, 1, 2, bias=False), norm(c)
        self.conv3, self.bn3 = conv(c, c, 3, 1, 1, bias=True), norm(c)
        self.fc = nn.Linear(c, 3)

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        a = F.relu(y + self.bnd(self.down(x)))
        b = F.relu(self.bn3(self.conv3(a)) + a)
        return self.fc((a + b + y).flatten(2).mean(2))


class UNet(nn.Module):
    """One level: down, up by a transposed convolution and by repeating, beside each other."""

    def __init__(self, d):
        super().__init__()
        conv, up, self.pool = (
            (nn.Conv2d, nn.ConvTranspose2d, F.max_pool2d),
            (nn.Conv3d, nn.ConvTranspose3d, F.max_pool3d),
        )[d - 2]
        self.enc, self.mid = conv(2, 4, 3, 1, 1), conv(4, 6, 3, 1, 1)
        self.up, self.dec = up(6, 5, 2, 2), conv(15, 3, 3, 1, 1)
        self.head = conv(3, 1, 1)

    def forward(self, x):
        e = F.relu(self.enc(x))
        m = F.relu(self.mid(self.pool(e, 2)))
        joined = torch.cat([F.relu(self.up(m)), e, F.interpolate(m, scale_factor=2)], 1)
        return torch.sigmoid(self.head(F.relu(self.dec(joined))))


def graph(name, shape, module):
    case(name, shape, module)
    # In evaluation, with the statistics that it started from.
    fill(name, module)
    out[f"{name}.eval"] = last(module.eval()(first(drawn(f"{name}.x", *shape))))


graph("residual.images", (3, 8, 7, 2), Residual(2, 5))
graph("residual.volumes", (2, 4, 5, 6, 2), Residual(3, 4))
graph("unet.images", (2, 6, 8, 2), UNet(2))
graph("unet.volumes", (1, 4, 4, 6, 2), UNet(3))
save_file(out, os.path.join(HERE, "nn_layers.safetensors"))
