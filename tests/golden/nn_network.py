"""Makes nn_network.safetensors: a small network, its training, and the optimizers, in float64.

    python tests/golden/nn_network.py        (torch, safetensors)

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
