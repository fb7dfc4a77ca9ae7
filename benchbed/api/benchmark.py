"""The path that ``benchbed run`` and ``benchbed.run`` share: plan, train, measure, tabulate.

What the two do beside it is theirs: a command says what happens and writes leaderboards into the
results folder, a function returns one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from benchbed.api.request import Request
from benchbed.basics.environment import commit_of
from benchbed.contracts.derived import is_derived
from benchbed.discovery.registry import Registry
from benchbed.execution.executor import Observer
from benchbed.execution.loggers import make_logging
from benchbed.execution.plan import Plan, Settings
from benchbed.execution.preflight import preflight
from benchbed.execution.run import (
    Summary,
    default_jobs,
    make_executor,
    prepare_data,
    train_and_measure,
)
from benchbed.records.store import Store
from benchbed.records.tries import keep_try
from benchbed.report.formats.files import require_own_board
from benchbed.report.leaderboard import Leaderboard
from benchbed.report.with_plugins import leaderboard_of

if TYPE_CHECKING:
    from rich.console import Console


class Stages(Protocol):
    """What a caller does around the stages of the path."""

    @property
    def console(self) -> Console:
        """Where progress is shown."""
        ...

    def planning(self) -> AbstractContextManager[object]:
        """Return what is entered while a request is planned."""
        ...

    def trying(self, plans: Sequence[Plan]) -> AbstractContextManager[object]:
        """Return what is entered while methods are tried out."""
        ...

    def training(self, plan: Plan) -> AbstractContextManager[object]:
        """Return what is entered while a plan is carried out."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one request.

    Attributes:
        logs: folders with the curves of runs.
    """

    request: Request
    plan: Plan
    summary: Summary
    registry: Registry
    results: Path
    logs: Sequence[Path] = ()

    @property
    def methods(self) -> list[str]:
        """The canonical names of the methods, baselines included."""
        return [method.name for method in self.plan.methods]

    @property
    def all_failed(self) -> bool:
        """Whether nothing can be tabulated, because no run has a record."""
        runs = self.plan.runs
        return bool(runs) and len(self.summary.failed) == len(runs)

    def everything(self) -> Leaderboard:
        """Return the protocol's leaderboard of all that have records.

        Raises:
            BenchbedError: there are no records.
        """
        return self._leaderboard(None, None)

    def leaderboard(self) -> Leaderboard:
        """Return the protocol's leaderboard of the methods that were asked for.

        Raises:
            BenchbedError: there are no records.
        """
        return self._leaderboard(self.methods, self.plan.runs[0].job.pretrained_digest)

    def _leaderboard(self, methods: Sequence[str] | None, pretrained: str | None) -> Leaderboard:
        root = self.plan.runs[0].job.data_root
        return leaderboard_of(
            self.plan.protocol,
            self.registry,
            self.results,
            methods=methods,
            pretrained=pretrained,
            data_root=Path(root) if root else None,
        )


def planned(
    asked: Iterable[Request],
    registry: Registry,
    settings: Settings,
    seeds: Sequence[int] | None,
    planning: Callable[[], AbstractContextManager[object]],
) -> Iterator[tuple[Request, Plan]]:
    """Yield each request with its plan, one at a time.

    Args:
        asked: the requests.
        registry: the installed plugins.
        settings: where and how.
        seeds: instead of the suite's or the protocol's own.
        planning: makes what is entered while a request is planned.

    Raises:
        BenchbedError: a name or an option is wrong, or data is missing.
    """
    for request in asked:
        with planning():
            plan = request.plan(registry, settings, seeds)
        yield request, plan


def benchmark(
    asked: Iterable[Request],
    registry: Registry,
    settings: Settings,
    stages: Stages,
    *,
    seeds: Sequence[int] | None = None,
    jobs: int | None = None,
    executor: str = "local",
    measure: bool = True,
    try_out: bool = True,
    logs: Sequence[str] = (),
    listeners: Sequence[Observer] = (),
) -> Iterator[Outcome]:
    """Train and measure what each request lacks, and yield what came of it before the next one.

    All requests are planned, and all methods tried out, before the first one is trained.

    Args:
        asked: the requests.
        registry: the installed plugins.
        settings: where and how; the commit is looked up here.
        stages: what the caller does on the way.
        seeds: instead of the suite's or the protocol's own.
        jobs: runs side by side; one a core by default.
        executor: the name of the one that carries the runs out.
        measure: whether step times and memory are measured.
        try_out: whether each method is tried out first, on one mini-batch.
        logs: names of loggers, with their options.
        listeners: told what happens to runs.

    Raises:
        BenchbedError: a wrong name or option, missing data, an unwritable folder.
        PreflightError: a method failed when it was tried out.
        KeyboardInterrupt: after every process was stopped and nothing is half-written.
    """
    logging = make_logging(logs, registry, settings.results)
    commit, dirty = commit_of(Path.cwd())
    settings = replace(settings, commit=commit, dirty=dirty)
    plans = list(planned(asked, registry, settings, seeds, stages.planning))
    Store(settings.results).require_writable()
    for _, plan in plans:
        require_own_board(plan.protocol, settings.results / "leaderboards")
        if is_derived(plan.protocol):
            keep_try(plan.protocol, settings.results)

    side_by_side = jobs or default_jobs()
    with make_executor(executor, registry, side_by_side) as workers, closing(logging):
        for _, plan in plans:
            prepare_data(plan, stages.console, measure=measure)
        if try_out:
            with stages.trying([plan for _, plan in plans]):
                preflight([plan for _, plan in plans], workers)
        for request, plan in plans:
            with stages.training(plan):
                summary = train_and_measure(
                    plan,
                    registry,
                    workers,
                    side_by_side,
                    stages.console,
                    measure=measure,
                    listeners=[*listeners, logging],
                )
            failed = {result.run.key for result in summary.failed}
            logging.catch_up(run for run in plan.runs if run.key not in failed)
            yield Outcome(request, plan, summary, registry, settings.results, logging.folders)
