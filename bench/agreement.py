"""
How often is the verdict what really happens?  Real programs, real hosts, real starts.

Judges every ELF program of sid's /usr/bin and /usr/sbin against every test
host that has a root, in one `preflight check` over SSH, then starts each in
that root with --version and compares: did the kernel or the loader refuse
it, and with which words?  Needs root on Debian: python -m bench.agreement
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from os import strerror
from pathlib import Path
from typing import Any

from tests.hosts.fleet import Fleet, running
from tests.hosts.outcome import Outcome, real_start

HOSTS = ("bullseye", "bookworm", "trixie", "sid", "i386", "arm64", "musl")
HERE = "/mnt/preflight"  # where the programs lie in each root
LEFT_OUT = {"halt", "poweroff", "reboot", "shutdown", "init", "telinit", "runlevel"}


def programs(root: Path) -> list[Path]:
    """Return the ELF executables of *root*, each file once."""
    found: dict[int, Path] = {}
    for directory in ("usr/bin", "usr/sbin"):
        for path in sorted((root / directory).iterdir()):
            if path.name in LEFT_OUT or path.is_symlink() or not path.is_file():
                continue
            with path.open("rb") as file:
                if file.read(4) == b"\x7fELF":
                    found.setdefault(path.stat().st_ino, path)
    return list(found.values())


@contextlib.contextmanager
def installed(fleet: Fleet, files: list[Path]) -> Iterator[None]:
    """Lay *files* into every root, in a file system of their own."""
    with contextlib.ExitStack() as stack:
        for name in HOSTS:
            point = Path(f"{fleet.root(name)}/mnt")
            point.mkdir(exist_ok=True)
            subprocess.run(["mount", "-t", "tmpfs", "programs", point], check=True)
            stack.callback(subprocess.run, ["umount", "-l", point], check=True)
            target = Path(f"{fleet.root(name)}{HERE}")
            target.mkdir()
            for file in files:
                (target / file.name).write_bytes(file.read_bytes())
                (target / file.name).chmod(0o755)
        yield


def check(fleet: Fleet, files: list[Path]) -> tuple[dict[str, Any], float]:
    """Return the report of one `preflight check`, and its wall time in seconds."""
    began = time.monotonic()
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        command = ["check", *map(str, files), "-i", str(fleet.inventory), "-l", "roots,special"]
        options = ["--install-path", f"{HERE}/", "--format", f"json={report.name}", "-q"]
        times = ["--connect-timeout", "5", "--timeout", "60"]
        subprocess.run(
            [sys.executable, "-m", "preflight", *command, *options, *times],
            check=False,
            stdout=subprocess.DEVNULL,
        )
        return json.loads(Path(report.name).read_text("utf-8")), time.monotonic() - began


def said(outcome: Outcome, program: str) -> str | None:
    """Return the first line of the refusal, as preflight predicts it."""
    if outcome.errno is not None:
        return f"{program}: {strerror(outcome.errno)}"
    if outcome.loader_line is not None:
        return outcome.stderr.partition("\n")[0]
    return None


def main() -> None:
    """Measure, and print the share of verdicts and lines that agree."""
    with running() as fleet:
        files = programs(fleet.root("sid"))
        with installed(fleet, files):
            report, first_s = check(fleet, files)
            _, second_s = check(fleet, files)
            names = {binary["id"]: Path(binary["path"]).name for binary in report["binaries"]}
            pairs = [verdict for verdict in report["verdicts"] if verdict["host"] in HOSTS]
            with ThreadPoolExecutor(2) as pool:
                outcomes = list(
                    pool.map(
                        lambda verdict: real_start(
                            fleet.root(verdict["host"]),
                            [f"{HERE}/{names[verdict['binary']]}", "--version"],
                        ),
                        pairs,
                    )
                )
    print(f"{len(files)} programs, {len(report['hosts'])} hosts, one run: {first_s:.1f} s")
    print(f"the same again: {second_s:.1f} s")
    compare(pairs, outcomes, names)


def compare(pairs: list[dict[str, Any]], outcomes: list[Outcome], names: dict[str, str]) -> None:
    """Print the shares, and every disagreement by name."""
    tally: Counter[str] = Counter()
    for verdict, outcome in zip(pairs, outcomes, strict=True):
        program = f"{HERE}/{names[verdict['binary']]}"
        expected = "blocked" if outcome.refused else "deployable"
        agrees = verdict["outcome"] == expected
        tally["verdicts"] += 1
        tally["agree"] += agrees
        tally[f"really {expected}"] += 1
        if not agrees:
            tally[f"said {verdict['outcome']}, was {expected}"] += 1
            codes = sorted({finding["code"] for finding in verdict["findings"]})
            print(f"  {verdict['host']} {program}: {verdict['outcome']} {codes}: {outcome}")
        elif outcome.refused:
            line = said(outcome, program)
            tally["lines"] += 1
            tally["lines agree"] += line == verdict["predicted_error"]
            if line != verdict["predicted_error"]:
                print(f"  {verdict['host']}: predicted {verdict['predicted_error']}")
                print(f"  {' ' * len(verdict['host'])}  really    {line}")
    print(dict(tally))


if __name__ == "__main__":
    main()
