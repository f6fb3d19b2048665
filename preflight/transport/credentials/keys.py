"""Which keys to log in with: those of the agent and those of files, in the order of ssh."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from typing import NamedTuple, TypeAlias

import paramiko
from paramiko.pkey import PublicBlob

from preflight.errors import TransportError
from preflight.transport import Deadline
from preflight.transport.credentials.agent import Agent, Identity, agent_at
from preflight.transport.credentials.files import (
    ABSENT,
    CERTIFICATE,
    ENCRYPTED,
    NOT_OPENED,
    CertificateFile,
    KeyFile,
    certificate_of,
    read_certificate_file,
    read_key_file,
)
from preflight.transport.credentials.guard import Credential, guard_of
from preflight.transport.hostkeys.key import PublicKey
from preflight.transport.settings import Settings

# OpenSSH servers end a log-in after six refused keys (sshd_config(5), MaxAuthTries).
MAX_OFFERS = 5
Sign: TypeAlias = Callable[[bytes, str | None], paramiko.Message]


class Signer(paramiko.PKey):
    """A public key or a certificate, and what signs for it."""

    def __init__(self, public: PublicKey, sign: Sign) -> None:
        self.public_blob = PublicBlob(public.type, public.blob)
        self._public = public
        self._sign = sign

    def get_name(self) -> str:
        """Return the type of the key or certificate."""
        return self._public.type

    def asbytes(self) -> bytes:
        """Return the public key or certificate."""
        return self._public.blob

    def sign_ssh_data(self, data: bytes, algorithm: str | None = None) -> paramiko.Message:
        """Return the signature of *data*."""
        return self._sign(data, algorithm)


class Offer(NamedTuple):
    """One key or certificate to offer, and where it comes from."""

    public: PublicKey
    key: paramiko.PKey
    source: str
    certified: PublicKey | None = None  # what a certificate is for

    @property
    def name(self) -> str:
        """What to call it in a message; a certificate has its key's fingerprint, as for ssh."""
        return f"{(self.certified or self.public).fingerprint} {self.source}"


class Keyring:
    """
    The keys for one log-in, in the order in which to offer them.

    *problem* is the key file that was asked for and cannot be used, or else a
    default one that is there and cannot be used.
    """

    def __init__(self, settings: Settings, deadline: Deadline) -> None:
        self._settings = settings
        self._deadline = deadline
        self._agent = agent_at(settings.agent or "")  # without an agent, it is asked for nothing
        self.explicit = settings.identity_file is not None
        paths = (settings.identity_file,) if settings.identity_file else settings.default_identities
        secrets = settings.secrets
        self.files = [read_key_file(path, secrets.passphrase(path)) for path in paths]
        held = {identity.key.blob: identity for identity in self._identities()}
        unusable = [f for f in self.files if f.problem and _blob(f) not in held]
        self.problem = next((f for f in unusable if self.explicit or f.problem != ABSENT), None)
        offers: dict[bytes, Offer] = {}
        for offer in self._order(held):
            offers.setdefault(offer.public.blob, offer)
        self.offers = tuple(offers.values())[:MAX_OFFERS]

    def _identities(self) -> Sequence[Identity]:
        if not self._settings.agent:
            return ()
        try:
            return self._agent.identities(self._deadline)
        except TimeoutError:
            reason = "ssh-agent did not answer in the host's time"
            raise TransportError("timeout", "deadline", reason) from None

    def _order(self, held: dict[bytes, Identity]) -> Iterator[Offer]:
        """
        Yield certificates, the agent's keys that a file names, its others, and other files.

        A file that was asked for comes before the agent's other keys.  Source:
        OpenSSH sshconnect2.c, pubkey_prepare(), which offers a key before the
        certificate beside it.
        """
        files = {_blob(file): file for file in self.files if file.public}
        certificates = self._certificates()
        yield from (o for one in certificates for o in self._certified(one, files, held))
        named = [file for file in self.files if _blob(file) in held or (self.explicit and file.key)]
        yield from (self._offer(file, held) for file in named)
        if not self._settings.identities_only:
            theirs = {one.certificate.blob for one in certificates} | files.keys()
            yield from (self._held(one) for blob, one in held.items() if blob not in theirs)
        yield from (self._offer(file, held) for file in self.files if file.key)

    def _certificates(self) -> list[CertificateFile]:
        """Return those that were asked for, or else those beside the keys, as ssh has it."""
        beside = (f"{file.path.removesuffix('.pub')}-cert.pub" for file in self.files)
        paths = self._settings.certificate_files or tuple(beside)
        return [found for path in paths if (found := read_certificate_file(path))]

    def _certified(
        self, one: CertificateFile, files: dict[bytes, KeyFile], held: dict[bytes, Identity]
    ) -> Iterator[Offer]:
        """Yield the offer of a certificate for which there is somebody to sign."""
        file = files.get(one.public.blob)
        sign: Sign | None = None
        if file and file.key:
            sign = file.key.sign_ssh_data
        else:
            signing = next((b for b in (one.public.blob, one.certificate.blob) if b in held), None)
            sign = partial(_ask, self._agent, signing, self._deadline) if signing else None
        if sign:
            yield self._certificate(one, sign)

    def _offer(self, file: KeyFile, held: dict[bytes, Identity]) -> Offer:
        """Offer a file's key: itself where it can be read, which spares the agent."""
        if file.key is None or file.public is None:
            return self._held(held[_blob(file)])
        return Offer(file.public, file.key, file.path)

    def _held(self, identity: Identity) -> Offer:
        """Offer a key, or a certificate, of the agent."""
        key, source = identity.key, f"{identity.comment} (agent)"
        sign = partial(_ask, self._agent, key.blob, self._deadline)
        if key.type.endswith(CERTIFICATE) and (found := certificate_of(source, key.blob)):
            return self._certificate(found, sign)
        return Offer(key, Signer(key, sign), source)

    def _certificate(self, one: CertificateFile, sign: Sign) -> Offer:
        flaw = one.flaw(self._settings.user)
        source = f"{one.path} ({flaw})" if flaw else one.path
        return Offer(one.certificate, Signer(one.certificate, sign), source, one.public)

    @cached_property
    def credential(self) -> Credential:
        """All that a host gets to see of us, for the guard."""
        names = [offer.name for offer in self.offers]
        if self._settings.secrets.password:
            names.append("password")
        return Credential(self._settings.user, "log-in", tuple(names))

    def check(self) -> None:
        """
        Raise `TransportError` where nobody needs to be asked.

        Either a key was asked for and there is nothing to offer, or what there is
        has been refused too often.
        """
        nothing = not (self.offers or self._settings.secrets.password)
        if self.problem and self.explicit and nothing:
            raise TransportError("auth-failed", "key-unreadable", str(self.problem), self.hint)
        if self._settings.run:
            guard_of(self._settings.run).check(self.credential)

    @property
    def hint(self) -> str | None:
        """What to type where there is a problem that the agent would solve."""
        if self.problem and self.problem.problem in (ENCRYPTED, NOT_OPENED):
            return f"'ssh-add {self.problem.path}' gives it to the agent"
        return None


def _ask(
    agent: Agent, blob: bytes, deadline: Deadline, data: bytes, algorithm: str | None
) -> paramiko.Message:
    return paramiko.Message(agent.sign(blob, data, algorithm, deadline))


def _blob(file: KeyFile) -> bytes:
    return file.public.blob if file.public else b""
