"""The Python API: what the command line does, as functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchbed.catalogue import find_protocol, find_suite, suites
from benchbed.config import default_data_root
from benchbed.dataset import Dataset
from benchbed.environment import commit_of
from benchbed.errors import BenchbedError, ProtocolError, RunError
from benchbed.execution.plan import Plan, Settings, make_plan
from benchbed.execution.run import Summary, carry_out, default_jobs, measurable
from benchbed.loading import load, make_component
from benchbed.method import resolve_under
from benchbed.protocol import Protocol
from benchbed.registry import Registry, discover
from benchbed.report.formats.frame import to_frame
from benchbed.report.leaderboard import Leaderboard, build_leaderboard
from benchbed.report.table.columns.plugins import add_columns
from benchbed.store import Store

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from benchbed.delta import Definition

Seeds = Sequence[int] | int | None


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for: a protocol with methods, named one by one or by a suite."""

    protocol: Protocol
    methods: tuple[str, ...]
    suite: str = ""
    seeds: Sequence[int] | None = None
    log_gradients: bool = False

    def plan(
        self, registry: Registry, settings: Settings, seeds: Sequence[int] | None = None
    ) -> Plan:
        """Plan the runs, with the suite's seeds where none are given.

        Raises:
            BenchbedError: a name or an option is wrong, or data is missing.
        """
        settings = replace(settings, log_gradients=settings.log_gradients or self.log_gradients)
        chosen = self.seeds if seeds is None else seeds
        return make_plan(self.protocol, self.methods, registry, settings, chosen)


def requests(
    registry: Registry,
    protocol: str | None = None,
    methods: Sequence[str] = (),
    suite: str | None = None,
) -> list[Request]:
    """Return what a combination of protocol, methods and suite means.

    Nothing at all means the default suite; a protocol alone the suite of its name; a suite may be
    narrowed to one protocol.

    Raises:
        ProtocolError: something does not exist.
    """
    if methods and (suite is not None or protocol is None):
        raise ProtocolError("Methods go with a protocol, and without a suite; name one protocol.")
    if methods and protocol is not None:
        return [Request(find_protocol(protocol, registry), tuple(methods))]
    chosen = find_protocol(protocol, registry) if protocol is not None else None
    if chosen is not None and suite is None:
        _require_own_suite(chosen, registry)
    name = suite or (chosen.name if chosen else None)
    found = find_suite(name, registry)
    if chosen is not None:
        several = [chosen]
    else:
        several = [find_protocol(name, registry) for name in found.protocols]
    seeds = range(found.seeds) if found.seeds else None
    return [
        Request(one, tuple(found.methods), found.name, seeds, found.log_gradients)
        for one in several
    ]


def _require_own_suite(protocol: Protocol, registry: Registry) -> None:
    """Refuse a protocol alone where no suite has its name.

    Raises:
        ProtocolError: with the suites that run it.
    """
    known = suites(registry)
    if protocol.name in known:
        return
    using = [
        name
        for name, suite in known.items()
        if any(one.partition("@")[0] == protocol.name for one in suite.protocols)
    ]
    suggested = f", or a suite: --suite {' or '.join(using)}" if using else ""
    raise ProtocolError(
        f"{protocol.id} stands alone, and there is no suite '{protocol.name}' of its name; name "
        f"methods after it{suggested}."
    )


def execute_plan(
    plan: Plan,
    registry: Registry,
    *,
    jobs: int,
    console: Console,
    executor: str = "local",
    measure: bool = True,
) -> Summary:
    """Train what a plan lacks, then measure the methods that have not been measured.

    Raises:
        PluginError: there is no such executor.
        StoreError: the results folder cannot be written.
        DataError: the data cannot be prepared.
        KeyboardInterrupt: after every process was stopped and nothing is half-written.
    """
    from benchbed.execution.executor import Executor
    from benchbed.execution.prepare import prepare
    from benchbed.execution.progress import ProgressDisplay

    make = load(registry.get("executor", executor).spec.target, Executor)
    summary = Summary()
    missing = plan.missing
    if missing or (measure and plan.measurements):
        job = plan.runs[0].job
        dataset = make_component(job.dataset, Dataset)
        prepare(dataset, job.dataset.id, Path(job.data_root) if job.data_root else None, console)
    if missing:
        with ProgressDisplay(len(missing), console) as display:
            workers = make(min(jobs, len(missing)))
            summary.results = carry_out(missing, workers, registry, display)
    open_measurements = measurable(plan, summary.results) if measure else []
    if open_measurements:
        with ProgressDisplay(len(open_measurements), console, "measuring") as display:
            summary.measured = make(1).execute(open_measurements, display)
    return summary


def run(
    protocol: str | None = None,
    methods: Sequence[str] = (),
    *,
    suite: str | None = None,
    seeds: Seeds = None,
    results: str | Path = "results",
    data_root: str | Path | None = None,
    jobs: int | None = None,
    threads: int = 1,
    device: str = "auto",
    accept_stale: bool = False,
    pretrained: str | Path | None = None,
    log_gradients: bool = False,
) -> pd.DataFrame:
    """Train what is missing and return the leaderboard, as ``benchbed run`` does.

    Args:
        protocol: name, ``name@version`` or path of a TOML file; the default suite's if ``None``.
        methods: names such as ``"hps+dwa:T=2"``; those of the suite of the protocol's name if none.
        suite: a suite's name, instead of methods.
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

    Returns:
        One row a method (of the last protocol, where a suite has several).

    Raises:
        BenchbedError: a wrong name or option, an unwritable folder.
        RunError: every run failed, so that there is no leaderboard.
    """
    from rich.console import Console

    registry = discover()
    commit, dirty = commit_of(Path.cwd())
    settings = Settings(
        results=Path(results),
        data_root=Path(data_root) if data_root else default_data_root(),
        threads=threads,
        device=device,
        accept_stale=accept_stale,
        pretrained=Path(pretrained) if pretrained else None,
        log_gradients=log_gradients,
        commit=commit,
        dirty=dirty,
    )
    board: Leaderboard | None = None
    chosen = range(seeds) if isinstance(seeds, int) else seeds
    for request in requests(registry, protocol, methods, suite):
        plan = request.plan(registry, settings, chosen)
        Store(settings.results).require_writable()
        summary = execute_plan(
            plan, registry, jobs=jobs or default_jobs(), console=Console(stderr=True)
        )
        if plan.runs and len(summary.failed) == len(plan.runs):
            raise RunError(f"Every run failed, the first with: {summary.failed[0].message}")
        board = leaderboard_of(
            plan.protocol, registry, results, methods=[m.name for m in plan.methods]
        )
    assert board is not None
    return to_frame(board)


def leaderboard_of(
    protocol: Protocol,
    registry: Registry,
    results: str | Path = "results",
    *,
    definition: Definition | None = None,
    reference: str | None = None,
    methods: Sequence[str] | None = None,
) -> Leaderboard:
    """Build a leaderboard, with the columns that plugins add.

    Raises:
        BenchbedError: there are no records.
    """
    if reference is not None:
        reference = _full_name(reference, protocol, registry)
    board = build_leaderboard(
        protocol, Store(results), definition=definition, reference=reference, methods=methods
    )
    return add_columns(board, registry)


def _full_name(method: str, protocol: Protocol, registry: Registry) -> str:
    """Return the name that a method's records have, or the text where its plugin is not there."""
    try:
        return resolve_under(protocol, method, registry).name
    except BenchbedError:
        return method


def leaderboard(
    protocol: str,
    *,
    results: str | Path = "results",
    definition: Definition | None = None,
    reference: str | None = None,
) -> pd.DataFrame:
    """Return a protocol's leaderboard from the records that there are, one row a method.

    Args:
        protocol: name, ``name@version`` or path of a TOML file.
        results: the results folder.
        definition: of Δm: ``primary``, ``per-task-mean`` or ``flat``; the protocol's by default.
        reference: method that Δm is relative to; by default the protocol's baseline.

    Raises:
        BenchbedError: no such protocol, or no records of it.
    """
    registry = discover()
    found = find_protocol(protocol, registry)
    board = leaderboard_of(found, registry, results, definition=definition, reference=reference)
    return to_frame(board)
