"""Which key files a run needs a passphrase for: to be asked for before the first host."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from preflight.errors import TransportError
from preflight.model.host import Host
from preflight.transport import Deadline, Options
from preflight.transport.credentials.files import ENCRYPTED, read_key_file
from preflight.transport.credentials.keys import Keyring
from preflight.transport.credentials.secret import Secret
from preflight.transport.settings import Settings, prepare, settings_for


def locked_keys(hosts: Sequence[Host], options: Options) -> tuple[str, ...]:
    """
    Return the key files that a passphrase has to open, in the order of hosts reached by SSH.

    These are files that the operator named and that no agent holds, and the
    usual ones where nothing else is there to log in with.
    """
    prepare(hosts, options)
    kinds = {
        (one.identity_file, one.default_identities, one.certificate_files, one.agent): one
        for host in hosts
        for one in _on_the_way(host, options)
    }
    return tuple(dict.fromkeys(path for one in kinds.values() for path in _locked(one)))


def opens(path: str, passphrase: Secret) -> bool:
    """Whether *passphrase* opens the key file, which then is open for all threads."""
    return read_key_file(path, passphrase).key is not None


def _on_the_way(host: Host, options: Options) -> Iterator[Settings]:
    """Yield the settings of a host and of its jump hosts; what is wrong with them is said later."""
    try:
        settings: Settings | None = settings_for(host, options)
    except TransportError:
        return
    while settings:
        yield settings
        settings = settings.gateway


def _locked(settings: Settings) -> list[str]:
    try:
        ring = Keyring(settings, Deadline.after(settings.connect_timeout_s))
    except TransportError:
        return []
    if ring.explicit:
        return [ring.problem.path] if ring.problem and ring.problem.problem == ENCRYPTED else []
    if ring.offers or settings.secrets.password:
        return []
    return [file.path for file in ring.files if file.problem == ENCRYPTED]
