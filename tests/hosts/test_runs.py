"""A run takes away what it mounted, and what others left behind."""

import subprocess
import sys

import pytest

from tests.hosts import runs

HANG = """
from tests.hosts import runs
with runs.started() as directory:
    print(directory, flush=True)
    input()
"""


@pytest.fixture
def other_run(fleet):  # noqa: ARG001 (only where hosts can be had)
    """Another process with a run of its own, and the directory of that."""
    with subprocess.Popen(
        [sys.executable, "-c", HANG], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process, runs.RUNS / process.stdout.readline().strip()


def test_run_ends_clean(other_run):
    """After a run nothing of it is mounted, and its directory is gone."""
    process, directory = other_run
    assert directory.is_mount()

    process.communicate("\n")

    assert not directory.exists()


def test_killed_run_is_cleared_by_the_next(other_run):
    """What a killed run left mounted goes when somebody clears up."""
    process, directory = other_run
    process.kill()
    process.wait()
    assert directory.is_mount()

    runs.clear_killed()

    assert not directory.exists()


def test_running_run_is_let_alone(other_run):
    """A run whose process lives is not cleared away."""
    process, directory = other_run

    runs.clear_killed()

    assert directory.is_mount()
    process.communicate("\n")
