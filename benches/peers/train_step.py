"""Training steps in PyTorch: the same work as `hcwb bench train`.

    python benches/peers/train_step.py --model cnn1m --batch 8 --threads 2 [--layout contiguous|channels-last]
        [--precision f32|tf32|bf16] [--device cpu|cuda:0]

Prints one JSON object. Forward, mean squared error (U-Net: Dice), backward, fused Adam; data in memory.
`bf16` is PyTorch's own mixed precision (`torch.autocast`). On a card: eager, `cudnn.benchmark`, and no wait between
steps, so that a step's time is that of all steps over their number.
"""
import argparse
import contextlib
import json
import resource
import time

import torch
import torch.nn.functional as F

from networks import MODELS, dice_loss, input_shape


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=MODELS, required=True)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--layout", choices=["contiguous", "channels-last"], default="channels-last")
    parser.add_argument("--precision", choices=["f32", "tf32", "bf16"], default="f32")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    make, shape = MODELS[args.model][0], input_shape(args.model)
    device = torch.device(args.device)
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = args.precision != "f32"
    net = make().train().to(device)
    x = torch.randn(args.batch, *shape, device=device)
    image = args.model.startswith("unet")
    truth = (torch.rand(args.batch, 1, *shape[1:]) < 0.3).float() if image else torch.rand(args.batch, 1)
    truth = truth.to(device)
    loss = dice_loss if image else F.mse_loss
    if args.layout == "channels-last":
        last = torch.channels_last_3d if len(shape) == 4 else torch.channels_last
        net, x = net.to(memory_format=last), x.contiguous(memory_format=last)
    mixed = lambda: torch.autocast(device.type, torch.bfloat16) if args.precision == "bf16" else contextlib.nullcontext()
    adam = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)

    def one():
        adam.zero_grad()
        with mixed():
            prediction = net(x)
        loss(prediction.float(), truth).backward()
        adam.step()

    # cuDNN tries its algorithms in the first steps.
    for _ in range(10 if device.type == "cuda" else 3):
        one()
    seconds = []
    if device.type == "cuda":
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(args.steps):
            one()
        torch.cuda.synchronize()
        seconds = [(time.perf_counter() - start) / args.steps]
    else:
        for _ in range(args.steps):
            start = time.perf_counter()
            one()
            seconds.append(time.perf_counter() - start)
    seconds.sort()
    at = lambda q: seconds[round((len(seconds) - 1) * q)]
    times = {"median": at(0.5), "p10": at(0.1), "p90": at(0.9)}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if device.type == "cuda":
        peak = torch.cuda.max_memory_reserved()
    print(json.dumps({"model": args.model, "batch": args.batch, "threads": args.threads, "layout": args.layout,
                      "precision": args.precision,
                      "device": args.device, "step_seconds": times, "peak_rss_bytes": peak}))


if __name__ == "__main__":
    main()
