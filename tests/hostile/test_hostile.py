"""All hostile hosts in one run: each ends in time with its cause, and the good ones are probed."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator

import pytest

import preflight
from preflight.api import Limits
from preflight.report import FORMATS, View
from preflight.transport import Options as ConnectOptions
from tests.hostile import run as hostile
from tests.hostile.cases import CASES, Case
from tests.hosts.needs import SEARCHED
from tests.transport.conftest import SSHD, require

CONNECT_S, ANSWER_S, HOST_S = 5.0, 8.0, 25.0
LIMITS_S = {
    "": 0.0,
    "connect": CONNECT_S,
    "handshake": 2 * CONNECT_S,
    "answer": ANSWER_S,
    "host": HOST_S,
}
SLACK_S = 15.0  # for a busy machine: all begin at once
MEMORY = 200 << 20
NEEDED = ("ip", "nft", "nsenter", "setpriv", "unshare", "tcsh", "fish", "rbash")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Iterator[hostile.Run]:
    """Ask all of them once."""
    require(available=os.geteuid() == 0 and os.path.exists(SSHD), what="root and openssh-server")
    absent = [name for name in NEEDED if not shutil.which(name, path=SEARCHED)]
    require(available=not absent, what=", ".join(absent))
    options = preflight.Options(
        timeout_s=HOST_S,
        limits=Limits(silence_s=ANSWER_S, received_bytes=8 << 20),
        connect=ConnectOptions(connect_timeout_s=CONNECT_S, use_agent=False),
    )
    with pytest.MonkeyPatch.context() as patch, hostile.playing() as hosts:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield hostile.ask(hosts, options)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_ends_with_its_cause_and_in_time(run, case: Case):
    """Whatever a host does, its status and cause say what it was, no later than its limit."""
    for result in run.of(case):
        found = result.snapshot

        assert case.status in ("any", found.status), found.reason
        assert found.cause in case.causes, found.reason
        assert case.words in (found.reason or "")
        assert "\n" not in (found.reason or "")
        assert result.seconds < LIMITS_S[case.limit] + SLACK_S


def test_good_hosts_are_probed_meanwhile(run):
    """Twenty hosts among the hostile ones all have their verdict before the last of those ends."""
    good = run.good()
    verdicts = {one.host: one.outcome for one in run.report.verdicts}

    assert len(good) == hostile.GOOD
    assert {one.snapshot.status for one in good} == {"probed"}
    assert {verdicts[one.snapshot.host] for one in good} == {"deployable"}
    assert max(one.seconds for one in good) < run.elapsed_s - 2


def test_no_host_is_asked_in_vain_for_another(run):
    """The run takes no longer than its longest limit."""
    assert run.elapsed_s < HOST_S + SLACK_S


def test_floods_do_not_fill_the_memory(run):
    """Gigabytes from several hosts are cut off before they are held."""
    assert run.memory_bytes < MEMORY


def test_a_crowded_server_lets_some_in(run):
    """A server with room for one log-in at a time has let somebody in, by the retries."""
    (crowded,) = [case for case in CASES if case.name == "crowded"]

    assert "probed" in {result.snapshot.status for result in run.of(crowded)}


def test_a_wrong_clock_is_a_fact_like_others(run):
    """A clock that is years off spoils nothing."""
    (found,) = [one for one in run.report.hosts if one.host == "wrong-clock"]

    assert found.facts.clock_s == 946684800
    assert [v.outcome for v in run.report.verdicts if v.host == "wrong-clock"] == ["deployable"]


def test_a_lie_about_hashes_wins_nothing(run):
    """A host that lies about its hashes gets no verdict by the files of others."""
    (verdict,) = [one for one in run.report.verdicts if one.host == "wrong-hashes"]

    assert verdict.outcome != "blocked"


def test_no_terminal_obeys_a_host(run):
    """Codes in facts, greetings and reasons are written out."""
    out = io.StringIO()
    view = View(explain=True, verbosity=2, color=False, width=100, unicode=True)
    for name in ("table", "names"):
        out.writelines(FORMATS[name](run.report, view))

    shown = out.getvalue()
    assert r"\x1b" in shown
    assert not {"\x1b", "\x07", "\x9b", "\r", "\u202e"} & set(shown)
