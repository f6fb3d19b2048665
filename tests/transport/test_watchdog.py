"""One thread that ends what is over its time."""

from __future__ import annotations

import threading
import time

from preflight.transport import Deadline
from preflight.transport.watchdog import Watchdog
from tests.transport.conftest import wait_until


def test_acts_come_in_the_order_of_their_deadlines():
    """A later watch with a sooner deadline acts first."""
    dog, acted = Watchdog(), []
    dog.watch(Deadline.after(0.4), lambda: acted.append("late"))
    dog.watch(Deadline.after(0.1), lambda: acted.append("soon"))

    wait_until(lambda: acted == ["soon", "late"])


def test_what_is_called_off_does_not_happen():
    """A watch that was cancelled never acts, and lets go of what it would have ended."""
    dog, acted = Watchdog(), []
    watch = dog.watch(Deadline.after(0.1), lambda: acted.append("cancelled"))
    watch.cancel()
    watch.cancel()
    dog.watch(Deadline.after(0.2), lambda: acted.append("end"))

    wait_until(lambda: acted == ["end"])
    assert watch.act is None


def test_a_deadline_that_moved_is_kept():
    """A host that waited for us has its time later."""
    dog, acted = Watchdog(), []
    deadline = Deadline.after(0.1)
    began = time.monotonic()
    dog.watch(deadline, lambda: acted.append(time.monotonic() - began))
    deadline.postpone(0.4)

    wait_until(lambda: acted)
    assert acted[0] >= 0.5


def test_an_act_that_waits_delays_no_other():
    """What ends one connection may hang, and the next one is ended in time."""
    dog, acted, over = Watchdog(), [], threading.Event()
    dog.watch(Deadline.after(0.1), lambda: over.wait(10))
    dog.watch(Deadline.after(0.2), lambda: acted.append("next"))

    wait_until(lambda: acted)
    over.set()


def test_thousands_that_were_called_off_are_forgotten():
    """A long run does not remember every host that it was done with in time."""
    dog = Watchdog()
    for _ in range(5000):
        dog.watch(Deadline.after(60), lambda: None).cancel()

    assert len(dog._watches) < 1100
