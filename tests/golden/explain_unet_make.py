"""Makes explain_unet.safetensors: maps of two small U-Nets with random weights, in float64.

    python tests/golden/explain_unet_make.py        (torch, safetensors)

f(x) is the mean over pixels and masks of what stands before the sigmoid. `gradient` and `input-x-gradient` come from
torch's autograd through the whole network; the other maps from the rules written out here, node by node, batch norms
folded; where the z map has to be the input times the gradient, it is checked. NAME.weights.*, NAME.input (H, W, C),
NAME.output, NAME.MAP (H, W, C); the specs stand in tests/explain_unet.rs.
"""
import os
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

torch.manual_seed(20261122)
HERE = os.path.dirname(os.path.abspath(__file__))
WIDTHS = [3, 4, 5]
EPS = 1e-5


def weights(channels, transposed, norm, classes):
    w = {}

    def layer(name, shape, fan_in, bias):
        w[name + ".weight"] = torch.randn(shape) * (2 / fan_in) ** 0.5
        w[name + ".bias"] = 0.2 * torch.randn(bias)

    def level(name, before, width):
        for i, c in ((1, before), (2, width)):
            layer(f"{name}.conv{i}", (width, c, 3, 3), 9 * c, width)
            if norm:
                w[f"{name}.bn{i}.weight"] = 1 + 0.2 * torch.randn(width)
                w[f"{name}.bn{i}.bias"] = 0.2 * torch.randn(width)
                w[f"{name}.bn{i}.running_mean"] = 0.2 * torch.randn(width)
                w[f"{name}.bn{i}.running_var"] = 0.5 + torch.rand(width)

    *levels, bottom = WIDTHS
    before = channels
    for i, width in enumerate(levels):
        level(f"encoder.{i}", before, width)
        before = width
    level("bottleneck", before, bottom)
    before = bottom
    for step, width in enumerate(reversed(levels)):
        if transposed:
            layer(f"decoder.{step}.up", (before, width, 2, 2), before, width)
        level(f"decoder.{step}", width + (width if transposed else before), width)
        before = width
    layer("head", (classes, before, 1, 1), before, classes)
    # Some pixels are positive: deep Taylor explains no others.
    w["head.bias"] += 1
    return w


def nodes(w, transposed, norm):
    """(kind, inputs, weight, bias) in order; value 0 is the input."""
    w = {k: v.double() for k, v in w.items()}
    made = []

    def add(kind, *inputs, weight=None, bias=None):
        made.append((kind, inputs, weight, bias))
        return len(made)

    def level(name, at):
        for i in (1, 2):
            weight, bias = w[f"{name}.conv{i}.weight"], w[f"{name}.conv{i}.bias"]
            if norm:
                bn = f"{name}.bn{i}."
                k = w[bn + "weight"] / torch.sqrt(w[bn + "running_var"] + EPS)
                weight, bias = weight * k[:, None, None, None], (bias - w[bn + "running_mean"]) * k + w[bn + "bias"]
            at = add("relu", add("conv", at, weight=weight, bias=bias))
        return at

    at, skips = 0, []
    for i in range(len(WIDTHS) - 1):
        at = level(f"encoder.{i}", at)
        skips.append(at)
        at = add("pool", at)
    at = level("bottleneck", at)
    for step, skip in enumerate(reversed(skips)):
        up = f"decoder.{step}.up"
        at = add("up", at, weight=w[up + ".weight"], bias=w[up + ".bias"]) if transposed else add("repeat", at)
        at = level(f"decoder.{step}", add("concat", skip, at))
    add("conv", at, weight=w["head.weight"], bias=w["head.bias"])
    return made


def product(kind, x, weight):
    return F.conv_transpose2d(x, weight, stride=2) if kind == "up" else F.conv2d(x, weight, padding=weight.shape[-1] // 2)


def apply(node, inputs):
    kind, _, weight, bias = node
    x = inputs[0]
    if weight is not None:
        return product(kind, x, weight) + bias[:, None, None]
    if kind == "relu":
        return x.clamp(min=0)
    if kind == "pool":
        return F.max_pool2d(x, 2)
    if kind == "repeat":
        return F.interpolate(x, scale_factor=2, mode="nearest")
    return torch.cat(inputs, 1)


def forward(net, x):
    values = [x]
    for node in net:
        values.append(apply(node, [values[i] for i in node[1]]))
    return values


def vjp(f, inputs, r):
    inputs = [i.detach().requires_grad_() for i in inputs]
    return torch.autograd.grad(f(inputs), inputs, r)


def over(r, z, epsilon=0.0):
    d = z + epsilon * torch.where(z < 0, -1.0, 1.0)
    return torch.where(d == 0, torch.zeros_like(d), r / torch.where(d == 0, torch.ones_like(d), d))


def kernel(rule, node, x, z, r):
    kind, _, w, bias = node
    back = lambda s, w: vjp(lambda i: product(kind, i[0], w), [x], s)[0]
    if rule[0] == "epsilon":
        return x * back(over(r, z, rule[1]), w)
    if rule[0] == "square":
        return back(over(r, product(kind, torch.ones_like(x), w * w)), w * w)
    _, alpha, beta, biased = rule
    result = 0
    for sign, factor in ((1, alpha), (-1, -beta)):
        if factor:
            pairs = [(x.clamp(min=0), (sign * w).clamp(min=0) * sign), (x.clamp(max=0), (-sign * w).clamp(min=0) * -sign)]
            s = over(factor * r, sum(product(kind, a, b) for a, b in pairs) + (bias[:, None, None] if biased else 0))
            result = result + sum(a * back(s, b) for a, b in pairs)
    return result


def relevance(net, values, start, rules):
    r = {len(net): start}
    for place in range(len(net), 0, -1):
        node, now = net[place - 1], r.pop(place)
        inputs = [values[i] for i in node[1]]
        if node[2] is not None:
            relu = any(n[0] == "relu" and place in n[1] for n in net)
            parts = [kernel(rules(relu), node, inputs[0], values[place], now)]
        else:
            parts = [now] if node[0] == "relu" else vjp(lambda i: apply(node, i), inputs, now)
        for at, part in zip(node[1], parts):
            r[at] = r[at] + part if at in r else part
    return r[0]


golden = {}
for name, shape, transposed, norm, classes in [
    ("small", (1, 1, 8, 12), False, False, 1),
    ("unet", (1, 2, 12, 8), True, True, 2),
]:
    w = weights(shape[1], transposed, norm, classes)
    x = torch.randn(shape).double().requires_grad_()
    net = nodes(w, transposed, norm)
    z = forward(net, x)[-1]
    gradient = torch.autograd.grad(z.mean(), x)[0]
    values = [v.detach() for v in forward(net, x.detach())]
    z = values[-1]
    share = z / z.numel()
    plus = ("alpha-beta", 1, 0, False)
    maps = {
        "gradient": gradient,
        "input-x-gradient": x.detach() * gradient,
        "lrp-z": relevance(net, values, share, lambda relu: ("epsilon", 1e-9)),
        "lrp-epsilon": relevance(net, values, share, lambda relu: ("epsilon", 0.05)),
        "lrp-alpha2beta1": relevance(net, values, share, lambda relu: ("alpha-beta", 2, 1, False)),
        "deep-taylor": relevance(net, values, share.clamp(min=0), lambda relu: plus if relu else ("square",)),
        "lrp-w2": relevance(net, values, share, lambda relu: ("square",)),
    }
    off = (maps["lrp-z"] - maps["input-x-gradient"]).norm() / maps["lrp-z"].norm()
    assert off < 1e-5, off
    golden.update({f"{name}.weights.{k}": v for k, v in w.items()})
    wide = lambda t: t.detach()[0].permute(1, 2, 0).float().contiguous()
    golden[f"{name}.input"] = wide(x)
    golden[f"{name}.output"] = z.mean().float().reshape(1)
    golden.update({f"{name}.{k}": wide(v) for k, v in maps.items()})
    print(name, "f(x) =", z.mean().item(), {k: v.sum().item() for k, v in maps.items()})
save_file(golden, os.path.join(HERE, "explain_unet.safetensors"))
