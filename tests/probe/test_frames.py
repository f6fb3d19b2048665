"""Hosts that are not what they should be: real child processes that speak garbage."""

from __future__ import annotations

import pytest

from preflight.errors import PreflightError, ProbeError, TransportError
from preflight.model.question import Stat
from preflight.probe.interview import Beginning, Interview
from preflight.probe.script import COMMAND
from preflight.transport import Deadline
from tests.probe.conftest import ShellStream

# Reads what a script reads and says hello; then it says what the test gives.
READS_NONCE = (
    "while IFS= read -r l && [ \"$l\" != '#end' ]; do :; done; IFS= read -r n; "
    'while IFS= read -r l && [ "$l" != . ]; do :; done; '
)
FACTS = "printf '%s F 0 0\\n\\n' $n; "


class ScriptedSession:
    """A host that runs *code* whatever it is asked to start."""

    def __init__(self, code: str) -> None:
        self._code = code

    def start(self, _: str) -> ShellStream:
        """Start the code."""
        return ShellStream(["bash", "-c", self._code])


def interview(code: str, store) -> Interview:
    return Interview(ScriptedSession(code), store, key="bad", deadline=Deadline.after(10))


def begin(code: str, store, questions=()) -> Beginning:
    with interview(code, store) as conversation:
        return conversation.begin(questions)


def test_noise_before_the_first_word_is_skipped(store):
    """Banners and start-up files may print, as long as they end."""
    noise = "printf 'Welcome!\\n\\033[31m%s' 'hello hello 1'; head -c 60000 /dev/zero; "

    answers = begin(noise + COMMAND, store, [Stat("/")]).answers

    assert answers[Stat("/")].kind == "directory"


@pytest.mark.parametrize(
    ("code", "cause", "reason"),
    [
        ("echo; echo 'This account is currently not available.'", "no-shell", "This account is"),
        ("printf '\\033]0;x\\007evil\\n'", "no-shell", r"\\x1b\]0;x\\x07evil"),
        ("exit 1", "no-shell", "without a word"),
        ("exec cat", "no-shell", "echoes"),
        ("yes", "output-limit", "64 KiB"),
        (f"{READS_NONCE} printf 'hello %s\\n' $n; {FACTS}", "connection-lost", "end early"),
        (f"{READS_NONCE} printf 'hello %s\\n%s F 0 9\\nabc' $n $n", "connection-lost", "end early"),
    ],
)
def test_host_that_never_answers_is_a_status(store, code, cause, reason):
    """No shell, an echo, a flood, an early end: a cause and one printable line."""
    with pytest.raises(TransportError, match=reason) as caught:
        begin(code, store)

    assert caught.value.cause == cause
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    "said",
    [
        "printf 'what?\\n'",
        "printf '%s F 0 -1\\n\\n' $n",
        "printf '%s F 0 99999999999\\n' $n",
        "printf '%s F 0 3\\nabcdef\\n' $n",
        "printf '%s F 9 0\\n\\n' $n",
        "printf '%s S 0 0\\n\\n' $n",
        "printf '%s F x 0\\n\\n' $n",
        "printf '0123 F 0 0\\n\\n'",
        "printf '%s end\\n' $n",
        "head -c 9999 /dev/zero",
        f"{FACTS} printf '%s C 2 9\\n123456789\\n%s end\\n' $n $n",
    ],
)
def test_host_that_breaks_the_framing_is_refused(store, said):
    """Wrong nonces, lengths, numbers and kinds: no guess, and no trace back."""
    code = f"{READS_NONCE} printf 'hello %s\\n' $n; {said}; sleep 0.2"

    with pytest.raises(ProbeError):
        begin(code, store, [Stat("/x")])


def test_host_that_lies_about_states_is_no_crash(store):
    """Lines that no stat prints make a failure of the path, not of preflight."""
    lie = "printf '%s S 1 7\\n1\\nlies!\\n%s end\\n' $n $n"
    code = f"{READS_NONCE} printf 'hello %s\\n' $n; {FACTS} {lie}"

    answers = begin(code, store, [Stat("/x")]).answers

    assert "changed while" in answers[Stat("/x")].errno


def test_host_that_floods_is_cut_off(store):
    """A host that sends without end reaches its budget, and is left."""
    flood = "while :; do printf '%s F 0 1000000\\n' $n; head -c 1000000 /dev/zero; echo; done"
    code = f"{READS_NONCE} printf 'hello %s\\n' $n; {flood}"

    with pytest.raises(PreflightError, match="272 MiB") as caught:
        begin(code, store)

    assert caught.value.cause == "output-limit"
