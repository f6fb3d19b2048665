"""
Host names with a port and ranges, as Ansible writes them: ``web[01:20:2].example.com:2222``.

They are not those of preflight's own inventories: a range may have a step,
starts at 0 where its start is left out, and goes through the alphabet twice.
Source: Ansible's inventory guide, "Adding ranges of hosts".
"""

from __future__ import annotations

import itertools
import math
import re
import string
from collections.abc import Sequence

from preflight.inventory import values
from preflight.inventory.values import Refusal, quoted
from preflight.model.nodeset import MAX_NAMES, is_ipv6

_BRACKETED = re.compile(r"\[(.+)\]:([0-9]+)")
_WITH_PORT = re.compile(r"((?:[^:\[\]]|\[[^\]]*\])*):([0-9]+)")
_BRACKET = re.compile(r"\[([^\[\]]*)\]")


def expand(text: str) -> tuple[tuple[str, ...], int | None]:
    """Return the names that *text* stands for, each a valid one, and the port; or `Refusal`."""
    pattern, port = _split_port(text)
    if is_ipv6(pattern):
        return (values.host_name(pattern),), port
    pieces = _BRACKET.split(pattern)
    if len(pieces) == 1 and not set("[]") & set(pattern):
        return (values.host_name(pattern),), port
    if any(set("[]") & set(piece) for piece in pieces[::2]):
        raise Refusal(f"the brackets of {quoted(text)} do not match", "write a range as [01:20]")
    ranges = [_range(inside, text) for inside in pieces[1::2]]
    if math.prod(map(len, ranges)) > MAX_NAMES:
        problem = f"{quoted(text)} stands for more than {MAX_NAMES:,} hosts"
        raise Refusal(problem, "give preflight a part of the fleet")
    columns: list[Sequence[str]] = [[pieces[0]]]
    for numbers, after in zip(ranges, pieces[2::2], strict=True):
        columns += [numbers, [after]]
    found = map("".join, itertools.product(*columns))
    return tuple(map(values.host_name, found)), port


def _split_port(text: str) -> tuple[str, int | None]:
    match = _BRACKETED.fullmatch(text) or _WITH_PORT.fullmatch(text)
    if not match:
        return text, None
    return match[1], values.port(match[2])


def _range(inside: str, text: str) -> Sequence[str]:
    """Return what a bracket stands for: numbers, padded as the first is, or letters."""
    bounds = inside.split(":")
    if len(bounds) not in (2, 3) or not bounds[1]:
        raise Refusal(f"'[{inside}]' in {quoted(text)} is no range", "write [01:20] or [a:f]")
    first, last = bounds[0] or "0", bounds[1]
    step = _number(bounds[2], text) if len(bounds) == 3 else 1
    if step == 0:
        raise Refusal(f"a step of 0 in {quoted(text)}", "write [01:20:2]")
    letters = string.ascii_letters
    if len(first) == len(last) == 1 and first in letters and last in letters:
        found: Sequence[str] = letters[letters.index(first) : letters.index(last) + 1 : step]
    else:
        numbers = range(_number(first, text), _number(last, text) + 1, step)
        padded = first.startswith("0") and len(first) > 1
        if padded and len(first) != len(last):
            problem = f"the ends of '[{inside}]' in {quoted(text)} differ in length"
            raise Refusal(problem, "pad both with zeros, as in [01:20]")
        if len(numbers) > MAX_NAMES:
            problem = f"{quoted(text)} stands for more than {MAX_NAMES:,} hosts"
            raise Refusal(problem, "give preflight a part of the fleet")
        found = [str(number).zfill(len(first) if padded else 0) for number in numbers]
    if not found:
        raise Refusal(f"the range '[{inside}]' in {quoted(text)} is empty", "lower end first")
    return found


def _number(text: str, whole: str) -> int:
    if not re.fullmatch("[0-9]{1,18}", text):
        raise Refusal(f"{quoted(text)} in {quoted(whole)} is no number", "write a range as [01:20]")
    return int(text)
