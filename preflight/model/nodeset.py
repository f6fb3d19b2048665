"""
Sets of host names: ``web-[01:20]`` stands for twenty names, and back.

A bracket holds, between commas, ranges ``01:20`` (or ``01-20``), ``a:f`` and
single numbers.  Both ends count, and the zeros of a padded start are kept.  A
bracketed IPv6 address is an address and no range.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv6Address

MAX_NAMES = 100_000  # of one pattern: more than that is a slip of the finger

_BRACKET = re.compile(r"(\[[^\[\]]*\])")
_NUMBERS = re.compile(r"([0-9]{1,18})(?:[:-]([0-9]{1,18}))?")
_LETTERS = re.compile(r"(?=[a-z].[a-z]|[A-Z].[A-Z])(.)[:-](.)")
# A longer run of digits is a serial number, not a place in a row.
_NUMBER = re.compile(r"(?<![0-9])([0-9]{1,18})(?![0-9])")

_Range = tuple[range, Callable[[int], str]]  # and how one of its numbers is written
_NaturalKey = tuple[tuple[str | int, ...], str]
_Row = tuple[_NaturalKey, str]


class TooManyNamesError(ValueError):
    """A pattern that stands for more names than anyone means."""


def expand(pattern: str, limit: int = MAX_NAMES) -> tuple[str, ...]:
    """
    Return the names that *pattern* stands for, in the order of its ranges.

    Raises `ValueError`, with a sentence for people, where a bracket holds no
    range and where a range is empty; `TooManyNamesError` beyond *limit* names.
    """
    if "[" not in pattern and "]" not in pattern:
        return (pattern,)
    pieces = [_ranges(piece, pattern) for piece in _BRACKET.split(pattern)]
    if math.prod(sum(len(numbers) for numbers, _ in ranges) for ranges in pieces) > limit:
        raise TooManyNamesError(f"{pattern!r} stands for more than {limit:,} hosts")
    texts = [[write(n) for numbers, write in ranges for n in numbers] for ranges in pieces]
    return tuple(map("".join, itertools.product(*texts)))


def fold(names: Iterable[str]) -> tuple[str, ...]:
    """
    Return few patterns that `expand` turns into these *names*, in natural order.

    Names that differ in one number become ``web-[01-05,07]``.  Where several
    numbers differ, one is folded: that which leaves the fewest rows, of equals
    the last.  A name with a bracket in it stays as it is.
    """
    families: dict[tuple[str, ...], list[list[str]]] = defaultdict(list)
    for name in set(names):
        pieces = [name] if "[" in name or "]" in name else _NUMBER.split(name)
        families[tuple(pieces[::2])].append(pieces)
    rows = [row for members in families.values() for row in _fold_family(members)]
    return tuple(row for _, row in sorted(rows))


def natural_key(name: str) -> _NaturalKey:
    """Return a key that sorts ``web-9`` before ``web-10``."""
    pieces = _NUMBER.split(name)
    return tuple(int(piece) if i % 2 else piece for i, piece in enumerate(pieces)), name


def is_ipv6(text: str) -> bool:
    """Return whether *text*, in brackets or not, is an IPv6 address (with a zone: RFC 4007)."""
    if ":" not in text:
        return False
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    address, percent, zone = text.partition("%")
    try:
        IPv6Address(address)
    except ValueError:
        return False
    return not percent or re.fullmatch(r"[\w.-]+", zone) is not None


def _ranges(piece: str, pattern: str) -> list[_Range]:
    if _BRACKET.fullmatch(piece) and not is_ipv6(piece):
        return [_range(item, pattern) for item in piece[1:-1].split(",")]
    if not is_ipv6(piece) and ("[" in piece or "]" in piece):
        raise ValueError(f"the brackets of {pattern!r} do not match")
    return [(range(1), lambda _: piece)]


def _range(item: str, pattern: str) -> _Range:
    write: Callable[[int], str] = chr
    if letters := _LETTERS.fullmatch(item):
        numbers = range(ord(letters[1]), ord(letters[2]) + 1)
    elif match := _NUMBERS.fullmatch(item):
        first, last = match[1], match[2] or match[1]
        numbers = range(int(first), int(last) + 1)
        write = _padded(_width(first))
    else:
        raise ValueError(f"{item!r} in {pattern!r} is no range")
    if not numbers:
        raise ValueError(f"the range {item!r} in {pattern!r} is empty")
    return numbers, write


def _padded(width: int) -> Callable[[int], str]:
    return lambda number: str(number).zfill(width)


def _fold_family(members: list[list[str]]) -> Iterator[_Row]:
    """Yield the rows of names, each in pieces, that differ in their numbers alone."""
    if len(members) == 1:
        name = "".join(members[0])
        yield natural_key(name), name
        return
    positions = range(len(members[0]) - 2, 0, -2)
    for (before, after), numbers in min((_buckets(members, p) for p in positions), key=len).items():
        runs = sorted(_runs(numbers), key=lambda run: int(run[0]))
        first = runs[0][0]
        alone = len(numbers) == 1
        folded = first if alone else "[" + ",".join(map(_written, runs)) + "]"
        yield natural_key(before + first + after), before + folded + after


def _buckets(members: list[list[str]], position: int) -> dict[tuple[str, str], list[str]]:
    """Return the numbers at *position*, by what stands before and after them."""
    buckets: dict[tuple[str, str], list[str]] = defaultdict(list)
    for pieces in members:
        rest = "".join(pieces[:position]), "".join(pieces[position + 1 :])
        buckets[rest].append(pieces[position])
    return buckets


def _runs(numbers: list[str]) -> Iterator[list[str]]:
    """Yield runs of numbers that follow each other and are padded alike, in order."""
    padded = {len(number) for number in numbers if number.startswith("0") and number != "0"}
    run: list[str] = []
    for number in sorted(numbers, key=lambda n: (len(n) if len(n) in padded else 0, int(n))):
        if run and int(number) == int(run[-1]) + 1 and _alike(run[0], number):
            run.append(number)
            continue
        if run:
            yield run
        run = [number]
    yield run


def _alike(first: str, number: str) -> bool:
    return number == _padded(_width(first))(int(number))


def _width(first: str) -> int:
    """Return to how many digits a range is padded that starts with *first*."""
    return len(first) if first.startswith("0") else 0


def _written(run: list[str]) -> str:
    return run[0] if len(run) == 1 else f"{run[0]}-{run[-1]}"
