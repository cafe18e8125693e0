"""Makes dream.safetensors: loss, gradient and a whole Deep Dream of a small U-Net with given weights, in float64.

    python tests/golden/dream.py        (torch, safetensors)

Weights are in PyTorch's own order; images are grey values, row by row.
"""
import os
import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import save_file

torch.manual_seed(20261121)
torch.set_num_threads(1)
HERE = os.path.dirname(os.path.abspath(__file__))
WIDTHS = [4, 6, 8]
SIZE = (24, 32)
MEAN = torch.tensor([120.0, 110.0, 100.0], dtype=torch.float64).view(1, 3, 1, 1)
SD = torch.tensor([60.0, 55.0, 50.0], dtype=torch.float64).view(1, 3, 1, 1)
WEIGHTS = {"encoder.0.relu2": 1.0, "bottleneck.relu1": 0.5, "decoder.0.conv2": 0.75, "decoder.1.relu1": -0.25}
STEPS, STEP_LENGTH = 3, 0.01 * 255


class Level(nn.Module):
    def __init__(self, i, o, up=None):
        super().__init__()
        if up:
            self.up = nn.ConvTranspose2d(up, o, 2, stride=2)
        self.conv1, self.bn1 = nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o)
        self.conv2, self.bn2 = nn.Conv2d(o, o, 3, padding=1), nn.BatchNorm2d(o)

    def forward(self, x, name, seen):
        for i, (conv, bn) in enumerate([(self.conv1, self.bn1), (self.conv2, self.bn2)], 1):
            # A convolution counts with its batch norm.
            seen[f"{name}.conv{i}"] = bn(conv(x))
            x = seen[f"{name}.relu{i}"] = F.relu(seen[f"{name}.conv{i}"])
        return x


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        a, b, c = WIDTHS
        self.encoder = nn.ModuleList([Level(3, a), Level(a, b)])
        self.bottleneck = Level(b, c)
        self.decoder = nn.ModuleList([Level(2 * b, b, c), Level(2 * a, a, b)])
        self.head = nn.Conv2d(a, 1, 1)

    def forward(self, x):
        seen, skips = {}, []
        for i, level in enumerate(self.encoder):
            x = level(x, f"encoder.{i}", seen)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottleneck(x, "bottleneck", seen)
        for i, (level, skip) in enumerate(zip(self.decoder, reversed(skips))):
            x = level(torch.cat([skip, level.up(x)], 1), f"decoder.{i}", seen)
        return seen


net = UNet().double().eval()
with torch.no_grad():
    for name, value in list(net.named_parameters()) + list(net.named_buffers()):
        if value.is_floating_point():
            drawn = torch.randn_like(value) * 0.3
            if name.endswith("running_var") or (".bn" in name and name.endswith("weight")):
                drawn = torch.rand_like(value) + 0.5
            value.copy_(drawn.float().double())


def loss_and_gradient(grey):
    grey = grey.clone().requires_grad_(True)
    seen = net((grey.expand(-1, 3, -1, -1) - MEAN) / SD)
    loss = sum(weight * (seen[layer] ** 2).mean() for layer, weight in WEIGHTS.items())
    return loss, torch.autograd.grad(loss, grey)[0]


def resize(image, size):
    return F.interpolate(image, size=size, mode="bilinear", antialias=True, align_corners=False)


grey = (torch.rand(1, 1, *SIZE, dtype=torch.float64) * 200 + 20).float().double()
loss, gradient = loss_and_gradient(grey)

# 24 / 1.5 = 16 and 32 / 1.5 = 21.3, of which the nearest multiple of 4 is 20.
shapes = [(16, 20), SIZE]
losses, image, before = [], None, None
for shape in shapes:
    original = resize(grey, shape)
    if image is None:
        image = original
    else:
        lost = original - resize(before, shape)
        image = resize(image, shape) + lost
    before = original
    for _ in range(STEPS):
        value, slope = loss_and_gradient(image)
        losses.append(float(value.detach()))
        image = (image + STEP_LENGTH * slope / slope.abs().mean()).clamp(0, 255)

# Away from kinks: f32 and f64 take the same way.
out = {f"weights.{k}": v.detach().float().clone() for k, v in net.state_dict().items() if v.is_floating_point()}
flat = lambda t: t.detach().float().reshape(t.shape[-2:]).contiguous()
out["grey"], out["gradient"], out["dream"] = flat(grey), flat(gradient), flat(image)
out["loss"] = loss.detach().float().reshape(1)
out["losses"] = torch.tensor(losses, dtype=torch.float32)
save_file(out, os.path.join(HERE, "dream.safetensors"))
print(float(loss), losses, float((image - grey).abs().mean()))
