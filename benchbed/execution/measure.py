"""Costs that depend on the machine: a training step's time, latency and peak memory."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from itertools import islice
from typing import Final

import msgspec
import torch

from benchbed.basics.environment import describe, now
from benchbed.engine.layout import memory_format
from benchbed.engine.seeding import seed_everything
from benchbed.engine.session import Session, build_session, choose_device
from benchbed.engine.trainer import Trainer
from benchbed.execution.results import device_name
from benchbed.records.job import Job
from benchbed.records.record import Measurement

WARM_UP: Final = 3
REPEATS: Final = 30
SECONDS: Final = 5.0
"""Measuring stops at this time, after three repeats at least."""


def measure(job: Job) -> Measurement:
    """Measure a method; of single-task methods each net in turn, steps and latencies added up."""
    device = choose_device(job.device)
    before = _memory(device)
    step = latency = peak = 0.0
    for tasks in job.networks:
        seed_everything(job.seed)
        session = build_session(msgspec.structs.replace(job, tasks=tasks))
        step += _step_ms(session)
        # of training: what a forward pass alone takes is less
        peak = max(peak, _memory(device) - before)
        latency += _latency_ms(session)
    environment = describe(device_name(device), job.threads)
    environment["memory format"] = memory_format(session.network)
    return Measurement(
        schema="benchbed.measurement/1",
        key=job.key,
        protocol=job.protocol.id,
        protocol_digest=job.protocol.digest,
        method=job.method,
        step_ms=step,
        latency_ms=latency,
        peak_memory_mb=max(peak, 0.0),
        threads=job.threads,
        environment=environment,
        finished=now(),
    )


def _step_ms(session: Session) -> float:
    """Return the time of a training step in the phase where it takes longest."""
    trainer = Trainer(session)
    protocol = session.job.protocol
    batches = trainer.train_split.shuffled(protocol.batch_size, 0, 0, drop_last=False)
    group = list(islice(batches, trainer.group))

    def step() -> None:
        trainer.update(group)
        trainer.progress.step = 0  # each repeat is a first step, or the schedule would run out

    longest = 0.0
    for phase in range(len(trainer.phases)):
        trainer.train_in(phase)
        session.network.train()
        longest = max(longest, _median_ms(step, session.device))
    return longest


@torch.no_grad()
def _latency_ms(session: Session) -> float:
    """Return the time of a forward pass in the last phase."""
    session.network.set_phase(len(session.network.phases()) - 1)
    session.network.eval()
    x, names = session.example(), list(session.tasks)
    return _median_ms(lambda: session.network(x, names), session.device)


def _median_ms(action: Callable[[], object], device: torch.device) -> float:
    for _ in range(WARM_UP):
        action()
    # a GPU goes on after a call has returned: the clock is read when it has come to rest
    times: list[float] = []
    deadline = time.perf_counter() + SECONDS
    while len(times) < REPEATS and (len(times) < 3 or time.perf_counter() < deadline):
        _wait(device)
        start = time.perf_counter()
        action()
        _wait(device)
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _memory(device: torch.device) -> float:
    """Return the peak memory in MiB: of the GPU, or else of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    try:
        import resource
    except ImportError:  # Windows has none; the peak is then reported as 0
        return 0.0
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
