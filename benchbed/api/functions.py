"""``benchbed.run`` and ``benchbed.leaderboard``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchbed.api.benchmark import benchmark
from benchbed.api.request import requests
from benchbed.basics.config import default_data_root
from benchbed.basics.errors import MethodError, RunError
from benchbed.contracts.derived import Changes
from benchbed.discovery.catalogue import find_protocol
from benchbed.discovery.own_code import add_class, add_file
from benchbed.discovery.registry import Registry, discover
from benchbed.execution.plan import Plan, Settings
from benchbed.records.tries import read_tries
from benchbed.report.formats.frame import to_frame
from benchbed.report.leaderboard import Leaderboard
from benchbed.report.with_plugins import leaderboard_of

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from benchbed.contracts.delta import Definition

Seeds = Sequence[int] | int | None


@dataclass(frozen=True, slots=True)
class _Quiet:
    """Shows progress, and says nothing besides."""

    console: Console

    def planning(self) -> AbstractContextManager[object]:
        return nullcontext()

    def trying(self, plans: Sequence[Plan]) -> AbstractContextManager[object]:
        return nullcontext()

    def training(self, plan: Plan) -> AbstractContextManager[object]:
        return nullcontext()


def run(
    protocol: str | None = None,
    methods: Sequence[str | type] = (),
    *,
    plugins: Sequence[str | Path] = (),
    suite: str | Sequence[str] | None = None,
    changes: Changes | None = None,
    seeds: Seeds = None,
    results: str | Path = "results",
    data_root: str | Path | None = None,
    jobs: int | None = None,
    threads: int = 1,
    device: str = "auto",
    accept_stale: bool = False,
    pretrained: str | Path | None = None,
    log_gradients: bool = False,
    log: Sequence[str] = (),
    preflight: bool = True,
) -> pd.DataFrame:
    """Train what is missing and return the leaderboard, as ``benchbed run`` does.

    Args:
        protocol: name, ``name@version`` or path of a TOML file; the default suite's if ``None``.
        methods: names such as ``"hps+dwa:T=2"``; those of the suite of the protocol's name if none.
            A class of one's own stands for a method too: a weighting on ``hps``, an architecture by
            itself, with its default options.
        plugins: Python files with methods of one's own, which are not packaged.
        suite: a suite's name or TOML file, or several, instead of methods.
        changes: fields of the protocol that are changed for a quick try, by dotted name, such as
            ``{"optimizer.lr": 0.01, "epochs": 3, "data.share": 0.1}``; the try has a name, records
            and tables of its own.
        seeds: a number of seeds, or the seeds; the protocol's own if ``None``.
        results: folder where records are read and written.
        data_root: folder that holds the data sets; by default that of ``BENCHBED_DATA`` or of the
            configuration file.
        jobs: runs side by side; one a core by default.
        threads: CPU threads of each run.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        accept_stale: count records made by another source of the same plugin version.
        pretrained: a safetensors file to start from; its digest enters the run key.
        log_gradients: log norms and cosines of the tasks' gradients once an epoch.
        log: loggers of the runs' curves, such as ``["csv", "tensorboard"]``.
        preflight: try each method out on one mini-batch before any is trained.

    Returns:
        One row a method (of the last protocol, where a suite has several).

    Raises:
        BenchbedError: a wrong name or option, an unwritable folder.
        PreflightError: a method failed when it was tried out; nothing was trained.
        RunError: every run failed, so that there is no leaderboard.
    """
    # here and not above: whoever only imports benchbed shows no progress, and needs no rich
    from rich.console import Console

    registry = discover()
    for path in plugins:
        add_file(registry, Path(path))
    names = [_name(method, registry) for method in methods]
    settings = Settings(
        results=Path(results),
        data_root=Path(data_root) if data_root else default_data_root(),
        threads=threads,
        device=device,
        accept_stale=accept_stale,
        pretrained=Path(pretrained) if pretrained else None,
        log_gradients=log_gradients,
    )
    outcomes = benchmark(
        requests(registry, protocol, names, suite, changes=changes or {}, results=Path(results)),
        registry,
        settings,
        _Quiet(Console(stderr=True)),
        seeds=range(seeds) if isinstance(seeds, int) else seeds,
        jobs=jobs,
        try_out=preflight,
        logs=log,
    )
    board: Leaderboard | None = None
    for outcome in outcomes:
        if outcome.all_failed:
            first = outcome.summary.failed[0]
            raise RunError(f"Every run failed, the first with: {first.message}")
        board = outcome.leaderboard()
    assert board is not None
    return to_frame(board)


def _name(method: str | type, registry: Registry) -> str:
    """Return the name of a method, adding the class that stands for one to the plugins."""
    if isinstance(method, str):
        return method
    spec = add_class(registry, method)
    if ("weighting", spec.id) in registry.entries:
        return f"hps+{spec.id}"
    if ("architecture", spec.id) in registry.entries:
        return spec.id
    raise MethodError(
        f"{method.__name__} is neither a weighting nor an architecture, so it stands for no method."
    )


def leaderboard(
    protocol: str,
    *,
    results: str | Path = "results",
    definition: Definition | None = None,
    reference: str | None = None,
    data_root: str | Path | None = None,
) -> pd.DataFrame:
    """Return a protocol's leaderboard from the records that there are, one row a method.

    Args:
        protocol: name, ``name@version`` or path of a TOML file.
        results: the results folder.
        definition: of Δm: ``primary``, ``per-task-mean`` or ``flat``; the protocol's by default.
        reference: row that Δm is relative to; by default the protocol's baseline.
        data_root: folder that holds the data sets, as of :func:`run`; asked for only where records
            of several states of the data lie in one folder.

    Raises:
        BenchbedError: no such protocol, or no records of it.
    """
    registry = discover()
    found = find_protocol(protocol, registry, read_tries(Path(results)))
    board = leaderboard_of(
        found,
        registry,
        results,
        definition=definition,
        reference=reference,
        data_root=Path(data_root) if data_root else default_data_root(),
    )
    return to_frame(board)
