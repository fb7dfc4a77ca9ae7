"""Networks that are slow, raise, overflow or take their process with them."""

from __future__ import annotations

import math
import os
import signal
import time

from torch import nn

from benchbed import Architecture


class PlainNet(Architecture):
    """One hidden layer with dropout and batch norm on the flattened input, a linear head a task."""

    def __init__(self, context):
        super().__init__(context)
        self.trunk = nn.Sequential(
            nn.Flatten(),
            nn.Linear(math.prod(context.input.shape), 8),
            nn.BatchNorm1d(8),
            nn.ReLU(),
            nn.Dropout(0.1),
        )
        self.heads = nn.ModuleDict(
            {name: nn.Linear(8, task.channels) for name, task in context.tasks.items()}
        )

    def forward(self, x, tasks):
        features = self.trunk(x)
        return {task: self.heads[task](features) for task in tasks}


class SlowNet(PlainNet):
    """Sleeps ``$SLOW_MS`` milliseconds times ``pace`` in each forward pass of training."""

    def __init__(self, context, pace=1):
        super().__init__(context)
        self.pause = pace * float(os.environ.get("SLOW_MS", "0")) / 1000

    def forward(self, x, tasks):
        if self.training:
            time.sleep(self.pause)
        return super().forward(x, tasks)


class RaisingNet(PlainNet):
    """Raises in its third training step, unless ``$MENDED`` is set; ``$WORDS`` is the message."""

    steps = 0

    def forward(self, x, tasks):
        self.steps += self.training
        if self.steps == 3 and "MENDED" not in os.environ:
            raise ZeroDivisionError(os.environ.get("WORDS", "the third step\nis too much"))
        return super().forward(x, tasks)


class ExitingNet(PlainNet):
    """Ends its process: at once with status 3, or by ``sys.exit``."""

    def __init__(self, context, politely=False):
        super().__init__(context)
        self.politely = politely

    def forward(self, x, tasks):
        if self.politely:
            raise SystemExit(4)
        os._exit(3)


class SuicidalNet(PlainNet):
    """Kills its process."""

    def forward(self, x, tasks):
        print("a last word", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


class InfiniteNet(PlainNet):
    """Its outputs overflow: in training, or only in evaluation."""

    def __init__(self, context, where="training"):
        super().__init__(context)
        self.where = where

    def forward(self, x, tasks):
        outputs = super().forward(x, tasks)
        factor = float("inf") if (self.where == "training") == self.training else 1.0
        return {task: output * factor for task, output in outputs.items()}
