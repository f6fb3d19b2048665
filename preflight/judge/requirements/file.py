"""
``files: {/etc/app.yaml: {mode: "0640", owner: app, readable: true}, /etc/ssl: {}}``.

A file of that type is there, links followed, with that mode and owner, and the user who starts
the program (else the one who looked) may read it, as far as modes tell: no access lists.
"""

from __future__ import annotations

from collections.abc import Iterator

from preflight.judge.access import READ, User, allows
from preflight.judge.case import Case
from preflight.judge.requirements.kind import Kind, unmet, unsure
from preflight.judge.requirements.name import Database, number_of
from preflight.model.form import NAME, PATH, Flag, Record, Table, Text
from preflight.model.need import Need
from preflight.model.question import Absent, Failed, FileState, NotAsked
from preflight.model.verdict import Finding

CODE = "requirement-file"
# inode(7), "The file type and mode".
TYPES = {
    "file": 0o100000,
    "directory": 0o040000,
    "socket": 0o140000,
    "fifo": 0o010000,
    "block-device": 0o060000,
    "character-device": 0o020000,
}
MODE = Text(r"0?[0-7]{3,4}", "a mode", '"0640"', "in quotes")
TYPE = Text("|".join(TYPES), "a type of file", "directory", "or " + ", ".join(TYPES))


def check(need: Need, case: Case) -> Iterator[Finding]:
    """The file is there, and is as it has to be."""
    path = need.subject
    answer = case.inquiry.stat(path)
    if isinstance(answer, Absent):
        yield unmet(CODE, need, f"{path} is not there, and it is needed")
    elif isinstance(answer, Failed):
        yield unsure(CODE, need, f"{path} could not be looked at: {answer.errno}")
    elif isinstance(answer, FileState):
        yield from _type_and_mode(need, answer)
        yield from _belongs(need, case, "owner", "passwd", answer.uid)
        yield from _belongs(need, case, "group", "group", answer.gid)
        yield from _readable(need, case, answer)


def _type_and_mode(need: Need, state: FileState) -> Iterator[Finding]:
    wanted, mode = need.get("type"), need.get("mode")
    kind = next((name for name, bits in TYPES.items() if bits == state.mode & 0o170000), "other")
    if wanted is not None and wanted != kind:
        yield unmet(CODE, need, f"{need.subject} is a {kind}, and a {wanted} is needed")
    if mode is not None and int(mode, 8) != state.mode & 0o7777:
        found = f"{state.mode & 0o7777:04o}"
        message = f"{need.subject} has the mode {found}, and {int(mode, 8):04o} is needed"
        yield unmet(CODE, need, message)


def _belongs(
    need: Need, case: Case, key: str, database: Database, number: int
) -> Iterator[Finding]:
    name = need.get(key)
    if name is None:
        return
    answer = case.inquiry.said("name", database, name)
    if isinstance(answer, NotAsked):
        return
    wanted = number_of(answer, name)
    noun = "user" if database == "passwd" else "group"
    if isinstance(wanted, Failed):
        message = f"whether {need.subject} belongs to {name} is not known: {wanted.errno}"
        yield unsure(CODE, need, message)
    elif isinstance(wanted, Absent):
        message = f"{need.subject} is to belong to the {noun} {name}, which is not there"
        yield unmet(CODE, need, message)
    elif wanted != number:
        message = f"{need.subject} belongs to the {noun} {number}, and {name} ({wanted}) is needed"
        yield unmet(CODE, need, message)


def _readable(need: Need, case: Case, state: FileState) -> Iterator[Finding]:
    if need.get("readable") is None:
        return
    access, facts = case.access, case.snapshot.facts
    if access is not None:
        may, who = access.may(need.subject, state, READ), case.start.run_as
    else:
        may = allows(state, User(facts.uid, frozenset(facts.gids) or None), READ)
        who = facts.user or "the user who looked"
    wanted = need.get("readable") == "true"
    if may is None:
        yield unsure(CODE, need, f"whether {who} may read {need.subject} is not known")
    elif may != wanted:
        word = "may not" if wanted else "may"
        what = "has to" if wanted else "must not"
        yield unmet(CODE, need, f"{who} {word} read {need.subject}, and {what} be able to")


KIND = Kind(
    Table(
        PATH,
        Record({"mode": MODE, "owner": NAME, "group": NAME, "type": TYPE, "readable": Flag()}),
    ),
    check,
)
