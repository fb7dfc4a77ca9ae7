"""One record: its training curves, and its predictions where they can be made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchbed.basics.errors import BenchbedError
from benchbed.discovery.registry import Registry
from benchbed.records.record import Record
from benchbed.records.store import write_atomically
from benchbed.report.inspect.choosing import choose_samples
from benchbed.report.inspect.facts import record_facts, run_title, samples_title
from benchbed.report.inspect.lost_weights import note_lost_weights
from benchbed.report.inspect.records import read_record
from benchbed.report.inspect.request import Request
from benchbed.report.layout.available import require_matplotlib


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was drawn.

    Attributes:
        note: why there are no panels, or what is to be known of them.
        exit_code: not 0 where something is wrong that keeps panels from being drawn.
    """

    record: Record
    path: Path
    curves: Path
    panels: Path | None = None
    note: str = ""
    exit_code: int = 0

    @property
    def figures(self) -> list[Path]:
        """Return the files that were written."""
        return [self.panels, self.curves] if self.panels else [self.curves]

    @property
    def notes(self) -> list[str]:
        """Return the note, if there is one."""
        return [self.note] if self.note else []

    def facts(self) -> dict[str, Any]:
        """Return the figures' paths and the record's main facts, as plain data."""
        return {
            **record_facts(self.record, self.path),
            "curves": str(self.curves),
            "panels": str(self.panels) if self.panels else None,
            "note": self.note,
        }


def inspect_record(request: Request, registry: Registry) -> Inspection:
    """Draw a record's curves, and its panels where there are weights and plugins for them.

    Raises:
        BenchbedError: there is no matplotlib, the record cannot be trusted, or the folder cannot
            be written. What keeps only the panels from being drawn is in the result.
    """
    require_matplotlib()
    from benchbed.contracts.drawing import to_png
    from benchbed.report.inspect.drawing.training_curves import draw_curves

    record = read_record(request.path)
    folder = request.folder(record.key)
    curves = folder / "curves.png"
    write_atomically(curves, to_png(draw_curves(record, run_title(record))))
    drawn = Inspection(record, request.path, curves)

    # the curves are of use alone, so what is wrong with weights or plugins is no error from here on
    try:
        if not request.has_weights:
            return replace(drawn, note=note_lost_weights(record, registry, request))
        content, note = _draw_panels(record, registry, request)
    except BenchbedError as error:
        return replace(drawn, note=str(error), exit_code=error.exit_code)
    panels = folder / "panels.png"
    write_atomically(panels, content)
    return replace(drawn, panels=panels, note=note)


def _draw_panels(record: Record, registry: Registry, request: Request) -> tuple[bytes, str]:
    """Return the figure, and what is to be known of it."""
    from benchbed.contracts.drawing import one_colour_a_class, to_png
    from benchbed.report.inspect.drawing.panels import draw_panels
    from benchbed.report.inspect.predictions.of_record import predict_record

    (chosen,) = choose_samples([record], registry, [request])
    session, samples, note = predict_record(record, registry, chosen)
    shown = samples_title(len(samples), session.job.protocol.data.test, request.choice)
    title = f"{run_title(record)}\n{shown}"
    with one_colour_a_class(task.target for task in session.tasks.values()):
        figure = draw_panels(samples, session.tasks, session.dataset.input, title)
    return to_png(figure), note
