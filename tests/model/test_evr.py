"""Versions of packages in rpm's order."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from preflight.model.evr import compare, newest, numbers

PAIRS = [
    ("1.0-1", "1.0-1"),
    ("1.0-1", "1.0-2"),
    ("1.9-1", "1.10-1"),
    ("1:1.0-1", "2.0-1"),
    ("1.0~rc1-1", "1.0-1"),
    ("1.0^git1-1", "1.0-1"),
    ("1.0^git1-1", "1.0.1-1"),
    ("1.0a-1", "1.0-1"),
    ("1.0.a-1", "1.0.1-1"),
    ("2.34-100.el9", "2.34-100.el9_4.2"),
    ("010-1", "10-1"),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_order_is_that_of_rpm(one, other):
    """What rpm itself says of two versions."""
    if shutil.which("rpm") is None:
        pytest.skip("there is no rpm here")
    query = f'%{{lua:print(rpm.vercmp("{one}", "{other}"))}}'
    said = subprocess.run(["rpm", "-E", query], capture_output=True, text=True, check=True).stdout

    assert int(said) == compare(one, other)
    assert -int(said) == compare(other, one)


def test_newest_is_the_last_in_that_order():
    """Of several, the highest."""
    assert newest(["1.9-1", "1.10-1", "1.10~rc1-9"]) == "1.10-1"


def test_numbers_are_those_of_the_upstream_version():
    """Neither epoch nor the distribution's own part counts."""
    assert numbers("1:2.36-9+deb12u1") == (2, 36)
    assert numbers("12.2.1_git20220924-r10") == (12, 2, 1)
    assert numbers("odd") == ()
