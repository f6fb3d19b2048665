"""
The configuration's files as they are written: blocks, their conditions and their lines.

Include is followed as ssh does it, also where its block holds for no host.
Nothing is decided here of a host.  What is not understood is kept in
`Files.problem`: who decides without ssh has to refuse then, who asks ssh has
to ask for each host.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct, field

from preflight.transport.config.failures import Unclear
from preflight.transport.config.patterns import NameLine
from preflight.transport.config.words import Criterion, criteria_of, keyword_of, words_of

MAX_DEPTH = 16  # readconf.c, READCONF_MAX_DEPTH
OPTIONS = "--ssh-option"  # what stands for the file's name where the command line speaks
# Device, inode, size and time of change; None: there is no such file.
State: TypeAlias = tuple[int, ...] | None


class Block(Struct, eq=False):
    """What follows one Host or Match line, or precedes the first; *parent* included it."""

    number: int
    place: str
    parent: Block | None
    names: NameLine | None = None  # of a Host line
    criteria: tuple[Criterion, ...] = ()  # of a Match line

    @property
    def always(self) -> bool:
        """Whether it is under no Host or Match line of its own file."""
        return self.names is None and not self.criteria


class Line(Struct, eq=False):
    """One keyword with its value, in the block that it belongs to."""

    block: Block
    keyword: str  # in lower case
    words: tuple[str, ...]
    rest: str  # the value as it was written
    place: str  # "/home/me/.ssh/config:3"


class Source(Struct, frozen=True):
    """A file to begin with; the user's may be written with ``~``."""

    path: str
    is_user: bool = True
    checked: bool = False  # must not be writable by others


class Files(Struct):
    """All that was read; *states* are the files' own, as they were."""

    blocks: list[Block] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    states: dict[str, State] = field(default_factory=dict)
    problem: str | None = None


def state_of(path: str) -> State:
    """Return what changes when the file at *path* does."""
    try:
        stat = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)


def read(sources: Sequence[Source], options: Sequence[str], system_directory: str) -> Files:
    """
    Return what *options* of the command line and the files say, in the order in which they count.

    *system_directory* is where ssh's own files lie, usually /etc/ssh.
    """
    reader = _Reader(system_directory)
    reader.read_options(options)
    for source in sources:
        reader.read_file(source, None, 0)
    return reader.files


class _Reader:
    """What was read so far, and how a line is added."""

    def __init__(self, system_directory: str) -> None:
        self.files = Files()
        self._system_directory = system_directory

    def read_options(self, options: Sequence[str]) -> None:
        """Add the lines that were given as options."""
        block = self._block(OPTIONS, None)
        for option in options:
            self._read_line(option, block, Source(OPTIONS), 0, OPTIONS)

    def read_file(self, source: Source, parent: Block | None, depth: int) -> None:
        """Add the lines of a file and of those that it includes; what is wrong with one is kept."""
        if depth > MAX_DEPTH:
            self._trouble(source.path, "it is included too deep")
            return
        self.files.states[source.path] = state_of(source.path)
        try:
            text = os.fsdecode(Path(source.path).read_bytes())
        except FileNotFoundError:
            return
        except OSError as error:
            self._trouble(source.path, f"it cannot be read: {error.strerror}")
            return
        if source.checked and not _is_safe(source.path):
            self._trouble(source.path, "its owner or its permissions are bad")
        block = self._block(source.path, parent)
        for number, line in enumerate(text.split("\n"), 1):
            block = self._read_line(line, block, source, depth, f"{source.path}:{number}")

    def _block(self, place: str, parent: Block | None) -> Block:
        block = Block(len(self.files.blocks), place, parent)
        self.files.blocks.append(block)
        return block

    def _read_line(self, text: str, block: Block, source: Source, depth: int, place: str) -> Block:
        """Keep one line, and return the block that holds after it."""
        try:
            found = keyword_of(text)
            if found is None:
                return block
            keyword, rest = found
            words = words_of(rest)
            if keyword in {"host", "match"}:
                return self._open(keyword, rest, words, block.parent, place)
        except Unclear as problem:
            self._trouble(place, str(problem))
            return block
        if keyword == "include":
            self._include(words, block, source, depth, place)
        else:
            self.files.lines.append(Line(block, keyword, words, rest, place))
        return block

    def _open(
        self, keyword: str, rest: str, words: tuple[str, ...], parent: Block | None, place: str
    ) -> Block:
        criteria = criteria_of(rest) if keyword == "match" else ()
        block = self._block(place, parent)
        block.criteria = criteria
        if keyword == "host":
            block.names = NameLine.of_words(words)
        return block

    def _include(
        self, words: tuple[str, ...], block: Block, source: Source, depth: int, place: str
    ) -> None:
        """Read the files that an Include names.  Source: OpenSSH readconf.c, oInclude."""
        for word in words:
            # Newer versions of ssh expand tokens, and brackets and escapes are glob(3)'s.
            if re.search(r"[%$\\\[{]", word) or (word.startswith("~") and not source.is_user):
                self._trouble(place, f"Include {word}")
                continue
            for path in self._paths(word, source):
                included = Source(path, source.is_user, checked=True)
                self.read_file(included, block, depth + 1)

    def _paths(self, word: str, source: Source) -> Iterator[str]:
        if not word.startswith(("/", "~")):
            base = "~/.ssh" if source.is_user else self._system_directory
            word = f"{base}/{word}"
        # ssh has glob(3) expand the tilde, which looks at HOME before the user database.
        yield from sorted(glob.glob(os.path.expanduser(word)))  # noqa: PTH111, PTH207

    def _trouble(self, place: str, problem: str) -> None:
        self.files.problem = self.files.problem or f"{place}: {problem}"


def _is_safe(path: str) -> bool:
    """Whether only root and this user can write *path*.  Source: readconf.c, SSHCONF_CHECKPERM."""
    stat = os.stat(path)  # noqa: PTH116
    return stat.st_uid in {0, os.getuid()} and not stat.st_mode & 0o022
