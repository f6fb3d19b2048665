"""What goes from process to process arrives as it was, and once."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

import preflight
from preflight import api
from preflight.api import wire
from preflight.api.members import wants
from preflight.judge import judge
from preflight.model.host import Host
from preflight.model.start import Opener, Start
from preflight.report import FORMATS, View
from preflight.transport.credentials.guard import Credential, News
from preflight.transport.credentials.secret import NO_SECRETS, Secret, Secrets
from tests.builders.elf import build_elf

HERE = Host(name="here", transport="local")
ODD = "web-\udcff\\x41\n"  # a byte that is not UTF-8, a backslash, the end of a line


@pytest.fixture
def outcome(want) -> api.Outcome:
    """What really comes of a host."""
    (outcome,) = api.Fleet([HERE], lambda _: [want], api.Options()).outcomes()
    return outcome


def named(outcome: api.Outcome, host: str) -> api.Outcome:
    """Return *outcome* as that of another host."""
    return structs.replace(
        outcome,
        snapshot=structs.replace(outcome.snapshot, host=host),
        verdicts=tuple(structs.replace(one, host=host) for one in outcome.verdicts),
    )


def heard(listener: wire.Listener, lines: bytes) -> list[object]:
    """Return what *lines* tell."""
    assert lines.endswith(b"\n")
    return [said for line in lines[:-1].split(b"\n") if (said := listener.hear(line))]


def rendered(want: api.Want, outcome: api.Outcome) -> list[str]:
    """Return the JSON report on one host."""
    clock = api.Clock(dt.datetime.now(dt.UTC), time.monotonic())
    report = clock.report([want.requirements], [outcome])
    report = structs.replace(report, started_at="", elapsed_s=0.0)
    return list(FORMATS["json"](report, View()))


def received(receiver: wire.Receiver, lines: bytes) -> tuple[Host, tuple[api.Want, ...]]:
    """Return what the last of *lines* asks for."""
    return [receiver.hear(line) for line in lines[:-1].split(b"\n")][-1]


def test_host_and_wants_arrive(want, tmp_path):
    """A host with its gateway, start and odd names, and each want with what loads it."""
    (tmp_path / "python").write_bytes(build_elf(interpreter="/lib/ld.so"))
    opener = Opener(requirements=preflight.analyze(tmp_path / "python"), install_path="/bin/py")
    start = Start(env=(("LD_LIBRARY_PATH", ODD),), loaded_by=opener)
    host = Host(name=ODD, gateway=Host(name="bastion", gateway=HERE), start=start, groups=("a",))
    wants = (want, structs.replace(want, start=start))

    got = received(wire.Receiver(), wire.Dispatcher().host(host, wants))

    assert (host, wants) == got


def test_program_goes_over_once(want):
    """The second host is asked for with few bytes, and its program is the same object."""
    dispatcher, receiver = wire.Dispatcher(), wire.Receiver()

    first, second = (dispatcher.host(Host(name=name), [want]) for name in ("a", "b"))

    assert len(second) < 1000 < len(first)
    programs = [received(receiver, lines)[1][0].requirements for lines in (first, second)]
    assert programs[0] is programs[1]


def test_options_arrive():
    """What the command line says holds elsewhere too; a home is that of whoever reads it."""
    limits, connect = api.Limits(rounds=3), api.Options().connect
    connect = structs.replace(connect, user=ODD, ssh_options=("Compression=no",))
    options = api.Options(forks=7, limits=limits, connect=connect)

    assert (options, True) == wire.greeted(wire.greeting(options, answers=True))


def test_secrets_have_a_line_of_their_own():
    """The greeting, which may go anywhere, has none; what is for our own processes has all."""
    passphrases = (("/key", Secret("canary1")),)
    secrets = Secrets(password=Secret("canary2"), passphrases=passphrases)
    options = api.Options(connect=structs.replace(api.Options().connect, secrets=secrets))

    greeting = wire.greeting(options, answers=False)

    bare, _ = wire.greeted(greeting)
    assert b"canary" not in greeting
    assert NO_SECRETS == bare.connect.secrets
    assert options == wire.with_confided(bare, wire.confided(secrets))


def test_news_of_credentials_goes_both_ways():
    """Parent and child tell each other what hosts said to a credential."""
    news = News(Credential("deploy", "log-in", ("~/.ssh/id",)), worked=True, host="web")

    assert news == wire.Listener().hear(wire.told(news)) == wire.Receiver().hear(wire.told(news))


def test_store_is_in_the_readers_home(tmp_path):
    """A worker keeps what it read in its own cache."""
    said = wire.greeting(api.Options(store=Path("~/cache")), answers=False)

    assert tmp_path / "cache" == wire.greeted(said)[0].store


def test_other_version_is_refused(monkeypatch):
    """Two releases may mean different things by the same words."""
    said = wire.greeting(api.Options(), answers=False)
    monkeypatch.setattr(wire, "__version__", "99.0")

    with pytest.raises(ValueError, match=r"preflight 0\.1\.0 asks, and here is preflight 99\.0"):
        wire.greeted(said)


def test_outcome_arrives_without_answers(outcome, want):
    """All that a report shows comes through, whatever the host is called."""
    sent = structs.replace(named(outcome, ODD), warnings=("known_hosts:3: unreadable",))

    (got,) = heard(wire.Listener(), wire.Reporter(answers=False).outcome(sent))

    told = structs.replace(sent.snapshot, facts=sent.snapshot.facts.told, answers={})
    assert told == got.snapshot
    assert rendered(want, sent) == rendered(want, got)
    assert sent.verdicts == got.verdicts
    assert sent.warnings == got.warnings


def test_outcome_arrives_with_answers(outcome, want):
    """Where the answers are wanted, another program can be judged by them."""
    (got,) = heard(wire.Listener(), wire.Reporter(answers=True).outcome(outcome))

    assert outcome.snapshot.answers.keys() == got.snapshot.answers.keys()
    judgement = judge(want.requirements, want.start, got.snapshot)
    assert (outcome.verdicts, ()) == ((judgement.verdict,), judgement.questions)


def test_equal_things_are_one_object(outcome):
    """Hosts of one image share facts and findings, whichever process asked them."""
    listener = wire.Listener()
    reporters = [wire.Reporter(answers=True), wire.Reporter(answers=True)]
    lines = [reporters[n % 2].outcome(named(outcome, f"h{n}")) for n in range(4)]

    got = [heard(listener, one)[0] for one in lines]

    assert len(lines[2]) < 1000 < len(lines[0])
    assert ["h0", "h1", "h2", "h3"] == [one.verdicts[0].host for one in got]
    for one in got[1:]:
        assert one.verdicts[0].findings is got[0].verdicts[0].findings
        assert one.snapshot.facts.mounts is got[0].snapshot.facts.mounts
        assert one.snapshot.answers is got[0].snapshot.answers


def test_many_different_verdicts_stay_apart(outcome):
    """Nothing is mixed up where a reporter has said more than it keeps in mind."""
    listener, reporter = wire.Listener(), wire.Reporter(answers=False)
    for number in range(600):
        verdict = structs.replace(outcome.verdicts[0], path=f"/opt/{number % 300}")
        sent = structs.replace(outcome, verdicts=(verdict,))

        (got,) = heard(listener, reporter.outcome(sent))

        assert (verdict,) == got.verdicts


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b'{"kind":"host-wanted"}',
        b'{"kind":"verdict","verdict":{}}',
        b'{"id":"00000000000000000000000000000000","kind":"mounts","mounts":[]}',
        b'{"kind":"mounts","mounts":[]}',
    ],
)
def test_what_nobody_says_is_an_error(line):
    """A line that is cut off, or lies about its content, is not taken for something else."""
    with pytest.raises((msgspec.MsgspecError, ValueError)):
        wire.Listener().hear(line)


def test_reference_to_nothing_is_an_error(outcome):
    """An outcome without the lines before it cannot be made up."""
    *_, last = wire.Reporter(answers=False).outcome(outcome).splitlines()

    with pytest.raises(KeyError):
        wire.Listener().hear(last)


def test_a_bundle_goes_over_the_line_once(want, tmp_path):
    """Its members and all that lies beside them arrive; the next host refers to them."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/app").write_bytes(build_elf(interpreter="/lib/ld.so"))
    needs = preflight.analyze(tmp_path / "tree")
    wanted = tuple(wants([needs], lambda _: Start(install_path="/opt/app/")))
    dispatcher, receiver = wire.Dispatcher(), wire.Receiver()

    first, again = dispatcher.host(HERE, (want, *wanted)), dispatcher.host(HERE, wanted)

    _, (_, whole, member) = received(receiver, first)
    assert needs.bundle is not None
    assert structs.replace(needs, bundle=None) == whole.requirements
    assert needs.bundle.members[0] == member.requirements
    assert needs.bundle == member.start.bundle
    assert ("/opt/app/app", "/opt/app/") == (member.start.install_path, member.start.bundle_root)
    assert 1 == len(again.splitlines())
    assert member.start.bundle is received(receiver, again)[1][1].start.bundle
