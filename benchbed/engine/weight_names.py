"""Which tensors of a file are which of a network: by their names and shapes.

A file of timm or torchvision names a backbone's tensors by themselves, ``conv1.weight``, where a
network has them as ``encoder.body.conv1.weight``; others put ``module.`` in front of all names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from torch import Tensor

DEEPEST: Final = 4
"""Parts of names in a file that may be left out in front."""


@dataclass(frozen=True, slots=True)
class Matched:
    """Tensors of a file that fit a network.

    Attributes:
        tensors: by the network's names.
        used: how many of the file's tensors they are.
        prefixes: what stands before the file's names in the network; several where a network holds
            several copies of what the file is of. Empty where the names are the same.
        dropped: what stands before them in the file, and is left out.
    """

    tensors: dict[str, Tensor]
    used: int
    prefixes: tuple[str, ...] = ()
    dropped: str = ""


def match(given: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> Matched:
    """Return the tensors that fit: those of the same names, or else under the best prefix.

    Args:
        given: of the file.
        own: of the network.
    """
    same = {name: value for name, value in given.items() if _fits(name, value, own)}
    if same:
        return Matched(same, len(same))
    counts = Counter(_pairs(given, own))
    if not counts:
        return Matched({}, 0)
    most = max(counts.values())
    best = [pair for pair, count in counts.items() if count == most]
    dropped = min((pair[1] for pair in best), key=lambda text: (len(text), text))
    prefixes = tuple(sorted(prefix for prefix, before in best if before == dropped))
    tensors: dict[str, Tensor] = {}
    used: set[str] = set()
    for name, value in given.items():
        if not name.startswith(dropped):
            continue
        for prefix in prefixes:
            place = prefix + name[len(dropped) :]
            if _fits(place, value, own):
                tensors[place] = value
                used.add(name)
    return Matched(tensors, len(used), prefixes, dropped)


def _fits(name: str, value: Tensor, own: Mapping[str, Tensor]) -> bool:
    return name in own and own[name].shape == value.shape


def _pairs(given: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> Iterator[tuple[str, str]]:
    """Yield for each pair of tensors that may be the same what stands before the common name.

    Only names that agree from some part to their ends do, and only those with two parts or more in
    common: ``weight`` alone says nothing.
    """
    by_ending: dict[str, list[tuple[str, str]]] = {}
    for name in own:
        for prefix, ending in _endings(name, len(name)):
            by_ending.setdefault(ending, []).append((prefix, name))
    for name, value in given.items():
        for before, ending in _endings(name, DEEPEST):
            for prefix, place in by_ending.get(ending, ()):
                # what both have in common before the ending would be part of the ending
                longer = prefix and before and prefix.split(".")[-2] == before.split(".")[-2]
                if not longer and own[place].shape == value.shape:
                    yield prefix, before


def _endings(name: str, deepest: int) -> Iterator[tuple[str, str]]:
    """Yield what stands before each ending of two parts or more, with its dot, and the ending."""
    parts = name.split(".")
    for start in range(min(len(parts) - 1, deepest + 1)):
        before = "".join(f"{part}." for part in parts[:start])
        yield before, ".".join(parts[start:])
