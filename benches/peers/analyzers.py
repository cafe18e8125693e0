"""Maps of the preprint's eight analyzers: hcwb's time and memory beside captum's or zennit's.

    python benches/peers/analyzers.py [--model reg-vgg16] [--images 16] [--analyzer A,B] [--rounds 3]

Both begin with random weights and images in memory, 224x224, float32, and explain all images in one batch (hcwb
cuts it as it likes). A peer that cannot hold so many is asked for --peer-batch images at a time. captum serves
the gradients, zennit the two that share out relevance, with batch norms merged and residual sums split by its
canonizer; the ResNet50 is torchvision's, with its stride in the 3x3, on both sides. Times are medians of
alternating runs, each in a process of its own, behind one image that is not timed.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

import torch

from compare import TUNED

ANALYZERS = ["gradient", "smoothgrad", "deconvnet", "deep-taylor", "guided-backprop", "input-x-gradient", "integrated-gradients", "lrp-z"]


def network(model):
    import torchvision

    if model == "reg-resnet50":
        net = torchvision.models.resnet50(num_classes=1)
    else:
        features = torchvision.models.vgg16().features
        net = torch.nn.Sequential(features, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(512, 1))
    for module in net.modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
    return net.eval().requires_grad_(False)


def explain(name, model, net):
    """A function from images to maps, as the library offers it."""
    import warnings

    import captum.attr as captum

    warnings.simplefilter("ignore")
    if name == "smoothgrad":
        tunnel = captum.NoiseTunnel(captum.Saliency(net))
        return lambda x: tunnel.attribute(x, nt_type="smoothgrad", nt_samples=16, nt_samples_batch_size=1, stdevs=0.25, abs=False)
    if name == "integrated-gradients":
        integrated = captum.IntegratedGradients(net)
        return lambda x: integrated.attribute(x, n_steps=64, method="riemann_left", internal_batch_size=len(x))
    if name in ("deep-taylor", "lrp-z"):
        from zennit.attribution import Gradient
        from zennit.composites import LayerMapComposite
        from zennit.rules import Epsilon, Norm, Pass, ZPlus
        from zennit.torchvision import ResNetCanonizer
        from zennit.types import Activation, AvgPool, Convolution, Linear

        rule = Epsilon(epsilon=1e-9) if name == "lrp-z" else ZPlus(zero_params="bias")
        layers = [(Activation, Pass()), (AvgPool, Norm()), (Convolution, rule), (Linear, rule)]
        composite = LayerMapComposite(layers, canonizers=[ResNetCanonizer()] if model == "reg-resnet50" else [])

        def relevance(x):
            with Gradient(net, composite) as attributor:
                return attributor(x.requires_grad_(), lambda y: y)[1]

        return relevance
    if name == "gradient":
        saliency = captum.Saliency(net)
        return lambda x: saliency.attribute(x, abs=False)
    method = {"deconvnet": captum.Deconvolution, "guided-backprop": captum.GuidedBackprop, "input-x-gradient": captum.InputXGradient}[name](net)
    return method.attribute


def timed(args):
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    method = explain(args.analyzer, args.model, network(args.model))
    images = torch.randn(args.images, 3, 224, 224)
    method(images[:1].clone())
    start = time.perf_counter()
    for some in images.split(args.peer_batch or args.images):
        method(some.clone())
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="reg-vgg16", choices=["reg-vgg16", "reg-resnet50"])
    parser.add_argument("--hcwb", default="target/release/hcwb")
    parser.add_argument("--analyzer", default=",".join(ANALYZERS))
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--peer-batch", type=int)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        print(json.dumps(timed(args)))
        return
    stride = ["--set", "stride_in=3x3"] if args.model == "reg-resnet50" else []
    print(f"{args.model}, {args.images} images, {args.threads} threads, {args.rounds} rounds")
    print(f"{'analyzer':22} {'hcwb s':>8} {'peer s':>8} {'ratio':>6} {'hcwb MiB':>9} {'peer MiB':>9}")
    for name in args.analyzer.split(","):
        common = ["--model", args.model, "--analyzer", name, "--threads", str(args.threads)]
        peer = [sys.executable, __file__, "--peer", *common, "--images", str(args.images)]
        peer += ["--peer-batch", str(args.peer_batch)] if args.peer_batch else []
        times, memory = ([], []), [0, 0]
        for _ in range(args.rounds):
            command = [args.hcwb, "bench", "explain", *common, *stride, "--count", str(args.images), "--json"]
            for side, command in enumerate((command, peer)):
                run = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **TUNED})
                found = json.loads(run.stdout)
                seconds = found["seconds"]
                times[side].append(seconds[name] if isinstance(seconds, dict) else seconds)
                memory[side] = max(memory[side], found["peak_rss_bytes"] >> 20)
        ours, theirs = (statistics.median(t) for t in times)
        print(f"{name:22} {ours:8.2f} {theirs:8.2f} {ours / theirs:6.2f} {memory[0]:9} {memory[1]:9}", flush=True)


if __name__ == "__main__":
    main()
