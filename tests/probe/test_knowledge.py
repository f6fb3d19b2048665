"""What one interview knows, and what it asks next: no host is involved."""

from __future__ import annotations

import hashlib

import pytest

from preflight.model.question import (
    BytesContent,
    Failed,
    FileState,
    Question,
    ReadBytes,
    ReadElf,
    Stat,
)
from preflight.probe.knowledge import Knowledge, Limits
from preflight.probe.requests import Plan, Replies

GOOD = b"the good library"
EVIL = b"an evil library!"
STATE = FileState(0o100755, 0, 0, 65024, 9, len(GOOD), 50, 50, "/lib/x")


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def knowledge(store) -> Knowledge:
    return Knowledge(store, "host", Limits(), b"n0nce")


def planned(knowledge: Knowledge, *questions: Question) -> Plan:
    plan = Plan()
    for question in questions:
        knowledge.look(question, plan)
    return plan


def test_first_look_asks_for_state_and_hash_together(knowledge):
    """A file of which nothing is known costs one round where its content is known."""
    plan = planned(knowledge, ReadElf("/lib/x"), Stat("/y"))

    assert list(plan.states) == ["/lib/x", "/y"]
    assert list(plan.hashes) == ["/lib/x"]
    assert not plan.contents


def test_known_hash_is_not_transferred(knowledge, store):
    """The store answers for a content that any host has sent before."""
    digest, _ = store.add_bytes(GOOD)
    plan = planned(knowledge, ReadBytes("/lib/x"))

    knowledge.absorb(plan, Replies(states={"/lib/x": STATE}, hashes={"/lib/x": digest}))

    assert knowledge.look(ReadBytes("/lib/x"), Plan()) == BytesContent(STATE, digest, GOOD)


def test_host_cannot_put_bytes_under_another_hash(knowledge, store):
    """A host that announces one content and sends another harms nobody, and fails."""
    question = ReadBytes("/lib/x")
    for _ in range(2):
        plan = planned(knowledge, question)
        looks = Replies(states={"/lib/x": STATE}, hashes={"/lib/x": sha(GOOD)})
        knowledge.absorb(plan, looks)
        plan = planned(knowledge, question)
        knowledge.receive("/lib/x", EVIL)
        knowledge.absorb(plan, Replies(after={"/lib/x": STATE}))

    assert knowledge.look(question, Plan()) == Failed("changed while it was looked at")
    assert store.get_bytes(sha(GOOD)) is None


def test_content_that_was_filled_up_is_not_believed(knowledge):
    """Where the host could not send all, the script's filler stands, and counts as a change."""
    plan = planned(knowledge, ReadBytes("/lib/x"))
    knowledge.absorb(plan, Replies(states={"/lib/x": STATE}))
    plan = planned(knowledge, ReadBytes("/lib/x"))

    knowledge.receive("/lib/x", b"the go" + b"n0nce\nn0nc")
    knowledge.absorb(plan, Replies(after={"/lib/x": STATE}))

    again = planned(knowledge, ReadBytes("/lib/x"))
    assert list(again.hashes) == ["/lib/x"]


def test_content_that_does_not_fit_its_state_is_looked_at_again(knowledge, store):
    """A hash whose library has another size than the file is a file that changed between."""
    digest, _ = store.add_elf(GOOD + b"longer")
    plan = planned(knowledge, ReadElf("/lib/x"))
    knowledge.absorb(plan, Replies(states={"/lib/x": STATE}, hashes={"/lib/x": digest}))

    again = planned(knowledge, ReadElf("/lib/x"))

    assert list(again.states) == ["/lib/x"]


def test_states_that_did_not_fit_are_asked_alone(knowledge):
    """After a group that made no sense, each of its paths has a request of its own."""
    plan = planned(knowledge, Stat("/a"), Stat("/b"))

    knowledge.absorb(plan, Replies(unclear={"/a", "/b"}))

    assert planned(knowledge, Stat("/a"), Stat("/b")).alone == {"/a", "/b"}


def test_two_paths_to_one_content_are_one_transfer(knowledge):
    """The second name of a library waits for the first one's bytes."""
    questions = [ReadElf("/lib/x"), ReadElf("/lib/y")]
    plan = planned(knowledge, *questions)
    states = dict.fromkeys(("/lib/x", "/lib/y"), STATE)
    hashes = {path: sha(GOOD) for path in states}
    knowledge.absorb(plan, Replies(states=states, hashes=hashes))

    plan = planned(knowledge, *questions)

    assert list(plan.contents) == ["/lib/x"]
    assert not knowledge.waiting


def test_paths_have_a_limit_too(store):
    """A program that names very many paths does not keep a host busy for ever."""
    knowledge = Knowledge(store, "host", Limits(paths=2), b"n0nce")

    plan = planned(knowledge, *(Stat(f"/{n}") for n in range(5)))

    assert list(plan.states) == ["/0", "/1"]
    assert knowledge.exhausted == "2 paths were looked at"


def test_small_files_only_are_read_as_bytes(knowledge):
    """What is too large to be a cache or a list is not transferred."""
    large = FileState(0o100644, 0, 0, 1, 2, 5 << 20, 1, 1, "/x")
    knowledge.absorb(planned(knowledge, ReadBytes("/x")), Replies(states={"/x": large}))

    assert knowledge.look(ReadBytes("/x"), Plan()) == Failed("EFBIG")
