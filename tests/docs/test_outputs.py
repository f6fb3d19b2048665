"""
What the manual shows of a run is what the program says today.

A line of the page that is "…" stands for any lines.  What differs from run to
run is not compared: addresses and ports, seconds, the kernel.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.builders.elf import build_elf
from tests.cli.conftest import _own_place, run
from tests.docs.blocks import DOCS, PAGES, PROJECT, Block, blocks
from tests.docs.conftest import LOADER, need
from tests.hosts.roots import os_release

__all__ = ["_own_place", "run"]

# The outputs that a test here has a run of, by page and first line, and those that none has.
COMPARED = {
    ("README.md", "$ preflight check dist/app"),
    ("README.md", "/bin/ls: x86_64 executable"),
    ("docs/releases.md", "$ preflight inspect --releases curl"),
}
NOT_COMPARED = {
    ("docs/audit.md", "$ preflight audit -i fleet.yaml"),  # hosts that were changed for it
    ("docs/audit.md", "changed since"),
    ("docs/baseline.md", "$ preflight baseline -i fleet.yaml"),  # a minute, for an emulated host
    ("docs/foreign-formats.md", "$ preflight inspect app.exe"),  # a program that is not here
    ("docs/go.md", "$ preflight inspect gh"),
}
_VARIES = re.compile(r"127(\.\d+){3} port \d+|\d+\.\d+ s\b|kernel \d+\.\d+\.\d+")


def shown(page: str, first: str) -> Block:
    """Return the block of a page whose first line begins with *first*."""
    return next(b for b in blocks(PROJECT / page) if b.text.startswith(first))


def assert_shown(block: Block, said: str) -> None:
    """Fail unless the block shows what a command *said*."""
    lines = [line for line in block.text.splitlines() if not line.startswith("$ ")]
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "…" else re.escape(_VARIES.sub("@", line)) + r"\n"
        for line in lines
    )
    plain = _VARIES.sub("@", said)

    assert re.fullmatch(pattern, plain), f"{block.page}:{block.line} shows something else:\n{said}"


def on_bookworm() -> None:
    """Skip the test elsewhere: what is shown is of Debian 12's own programs."""
    if os_release().get("VERSION_CODENAME") != "bookworm":
        pytest.skip("shown as Debian 12 has it")


def test_a_check_of_a_fleet_is_as_the_readme_shows_it(run, fleet, tmp_path, monkeypatch):
    """Seven hosts and a program for the newest glibc."""
    monkeypatch.setenv("COLUMNS", "88")
    versions = {"libc.so.6": ["GLIBC_2.2.5", "GLIBC_2.33", "GLIBC_2.34", "GLIBC_2.43"]}
    app = build_elf(interpreter=LOADER, needed=["libc.so.6"], version_needs=versions)
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/app").write_bytes(app)
    hosts = "bullseye,bookworm,trixie,sid,i386,musl,closed"
    options = ["-i", fleet.inventory, "-l", hosts, "--install-path", "/opt/app/bin/app"]

    result = run("check", "dist/app", *options)

    assert 1 == result.status
    assert_shown(shown("README.md", "$ preflight check dist/app"), result.out)


def test_a_check_of_this_machine_is_as_the_readme_shows_it(run):
    """The first thing that people try."""
    on_bookworm()

    said = run("check", "--local", "/bin/ls").out

    # Of the tests' own packages one is a second C library.
    assert_shown(shown("README.md", "/bin/ls: x86_64"), re.sub(r", musl [\d.]+", "", said))


def test_an_estimate_is_as_the_page_shows_it(run, tmp_path, monkeypatch):
    """Debian 12's curl by the whole table."""
    on_bookworm()
    (tmp_path / "curl").write_bytes(Path(need("curl")).read_bytes())
    monkeypatch.setenv("COLUMNS", "100")

    result = run("inspect", "--releases", "curl")

    assert_shown(shown("docs/releases.md", "$ preflight inspect --releases curl"), result.out)


def test_no_output_is_forgotten():
    """A new block is either compared with a run, or named as one that is not."""
    consoles = [
        (str(page.relative_to(PROJECT)), block.text)
        for page in PAGES
        for block in blocks(page)
        if block.language == "console" and page != DOCS / "commands.md"  # has a test of its own
    ]
    known = COMPARED | NOT_COMPARED

    def is_known(page: str, text: str) -> bool:
        return any(page == name and text.startswith(first) for name, first in known)

    assert [] == [(page, text[:60]) for page, text in consoles if not is_known(page, text)]
