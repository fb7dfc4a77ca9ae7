"""``benchbed report``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click
from rich import box
from rich.table import Table as RichTable
from rich.text import Text

from benchbed.api.tables import tables
from benchbed.basics.texts import counted
from benchbed.cli.asked import changes_of, notes_option, set_option, subset_option
from benchbed.cli.board import print_board
from benchbed.cli.common import (
    console,
    data_option,
    open_registry,
    plugin_option,
    print_json,
    results_option,
    strict_option,
)
from benchbed.contracts.delta import Definition
from benchbed.discovery.catalogue import find_protocol, require_name
from benchbed.discovery.registry import Registry
from benchbed.records.store import write_atomically
from benchbed.records.tries import read_tries
from benchbed.report.committed import check_leaderboards
from benchbed.report.formats.files import FORMATS, write_leaderboard
from benchbed.report.formats.json import to_json
from benchbed.report.layout.available import require_matplotlib
from benchbed.report.leaderboard import Leaderboard
from benchbed.report.records.of_split import Split
from benchbed.report.side_tables import (
    SideTable,
    across,
    across_json,
    across_table,
    pairs_csv,
    pairs_json,
    pairs_table,
    to_markdown,
)
from benchbed.report.with_plugins import leaderboard_of


@click.command("report")
@click.argument("protocol", required=False)
@click.option(
    "--suite",
    "suites",
    multiple=True,
    help="Only the methods of a suite, by name or TOML file. May be given several times.",
)
@set_option
@subset_option
@click.option(
    "--split",
    type=click.Choice(["test", "validation"]),
    default="test",
    show_default=True,
    help="Whose scores are shown; options are chosen by those of validation.",
)
@click.option(
    "--format",
    "style",
    type=click.Choice(["terminal", "md", "csv", "json"]),
    default="terminal",
    show_default=True,
)
@click.option(
    "--delta-m",
    "definition",
    type=click.Choice(["primary", "per-task-mean", "flat"]),
    help="Definition of Δm. [default: the protocol's]",
)
@click.option("--reference", help="Row that Δm is relative to. [default: the baseline]")
@click.option("--pairs", is_flag=True, help="Also every pair of methods, with Holm's correction.")
@click.option(
    "--plots",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for figures over several protocols (matplotlib).",
)
@notes_option
@click.option("--write", is_flag=True, help="Write md, csv and json into the output folder.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for --write. [default: RESULTS/leaderboards]",
)
@click.option(
    "--check",
    is_flag=True,
    help="Show nothing; end with status 1 if a leaderboard in RESULTS/leaderboards is stale.",
)
@data_option
@results_option
@plugin_option
@strict_option
def command(
    protocol: str | None,
    suites: tuple[str, ...],
    settings_text: tuple[str, ...],
    subset: float | None,
    split: Split,
    style: str,
    definition: Definition | None,
    reference: str | None,
    pairs: bool,
    plots: Path | None,
    notes: bool,
    write: bool,
    output: Path | None,
    check: bool,
    data_root: Path | None,
    results: Path,
    plugins: tuple[Path, ...],
    strict_plugins: bool,
) -> None:
    """Show, write or check a protocol's leaderboard, from the records that there are.

    \b
    Examples:
      benchbed report digits
      benchbed report digits --format json --results my-results
      benchbed report digits --delta-m flat --reference hps+equal
      benchbed report digits --pairs
      benchbed report --suite weightings --format md
      benchbed report digits --split validation
      benchbed report digits --set optimizer.lr=0.01
      benchbed report --check
    """
    if protocol is None and not suites and not check:
        raise click.UsageError("Name a protocol, or a suite with --suite.")
    changes = changes_of(settings_text, subset)
    shown = write or output or definition or reference or pairs or plots or changes
    if check and (shown or style != "terminal" or split != "test" or len(suites) > 1):
        raise click.UsageError("--check goes with a protocol, one --suite and --results alone.")
    if write and split != "test":
        raise click.UsageError("Leaderboards are of the test split; leave out --write.")
    registry = open_registry(strict=strict_plugins, plugins=plugins)
    if check:
        _check(registry, protocol, suites[0] if suites else None, results, data_root)
        return
    boards: list[Leaderboard] = []
    for asked in tables(registry, protocol, suites, changes=changes, results=results):
        board = leaderboard_of(
            asked.protocol,
            registry,
            results,
            definition=definition,
            reference=reference,
            methods=asked.methods,
            data_root=data_root,
            split=split,
        )
        boards.append(board)
        if write:
            if suites and asked.name is None:
                raise click.UsageError("Tables are written of installed suites; leave out --write.")
            require_name(asked.protocol, registry)
            folder = output or results / "leaderboards"
            for path in write_leaderboard(board, folder, asked.name, results):
                click.echo(f"Wrote {path}", err=True)
    if style == "json":
        _show_json(boards, pairs=pairs)
    else:
        _show(boards, style, pairs=pairs, notes=notes)
    if plots is not None:
        # the table over several protocols says the same of a critical difference
        told = len(boards) > 1 and style != "csv"
        _draw(boards, plots, told=told)


def _show_json(boards: Sequence[Leaderboard], *, pairs: bool) -> None:
    if len(boards) == 1 and not pairs:
        click.echo(to_json(boards[0]), nl=False)
        return
    tables = [json.loads(to_json(board)) for board in boards]
    if pairs:
        tables = [
            {**table, "pairs": pairs_json(board)}
            for table, board in zip(tables, boards, strict=True)
        ]
    if len(boards) == 1:
        print_json(tables[0])
    else:
        print_json({"leaderboards": tables, "across": across_json(across(boards))})


def _show(boards: Sequence[Leaderboard], style: str, *, pairs: bool, notes: bool) -> None:
    if style == "csv" and pairs:
        for board in boards:
            click.echo(pairs_csv(board), nl=False)
        return
    for board in boards:
        if style == "terminal":
            print_board(board, notes=notes)
        else:
            click.echo(FORMATS[style](board), nl=False)
        if pairs:
            _show_table("Pairs of methods", pairs_table(board), style)
    if len(boards) > 1 and style != "csv":
        _show_table("Over protocols", across_table(across(boards)), style)


def _show_table(title: str, table: SideTable, style: str) -> None:
    if style != "terminal":
        click.echo("\n" + to_markdown(title, table), nl=False)
        return
    headers, rows, lines = table
    shown = RichTable(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for header in headers:
        shown.add_column(header, overflow="fold")
    for row in rows:
        shown.add_row(*map(Text, row))
    out = console()
    out.print()
    if rows:
        out.print(shown)
        out.print()
    out.print(Text("\n".join(lines), style="dim"))


def _draw(boards: Sequence[Leaderboard], folder: Path, *, told: bool) -> None:
    """Draw performance profiles, and the critical difference where there is one.

    ``told``: why there is none stands on the screen already.
    """
    require_matplotlib()
    # here and not above, since it loads NumPy, torch and matplotlib
    from benchbed.contracts.drawing import to_png
    from benchbed.report.figures.critical_difference import draw_critical_difference
    from benchbed.report.figures.profiles import draw_profiles

    found = across(boards)
    figures = {"profiles.png": draw_profiles(found.profiles)}
    if found.critical is None:
        if not told:
            click.echo(found.critical_note, err=True)
    else:
        figures["critical-difference.png"] = draw_critical_difference(found.critical)
    for name, figure in figures.items():
        write_atomically(folder / name, to_png(figure))
        click.echo(f"Wrote {folder / name}", err=True)


def _check(
    registry: Registry,
    protocol: str | None,
    suite: str | None,
    results: Path,
    data_root: Path | None,
) -> None:
    found = None
    if protocol is not None:
        found = find_protocol(protocol, registry, read_tries(results))
    checked = check_leaderboards(results, registry, found, suite, protocol, data_root)
    stale = [item for item in checked if item.is_stale]
    for item in stale:
        click.echo(item, err=True)
    click.echo(f"{counted(len(checked), 'leaderboard')} checked, {len(stale)} stale.")
    if stale:
        raise click.exceptions.Exit(1)
