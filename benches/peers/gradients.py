"""Parameter gradients of whole networks: hcwb's and PyTorch's f32 against PyTorch's float64.

    python benches/peers/gradients.py [--hcwb target/release/hcwb] [--models unet,reg-resnet50,reg-vgg16] [--seeds 5]

For every seed: PyTorch's initial weights, random images, one training pass (batch statistics), and the
gradients of all parameters, as one vector. Errors are relative L2 distances from the float64 gradients;
the table gives the medians over the seeds and hcwb's over PyTorch's own.
"""
import argparse
import os
import statistics
import subprocess
import tempfile

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import load_file, save_file

from networks import MODELS, dice_loss


def gradients(net, x, truth, image):
    net.train()
    net.zero_grad()
    prediction = net(x)
    (dice_loss if image else F.mse_loss)(prediction, truth).backward()
    return {name: p.grad.double().numpy() for name, p in net.named_parameters()}


def vector(grads, names):
    return np.concatenate([np.asarray(grads[n], dtype=np.float64).ravel() for n in names])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hcwb", default="target/release/hcwb")
    parser.add_argument("--models", default="unet,reg-resnet50,reg-vgg16")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    for model in args.models.split(","):
        make, channels, side = MODELS[model]
        image = model.startswith("unet")
        errors = {"PyTorch f32": [], "f32-strict": [], "f32": []}
        for seed in range(args.seeds):
            torch.manual_seed(seed)
            net = make()
            x = torch.randn(args.batch, channels, side, side)
            truth = (torch.rand(args.batch, 1, side, side) < 0.3).float() if image else torch.rand(args.batch, 1)
            state = {n: v.numpy().copy() for n, v in net.state_dict().items() if not n.endswith("num_batches_tracked")}
            own = gradients(net, x, truth, image)
            net.load_state_dict({n: torch.from_numpy(v) for n, v in state.items()}, strict=False)
            exact = gradients(net.double(), x.double(), truth.double(), image)
            names = sorted(exact)
            want = vector(exact, names)
            off = lambda grads: np.linalg.norm(vector(grads, names) - want) / np.linalg.norm(want)
            errors["PyTorch f32"].append(off(own))
            with tempfile.TemporaryDirectory() as folder:
                weights, data, out = (os.path.join(folder, f) for f in ("w.safetensors", "x.safetensors", "g.safetensors"))
                save_file(state, weights)
                channels_last = np.ascontiguousarray(x.permute(0, 2, 3, 1).numpy())
                save_file({"input": channels_last, "truth": truth.permute(0, 2, 3, 1).contiguous().numpy() if image else truth.numpy()}, data)
                for precision in ("f32-strict", "f32"):
                    subprocess.run([args.hcwb, "bench", "gradients", "--model", model, "--weights", weights, "--input", data,
                                    "--precision", precision, "-o", out], check=True, stdout=subprocess.DEVNULL)
                    errors[precision].append(off(load_file(out)))
        median = {name: statistics.median(values) for name, values in errors.items()}
        print(f"{model}, batch {args.batch}, {args.seeds} seeds: PyTorch f32 {median['PyTorch f32']:.2e}", end="")
        for name in ("f32-strict", "f32"):
            print(f", {name} {median[name]:.2e} (ratio {median[name] / median['PyTorch f32']:.2f})", end="")
        print(flush=True)


if __name__ == "__main__":
    main()
