"""
Runs commands as another user, through sudo, over any transport.

sudo is asked without a password first.  Where it wants one, and the operator
gave one, it gets that on standard input, once a host, and only after it has
shown a prompt of ours that nobody can guess: whatever else asks gets nothing.
There is no terminal, by design.  Source: sudo(8), -n, -S and -p.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager
from typing import NamedTuple

from preflight.errors import TransportError
from preflight.model.host import Host
from preflight.model.snapshot import HostKeyState
from preflight.model.text import decode, printable
from preflight.transport import Contact, Deadline, Options, Session, Stream, Transport
from preflight.transport.closing import Closing
from preflight.transport.credentials.guard import Credential, Guard, Turn, guard_of
from preflight.transport.credentials.secret import Secret, Secrets

# How long sudo may take to show our prompt: another one stays for ever.
PROMPT_S = 15.0
_NOISE_BYTES = 64 << 10  # what start-up files and sudo's lecture may say
_SHOWN_CHARS = 200
# In single quotes a name of these means the same to every shell, csh and fish included.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]*")
# Prints that it runs, as who was asked for; then becomes the command.
_ARRIVED = 'printf "%s up\\n" "$0"; exec "$@"'
_ARRIVED_QUIETLY = 'printf "%s up\\n" "$0"; exec 2>/dev/null "$@"'
_OF_SUDO = re.compile("sudo|[Ss]orry")
# Of sudo and of sudo-rs.
_WANTS_PASSWORD = re.compile("a password is required|authentication is required")
_WRONG_PASSWORD = re.compile("incorrect (password|authentication) attempt")
# What sudo says → what to do, for there is nobody to look it up.
_REMEDIES = {
    "you must have a tty": "preflight has no terminal, by design: write !requiretty into sudoers",
    "No such file or directory": "sudo is not installed there, perhaps",
}


class Target(NamedTuple):
    """Who to become, and with what; *login* is whose password sudo asks for."""

    host: str
    login: str
    user: str
    secrets: Secrets
    guard: Guard
    deadline: Deadline


def through_sudo(
    transport: Transport, host: Host, options: Options, deadline: Deadline
) -> Future[Contact]:
    """Set out for *host*; every command of its sessions then runs through sudo."""
    user = host.become_user or options.become_user
    if not _NAME.fullmatch(user):
        reason = f"become_user {user!r} is no name that can be given to sudo safely"
        raise TransportError("error", "become-failed", reason)
    login = host.user or options.user or "the user"
    target = Target(host.name, login, user, options.secrets, guard_of(options.run), deadline)
    way = transport.reach(host, options, deadline)
    return _then(way, lambda contact: _Contact(contact, target))


def _then(way: Future[Contact], change: Callable[[Contact], Contact]) -> Future[Contact]:
    """Return the future of what *change* makes of the contact; cancelled, it cancels *way*."""
    changed: Future[Contact] = Future()

    def arrive(reached: Future[Contact]) -> None:
        """Settle *changed* as *reached* was."""
        if reached.cancelled():
            changed.cancel()
            return
        try:
            if error := reached.exception():
                changed.set_exception(error)
            else:
                changed.set_result(change(reached.result()))
        except InvalidStateError:  # nobody waits for it any more
            if not reached.exception():
                reached.result().close()

    way.add_done_callback(arrive)
    changed.add_done_callback(lambda ended: way.cancel() if ended.cancelled() else None)
    return changed


class _Contact:
    """A way to a host, whose sessions start commands as another user."""

    def __init__(self, contact: Contact, target: Target) -> None:
        self._contact = contact
        self._target = target

    def log_in(self) -> _Session:
        return _Session(self._contact.log_in(), self._target)

    def close(self) -> None:
        self._contact.close()


class _Session(Closing):
    """A session of the user who logged in, that starts commands as another."""

    def __init__(self, session: Session, target: Target) -> None:
        self._session = session
        self._target = target
        self._with_password = False  # sudo has said that it wants one

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._session.warnings

    @property
    def host_key(self) -> HostKeyState | None:
        return self._session.host_key

    def start(self, command: str) -> _Stream:
        """Start *command*, which has to be ``exec`` and one simple command, as another user."""
        program = command.removeprefix("exec ")
        if not self._with_password:
            stream = self._plainly(program)
            if stream is not None:
                return stream
            self._with_password = True
        password = self._target.secrets.become_password
        if password is None:
            raise _failure(self._target, "sudo wants a password, and -K was not given")
        if self._session.host_key == "not-verified":
            words = "sudo wants a password, and nobody knows who the host is"
            raise _failure(self._target, words)
        return self._by_password(program, password)

    def _plainly(self, program: str) -> _Stream | None:
        """Return the command's stream, None where sudo wants a password."""
        nonce = secrets.token_hex(16)
        words = _arguments(self._target.user, _ARRIVED, nonce, program)
        with _closed_on_failure(
            self._session.start(f"exec env LC_ALL=C sudo -n {words}")
        ) as stream:
            heard = _Heard(stream)
            while not heard.up(nonce):
                if not heard.more():
                    self._check_wants_password(f"{heard.text}\n{stream.stderr_text()}")
                    stream.close()
                    return None
        return _Stream(stream, heard.data)

    def _check_wants_password(self, said: str) -> None:
        if not _OF_SUDO.search(said):
            words = self._target.secrets.without(" ".join(said.split()))[:_SHOWN_CHARS]
            reason = f"the login shell ran nothing: {printable(words) or 'it ended without a word'}"
            raise TransportError("error", "no-shell", reason)
        if not _WANTS_PASSWORD.search(said):
            raise _failure(self._target, said)

    def _by_password(self, program: str, password: Secret) -> _Stream:
        nonce, word = secrets.token_hex(16), secrets.token_hex(16)
        # sudo shows one percent sign for two: a shell that repeats the command is not sudo.
        prompt = f"[preflight {word} %]".encode()
        words = _arguments(self._target.user, _ARRIVED_QUIETLY, nonce, program)
        sudo = f"env LC_ALL=C sudo -S -p '[preflight {word} %%]' {words}"
        # The prompt goes to standard error, which nobody could wait for beside the output.
        line = f"exec /bin/sh -c 'exec 2>&1 \"$@\"' sh {sudo}"
        target, credential = self._target, Credential(self._target.login, "sudo")
        with _closed_on_failure(self._session.start(line)) as stream:
            heard = _Heard(stream)
            self._await_prompt(heard, prompt)
            with target.guard.turn(credential, target.host, target.deadline) as turn:
                self._give(password, heard, prompt, nonce, turn)
        return _Stream(stream, heard.data)

    def _await_prompt(self, heard: _Heard, prompt: bytes) -> None:
        """Return once sudo shows *prompt*."""
        late = threading.Event()

        def give_up() -> None:
            late.set()
            heard.stream.close()

        timer = threading.Timer(PROMPT_S, give_up)
        timer.daemon = True
        timer.start()
        try:
            while not heard.cut(prompt):
                if not heard.more():
                    raise _failure(self._target, heard.text)
        except TransportError:
            if not late.is_set():
                raise
            words = f"sudo does not ask for the password, but: {heard.text}"
            raise _failure(self._target, words) from None
        finally:
            timer.cancel()

    def _give(self, password: Secret, heard: _Heard, prompt: bytes, nonce: str, turn: Turn) -> None:
        """Return once the command runs: the same prompt once more is a refusal."""
        try:
            heard.stream.send(password.reveal().encode() + b"\n")
            while not heard.up(nonce):
                if prompt in heard.data or not heard.more():
                    raise self._refusal(heard, prompt, turn)
        except TransportError as error:
            # Not as a connection that was lost, or the password would be tried once more.
            if error.cause not in ("connection-lost", "protocol"):
                raise
            words = f"the connection ended while sudo had the password: {error.message}"
            raise _failure(self._target, words) from None
        turn.worked()

    def _refusal(self, heard: _Heard, prompt: bytes, turn: Turn) -> TransportError:
        """Return why nothing runs, which need not be the password."""
        if prompt in heard.data or _WRONG_PASSWORD.search(heard.text):
            turn.refused()
        said, _, _ = heard.data.partition(prompt)
        return _failure(self._target, f"sudo refuses: {decode(bytes(said)).strip()}")

    def close(self) -> None:
        self._session.close()


class _Heard:
    """What a command has printed so far."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.data = bytearray()

    @property
    def text(self) -> str:
        return decode(bytes(self.data))

    def more(self) -> bool:
        """Wait for more, and whether there was any."""
        if len(self.data) > _NOISE_BYTES:
            reason = f"over {_NOISE_BYTES >> 10} KiB before sudo ran anything"
            raise TransportError("error", "output-limit", reason)
        chunk = self.stream.read(_NOISE_BYTES)
        self.data += chunk
        return bool(chunk)

    def up(self, nonce: str) -> bool:
        """Whether the command runs: its own output is then all that is left."""
        return self.cut(f"{nonce} up\n".encode())

    def cut(self, mark: bytes) -> bool:
        """Drop what came up to *mark* and the mark itself, and whether it was there."""
        _, found, after = self.data.partition(mark)
        if found:
            self.data = after
        return bool(found)


class _Stream:
    """A command's stream of which the first bytes, *early*, were read before."""

    def __init__(self, stream: Stream, early: bytearray) -> None:
        self._stream = stream
        self._early = early

    def send(self, data: bytes) -> None:
        self._stream.send(data)

    def read(self, limit: int) -> bytes:
        if not self._early:
            return self._stream.read(limit)
        data = bytes(self._early[:limit])
        del self._early[:limit]
        return data

    def stderr_text(self) -> str:
        return self._stream.stderr_text()

    def exit_status(self) -> int | None:
        return self._stream.exit_status()

    def close(self) -> None:
        self._stream.close()


@contextmanager
def _closed_on_failure(stream: Stream) -> Iterator[Stream]:
    try:
        yield stream
    except BaseException:
        stream.close()
        raise


def _arguments(user: str, script: str, nonce: str, program: str) -> str:
    return f"-u '{user}' -- /bin/sh -c '{script}' {nonce} {program}"


def _failure(target: Target, said: str) -> TransportError:
    """Return that sudo does not do it, in its own words; the password is not among them."""
    said = target.secrets.without(said)
    lines = [line for part in said.splitlines() if (line := printable(part.strip()))]
    words = "; ".join(lines[-2:])[:_SHOWN_CHARS] or "sudo ended without a word"
    reason = f"cannot become {target.user!r}: {words}"
    remedy = next((remedy for words, remedy in _REMEDIES.items() if words in said), None)
    return TransportError(
        "auth-failed", "become-failed", f"{reason} ({remedy})" if remedy else reason
    )
