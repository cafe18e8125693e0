"""Makes nn_layers.safetensors and nn_network.safetensors: what PyTorch computes in float64.

    python tests/golden/nn_make.py        (torch, safetensors)

Images are stored channels last (N, H, W, C), weights in PyTorch's own order. Values are rounded to
float32 before anything is computed from them, so that both sides start from the same numbers.
"""
import os
import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import save_file

torch.manual_seed(20260101)
torch.set_num_threads(1)
HERE = os.path.dirname(os.path.abspath(__file__))


def draw(*shape, scale=1.0):
    return (torch.randn(*shape, dtype=torch.float64) * scale).float().double()


def last(x):
    """Channels last, if it is an image."""
    return (x.permute(0, 2, 3, 1) if x.dim() == 4 else x).detach().float().contiguous()


layers = {}


def conv(name, n, h, w, ci, co, k, s, p):
    x, m = draw(n, ci, h, w).requires_grad_(), nn.Conv2d(ci, co, k, s, p).double()
    with torch.no_grad():
        for q in m.parameters():
            q.copy_(q.float().double())
    y = m(x)
    g = draw(*y.shape)
    y.backward(g)
    layers.update({f"{name}.x": last(x), f"{name}.y": last(y), f"{name}.g": last(g), f"{name}.dx": last(x.grad)})
    layers.update({f"{name}.weight": m.weight.detach().float(), f"{name}.bias": m.bias.detach().float()})
    layers.update({f"{name}.dweight": m.weight.grad.float(), f"{name}.dbias": m.bias.grad.float()})


conv("conv.3x3-1-8", 2, 11, 13, 1, 8, 3, 1, 1)
conv("conv.3x3-3-5", 2, 9, 7, 3, 5, 3, 1, 1)
conv("conv.3x3-16-17-s2", 2, 10, 9, 16, 17, 3, 2, 1)
conv("conv.5x3-5-33-s2x3", 1, 12, 14, 5, 33, (5, 3), (2, 3), (2, 1))
conv("conv.7x7-3-8-s2", 1, 13, 12, 3, 8, 7, 2, 3)
conv("conv.1x1-17-16", 2, 5, 6, 17, 16, 1, 1, 0)
conv("conv.1x1-8-3-s2", 2, 7, 8, 8, 3, 1, 2, 0)
conv("conv.2x2-5-1-s3", 2, 8, 10, 5, 1, 2, 3, 0)
conv("conv.3x3-4-4-p2", 1, 5, 6, 4, 4, 3, 1, 2)


def norm(name, shape, train):
    c = shape[1]
    m = (nn.BatchNorm2d(c) if len(shape) == 4 else nn.BatchNorm1d(c)).double().train(train)
    with torch.no_grad():
        m.weight.copy_(draw(c).abs() + 0.5)
        m.bias.copy_(draw(c))
        m.running_mean.copy_(draw(c))
        m.running_var.copy_(draw(c).abs() + 0.5)
        m.weight.copy_(m.weight.float().double())
        m.running_var.copy_(m.running_var.float().double())
    before = {f"{name}.running_mean": m.running_mean.clone().float(), f"{name}.running_var": m.running_var.clone().float()}
    # A mean that is large beside the spread costs careless code its digits.
    x = (draw(*shape) + 20.0 * draw(1, c, *([1] * (len(shape) - 2)))).float().double().requires_grad_()
    y = m(x)
    g = draw(*y.shape)
    y.backward(g)
    layers.update(before)
    layers.update({f"{name}.x": last(x), f"{name}.y": last(y), f"{name}.g": last(g), f"{name}.dx": last(x.grad)})
    layers.update({f"{name}.weight": m.weight.detach().float(), f"{name}.bias": m.bias.detach().float()})
    layers.update({f"{name}.dweight": m.weight.grad.float(), f"{name}.dbias": m.bias.grad.float()})
    layers.update({f"{name}.mean_after": m.running_mean.float(), f"{name}.var_after": m.running_var.float()})


norm("norm.images-5", (3, 5, 6, 7), True)
norm("norm.images-17", (2, 17, 9, 11), True)
norm("norm.rows-16", (8, 16), True)
norm("norm.rows-3", (5, 3), True)
norm("norm.eval-8", (2, 8, 5, 4), False)


def pool(name, n, h, w, c, k, s, p):
    # Few distinct values, so that windows hold their maximum more than once.
    x = (draw(n, c, h, w) * 1.5).round().requires_grad_()
    y = F.max_pool2d(x, k, s, p)
    g = draw(*y.shape)
    y.backward(g)
    layers.update({f"{name}.x": last(x), f"{name}.y": last(y), f"{name}.g": last(g), f"{name}.dx": last(x.grad)})


pool("pool.2", 2, 8, 6, 17, 2, 2, 0)
pool("pool.2-odd", 2, 7, 9, 5, 2, 2, 0)
pool("pool.3-s2-p1", 2, 9, 8, 8, 3, 2, 1)
pool("pool.3x2-s1x3", 1, 6, 11, 3, (3, 2), (1, 3), (1, 0))
pool("pool.2-s3", 1, 9, 10, 33, 2, 3, 0)


def linear(name, n, i, o):
    x, m = draw(n, i).requires_grad_(), nn.Linear(i, o).double()
    with torch.no_grad():
        for q in m.parameters():
            q.copy_(q.float().double())
    y = m(x)
    g = draw(*y.shape)
    y.backward(g)
    layers.update({f"{name}.x": last(x), f"{name}.y": last(y), f"{name}.g": last(g), f"{name}.dx": last(x.grad)})
    layers.update({f"{name}.weight": m.weight.detach().float(), f"{name}.bias": m.bias.detach().float()})
    layers.update({f"{name}.dweight": m.weight.grad.float(), f"{name}.dbias": m.bias.grad.float()})


linear("linear.37-5", 3, 37, 5)
linear("linear.16-1", 8, 16, 1)
linear("linear.2100-6", 5, 2100, 6)
save_file(layers, os.path.join(HERE, "nn_layers.safetensors"))


class Small(nn.Module):
    """CnnSpec::new([12, 10, 2], [5, 6], [7, 4]) without dropout, in PyTorch's words."""

    def __init__(self):
        super().__init__()
        block = lambda i, o: [nn.Conv2d(i, o, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(o), nn.MaxPool2d(2)]
        self.features = nn.Sequential(*block(2, 5), *block(5, 6))
        self.classifier = nn.Sequential(
            nn.Linear(6 * 3 * 2, 7), nn.ReLU(), nn.BatchNorm1d(7), nn.Identity(), nn.Linear(7, 4), nn.ReLU(), nn.Linear(4, 1)
        )

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


net = Small().double().train()
with torch.no_grad():
    for q in net.parameters():
        q.copy_(q.float().double())
out = {}
state = lambda: {k: v.detach().float().clone() for k, v in net.state_dict().items() if v.is_floating_point()}
out.update({f"start.{k}": v for k, v in state().items()})
x, truth = draw(6, 2, 12, 10), draw(6, 1)
out["x"], out["truth"] = last(x), truth.float()
# A bias whose units are active for every sample has no gradient but rounding behind a batch norm, and
# Adam would blow that up to a whole step: a larger eps keeps the comparison about arithmetic.
opt = torch.optim.Adam(net.parameters(), lr=1e-2, eps=1e-3)
for step in range(3):
    opt.zero_grad()
    y = net(x)
    loss = F.mse_loss(y, truth)
    loss.backward()
    if step == 0:
        out["y"] = y.detach().float()
        out.update({f"grad.{k}": v.grad.float().clone() for k, v in net.named_parameters()})
    out[f"loss.{step}"] = loss.detach().float().reshape(1)
    opt.step()
out.update({f"end.{k}": v for k, v in state().items()})
net.eval()
out["y_eval"] = net(x).detach().float()

# The optimizers alone: one parameter, the same gradients, five steps each.
w, grads = draw(37), draw(5, 37)
out["optim.start"], out["optim.grads"] = w.float(), grads.float()
for name, make in {
    "adam": lambda p: torch.optim.Adam(p, lr=1e-2, weight_decay=0.03),
    "adamw": lambda p: torch.optim.AdamW(p, lr=1e-2, weight_decay=0.1),
    "sgd": lambda p: torch.optim.SGD(p, lr=1e-2, momentum=0.9, weight_decay=0.02),
}.items():
    p = w.clone().requires_grad_()
    o = make([p])
    for g in grads:
        p.grad = g.clone()
        o.step()
    out[f"optim.{name}"] = p.detach().float()
save_file(out, os.path.join(HERE, "nn_network.safetensors"))
