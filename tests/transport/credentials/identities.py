"""Keys and certificates to log in with, and what of them would be offered."""

from __future__ import annotations

import subprocess
from pathlib import Path

from msgspec import structs

from preflight.transport import Deadline
from preflight.transport.credentials.keys import Keyring
from preflight.transport.settings import Settings
from tests.transport.conftest import make_key


def strangers(tmp_path: Path, count: int) -> list[str]:
    """Return the paths of keys that no host accepts."""
    paths = [tmp_path / f"stranger_{number}" for number in range(count)]
    for path in paths:
        make_key(path)
    return [str(path) for path in paths]


def certify(
    keys: Path, path: Path, *principals: str, validity: str = "-1d:+1d", kind: str = "ed25519"
) -> str:
    """Make a key with a certificate of the test's authority beside it; return the key's path."""
    if not (keys / "authority").exists():
        make_key(keys / "authority")
    make_key(path, kind)
    sign = ["ssh-keygen", "-q", "-s", keys / "authority", "-I", "me", "-V", validity]
    subprocess.run([*sign, "-n", ",".join(principals), f"{path}.pub"], check=True)
    return str(path)


def offers(settings: Settings, **changes: object) -> list[str]:
    """Return what would be offered, by the names of files and comments."""
    ring = Keyring(structs.replace(settings, **changes), Deadline.after(20))
    return [offer.source.rpartition("/")[2] for offer in ring.offers]
