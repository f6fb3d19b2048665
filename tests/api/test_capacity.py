"""How many hosts at a time the system's limits allow."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
CODE = """
import json, resource, sys
from preflight.api.capacity import capacity
soft, hard, forks, hosts = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
room = capacity(forks, hosts)
print(json.dumps([room.forks, room.on_way, room.ahead, room.note, resource.getrlimit(7)[0]]))
"""


def room_for(forks: int, hosts: int, *, soft: int, hard: int) -> tuple[int, int, int, str, int]:
    """Return what is possible in a process with these limits, and its soft limit afterwards."""
    command = [sys.executable, "-c", CODE, *map(str, (soft, hard, forks, hosts))]
    done = subprocess.run(command, check=True, capture_output=True, cwd=PROJECT)
    return tuple(json.loads(done.stdout))


def test_the_soft_limit_is_raised_as_far_as_needed():
    """Where the hard limit allows all that is wanted, nothing is lowered."""
    forks, on_way, ahead, note, soft = room_for(64, 10000, soft=256, hard=4096)

    assert (forks, on_way, ahead, note) == (64, 1000, 1000, None)
    assert 256 < soft <= 4096


def test_a_small_fleet_raises_nothing():
    """A few hosts need a few files."""
    assert room_for(64, 5, soft=256, hard=4096) == (5, 5, 5, None, 256)


def test_few_forks_do_not_keep_hosts_from_being_dialled():
    """Hosts that hang all have their dial at a time, however few workers there are."""
    assert room_for(8, 500, soft=256, hard=4096)[:4] == (8, 500, 128, None)


def test_dialling_gives_way_before_workers_do():
    """A hard limit that is somewhat short costs reach first, and no line."""
    forks, on_way, ahead, note, _ = room_for(64, 10000, soft=1024, hard=1024)

    assert (forks, note) == (64, None)
    assert 64 * 4 + on_way + ahead <= 1024


@pytest.mark.parametrize("hard", [128, 256, 300])
def test_forks_are_lowered_with_a_line(hard):
    """Where the limit is too low for the forks, there are fewer, and somebody says so."""
    forks, on_way, ahead, note, _ = room_for(64, 10000, soft=128, hard=hard)

    assert 1 <= forks < 64
    assert forks * 4 + on_way + ahead + 32 <= hard
    assert note == f"forks lowered from 64 to {forks}: at most {hard} files may be open"
