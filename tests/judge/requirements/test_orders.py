"""Versions are compared as dpkg, rpm and Python themselves compare them."""

from __future__ import annotations

import functools
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preflight.judge.requirements.orders import dotted, dpkg, meets, pep440, rpm, rpmvercmp

_PIECES = st.sampled_from(
    ["0", "1", "10", "09", "a", "b", "rc", ".", "+", "~", "~~", "^", "-", "1.0"]
)
_RPM_PIECES = st.sampled_from(["0", "1", "10", "09", "a", "b", "Z", ".", "_", "~", "~~", "^"])
_TAILS = st.lists(_PIECES, max_size=6).map("".join)


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def _dpkg_says(left: str, right: str) -> int:
    argv = ["dpkg", "--compare-versions", left]
    if subprocess.run([*argv, "lt", right], check=False, stderr=subprocess.DEVNULL).returncode == 0:
        return -1
    same = subprocess.run([*argv, "eq", right], check=False, stderr=subprocess.DEVNULL)
    return 0 if same.returncode == 0 else 1


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="there is no dpkg")
@settings(max_examples=60, deadline=None)
@given(_TAILS, _TAILS, st.sampled_from(["", "0:", "1:"]))
def test_debian_versions_are_ordered_as_dpkg_orders_them(left, right, epoch):
    """Tildes, letters before other signs, revisions and epochs."""
    # dpkg knows no "^"; a version begins with a number and does not end in a hyphen.
    one = (epoch + "1" + left).replace("^", "").rstrip("-")
    two = ("1" + right).replace("^", "").rstrip("-")

    assert _sign(dpkg(one, two)) == _dpkg_says(one, two)


@pytest.mark.skipif(shutil.which("rpm") is None, reason="there is no rpm")
def test_rpm_versions_are_ordered_as_rpm_orders_them():
    """Every pair of several hundred, in one run of rpm's own interpreter."""
    versions = st.lists(_RPM_PIECES, max_size=6).map(lambda pieces: "1" + "".join(pieces))
    pairs = _drawn(st.tuples(versions, versions), 400)
    table = ",".join(f'{{"{one}","{two}"}}' for one, two in pairs)
    script = f'for _,p in ipairs({{{table}}}) do print(rpm.vercmp(p[1],p[2]).." ") end'
    argv = ["rpm", "--eval", f"%{{lua: {script}}}"]
    said = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()

    expected = dict(zip(pairs, map(int, said), strict=True))
    assert {pair: rpmvercmp(*pair) for pair in pairs} == expected


def _drawn(strategy, number):
    drawn: dict = {}

    @settings(max_examples=number, deadline=None, database=None)
    @given(strategy)
    def draw(value):
        drawn[value] = None

    draw()
    return list(drawn)


@pytest.mark.parametrize(
    ("left", "right", "result"),
    [
        ("1:1.0-1", "2.0-1", 1),
        ("3.0.7-25.el9", "3.0.7", 0),
        ("3.0.7-25.el9_3", "3.0.7-25.el9", 1),
        ("3.0.7~rc1-1", "3.0.7-1", -1),
    ],
)
def test_rpm_releases_count_where_both_have_one(left, right, result):
    """An epoch beats all, "~" comes before, and who names no release means any."""
    assert rpm(left, right) == result


@pytest.mark.parametrize(
    "rising",
    [
        ("5.4", "5.4.1", "5.10", "6"),
        ("1.1.1", "1.1.1a", "1.1.1w", "1.1.2"),
        ("3.0-beta1", "3.0-rc1", "3.0", "3.0.1"),
        ("9.2p1", "9.2p2", "9.3"),
    ],
)
def test_numbers_are_compared_as_numbers(rising):
    """Each is older than the next, whichever is asked first."""
    by = sorted((*rising[2:], *rising[:2]), key=functools.cmp_to_key(dotted))

    assert tuple(by) == rising
    assert dotted("5.4", "5.4.0") == 0


def test_a_release_candidate_of_python_is_older_than_the_release():
    """PEP 440; a vendor's "+" behind it means nothing."""
    assert pep440("3.13.0rc1", "3.13.0") < 0
    assert pep440("3.11.2+", "3.11.2") == 0


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        (">=3.11", True),
        (">=3.11,<3.12", True),
        (">=3.11, <3.11.2", False),
        ("==3.11.*", True),
        ("!=3.11.*", False),
        ("==3.1.*", False),
        ("!=3.11.2", False),
        ("> 3.11.1", True),
    ],
)
def test_conditions_are_met_together(condition, met):
    """Each part of a condition holds, or it is not met."""
    assert meets("3.11.2", condition, dotted) is met


def test_what_is_no_version_is_said_to_be_none():
    """It is never compared as a text."""
    for order in (dotted, pep440):
        with pytest.raises(ValueError, match="banana"):
            order("banana", "1.0")
