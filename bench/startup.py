"""
How long `preflight --help` takes, beside ``python -c "import click, rich"``.

Both run in turns, each in a process of its own; the medians are compared.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUNS = 20
HELP = (sys.executable, "-m", "preflight", "--help")
COMMAND_HELP = (sys.executable, "-m", "preflight", "check", "--help")
IMPORTS = (sys.executable, "-c", "import click, rich")


def seconds(command: tuple[str, ...]) -> float:
    """Return the wall time of one run."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    commands = (IMPORTS, HELP, COMMAND_HELP)
    runs = [[seconds(command) for command in commands] for _ in range(RUNS)]
    imports_s, help_s, command_help_s = map(statistics.median, zip(*runs, strict=True))
    print(
        f"preflight --help {help_s * 1e3:.0f} ms, import click, rich {imports_s * 1e3:.0f} ms:",
        f"{help_s / imports_s:.2f} times as long (at most 2 is wanted);",
        f"preflight check --help {command_help_s * 1e3:.0f} ms",
    )


if __name__ == "__main__":
    main()
