#!/usr/bin/env python3
"""Makes run directories to measure the workbench with, and a run that lives.

    runs.py make DIR N        N finished runs of 60 epochs each in the workspace DIR (which must not exist)
    runs.py live DIR [RATE]   a run in DIR that appends RATE step events a second (default 10), an epoch every 50
                              steps, and holds the run's lock until it is ended; prints "ready", then
                              "STEP MONOTONIC_SECONDS" after each point

Standard library only. The events are those of `src/run/event.rs`.
"""
import fcntl, json, math, os, random, sys, time
from datetime import datetime, timedelta, timezone

EPOCHS, STEPS = 60, 50


def stamp(when):
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"


class Run:
    """A run directory that is written event by event."""

    def __init__(self, workspace, name, fold, when):
        self.path = os.path.join(workspace, "runs", f"{when:%Y%m%d-%H%M}-{name}-mse-f{fold}-{random.randrange(16**4):04x}")
        for part in ("checkpoints", "control"):
            os.makedirs(os.path.join(self.path, part))
        with open(os.path.join(self.path, "recipe.toml"), "w") as f:
            f.write(f'name = "{name}"\n[data]\ndataset = "hc18"\nfold = {fold}\n[train]\nepochs = {EPOCHS}\n')
        for name in ("console.log", "lock"):
            open(os.path.join(self.path, name), "w").close()
        self.events = open(os.path.join(self.path, "events.jsonl"), "a")
        self.seq, self.random = 0, random.Random(fold + 7 * when.minute)

    def write(self, kind, when=None, **fields):
        event = {"seq": self.seq, "time": stamp(when or datetime.now(timezone.utc)), "kind": kind, **fields}
        self.events.write(json.dumps(event, separators=(",", ":")) + "\n")
        self.events.flush()
        self.seq += 1

    def loss(self, step):
        return 0.2 * math.exp(-step / 700) + 0.01 + self.random.random() * 0.01

    def start(self, when=None):
        self.write("queued", when)
        self.write("started", when, pid=1, host="bench", device="cpu", threads=2, kernels="avx2", model="cnn263k",
                   trainable=263633, train_images=400, validation_images=100, test_images=0, epochs=EPOCHS, steps_per_epoch=STEPS)

    def epoch(self, n, when=None):
        mae = 40 + 160 * math.exp(-n / 12) + self.random.random() * 8
        self.best = min(getattr(self, "best", 1e9), mae)
        self.write("epoch", when, epoch=n, epochs=EPOCHS, step=n * STEPS, lr=1e-3, seconds=5.0, images_per_second=80.0,
                   train_loss=self.loss(n * STEPS), val_loss=self.loss(n * STEPS) * 1.2, best=mae <= self.best,
                   train_mae_px=mae * 0.9, val_mae_px=mae, val_mae_px_sd=mae * 0.8, val_mae_mm=mae * 0.13, val_r2=0.9)


def make(workspace, count):
    os.makedirs(os.path.join(workspace, "runs"))
    begin = datetime(2026, 1, 1, tzinfo=timezone.utc)
    for i in range(count):
        when = begin + timedelta(minutes=17 * i)
        run = Run(workspace, ("reg-cnn263k", "reg-cnn1m")[i % 2], i % 5, when)
        run.start(when)
        for n in range(1, EPOCHS + 1):
            for s in range(5):
                step = (n - 1) * STEPS + s * 10 + 1
                run.write("step", when + timedelta(seconds=5 * n - 5 + s), epoch=n, step=step, loss=run.loss(step))
            run.epoch(n, when + timedelta(seconds=5 * n))
        run.write("finished", when + timedelta(seconds=5 * EPOCHS), epoch=EPOCHS, step=EPOCHS * STEPS, reason="epochs", best_epoch=EPOCHS)


def live(workspace, rate):
    run = Run(workspace, "reg-cnn263k", 0, datetime.now(timezone.utc))
    lock = open(os.path.join(run.path, "lock"), "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    run.start()
    print("ready", flush=True)
    step, due = 0, time.monotonic()
    while True:
        step, due = step + 1, due + 1 / rate
        time.sleep(max(0, due - time.monotonic()))
        run.write("step", epoch=step // STEPS + 1, step=step, loss=run.loss(step))
        print(step, time.monotonic(), flush=True)
        if step % 20 == 0:
            run.write("system", cpu_percent=190 + 5 * run.random.random(), rss_bytes=300 << 20)
        if step % STEPS == 0:
            run.epoch(step // STEPS)


if __name__ == "__main__":
    if len(sys.argv) >= 4 and sys.argv[1] == "make":
        make(sys.argv[2], int(sys.argv[3]))
    elif len(sys.argv) >= 3 and sys.argv[1] == "live":
        live(sys.argv[2], float(sys.argv[3]) if len(sys.argv) > 3 else 10)
    else:
        sys.exit(__doc__)
