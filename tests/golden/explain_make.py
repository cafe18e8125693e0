"""Makes explain_*.safetensors: maps of the analyzers on the networks of attribute.safetensors, in float64.

    python tests/golden/explain_make.py [--check]        (torch, safetensors; --check: captum, zennit)

Every rule is written out here, on a list of operations with batch norms folded into the convolution before
them; only the gradients of linear operations come from torch. For each network and analyzer: NAME, a map of
one image (H, W, C); and `input`, `output`, `smoothgrad_noise` (n, H, W, C), `baseline`. The specs and the
analyzers' settings stand in tests/explain.rs.

--check compares with captum 0.9 and zennit 0.5.1 where they treat the network correctly.
"""
import os
import sys
import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

torch.set_num_threads(1)
torch.manual_seed(20260108)
HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = load_file(os.path.join(HERE, "attribute.safetensors"))
TINY = 1e-9
# Added to classifier.6.bias: deep Taylor explains positive outputs only.
CNN_BIAS = 0.25


class Op:
    """One operation: kind, places of its inputs among the values (0 is the input), parameters."""

    def __init__(self, kind, inputs, **more):
        self.kind, self.inputs, self.reads = kind, inputs, []
        self.__dict__.update(more)

    def linear(self, x, w):
        return F.linear(x, w) if self.kind == "linear" else F.conv2d(x, w, None, self.stride, self.padding)

    def vjp(self, x, w, r):
        x = torch.zeros_like(x).requires_grad_()
        return torch.autograd.grad(self.linear(x, w), x, r)[0]


class Net:
    def __init__(self, weights, eps):
        self.w = {k: v.double() for k, v in weights.items()}
        self.eps, self.ops = eps, []

    def add(self, kind, *inputs, **more):
        self.ops.append(Op(kind, list(inputs), **more))
        return len(self.ops)

    def scale_shift(self, name):
        w = self.w
        k = w[name + ".weight"] / torch.sqrt(w[name + ".running_var"] + self.eps)
        return k, w[name + ".bias"] - w[name + ".running_mean"] * k

    def conv(self, at, name, stride=1, padding=None, norm=None):
        weight = self.w[name + ".weight"]
        bias = self.w.get(name + ".bias", torch.zeros(len(weight), dtype=torch.float64))
        if norm:
            k, b = self.scale_shift(norm)
            weight, bias = weight * k[:, None, None, None], bias * k + b
        padding = weight.shape[-1] // 2 if padding is None else padding
        return self.add("conv", at, weight=weight, bias=bias, stride=stride, padding=padding)

    def dense(self, at, name):
        return self.add("linear", at, weight=self.w[name + ".weight"], bias=self.w[name + ".bias"])

    def norm(self, at, name):
        k, b = self.scale_shift(name)
        return self.add("norm", at, scale=k, shift=b)

    def forward(self, x):
        values = [x]
        for op in self.ops:
            a = values[op.inputs[0]]
            wide = lambda v: v if a.dim() == 2 else v[:, None, None]
            if op.kind in ("conv", "linear"):
                y = op.linear(a, op.weight) + (op.bias if op.kind == "linear" else op.bias[:, None, None])
            elif op.kind == "norm":
                y = a * wide(op.scale) + wide(op.shift)
            elif op.kind == "relu":
                y = a.clamp(min=0)
            elif op.kind == "pool":
                y = F.max_pool2d(a, op.size, op.stride, op.padding)
            elif op.kind == "mean":
                y = a.mean((2, 3))
            elif op.kind == "flatten":
                y = a.flatten(1)
            elif op.kind == "add":
                y = a + values[op.inputs[1]]
            values.append(y)
        return values

    def before_relu(self, place):
        readers = [op for op in self.ops if place in op.inputs]
        return bool(readers) and all(op.kind == "relu" for op in readers)

    def first(self, op):
        todo, seen = list(op.inputs), set()
        while todo:
            at = todo.pop()
            if at and at not in seen:
                seen.add(at)
                todo += self.ops[at - 1].inputs
        return not any(self.ops[at - 1].kind in ("conv", "linear") for at in seen)

    def relevance(self, values, start, rules):
        """Relevance of the input; rules(op, net, place) gives a dict of what to do at that operation."""
        r = {len(self.ops): start}
        for place in range(len(self.ops), 0, -1):
            op, now = self.ops[place - 1], r.pop(place)
            for at, share in zip(op.inputs, shares(op, rules(op, self, place), [values[i] for i in op.inputs], values[place], now)):
                r[at] = r[at] + share if at in r else share
        return r[0]


def over(r, z, epsilon=0.0):
    d = z + epsilon * torch.where(z < 0, -1.0, 1.0)
    return torch.where(d == 0, torch.zeros_like(d), r / torch.where(d == 0, torch.ones_like(d), d))


def shares(op, rule, inputs, output, r):
    x = inputs[0]
    if op.kind in ("conv", "linear"):
        return [kernel(op, rule, x, output, r)]
    if op.kind == "norm":
        wide = lambda v: v if x.dim() == 2 else v[:, None, None]
        if rule["norm"] == "gradient":
            return [r * wide(op.scale)]
        return [r if rule["norm"] == "identity" else x * wide(op.scale) * over(r, output, rule["norm"])]
    if op.kind == "relu":
        gate = rule["relu"]
        if gate in ("deconvnet", "guided"):
            r = r.clamp(min=0)
        return [r * (x > 0) if gate in ("gradient", "guided") else r]
    if op.kind == "pool":  # The first of equal values in row-major order, written out.
        k, s, p = op.size, op.stride, op.padding
        grown = F.pad(x, (p, p, p, p), value=-torch.inf)
        result = torch.zeros_like(grown)
        for n, c, y, z in np.ndindex(*r.shape):
            window = grown[n, c, y * s : y * s + k, z * s : z * s + k]
            first = next(i for i, v in enumerate(window.flatten().tolist()) if v == window.max())
            result[n, c, y * s + first // k, z * s + first % k] += r[n, c, y, z]
        return [result[:, :, p : p + x.shape[2], p : p + x.shape[3]]]
    if op.kind == "mean":
        n = x.shape[2] * x.shape[3]
        if rule["mean"] == "gradient":
            return [(r / n)[:, :, None, None].expand_as(x)]
        return [x / n * over(r, output, TINY)[:, :, None, None]]
    if op.kind == "flatten":
        return [r.reshape(x.shape)]
    if op.kind == "add":
        if rule["add"] == "gradient":
            return [r, r]
        s = over(r, inputs[0] + inputs[1], TINY)
        return [inputs[0] * s, inputs[1] * s]


def kernel(op, rule, x, z, r):
    w, b = op.weight, op.bias if op.kind == "linear" else op.bias[:, None, None]
    name, *more = rule["kernel"]
    if name == "gradient":
        return op.vjp(x, w, r)
    if name == "epsilon":
        return x * op.vjp(x, w, over(r, z, more[0]))
    plus, minus = w.clamp(min=0), w.clamp(max=0)
    if name == "alphabeta":
        alpha, beta, kept = more
        up, down = x.clamp(min=0), x.clamp(max=0)
        bias = {"full": (b, b), "split": (b.clamp(min=0), b.clamp(max=0)), "none": (0 * b, 0 * b)}[kept]
        s = over(alpha * r, op.linear(up, plus) + op.linear(down, minus) + bias[0])
        result = up * op.vjp(x, plus, s) + down * op.vjp(x, minus, s)
        if beta:
            s = over(beta * r, op.linear(up, minus) + op.linear(down, plus) + bias[1])
            result = result - up * op.vjp(x, minus, s) - down * op.vjp(x, plus, s)
        return result
    ones = torch.ones_like(x)
    if name in ("square", "flat"):
        v = w * w if name == "square" else torch.ones_like(w)
        return op.vjp(x, v, over(r, op.linear(ones, v)))
    low, high = more
    s = over(r, op.linear(x, w) - low * op.linear(ones, plus) - high * op.linear(ones, minus))
    return x * op.vjp(x, w, s) - low * op.vjp(x, plus, s) - high * op.vjp(x, minus, s)


def gradient(gate="gradient"):
    return lambda op, net, place: dict(kernel=("gradient",), norm="gradient", relu=gate, mean="gradient", add="gradient")


def lrp(kernel_rule, norm=TINY):
    choose = kernel_rule if callable(kernel_rule) else lambda op: kernel_rule
    return lambda op, net, place: dict(kernel=choose(op), norm=norm, relu="pass", mean="z", add="z")


def deep_taylor(reading="rules", box=None):
    def rules(op, net, place):
        z_plus = ("alphabeta", 1.0, 0.0, "none")
        kernel_rule = z_plus if reading == "innvestigate" or net.before_relu(place) else ("square",)
        if box and op.kind in ("conv", "linear") and net.first(op):
            kernel_rule = ("box", *box)
        if reading == "rules":
            return dict(kernel=kernel_rule, norm="identity", relu="pass", mean="gradient", add="z")
        behind_kernel = op.inputs[0] > 0 and net.ops[op.inputs[0] - 1].kind in ("conv", "linear")
        return dict(kernel=kernel_rule, norm="gradient", relu="pass" if behind_kernel else "gradient", mean="gradient", add="gradient")

    return rules


def preset(alpha, beta):
    return lrp(lambda op: ("epsilon", 0.1) if op.kind == "linear" else ("alphabeta", alpha, beta, "full"))


def cnn(w):
    net = Net(w, 1e-3)
    at = 0
    for i in (0, 4):
        at = net.norm(net.add("relu", net.conv(at, f"features.{i}")), f"features.{i + 2}")
        at = net.add("pool", at, size=2, stride=2, padding=0)
    at = net.add("relu", net.dense(net.add("flatten", at), "classifier.0"))
    at = net.add("relu", net.dense(net.norm(at, "classifier.2"), "classifier.4"))
    net.dense(at, "classifier.6")
    return net


def vgg(w):
    net, at = Net(w, 1e-5), 0
    for i in (0, 2, "pool", 5, "pool", 8):
        at = net.add("pool", at, size=2, stride=2, padding=0) if i == "pool" else net.add("relu", net.conv(at, f"features.{i}"))
    net.dense(net.add("mean", at), "fc")
    return net


def resnet(w):
    net = Net(w, 1e-5)
    at = net.add("relu", net.conv(0, "conv1", 2, norm="bn1"))
    at = net.add("pool", at, size=3, stride=2, padding=1)
    for block, stride in (("layer1.0", 1), ("layer2.0", 2), ("layer2.1", 1)):
        y = at
        for i, s in ((1, 1), (2, stride), (3, 1)):
            y = net.conv(y, f"{block}.conv{i}", s, norm=f"{block}.bn{i}")
            y = net.add("relu", y) if i < 3 else y
        if f"{block}.downsample.0.weight" in w:
            at = net.conv(at, f"{block}.downsample.0", stride, norm=f"{block}.downsample.1")
        at = net.add("relu", net.add("add", y, at))
    net.dense(net.add("mean", at), "fc")
    return net


def gauss_legendre(n):
    t, w = np.polynomial.legendre.leggauss(n)
    return (t + 1) / 2, w / 2


def maps(net, x, noise, baseline):
    one = lambda y: torch.ones_like(y)

    def walk(x, rules, start=one):
        values = net.forward(x)
        return net.relevance(values, start(values[-1]), rules)

    def path(baseline, t, w):
        mean = sum(wk * walk(baseline + tk * (x - baseline), gradient()) for tk, wk in zip(t, w))
        return mean * (x - baseline)

    f = lambda y: y
    positive = lambda y: y.clamp(min=0)
    even = lambda t: (t, np.full(len(t), 1 / len(t)))
    ab = lambda alpha, beta, bias: lrp(("alphabeta", alpha, beta, bias))
    zero = torch.zeros_like(x)
    g = walk(x, gradient())
    return {
        "gradient": g,
        "input-x-gradient": x * g,
        "smoothgrad": sum(walk(x + 0.25 * n, gradient()) for n in noise) / len(noise),
        "smoothgrad-relative": sum(walk(x + 0.1 * (x.max() - x.min()) * n, gradient()) for n in noise) / len(noise),
        "ig-left64": path(zero, *even(np.arange(64) / 64)),
        "ig-linspace64": path(zero, *even(np.linspace(0, 1, 64))),
        "ig-gauss50": path(baseline, *gauss_legendre(50)),
        "deconvnet": walk(x, gradient("deconvnet")),
        "guided-backprop": walk(x, gradient("guided")),
        "deep-taylor": walk(x, deep_taylor(), positive),
        "deep-taylor-innvestigate": walk(x, deep_taylor("innvestigate"), positive),
        "lrp-z": walk(x, lrp(("epsilon", TINY)), f),
        "lrp-epsilon": walk(x, lrp(("epsilon", 1e-7), 1e-7), f),
        "lrp-epsilon-large": walk(x, lrp(("epsilon", 0.05), 0.05), f),
        "lrp-alpha1beta0": walk(x, ab(1.0, 0.0, "full"), f),
        "lrp-alpha1beta0-split": walk(x, ab(1.0, 0.0, "split"), f),
        "lrp-alpha1beta0-none": walk(x, ab(1.0, 0.0, "none"), f),
        "lrp-alpha2beta1": walk(x, ab(2.0, 1.0, "full"), f),
        "lrp-alpha2beta1-split": walk(x, ab(2.0, 1.0, "split"), f),
        "lrp-preset-a": walk(x, preset(1.0, 0.0), f),
        "lrp-preset-b": walk(x, preset(2.0, 1.0), f),
        "lrp-w2": walk(x, lrp(("square",), "identity"), f),
        "lrp-flat": walk(x, lrp(("flat",), "identity"), f),
        "lrp-zbox": walk(x, deep_taylor(box=(-3.0, 3.0)), positive),
    }


def compare(name, x, found):
    """Against the libraries: gradients on every network, relevance on the VGG, which they treat correctly."""
    modules = {"__file__": __file__}  # The networks as PyTorch has them.
    exec(open(os.path.join(HERE, "attribute_make.py")).read().split("def attribute(")[0], modules)
    net = {"cnn": lambda: modules["Cnn"](1e-3), "vgg": modules["Vgg"], "resnet-v1.5": lambda: modules["ResNet"]([1, 2], 4, True, True)}[name]()
    net.load_state_dict({k.removeprefix(f"{name}.weights."): v for k, v in GOLDEN.items() if k.startswith(f"{name}.weights.")}, strict=False)
    if name == "cnn":
        net.classifier[6].bias.data += CNN_BIAS
    net = net.double().eval()
    for module in net.modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
    from captum.attr import Deconvolution, GuidedBackprop, InputXGradient, IntegratedGradients, Saliency
    from zennit.attribution import Gradient
    from zennit.composites import LayerMapComposite
    from zennit.rules import AlphaBeta, Epsilon, Flat, Norm, Pass, WSquare
    from zennit.types import AvgPool, Convolution, Linear

    def say(what, got):
        off = ((got - found[what]).norm() / found[what].norm()).item()
        print(f"{name:12} {what:24} {off:.1e}")
        assert off < 2e-5, "disagrees"

    x = x.clone().requires_grad_()
    say("gradient", Saliency(net).attribute(x, abs=False))
    say("input-x-gradient", InputXGradient(net).attribute(x))
    say("ig-left64", IntegratedGradients(net).attribute(x, n_steps=64, method="riemann_left"))
    if "resnet" in name:
        return  # captum sees ReLUs that are modules only.
    say("guided-backprop", GuidedBackprop(net).attribute(x))
    say("deconvnet", Deconvolution(net).attribute(x))
    if name != "vgg":
        return

    def zennit(rule):
        layers = [(Convolution, rule), (Linear, rule), (torch.nn.ReLU, Pass()), (AvgPool, Norm(stabilizer=1e-9))]
        composite = LayerMapComposite(layers)
        pooled = torch.nn.Sequential(net.features, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), net.fc)
        with Gradient(pooled, composite) as attributor:
            return attributor(x.detach().clone().requires_grad_(), lambda y: y)[1]

    say("lrp-w2", zennit(WSquare(stabilizer=1e-12, zero_params="bias")))
    say("lrp-flat", zennit(Flat(stabilizer=1e-12, zero_params="bias")))
    say("lrp-alpha1beta0-split", zennit(AlphaBeta(1.0, 0.0, stabilizer=1e-12)))
    say("lrp-alpha2beta1-split", zennit(AlphaBeta(2.0, 1.0, stabilizer=1e-12)))
    say("lrp-z", zennit(Epsilon(epsilon=1e-9)))


for name, build in (("cnn", cnn), ("vgg", vgg), ("resnet", resnet)):
    source = "resnet-v1.5" if name == "resnet" else name
    prefix = f"{source}.weights."
    net = build({k[len(prefix) :]: v for k, v in GOLDEN.items() if k.startswith(prefix)})
    x = GOLDEN[f"{source}.input"].double().permute(0, 3, 1, 2)
    said = net.forward(x)[-1]
    wanted = GOLDEN[f"{source}.output"].double()
    assert (said - wanted).abs().max() < 1e-5, "this is another network"
    if name == "cnn":
        net.ops[-1].bias = net.ops[-1].bias + CNN_BIAS
        said = said + CNN_BIAS
    x = x[said.argmax() : said.argmax() + 1]
    print(name, "f(x) =", said.max().item())
    shape = (1, *x.shape[1:])
    noise = [torch.randn(shape).double() for _ in range(4)]
    baseline = torch.full(shape, -0.75).double()
    found = maps(net, x, noise, baseline)
    if "--check" in sys.argv:
        compare(source, x, found)
    last = lambda t: t.permute(0, 2, 3, 1).float().contiguous()
    out = {k: last(v) for k, v in found.items()}
    out.update(input=last(x), smoothgrad_noise=last(torch.cat(noise)), baseline=last(baseline), output=said.max().reshape(1, 1).float())
    save_file(out, os.path.join(HERE, f"explain_{name}.safetensors"))
