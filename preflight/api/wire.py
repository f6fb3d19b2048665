"""
What processes and machines say to each other about a fleet: lines of JSON, and nothing else.

A `Dispatcher` turns what is asked into lines and a `Receiver` turns them back;
a `Reporter` turns outcomes into lines and a `Listener` turns them back.  What
hosts have in common, programs, facts and verdicts, goes over a line once and is
one object at its end.  Secrets stand in the line of `confided` alone, which is
for processes of our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from msgspec import Struct, structs

from preflight import __version__
from preflight.api.wants import Options, Outcome, Want
from preflight.model import codec
from preflight.model.facts import Reader, Writer, named
from preflight.model.facts_lines import ElfLine, HostLine, Line, pack_elf, unpack_elf
from preflight.model.host import Host
from preflight.model.requirements import Bundle, Entry, Requirements
from preflight.model.start import Opener, Start
from preflight.model.verdict import Verdict
from preflight.transport.credentials.guard import News
from preflight.transport.credentials.secret import NO_SECRETS, Secrets

# --- what is asked ---


class Greeting(Struct, frozen=True, kw_only=True, tag="greeting", tag_field="kind"):
    """How the hosts that follow are asked; *version* is that of the preflight that asks."""

    version: str
    options: Options  # without its store
    store: str | None
    answers: bool  # whether more is wanted than a report tells


class SecretsLine(Struct, frozen=True, tag="secrets", tag_field="kind"):
    """What `Secrets.reveal` returned."""

    revealed: bytes


class NewsLine(Struct, frozen=True, tag="news", tag_field="kind"):
    """What a host said to a credential; goes both ways."""

    news: News


class ProgramLine(Struct, frozen=True, tag="program", tag_field="kind"):
    """The requirements with the next number, from 0 on; what their file says stands beside."""

    requirements: Requirements
    elf: ElfLine | None


class OpenerLine(Struct, frozen=True, tag="opener", tag_field="kind"):
    """The opener with the next number, from 0 on, of the requirements *program*."""

    program: int
    install_path: str | None
    in_place: bool


class BundleLine(Struct, frozen=True, tag="bundle", tag_field="kind"):
    """The bundle with the next number, from 0 on; its *members* by their numbers."""

    entries: tuple[Entry, ...]
    members: tuple[int, ...]
    root: str | None


class Wanted(Struct, frozen=True):
    """One `Want`, by the numbers of its requirements, of what loads it and of its bundle."""

    program: int
    start: Start
    opener: int | None
    bundle: int | None


class HostWanted(Struct, frozen=True, tag="host-wanted", tag_field="kind"):
    """One host to ask, and what is wanted of it."""

    host: Host
    opener: int | None  # of the host's own start
    wants: tuple[Wanted, ...]


class Dispatcher:
    """Says to one `Receiver` which hosts to ask."""

    def __init__(self) -> None:
        self._programs: dict[int, tuple[int, Requirements]] = {}  # the objects, or ids come again
        self._openers: dict[tuple[int, str | None, bool], int] = {}
        self._bundles: dict[int, tuple[int, Bundle]] = {}
        self._lines: list[bytes] = []

    def host(self, host: Host, wants: Sequence[Want]) -> bytes:
        """Return the lines that ask for *host*, and before it for what is new."""
        start, opener = self._start(host.start)
        bare = host if opener is None else structs.replace(host, start=start)
        wanted = tuple(self._wanted(want) for want in wants)
        self._lines.append(codec.encode(HostWanted(bare, opener, wanted)))
        lines, self._lines = self._lines, []
        return b"".join(line + b"\n" for line in lines)

    def _wanted(self, want: Want) -> Wanted:
        start, opener = self._start(want.start)
        bundle = None if start.bundle is None else self._bundle(start.bundle)
        bare = structs.replace(start, bundle=None)
        return Wanted(self._program(want.requirements), bare, opener, bundle)

    def _start(self, start: Start) -> tuple[Start, int | None]:
        if start.loaded_by is None:
            return start, None
        return structs.replace(start, loaded_by=None), self._opener(start.loaded_by)

    def _program(self, requirements: Requirements) -> int:
        known = self._programs.get(id(requirements))
        if known is None:
            elf = pack_elf(requirements.elf) if requirements.elf else None
            bare = structs.replace(requirements, elf=None, bundle=None)
            self._lines.append(codec.encode(ProgramLine(bare, elf)))
            known = self._programs[id(requirements)] = len(self._programs), requirements
        return known[0]

    def _opener(self, opener: Opener) -> int:
        # Of the same program there is a value for each host; what it is, lives in `_programs`.
        key = id(opener.requirements), opener.install_path, opener.in_place
        known = self._openers.get(key)
        if known is None:
            program = self._program(opener.requirements)
            line = OpenerLine(program, opener.install_path, opener.in_place)
            self._lines.append(codec.encode(line))
            known = self._openers[key] = len(self._openers)
        return known

    def _bundle(self, bundle: Bundle) -> int:
        known = self._bundles.get(id(bundle))
        if known is None:
            members = tuple(map(self._program, bundle.members))
            self._lines.append(codec.encode(BundleLine(bundle.entries, members, bundle.root)))
            known = self._bundles[id(bundle)] = len(self._bundles), bundle
        return known[0]


def greeting(options: Options, *, answers: bool) -> bytes:
    """Return the line that comes first: the settings, once for all hosts."""
    store = None if options.store is None else str(options.store)
    connect = structs.replace(options.connect, secrets=NO_SECRETS)
    plain = structs.replace(options, store=None, connect=connect)
    line = Greeting(version=__version__, options=plain, store=store, answers=answers)
    return codec.encode(line) + b"\n"


def greeted(line: bytes) -> tuple[Options, bool]:
    """
    Return what `greeting` was given; ``~`` is the home of who reads them.

    Raises ValueError where another version of preflight asks: it may mean
    something else by the same words.
    """
    said = codec.decode(line, Greeting)
    if said.version != __version__:
        raise ValueError(f"preflight {said.version} asks, and here is preflight {__version__}")
    store = None if said.store is None else Path(said.store).expanduser()
    return structs.replace(said.options, store=store), said.answers


def confided(secrets: Secrets) -> bytes:
    """Return the line that comes second where nobody but a process of our own can read it."""
    return codec.encode(SecretsLine(secrets.reveal())) + b"\n"


def with_confided(options: Options, line: bytes) -> Options:
    """Return *options* with the secrets that `confided` was given."""
    secrets = Secrets.revealed(codec.decode(line, SecretsLine).revealed)
    return structs.replace(options, connect=structs.replace(options.connect, secrets=secrets))


def told(news: News) -> bytes:
    """Return the line that tells *news* to another process of the run."""
    return codec.encode(NewsLine(news)) + b"\n"


_Asked: Any = (
    ProgramLine | OpenerLine | BundleLine | HostWanted | NewsLine
)  # mypy takes no union for a type


class Receiver:
    """Hears which hosts to ask."""

    def __init__(self) -> None:
        self._programs: list[Requirements] = []
        self._openers: list[Opener] = []
        self._bundles: list[Bundle] = []

    def hear(self, line: bytes) -> tuple[Host, tuple[Want, ...]] | News | None:
        """Take in one line; return the host that it asks for, or the news, if any."""
        match codec.decode(line, _Asked):
            case NewsLine(news):
                return news
            case ProgramLine(requirements, elf):
                whole = structs.replace(requirements, elf=elf and unpack_elf(elf))
                self._programs.append(whole)
            case OpenerLine(program, install_path, in_place):
                requirements = self._programs[program]
                opener = Opener(
                    requirements=requirements, install_path=install_path, in_place=in_place
                )
                self._openers.append(opener)
            case BundleLine(entries, numbers, root):
                members = tuple(self._programs[number] for number in numbers)
                self._bundles.append(Bundle(entries=entries, members=members, root=root))
            case HostWanted(host, opener, wants):
                start = self._start(host.start, opener)
                return structs.replace(host, start=start), tuple(map(self._want, wants))
        return None

    def _want(self, wanted: Wanted) -> Want:
        start = self._start(wanted.start, wanted.opener)
        if wanted.bundle is not None:
            start = structs.replace(start, bundle=self._bundles[wanted.bundle])
        return Want(self._programs[wanted.program], start)

    def _start(self, start: Start, opener: int | None) -> Start:
        return start if opener is None else structs.replace(start, loaded_by=self._openers[opener])


# --- what came of it ---


class VerdictLine(Struct, frozen=True, tag="verdict", tag_field="kind"):
    """A verdict that several hosts may have: its host is ""."""

    verdict: Verdict


class Ready(Struct, frozen=True, tag="ready", tag_field="kind"):
    """The process can be asked from now on."""


class Broken(Struct, frozen=True, tag="broken", tag_field="kind"):
    """The process ends early, and why."""

    reason: str


class OutcomeLine(Struct, frozen=True, tag="outcome", tag_field="kind"):
    """One host, done; *verdicts* are the ids of lines above."""

    host: HostLine
    verdicts: tuple[str, ...]
    warnings: tuple[str, ...]


_Said: Any = Line | VerdictLine | OutcomeLine | NewsLine | Ready | Broken


class Reporter:
    """
    Says to one `Listener` what came of the hosts.

    Without *answers* it says of a host what a report tells, and no more.
    """

    def __init__(self, *, answers: bool) -> None:
        self._writer = Writer()
        self._answers = answers

    def outcome(self, outcome: Outcome) -> bytes:
        """Return the lines that tell of one host, and before it of what is new."""
        snapshot = outcome.snapshot
        if not self._answers:
            facts = snapshot.facts.told
            snapshot = structs.replace(snapshot, facts=facts, answers=MappingProxyType({}))
        verdicts = (structs.replace(verdict, host="") for verdict in outcome.verdicts)
        line = OutcomeLine(
            self._writer.host(snapshot),
            tuple(self._writer.once(VerdictLine(verdict)) for verdict in verdicts),
            outcome.warnings,
        )
        return b"".join((*self._writer.new(), codec.encode(line), b"\n"))


class Listener:
    """
    Hears what came of the hosts, from any number of reporters.

    What lines are called by follows from what stands in them, so that one
    reporter may refer to what another has said.
    """

    def __init__(self) -> None:
        self._reader = Reader()
        self._verdicts: dict[str, Verdict] = {}
        self._heard: set[str] = set()

    def hear(self, line: bytes) -> Outcome | News | Ready | Broken | None:
        """
        Take in one line; return what it tells, None where others will refer to it.

        Raises ValueError, KeyError, zlib.error and msgspec.MsgspecError for
        what no reporter says.
        """
        value = codec.decode(line, _Said)
        if isinstance(value, OutcomeLine):
            return self._outcome(value)
        if isinstance(value, NewsLine):
            return value.news
        if isinstance(value, Ready | Broken):
            return value
        name = named(line)
        if name in self._heard:  # of another reporter
            return None
        if isinstance(value, VerdictLine):
            self._verdicts[name] = value.verdict
        else:
            self._reader.keep(name, value)
        self._heard.add(name)
        return None

    def _outcome(self, line: OutcomeLine) -> Outcome:
        host = line.host.host
        verdicts = (structs.replace(self._verdicts[name], host=host) for name in line.verdicts)
        return Outcome(self._reader.host(line.host), tuple(verdicts), line.warnings)
