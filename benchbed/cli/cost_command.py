"""``benchbed cost``."""

from __future__ import annotations

import click

from benchbed.cli.common import (
    console,
    json_option,
    open_registry,
    print_json,
    strict_option,
)


@click.command("cost")
@click.argument("methods", nargs=-1, required=True)
@click.option("--protocol", "protocol_name", required=True, help="Gives tasks and input size.")
@json_option
@strict_option
def command(
    methods: tuple[str, ...],
    protocol_name: str,
    as_json: bool,
    strict_plugins: bool,
) -> None:
    """Count parameters and multiply-adds of methods; nothing is trained.

    \b
    Examples:
      benchbed cost hps single-task --protocol digits
      benchbed cost hps:backbone=resnet18+mgda --protocol digits --json
    """
    from benchbed.catalogue import find_protocol
    from benchbed.cost import method_costs
    from benchbed.cost_sum import MAC_CONVENTION
    from benchbed.execution.plan import method_jobs

    registry = open_registry(strict=strict_plugins)
    protocol = find_protocol(protocol_name, registry)
    costs = method_costs(method_jobs(protocol, methods, registry))
    if as_json:
        import msgspec

        print_json({name: msgspec.to_builtins(found) for name, found in costs.items()})
        return
    from rich import box
    from rich.table import Table

    from benchbed.report.writers import human

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for title in ("method", "params", "shared", "MACs", "fp32 KB", "fp16 KB", "uncounted"):
        table.add_column(title, justify="left" if title in {"method", "uncounted"} else "right")
    for name, found in costs.items():
        table.add_row(
            name,
            f"{found.parameters.total:,}",
            f"{found.parameters.shared:,}",
            human(found.macs.all_tasks),
            f"{found.size_kb['fp32']:.1f}",
            f"{found.size_kb['fp16']:.1f}",
            ", ".join(found.uncounted),
        )
    console().print(table)
    click.echo(f"MACs of one sample, all tasks: {MAC_CONVENTION}.")
