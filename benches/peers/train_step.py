"""One training step in PyTorch: the same work as `hcwb bench train`.

    python benches/peers/train_step.py --model cnn1m --batch 8 --threads 2 [--layout contiguous|channels-last]

Prints one JSON object. Forward, mean squared error, backward, Adam; images of 128x128x1 in memory.
"""
import argparse
import json
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


def cnn(convs, dense):
    layers, channels, size = [], 1, 128
    for out, pool in convs:
        layers += [nn.Conv2d(channels, out, 3, padding=1), nn.ReLU(inplace=True), nn.BatchNorm2d(out)]
        channels = out
        if pool:
            layers.append(nn.MaxPool2d(2))
            size //= 2
    layers.append(nn.Flatten())
    width = channels * size * size
    for i, units in enumerate(dense):
        layers += [nn.Linear(width, units), nn.ReLU(inplace=True)]
        if i == 0:
            layers += [nn.BatchNorm1d(units), nn.Dropout(0.5)]
        width = units
    return nn.Sequential(*layers, nn.Linear(width, 1))


MODELS = {
    "cnn263k": lambda: cnn([(8, True), (16, True)], [16, 8]),
    "cnn1m": lambda: cnn([(16, True), (32, True), (64, False)], [16, 32, 8]),
    "cnn1m-as-drawn": lambda: cnn([(16, True), (32, True), (64, True)], [16, 32, 8]),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=MODELS, required=True)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--layout", choices=["contiguous", "channels-last"], default="channels-last")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    net = MODELS[args.model]().train()
    x, truth = torch.randn(args.batch, 1, 128, 128), torch.rand(args.batch, 1)
    if args.layout == "channels-last":
        net, x = net.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
    adam = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
    seconds = []
    for step in range(args.steps + 3):
        start = time.perf_counter()
        adam.zero_grad()
        F.mse_loss(net(x), truth).backward()
        adam.step()
        if step >= 3:
            seconds.append(time.perf_counter() - start)
    seconds.sort()
    at = lambda q: seconds[round((len(seconds) - 1) * q)]
    times = {"median": at(0.5), "p10": at(0.1), "p90": at(0.9)}
    print(json.dumps({"model": args.model, "batch": args.batch, "threads": args.threads, "layout": args.layout,
                      "step_seconds": times}))


if __name__ == "__main__":
    main()
