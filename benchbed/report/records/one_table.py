"""Which records may share a table: same protocol, trainer, data, tasks, transforms and metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from benchbed.basics.canonical import canonical_json
from benchbed.basics.errors import BenchbedError
from benchbed.basics.texts import counted
from benchbed.contracts.protocol import Protocol
from benchbed.discovery.component import Component
from benchbed.records.index import Summary
from benchbed.records.record import ENGINE
from benchbed.report.records.choice import Chooser, remembered, variants_of
from benchbed.report.records.installed import Installed, shared_parts


def of_one_table(
    records: Sequence[Summary],
    protocol: Protocol,
    chooser: Chooser,
    installed: Installed | None,
) -> tuple[list[Summary], list[str]]:
    """Return the records that may share a table, and sentences on those left out.

    Args:
        records: of a protocol's name and version.
        protocol: only records of its very digest count.
        chooser: says which of several variants counts.
        installed: what the plugins would make now, if that is known.

    Raises:
        BenchbedError: ours were made from several states of the data, and nothing tells which one
            is meant.
    """
    sieve = _Sieve(list(records), chooser)
    sieve.keep_protocol(protocol)
    sieve.keep_engine()
    sieve.keep_components(installed)
    sieve.keep_data(protocol, installed)
    sieve.keep_metrics()
    return sieve.records, sieve.notes


@dataclass(slots=True)
class _Sieve:
    """Leaves records out, one thing that they may differ in after the other."""

    records: list[Summary]
    chooser: Chooser
    notes: list[str] = field(default_factory=list)

    def keep_protocol(self, protocol: Protocol) -> None:
        same = [record for record in self.records if record.protocol_digest == protocol.digest]
        self._keep(
            same,
            lambda number: (
                f"{number} made under another definition of {protocol.id} (its digest differs)"
            ),
        )

    def keep_engine(self) -> None:
        variants = variants_of(self.records, lambda record: str(record.engine))
        if not variants:
            return
        chosen = self.chooser.choose(variants, str(ENGINE))
        others = ", ".join(sorted(variants.keys() - {chosen}))
        self._keep(
            variants[chosen],
            lambda number: (
                f"{number} of another trainer (version {others}; this table's is {chosen})"
            ),
        )

    def keep_components(self, installed: Installed | None) -> None:
        """Keep the records made with one version and one set of options of what rows share."""
        texts = remembered(_texts, lambda record: record.components)
        slots: dict[str, None] = {}
        for record in self.records:
            slots |= dict.fromkeys(texts(record))
        differing = [slot for slot in slots if len(self._variants(texts, slot)) > 1]
        # mostly nothing differs, and nothing is looked up
        now = _texts_of(installed.shared()) if installed and differing else {}
        for slot in differing:
            variants = self._variants(texts, slot)
            if len(variants) < 2:  # the others went for another slot
                continue
            chosen = self.chooser.choose(variants, now.get(slot))
            kept = [r for r in self.records if texts(r).get(slot) in {chosen, None}]
            self._keep_made_with(slot, kept, variants[chosen])

    def _variants(
        self, texts: Callable[[Summary], dict[str, str]], slot: str
    ) -> dict[str, list[Summary]]:
        return variants_of(self.records, lambda record: texts(record).get(slot))

    def _keep_made_with(
        self, slot: str, kept: Sequence[Summary], chosen: Sequence[Summary]
    ) -> None:
        """Keep records, and say what the chosen ones are made with, and what the others."""
        keys = {record.key for record in kept}
        left_out = [record for record in self.records if record.key not in keys]
        theirs, ours = _shown(left_out, slot), _shown(chosen, slot)
        what = f"{slot} {theirs} (this table's is {ours})"
        if theirs == ours:
            what = f"other options of {slot} {ours}"
        self._keep(kept, lambda number: f"{number} made with {what}")

    def keep_data(self, protocol: Protocol, installed: Installed | None) -> None:
        """Keep the records of the data that is there; where none is, of those that decide.

        Raises:
            BenchbedError: these are of several.
        """
        variants = variants_of(self.records, lambda record: record.data_digest)
        if len(variants) < 2:
            return
        chosen = installed.data_digest() if installed else ""
        if chosen not in variants:
            deciding = {record.data_digest for record in self.chooser.deciding(self.records)}
            if len(deciding) > 1:
                raise BenchbedError(_several_states(variants, protocol))
            (chosen,) = deciding
        self._keep(
            variants[chosen],
            lambda number: (
                f"{number} made from other data (this table's has the digest {chosen[:12]})"
            ),
        )

    def keep_metrics(self) -> None:
        """Keep the records whose metrics are ours: which there are, their direction, their role."""
        tasks: dict[str, None] = {}
        for record in self.records:
            tasks |= dict.fromkeys(record.metrics)
        for task in tasks:
            self._keep_metrics_of(task)

    def _keep_metrics_of(self, task: str) -> None:
        meaning = remembered(lambda record: _meaning(record, task), lambda record: record.metrics)
        variants = variants_of(self.records, meaning)
        if len(variants) < 2:
            return
        chosen = self.chooser.choose(variants, None)
        kept = [record for record in self.records if meaning(record) in {chosen, None}]
        self._keep(
            kept,
            lambda number: (
                f"{number} with other metrics of task '{task}', or of another direction or role"
            ),
        )

    def _keep(self, kept: Sequence[Summary], sentence: Callable[[str], str]) -> None:
        """Go on with some of the records; a sentence says what the others are."""
        left_out = len(self.records) - len(kept)
        if left_out:
            self.notes.append(f"Left out {sentence(counted(left_out, 'record'))}.")
        self.records = list(kept)


def _texts(record: Summary) -> dict[str, str]:
    """Return what a record shares with all of its table, as texts that tell variants apart."""
    return _texts_of(shared_parts(record.components, record.tasks))


def _texts_of(parts: Mapping[str, Sequence[Component]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for slot, components in parts.items():
        found[slot] = canonical_json([component.identity() for component in components])
    return found


def _shown(records: Iterable[Summary], slot: str) -> str:
    """Return what records have in a slot, for people."""
    found: dict[str, None] = {}
    for record in records:
        part = shared_parts(record.components, record.tasks).get(slot, [])
        found[" ".join(f"{item.id} {item.version}" for item in part) or "none"] = None
    return ", ".join(found)


def _meaning(record: Summary, task: str) -> str | None:
    """Return a task's metrics with their directions and roles; details may be there or not."""
    infos = record.metrics.get(task)
    if infos is None:
        return None
    told = {
        name: [info.higher_is_better, info.primary, info.percent]
        for name, info in infos.items()
        if not info.detail
    }
    return canonical_json(told)


def _several_states(variants: dict[str, list[Summary]], protocol: Protocol) -> str:
    listed = [
        f"{data_digest[:12]} ({counted(len(records), 'record')})"
        for data_digest, records in sorted(variants.items())
    ]
    return (
        f"The records of {protocol.id} were made from several states of the data set "
        f"'{protocol.data.dataset}', which no table may mix: {', '.join(listed)}. Say which one is "
        "meant by its folder (--data-root), or move the records of the others away."
    )
