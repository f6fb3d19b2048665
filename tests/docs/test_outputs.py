"""
What the manual has a reader type is run, and what it shows of a run is what is said today.

A line of the page that is "…" stands for any lines.  What differs from run to
run is not compared: addresses and ports, seconds, the kernel.
"""

from __future__ import annotations

import pytest

from tests.cli.conftest import _own_place
from tests.docs.blocks import PAGES, PROJECT, blocks, commands, indented
from tests.docs.manual import Place, play
from tests.docs.scenes import SCENES

__all__ = ["_own_place"]

# What is not run here, by its beginning.
ELSEWHERE = {
    "make venv": "makes what these tests run in",
    "make test": "runs these tests",
    "make crosscheck": "a measurement of minutes; tests/crosscheck has its tests",
    "python -m tests.crosscheck": "the same, of half an hour",
    "make fuzz-loader": "a measurement of minutes; tests/fuzz has its tests",
    "python -m pytest tests/catalogue": "runs tests itself",
    "vagrant up": "virtual machines from the network; tests/test_vagrant.py has vagrant read it",
    "fab -H web-1,web-2": "test_deploy.py runs it, with the key and the address of its hosts",
    "dask ": "tests/api/test_cluster.py starts a cluster",
    "preflight check dist/app -i fleet.yaml --executor dask": "and asks hosts by it",
}
# Blocks that only show what something looks like, by page and first line.
ILLUSTRATIONS = {
    ("docs/large-runs.md", "preflight: 3,200 of 10,000 hosts"): "takes 10,000 hosts; its form"
    " is compared in tests/cli/test_progress.py",
}
# Blocks that are no command and no output: files, whose readers have tests of their own.
FILES = {"yaml", "toml", "make", "known_hosts", "ssh_config", "sudoers"}
RUN = {"console", "sh", "python"}
# Made from the program's own table, with what loaders and kernels say: tests/judge/test_codes.py.
GENERATED = {"docs/findings.md"}
COMMANDS = [
    command
    for page in PAGES
    for command in commands(page)
    if not command.text.startswith(tuple(ELSEWHERE))
]


@pytest.fixture
def place(tmp_path, fleet, monkeypatch, cache) -> Place:
    """A directory of its own, a terminal of 100 columns, and one library store for all pages."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    made = Place(tmp_path, fleet, monkeypatch)
    made.columns(100)
    return made


@pytest.mark.parametrize("page", SCENES)
def test_a_page_is_as_it_is_when_run(place, page):
    """Every command of a page runs, in the page's order, and says what is shown."""
    play(place, (one for one in COMMANDS if one.place.startswith(f"{page}:")), SCENES[page](place))


def test_no_command_is_forgotten():
    """A page with a command has a scene in which it is run; and no exception outlives its cause."""
    every = [command.text for page in PAGES for command in commands(page)]

    assert [] == [one.place for one in COMMANDS if one.place.partition(":")[0] not in SCENES]
    assert [] == [begin for begin in ELSEWHERE if not any(t.startswith(begin) for t in every)]


def test_no_output_is_forgotten():
    """A block is run, or a file, or an illustration that is known as one; none is just indented."""
    shown = [
        (str(block.page.relative_to(PROJECT)), block.text, block.language)
        for page in PAGES
        for block in blocks(page)
    ]
    others = [(page, text) for page, text, language in shown if language not in RUN | FILES]
    bare = {
        name: found
        for page in PAGES
        if (name := str(page.relative_to(PROJECT))) not in GENERATED
        if (found := indented(page))
    }

    def is_known(page: str, text: str) -> bool:
        return any(page == name and text.startswith(first) for name, first in ILLUSTRATIONS)

    assert [] == [(page, text[:60]) for page, text in others if not is_known(page, text)]
    assert len(ILLUSTRATIONS) == len(others)
    assert {} == bare
