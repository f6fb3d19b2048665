"""A few hundred pairs of the cross-judgement agree; `make crosscheck` judges them all."""

import os
from pathlib import Path

import pytest

from tests.crosscheck import recipes, stage
from tests.crosscheck.__main__ import Task, work
from tests.hosts.needs import missing

TARGETS = ("bullseye", "trixie", "musl")
EVERY = 40

pytestmark = pytest.mark.hosts


@pytest.fixture(scope="module")
def tally():
    """Some files of sid, judged in other roots."""
    if reason := missing():
        if os.environ.get("PREFLIGHT_REQUIRE_HOSTS") == "1":
            pytest.fail(f"no test hosts: {reason}")
        pytest.skip(f"no test hosts: {reason}")
    sid = recipes.made("sid")
    targets: dict[str, Path] = {name: recipes.made(name) for name in TARGETS}
    with stage.set_up(targets, {"sid": sid}) as places:
        files = tuple(stage.elf_files(sid))[::EVERY]
        return work(Task("sid", sid, files, places, targets))


def test_sid_is_judged_elsewhere_as_the_loaders_do(tally):
    """Outcome, what is missing, and the first line are those of kernel and loader."""
    assert [] == [one for one in tally.differences if one.what != "undecided"]


def test_judging_is_fast(tally):
    """One process gives fifty verdicts a second and more, the first reading of files included."""
    assert tally.judged / tally.judge_s >= 50
