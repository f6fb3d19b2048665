"""
The ssh configuration of a run: read once, asked once for each class of hosts.

The files hold as they were at the first question; when one is seen to have
changed, all is read and asked anew, so that no answer mixes two states.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Hashable
from pathlib import Path

from preflight.errors import TransportError
from preflight.transport.config import fallback, jumps, tokens
from preflight.transport.config import program as programs
from preflight.transport.config.answers import Answer, Question
from preflight.transport.config.classes import Classes, normalized
from preflight.transport.config.failures import Broken, Unusable
from preflight.transport.config.program import Program
from preflight.transport.config.reading import Files, Source, read, state_of

# ssh's own directory, where it cannot be asked.
_SYSTEM_DIRECTORY = "/etc/ssh"
_NOBODY = Question("preflight.invalid")
# So many questions without an answer in time, and there will be none: nobody waits any more.
_SILENCES = 3
_TRIES = 3


class _Changed(Exception):  # noqa: N818  (never leaves this module)
    """A file is not what it was when the classes were made."""


class _Entry:
    """What is known of a class, or of one host."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.answer: Answer | None = None
        self.failure: Unusable | None = None
        self.is_shared = True  # False: the hosts of the class have to be asked one by one


class Configuration:
    """What ``-F`` and ``--ssh-option`` say, and ssh's own files where *path* is None."""

    def __init__(self, path: str | None, options: tuple[str, ...]) -> None:
        self.home = tokens.own_home()
        self._path = path
        self._options = options
        self._lock = threading.Lock()
        self._snapshot: _Snapshot | None = None

    def ask(self, question: Question) -> Answer:
        """Return what holds for a host; raises `Unusable`, `Broken`; may wait for ssh."""
        for _ in range(_TRIES):
            snapshot = self._current()
            try:
                return _without_loop(snapshot.ask(question))
            except _Changed:
                self._drop(snapshot)
        raise Unusable("the files of the ssh configuration keep changing")

    @property
    def defaults(self) -> Answer:
        """What ssh does without any configuration."""
        return self._current().defaults

    def _current(self) -> _Snapshot:
        with self._lock:
            if self._snapshot is None:
                self._snapshot = _Snapshot(self._path, self._options, self.home)
            return self._snapshot

    def _drop(self, snapshot: _Snapshot) -> None:
        with self._lock:
            if self._snapshot is snapshot:
                self._snapshot = None


class _Snapshot:
    """The files in one state, and the answers for it."""

    def __init__(self, path: str | None, options: tuple[str, ...], home: str) -> None:
        self._home = home
        self._program, self.defaults = _find_program(path, options)
        self._files = _read(path, options, home, _system_directory(self.defaults))
        self._classes = Classes(self._files)
        self._spaced = _spaced(self._files, home)
        self._lock = threading.Lock()
        self._entries: dict[Hashable, _Entry] = {}
        self._silences = 0

    def ask(self, question: Question) -> Answer:
        if self._program is None:
            return fallback.ask(self._files, question, self._home)
        key = self._classes.key_of(question)
        if key is not None:
            answer = self._of_class(self._entry(key), question)
            if answer is not None:
                return answer
        return self._of_host(self._entry(question), question)

    def _entry(self, key: Hashable) -> _Entry:
        with self._lock:
            return self._entries.setdefault(key, _Entry())

    def _of_class(self, entry: _Entry, question: Question) -> Answer | None:
        """Return the class's answer for a host, None where it is no answer for every host."""
        with entry.lock:
            if entry.failure is None and entry.answer is None and entry.is_shared:
                try:
                    answer = self._run(question)
                except Broken as failure:
                    entry.failure = failure
                    raise
                if self._classes.unclear or self._is_ambiguous(answer, question):
                    entry.is_shared = False
                    return answer
                entry.answer = self._without_name(answer, question)
        if entry.failure:
            raise entry.failure
        return entry.answer and _with_name(entry.answer, question)

    def _of_host(self, entry: _Entry, question: Question) -> Answer:
        with entry.lock:
            if entry.failure:
                raise entry.failure
            if entry.answer is None:
                try:
                    entry.answer = self._run(question)
                except Unusable as failure:
                    entry.failure = failure
                    raise
            return entry.answer

    def _run(self, question: Question) -> Answer:
        if self._program is None:
            raise AssertionError
        if self._silences >= _SILENCES:
            raise Unusable(f"ssh -G gave no answer for {_SILENCES} other hosts")
        try:
            answer, files = self._program.ask(question, self._spaced)
        except programs.Silent:
            self._silences += 1
            raise
        if any(state_of(path) != state for path, state in self._files.states.items()):
            raise _Changed
        if not files <= self._files.states.keys():
            self._classes.unclear = True
        return answer

    def _is_ambiguous(self, answer: Answer, question: Question) -> bool:
        """Whether the configuration may say by itself what looks like the name that was asked."""
        own = answer.one("hostname")
        return own == normalized(question.name) and own in self._classes.names_of(question)

    def _without_name(self, answer: Answer, question: Question) -> Answer:
        if answer.one("hostname") != normalized(question.name):
            return answer
        return Answer({k: v for k, v in answer.values.items() if k != "hostname"})


def _with_name(answer: Answer, question: Question) -> Answer:
    own = {}
    if question.address is not None or answer.one("hostname") is None:
        own["hostname"] = normalized(question.address or question.name)
    if question.port is not None:
        own["port"] = str(question.port)
    return answer.with_values(**own)


def _without_loop(answer: Answer) -> Answer:
    """Return the answer, unless the host is its own jump host.  Source: OpenSSH ssh.c, main()."""
    if text := answer.one("proxyjump"):
        hops = jumps.parse(text)
        last = hops[-1] if hops else None
        here = answer.one("hostname"), answer.one("port"), answer.one("user")
        if last and here == (last.host, str(last.port or 22), last.user or here[2]):
            raise Unusable(f"the jump hosts form a loop via {last.host}")
    return answer


def _find_program(path: str | None, options: tuple[str, ...]) -> tuple[Program | None, Answer]:
    """Return the ssh program that can be asked, if there is one, and what it does by itself."""
    found = programs.find()
    if found is not None:
        try:
            defaults = Program(found, "none", ()).ask(_NOBODY).answer
        except TransportError:
            # Another ssh than OpenSSH's; or this user has no name, and OpenSSH's refuses.
            pass
        else:
            return Program(found, path, options), defaults
    return None, Answer({})


def _system_directory(defaults: Answer) -> str:
    """Return where ssh's own files lie: it was compiled in.  Source: pathnames.h, SSHDIR."""
    beside = defaults.one("globalknownhostsfile")
    return str(Path(beside).parent) if beside else _SYSTEM_DIRECTORY


def _read(path: str | None, options: tuple[str, ...], home: str, system_directory: str) -> Files:
    """Return the files that ssh would read.  Source: ssh.c, process_config_files()."""
    sources: tuple[Source, ...]
    if path is not None:
        sources = () if path.lower() == "none" else (Source(path),)
    else:
        sources = (
            Source(f"{home}/.ssh/config", checked=True),
            Source(f"{system_directory}/ssh_config", is_user=False),
        )
    return read(sources, options, system_directory)


def _spaced(files: Files, home: str) -> re.Pattern[str] | None:
    """Return what matches the paths with a blank in them that lists of known_hosts may hold."""
    lists = (line for line in files.lines if line.keyword.endswith("knownhostsfile"))
    named = (word for line in lists for word in line.words)
    usual = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
    paths = {path.replace("%d", home) for path in (*named, *usual)}
    paths = {tokens.expand_home(path, home) for path in paths}
    longest_first = sorted((path for path in paths if " " in path), key=len, reverse=True)
    if not longest_first:
        return None
    parts = (re.split(r"%.|\$\{[^}]*\}", path) for path in longest_first)
    alternatives = (r"\S*".join(map(re.escape, between)) for between in parts)
    return re.compile(rf"(?:{'|'.join(alternatives)})(?= |$)")
