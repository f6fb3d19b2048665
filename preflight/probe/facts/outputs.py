"""What the facts part of the script printed, by section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from preflight.model import text


class Unknown(NamedTuple):
    """A fact that could not be looked at, and why."""

    reason: str


Outputs = Mapping[str, bytes]
NO_PROC = Unknown("/proc is not mounted")


def read_outputs(frames: Mapping[str, bytes], nonce: str) -> dict[str, bytes]:
    """Split frame F at its section lines; frames X and B are the sections auxv and shell."""
    mark = b"\n%b " % nonce.encode()
    _, *sections = (b"\n" + frames.get("F", b"")).split(mark)
    parts = (section.partition(b"\n") for section in sections)
    # A section ends with the line feed before the next mark.
    outputs = {text.decode(name): part for name, _, part in parts}
    named = {"X": "auxv", "B": "shell"}
    return outputs | {named[kind]: data for kind, data in frames.items() if kind in named}


def lines_of(outputs: Outputs, section: str) -> list[str]:
    """Return the lines of a section without empty ones, none where the section is absent."""
    return [line for line in text.decode(outputs.get(section, b"")).split("\n") if line]
