"""What the manifest says of the tasks of contours. Light: it imports none of them."""

from __future__ import annotations

from typing import Final

from benchbed.spec import Spec

SPECS: Final[tuple[Spec, ...]] = ()
