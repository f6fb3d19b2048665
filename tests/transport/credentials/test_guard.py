"""A credential that fails is not tried on every host."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import msgspec
import pytest

from preflight.errors import TransportError
from preflight.transport import Deadline
from preflight.transport.credentials import guard as guards
from preflight.transport.credentials.guard import Credential, Guard, News, Turn, guard_of
from tests.transport.asking import verdict
from tests.transport.conftest import wait_until

KEYS = Credential("deploy", "log-in", ("SHA256:one id_ed25519",))
PASSWORD = Credential("deploy", "password")


def attempt(
    guard: Guard,
    answer: Callable[[Turn], None] = Turn.refused,
    host: str = "web-1",
    credential: Credential = KEYS,
    seconds: float = 20.0,
) -> None:
    """Try a credential with a host that gives *answer*."""
    with guard.turn(credential, host, Deadline.after(seconds)) as turn:
        answer(turn)


def failure(guard: Guard, credential: Credential = KEYS, seconds: float = 20.0) -> TransportError:
    """Return why the credential is not to be tried."""
    with pytest.raises(TransportError) as caught:
        attempt(guard, Turn.worked, credential=credential, seconds=seconds)
    return caught.value


def assert_free(guard: Guard) -> None:
    """Fail where two hosts cannot be tried at once."""
    both = threading.Barrier(2, timeout=20)
    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(attempt, guard, lambda _: both.wait()) for _ in range(2)]:
            future.result()


def test_what_has_not_worked_goes_to_one_host_at_a_time():
    """Of many threads one tries, the others when it has its answer: once it works, all at once."""
    guard, trying, most = Guard(), [], []
    together = threading.Barrier(6, timeout=20)

    def answer(turn: Turn) -> None:
        trying.append(turn)
        most.append(len(trying))
        if len(most) > 2:  # refused, worked, and then everybody
            together.wait()
        time.sleep(0.01)
        trying.remove(turn)
        (Turn.refused if len(most) == 1 else Turn.worked)(turn)

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(attempt, guard, answer) for _ in range(8)]:
            future.result()

    assert most[:2] == [1, 1]


def test_five_refusals_in_a_row_stop():
    """What five hosts refused goes to no other; the reason names them."""
    guard = Guard()
    for number in range(1, 6):
        attempt(guard, host=f"web-{number}")

    error = failure(guard)

    assert verdict(error) == ("not-run", "auth-stopped")
    assert "web-[1-5] refused 'deploy' with SHA256:one id_ed25519" in error.message
    assert error.hint
    with pytest.raises(TransportError):
        guard.check(KEYS)


def test_other_credentials_go_on():
    """Another user, and the same with another key, are not stopped."""
    guard = Guard()
    for _ in range(5):
        attempt(guard)

    attempt(guard, Turn.worked, credential=Credential("other", "log-in", KEYS.names))
    attempt(guard, Turn.worked, credential=Credential("deploy", "log-in", ("SHA256:two id",)))
    attempt(guard, Turn.worked, credential=PASSWORD)


def test_a_success_breaks_the_row():
    """Four refusals, a success and four more are no five in a row, not even of a password."""
    guard = Guard()
    for answer in (*[Turn.refused] * 4, Turn.worked, *[Turn.refused] * 4):
        attempt(guard, answer, credential=PASSWORD)

    guard.check(PASSWORD)
    attempt(guard, credential=PASSWORD)
    assert failure(guard, PASSWORD).cause == "auth-stopped"


def test_a_key_that_has_worked_goes_on():
    """A host that refuses a key that worked elsewhere says something about the host."""
    guard = Guard()
    attempt(guard, Turn.worked)
    for _ in range(20):
        attempt(guard)

    guard.check(KEYS)


def test_a_log_in_that_breaks_off_is_no_refusal():
    """Neither an exception nor an end without an answer counts."""
    guard = Guard()
    for _ in range(9):
        with suppress(EOFError), guard.turn(KEYS, "web-1", Deadline.after(20)):
            raise EOFError
        attempt(guard, lambda _: None)

    attempt(guard, Turn.worked)


def test_a_log_in_that_hangs_does_not_hold_up_the_others(monkeypatch):
    """After a while the next one tries; but not more of them than may be refused."""
    monkeypatch.setattr(guards, "PATIENCE_S", 0.05)
    guard, hung, over = Guard(), [], threading.Event()

    def hang(turn: Turn) -> None:
        hung.append(turn)
        assert over.wait(20)

    with ThreadPoolExecutor(8) as pool:
        tries = [pool.submit(attempt, guard, hang) for _ in range(8)]
        wait_until(lambda: len(hung) == 5)
        time.sleep(0.3)
        assert len(hung) == 5
        over.set()
        for future in tries:
            future.result()

    assert len(hung) == 8


def test_waiting_ends_with_the_deadline():
    """A host whose turn does not come in its time is over like any other."""
    guard, over = Guard(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        begun = threading.Event()
        hanging = pool.submit(attempt, guard, lambda _: (begun.set(), over.wait(20)))
        assert begun.wait(20)
        error = failure(guard, seconds=0.1)
        over.set()
        hanging.result()

    assert verdict(error) == ("timeout", "deadline")
    assert "waited for 'deploy' with SHA256:one id_ed25519 to work once" in error.message


def test_waiting_is_not_the_time_of_the_host():
    """A host has as much time left when its turn comes as it had when it began to wait."""
    guard, over, begun = Guard(), threading.Event(), threading.Event()
    deadline = Deadline.after(20)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(attempt, guard, lambda _: (begun.set(), over.wait(20)))
        assert begun.wait(20)
        end_s = deadline.at_s

        def wait() -> None:
            with guard.turn(KEYS, "web-2", deadline):
                pass

        second = pool.submit(wait)
        time.sleep(0.2)
        over.set()
        first.result()
        second.result()

    assert deadline.at_s - end_s >= 0.1


def test_processes_of_a_run_tell_each_other():
    """What one process tells, another hears: also one that joins later."""
    here, there, later = Guard(), Guard(), Guard()
    here.listen(lambda news: there.hear(msgspec.json.decode(msgspec.json.encode(news), type=News)))
    for number in range(5):
        attempt(here, host=f"web-{number}", credential=PASSWORD)
    attempt(here, Turn.worked)
    for news in here.known():
        later.hear(news)

    for guard in (there, later):
        assert failure(guard, PASSWORD).cause == "auth-stopped"
        assert_free(guard)


def test_what_is_proven_is_told_once():
    """A thousand more successes are no news."""
    guard, told = Guard(), []
    guard.listen(told.append)
    for _ in range(1000):
        attempt(guard, Turn.worked)

    assert told == [News(KEYS, True, "web-1")]


def test_a_run_has_one_guard():
    """The same run has the same guard, another has another, and no run has none to share."""
    assert guard_of("a") is guard_of("a")
    assert guard_of("a") is not guard_of("b")
    assert guard_of("") is not guard_of("")
