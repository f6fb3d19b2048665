"""
Versions in the order of whoever gives them: dpkg, rpm, Python (PEP 440), numbers with dots.

Each order is a function that returns a negative number, 0 or a positive one.
Sources: deb-version(7); rpm-version(7), rpm rpmio/rpmvercmp.cc; PEP 440.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import zip_longest

from packaging.version import InvalidVersion, Version

Order = Callable[[str, str], int]

_CONDITION = re.compile(r"(>=|<=|==|!=|>|<) ?([^,\s]+)")
_DOTTED = re.compile(r"(\d+(?:\.\d+)*)(?:[-.~_]?([A-Za-z]+)[-.]?(\d*))?")
_BEFORE = frozenset({"alpha", "beta", "rc", "pre", "preview", "dev"})
_BEFORE_WITH_NUMBER = frozenset({"a", "b", "c"})  # 3.0b1; 1.1.1b is a release of its own


def meets(version: str, condition: str, order: Order) -> bool:
    """
    Return whether *version* is as *condition* wants it: ``>=3.11,<4``, ``==3.11.*``.

    Raises ValueError for a version that the order does not know.
    """
    pairs: list[tuple[str, str]] = _CONDITION.findall(condition)
    return all(_meets(version, operator, wanted, order) for operator, wanted in pairs)


def dotted(left: str, right: str) -> int:
    """
    Compare 3.0.11 and 3.0.9 number by number; what is not there is 0.

    Letters behind count up (1.1.1w, 9.2p1), but for those that announce a
    release (3.0-beta1, 6.1-rc2).  Raises ValueError for what does not begin so.
    """
    return _sign(_dotted(left), _dotted(right))


def pep440(left: str, right: str) -> int:
    """Compare 3.13.0rc1 and 3.13.0 as Python does; raises ValueError for no such version."""
    try:
        # Debian's and other vendors' builds call theirs "3.11.2+".
        one, other = Version(left.rstrip("+")), Version(right.rstrip("+"))
    except InvalidVersion as error:
        raise ValueError(str(error)) from None
    return (one > other) - (one < other)


def dpkg(left: str, right: str) -> int:
    """Compare 1:2.36-9+deb12u4 and 2.36~rc1.  Source: deb-version(7), "Sorting algorithm"."""
    for one, other in zip(_debian_parts(left), _debian_parts(right), strict=True):
        if result := _debian(one, other):
            return result
    return 0


def rpm(left: str, right: str) -> int:
    """
    Compare [EPOCH:]VERSION[-RELEASE]; a release counts where both have one.

    Source: rpm lib/rpmds.cc, rpmdsCompareEVR().
    """
    (epoch, version, release), other = _rpm_parts(left), _rpm_parts(right)
    if result := rpmvercmp(epoch, other[0]) or rpmvercmp(version, other[1]):
        return result
    return rpmvercmp(release, other[2]) if release and other[2] else 0


def rpmvercmp(left: str, right: str) -> int:
    """Compare one part of an rpm version.  Source: rpm rpmio/rpmvercmp.cc."""
    while left or right:
        left, right = _rpm_trimmed(left), _rpm_trimmed(right)
        if "~" in (left[:1], right[:1]) or "^" in (left[:1], right[:1]):
            if left[:1] != right[:1]:
                return _rpm_mark(left, right)
            left, right = left[1:], right[1:]
            continue
        if not left or not right:
            break
        result, left, right = _rpm_segment(left, right)
        if result:
            return result
    return bool(left) - bool(right)


def _meets(version: str, operator: str, wanted: str, order: Order) -> bool:
    if wanted.endswith(".*"):
        stem = wanted[:-2]
        inside = version == stem or version.startswith((f"{stem}.", f"{stem}-"))
        return inside == (operator == "==")
    result = order(version, wanted)
    return {
        ">=": result >= 0,
        "<=": result <= 0,
        "==": result == 0,
        "!=": result != 0,
        ">": result > 0,
        "<": result < 0,
    }[operator]


def _sign(left: tuple[object, ...], right: tuple[object, ...]) -> int:
    return (left > right) - (left < right)


def _dotted(version: str) -> tuple[object, ...]:
    found = _DOTTED.match(version)
    if found is None:
        raise ValueError(f"{version!r} does not begin with a number")
    numbers = [int(number) for number in found[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    letters = (found[2] or "").lower()
    early = letters in _BEFORE or (letters in _BEFORE_WITH_NUMBER and bool(found[3]))
    rank = -1 if early else bool(letters)
    return tuple(numbers), rank, letters, int(found[3] or 0)


def _debian_parts(version: str) -> tuple[str, str, str]:
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, _, revision = rest.rpartition("-") if "-" in rest else (rest, "", "0")
    return epoch, upstream, revision


def _debian(left: str, right: str) -> int:
    """Compare by turns what is no digit, by `_weight`, and numbers."""
    parts = [re.findall(r"(\D*)(\d*)", text) for text in (left, right)]
    for (words, number), (other_words, other_number) in zip_longest(*parts, fillvalue=("", "")):
        for one, other in zip_longest(words, other_words, fillvalue=""):
            if weight := _weight(one) - _weight(other):
                return weight
        if difference := int(number or 0) - int(other_number or 0):
            return difference
    return 0


def _weight(character: str) -> int:
    """Return how a character sorts: "~" before the end, that before letters, then the others."""
    if character == "~":
        return -1
    if not character:
        return 0
    return ord(character) if character.isalpha() else ord(character) + 256


def _rpm_parts(version: str) -> tuple[str, str, str]:
    epoch, colon, rest = version.partition(":")
    if not colon or not epoch.isdecimal():
        epoch, rest = "0", version
    name, _, release = rest.rpartition("-") if "-" in rest else (rest, "", "")
    return epoch, name, release


def _rpm_trimmed(text: str) -> str:
    return re.sub(r"^[^A-Za-z0-9~^]+", "", text, flags=re.ASCII)


def _rpm_mark(left: str, right: str) -> int:
    """Compare where one side alone has a mark: "~" sorts before all, "^" before all but the end."""
    if "~" in (left[:1], right[:1]):
        return 1 if left[:1] != "~" else -1
    if not left or not right:
        return 1 if left else -1
    return 1 if left[:1] != "^" else -1


def _rpm_segment(left: str, right: str) -> tuple[int, str, str]:
    """Compare the first numbers or words; return what is behind them, too."""
    digits = left[0].isdecimal()
    pattern = r"[0-9]+" if digits else r"[A-Za-z]+"
    mine = re.match(pattern, left)
    other = re.match(pattern, right)
    if mine is None or other is None:
        return (1 if digits else -1), "", ""
    one, two = mine[0], other[0]
    if digits:
        one, two = one.lstrip("0"), two.lstrip("0")
        if len(one) != len(two):
            return (1 if len(one) > len(two) else -1), "", ""
    return (one > two) - (one < two), left[mine.end() :], right[other.end() :]
