"""Writes small PyTorch weight files of every kind that is met, for tests/nn_pth.rs. Run in this folder; PyTorch 2.

The values of each tensor are 0, 1, 2 ... divided by 8, in the order of its own axes.
"""

import argparse
import collections

import torch


def counted(*shape, dtype=torch.float32):
    return (torch.arange(torch.Size(shape).numel(), dtype=torch.float64) / 8).reshape(shape).to(dtype)


plain = collections.OrderedDict(
    (
        ("a.weight", counted(2, 3)),
        ("b.bias", torch.nn.Parameter(counted(4))),
        ("c.half", counted(3, dtype=torch.float16)),
        ("d.bfloat", counted(3, dtype=torch.bfloat16)),
        ("e.double", counted(3, dtype=torch.float64)),
        # A view whose axes are not in the order of its memory, and one that begins in the middle of its storage.
        ("f.transposed", counted(3, 2).t().contiguous().t()),
        ("g.part", (torch.arange(-5, 3, dtype=torch.float32) / 8)[5:]),
        ("h.num_batches_tracked", torch.tensor(7)),
        ("i.scalar", torch.tensor(0.0)),
    )
)
torch.save(plain, "nn_pth_zip.pth")
torch.save(plain, "nn_pth_old.pth", _use_new_zipfile_serialization=False)
wrapped = {
    "epoch": 3,
    "args": argparse.Namespace(lr=0.1, name="x"),
    "best": 0.5,
    "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 1e-3, "params": [0]}]},
    "state_dict": {f"module.{name}": value for name, value in plain.items()},
}
torch.save(wrapped, "nn_pth_wrapped.pth")
torch.save(torch.nn.Linear(2, 1), "nn_pth_whole_model.pth")
