"""The digest of what a component's code means, found without importing it."""

from benchbed.discovery.source.digest import SCHEME, source_digest, source_text
from benchbed.discovery.source.finding import module_file, searching

__all__ = ["SCHEME", "module_file", "searching", "source_digest", "source_text"]
