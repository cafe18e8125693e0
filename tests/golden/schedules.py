"""Makes schedules.json: the learning rates that PyTorch's own schedulers give, step by step.

    python tests/golden/schedules.py        (torch)
"""
import json
import os
import torch
from torch.optim import lr_scheduler as s

HERE = os.path.dirname(os.path.abspath(__file__))
cases = []


def run(word, base, settings, make, steps_per_epoch, epochs, by_epoch=False):
    """`by_epoch` schedulers step behind each epoch, the others behind each step."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=base)
    scheduler = make(optimizer)
    rates = []
    for step in range(steps_per_epoch * epochs):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if not by_epoch or (step + 1) % steps_per_epoch == 0:
            scheduler.step()
    sizes = {"steps_per_epoch": steps_per_epoch, "epochs": epochs}
    cases.append({"word": word, "base": base, "settings": settings, **sizes, "rates": rates})


def warmed(steps, after):
    def make(o):
        up = s.LinearLR(o, start_factor=1 / (steps + 1), total_iters=steps)
        return s.SequentialLR(o, [up, after(o)], milestones=[steps])

    return make


run("constant", 1e-3, {}, lambda o: s.ConstantLR(o, 1.0), 3, 2)
run("step", 0.1, {"every_epochs": 3, "factor": 0.2}, lambda o: s.StepLR(o, 3, 0.2), 4, 10, by_epoch=True)
run("cosine", 1e-3, {"least_lr": 1e-5}, lambda o: s.CosineAnnealingLR(o, 35, 1e-5), 7, 5)
run("one-cycle", 3e-3, {}, lambda o: s.OneCycleLR(o, 3e-3, total_steps=60), 12, 5)
odd = {"rise": 0.45, "start_divisor": 10.0, "end_divisor": 100.0}
run("one-cycle", 1e-2, odd, lambda o: s.OneCycleLR(o, 1e-2, 37, pct_start=0.45, div_factor=10, final_div_factor=100), 37, 1)
run("cosine", 1e-3, {"warmup_epochs": 1.5}, warmed(6, lambda o: s.CosineAnnealingLR(o, 18)), 4, 6)
run("constant", 2e-3, {"warmup_epochs": 2.0}, warmed(10, lambda o: s.ConstantLR(o, 1.0)), 5, 3)

losses = [5, 4, 4.5, 3.9999, 3.9996, 3.7, 3.6999, float("nan"), 3.9, 3.8, 3.69, 3.7, 3.7, 3.7, 3.7, 3.7, 3.7, 3.7, 3.7, 1, 1, 1, 1, 1]
for settings in [{"factor": 0.5, "patience": 2}, {"patience": 1, "least_lr": 3e-5}]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1e-3)
    words = {"factor": settings.get("factor", 0.1), "patience": settings["patience"], "min_lr": settings.get("least_lr", 0)}
    scheduler = s.ReduceLROnPlateau(optimizer, **words)
    rates = []
    for loss in losses:
        rates.append(optimizer.param_groups[0]["lr"])
        scheduler.step(loss)
    case = {"word": "plateau", "base": 1e-3, "settings": settings, "steps_per_epoch": 1, "epochs": len(losses)}
    cases.append({**case, "losses": [None if l != l else l for l in losses], "rates": rates})

with open(os.path.join(HERE, "schedules.json"), "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
