"""``benchbed cost``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import click
import msgspec
from rich import box
from rich.table import Table

from benchbed.basics.errors import BenchbedError
from benchbed.cli.common import console, json_option, print_json, strict_option
from benchbed.cli.printed import open_library
from benchbed.contracts.protocol import Protocol
from benchbed.discovery.catalogue import find_protocol
from benchbed.discovery.method import Method, resolve_under
from benchbed.discovery.registry import Registry
from benchbed.execution.jobs import method_jobs
from benchbed.published.cells import Printed
from benchbed.published.cost_checks import PrintedRatio, printed_ratios
from benchbed.published.costs import CostVerdict, cost_verdict
from benchbed.published.library import Library
from benchbed.records.cost_sum import MAC_CONVENTION
from benchbed.records.job import Job
from benchbed.records.record import Costs
from benchbed.report.table.numbers import human


@dataclass(frozen=True, slots=True)
class Ratio:
    """A method's parameters relative to another's, and what a paper prints for them, if any."""

    value: Fraction
    printed: Printed | None = None
    table: str = ""
    verdict: CostVerdict | None = None

    def plain(self) -> dict[str, object]:
        """Return it as plain data."""
        return {
            "ratio": float(self.value),
            "printed": str(self.printed) if self.printed else None,
            "table": self.table or None,
            "verdict": self.verdict,
        }


@click.command("cost")
@click.argument("methods", nargs=-1, required=True)
@click.option("--protocol", "protocol_name", required=True, help="Gives tasks and input size.")
@click.option(
    "--relative-to",
    "relative_to",
    metavar="METHOD",
    help="Show parameters relative to this method's, beside what papers print.",
)
@json_option
@strict_option
def command(
    methods: tuple[str, ...],
    protocol_name: str,
    relative_to: str | None,
    as_json: bool,
    strict_plugins: bool,
) -> None:
    """Count parameters and multiply-adds of methods; nothing is trained.

    \b
    Examples:
      benchbed cost hps single-task --protocol digits
      benchbed cost hps:backbone=resnet18+mgda --protocol digits --json
      benchbed cost split:type=deep mtan --protocol nyuv2-mtan --relative-to mtan
    """
    # here and not above, since it loads torch
    from benchbed.engine.cost import method_costs

    registry, library = open_library(strict=strict_plugins)
    protocol = find_protocol(protocol_name, registry)
    wanted = methods if relative_to is None else (*methods, relative_to)
    jobs = method_jobs(protocol, wanted, registry)
    costs = method_costs(jobs)
    ratios: dict[str, Ratio] = {}
    reference = ""
    if relative_to is not None:
        (base,) = method_jobs(protocol, [relative_to], registry)
        reference = base.method
        printed = _printed(library, protocol, registry, base)
        ratios = {job.method: _ratio(job, base, costs, printed) for job in jobs}
    if as_json:
        plain = {name: msgspec.to_builtins(found) for name, found in costs.items()}
        for name, ratio in ratios.items():
            plain[name][f"relative_to {reference}"] = ratio.plain()
        print_json(plain)
    else:
        _print(costs, ratios, reference)


def _printed(
    library: Library, protocol: Protocol, registry: Registry, base: Job
) -> list[tuple[Method, PrintedRatio]]:
    """Return what tables print relative to ``base``, with the methods under the protocol."""

    def resolved(name: str) -> Method | None:
        try:
            return resolve_under(protocol, name, registry)
        except BenchbedError:
            return None  # of a plugin that is not there

    found: list[tuple[Method, PrintedRatio]] = []
    for ratio in printed_ratios(library, protocol.data.dataset):
        method, reference = resolved(ratio.method), resolved(ratio.reference)
        if method and reference and _same_network(reference, base):
            found.append((method, ratio))
    return found


def _same_network(method: Method, job: Job) -> bool:
    return (method.architecture, method.backbone) == (job.architecture, job.backbone)


def _ratio(
    job: Job,
    base: Job,
    costs: Mapping[str, Costs],
    printed: Iterable[tuple[Method, PrintedRatio]],
) -> Ratio:
    """Return a method's parameters relative to ``base``; the first that is printed is taken."""
    value = Fraction(costs[job.method].parameters.total, costs[base.method].parameters.total)
    for method, ratio in printed:
        if _same_network(method, job):
            verdict = cost_verdict(ratio.printed, value)
            return Ratio(value, ratio.printed, ratio.table.id, verdict)
    return Ratio(value)


def _print(costs: Mapping[str, Costs], ratios: Mapping[str, Ratio], reference: str) -> None:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    relative = (f"÷ {reference}", "printed") if ratios else ("fp32 KB", "fp16 KB")
    for title in ("method", "params", "shared", "MACs", *relative):
        table.add_column(title, justify="left" if title == "method" else "right")
    for name, found in costs.items():
        sizes = (f"{found.size_kb['fp32']:.1f}", f"{found.size_kb['fp16']:.1f}")
        table.add_row(
            name,
            f"{found.parameters.total:,}",
            f"{found.parameters.shared:,}",
            human(found.macs.all_tasks),
            *(_ratio_cells(ratios[name]) if ratios else sizes),
        )
    console().print(table)
    click.echo(f"MACs of one sample, all tasks: {MAC_CONVENTION}.")
    uncounted: set[str] = set()
    for found in costs.values():
        uncounted.update(found.uncounted)
    if uncounted:
        click.echo(f"Operators that are not counted: {', '.join(sorted(uncounted))}.")
    for line in _verdicts(ratios):
        click.echo(line)


def _ratio_cells(ratio: Ratio) -> tuple[str, str]:
    return f"{float(ratio.value):.3f}", str(ratio.printed) if ratio.printed else ""


def _verdicts(ratios: Mapping[str, Ratio]) -> Iterable[str]:
    """Yield a line for each printed number that is not what the network's count rounds to."""
    words = {"differs": "and it is", "truncated": "cut off from"}
    for name, ratio in ratios.items():
        if ratio.verdict in words:
            word, value = words[ratio.verdict], float(ratio.value)
            yield f"{name}: {ratio.table} prints {ratio.printed}, {word} {value:.4f}."
