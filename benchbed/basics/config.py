"""The user's configuration file, and where data is looked for."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Final

from platformdirs import user_config_path

from benchbed.basics.errors import BenchbedError, suggest

CONFIG: Final = "BENCHBED_CONFIG"
DATA: Final = "BENCHBED_DATA"
KEYS: Final = ("data_root",)


def config_file() -> Path:
    """Return the file that ``BENCHBED_CONFIG`` names, or the platform's for configuration."""
    named = os.environ.get(CONFIG)
    if named:
        return Path(named).expanduser()
    return user_config_path("benchbed") / "config.toml"


def default_data_root() -> Path | None:
    """Return the folder that ``BENCHBED_DATA`` names, or the configuration file, if either does.

    In the file it may be relative to the file's folder.

    Raises:
        BenchbedError: the configuration file is wrong.
    """
    named = os.environ.get(DATA)
    if named:
        return Path(named).expanduser()
    path = config_file()
    named = _read(path).get("data_root")
    if not named:
        return None
    return path.parent / Path(named).expanduser()


def _read(path: Path) -> dict[str, str]:
    """Return what a configuration file says; nothing where there is none.

    Raises:
        BenchbedError: it cannot be read, is no TOML, or has a key or value that makes no sense.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if os.environ.get(CONFIG):
            raise BenchbedError(f"{CONFIG} names {path}, which is not there.") from error
        return {}
    except (OSError, ValueError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise BenchbedError(
            f"The configuration file {path} cannot be read ({error}); mend it, or name another "
            f"with {CONFIG}."
        ) from error
    for key, value in found.items():
        if key not in KEYS:
            raise BenchbedError(
                f"The configuration file {path} has an unknown key '{key}'.{suggest(key, KEYS)}"
            )
        if not isinstance(value, str) or not value:
            raise BenchbedError(
                f"'{key}' in the configuration file {path} must be a text in quotes, such as "
                f'{key} = "/data".'
            )
    return found
