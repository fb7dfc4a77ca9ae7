"""Start-up of the command line against a bare interpreter. Target: under 150 ms."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.timing import alternate, save

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "benchbed --help": ["-m", "benchbed", "--help"],
    "benchbed list": ["-m", "benchbed", "list"],
}


def main() -> None:
    def call(arguments: list[str]) -> object:
        return subprocess.run([sys.executable, *arguments], capture_output=True, check=True)

    times = alternate(
        {name: lambda a=arguments: call(a) for name, arguments in COMMANDS.items()}, 15, 2
    )
    save("startup", {"what": "seconds a command; target 0.150", "times": times})


if __name__ == "__main__":
    main()
