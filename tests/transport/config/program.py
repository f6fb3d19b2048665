"""``ssh -G`` itself, asked for one host after the other, and what of its answer counts."""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Mapping
from pathlib import Path

from preflight.transport.config.answers import Answer, Question
from preflight.transport.config.configuration import Configuration
from preflight.transport.config.failures import Unusable

KEPT = Path(__file__).with_name("configurations")
# What preflight takes from an answer.
KEYWORDS = (
    *("hostname", "user", "port", "addressfamily", "bindaddress", "connecttimeout"),
    *("userknownhostsfile", "globalknownhostsfile", "hostkeyalias", "hashknownhosts"),
    *("revokedhostkeys", "stricthostkeychecking", "identityfile", "certificatefile"),
    *("identitiesonly", "identityagent", "pubkeyauthentication", "passwordauthentication"),
    *("kbdinteractiveauthentication", "preferredauthentications", "batchmode"),
    *("proxyjump", "proxycommand", "proxyusefdpass"),
    *("kexalgorithms", "ciphers", "macs", "hostkeyalgorithms"),
)
Said = Mapping[str, tuple[str, ...]]


def lay_out(directory: Path) -> Path:
    """Copy the kept configurations to *directory*, which stands in them as @DIR@."""
    for path in KEPT.rglob("*"):
        if path.is_file():
            copy = directory / path.relative_to(KEPT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes().replace(b"@DIR@", str(directory).encode()))
            copy.chmod(0o600)
    return directory


def question(text: str) -> Question:
    """Return the question for ``[user@]name``."""
    user, _, name = text.rpartition("@")
    return Question(name, user or None)


@functools.cache
def ssh_says(config: Path, asked: Question, *more: str) -> Said | None:
    """Return what ``ssh -G`` prints of the keywords that count, None where it refuses."""
    command = ["ssh", "-G", "-T", "-F", config, *more, *_arguments(asked), "--", asked.name]
    done = subprocess.run(command, capture_output=True, check=False, timeout=20)
    if done.returncode != 0:
        return None
    found: dict[str, tuple[str, ...]] = {}
    for line in done.stdout.decode().splitlines():
        keyword, _, value = line.partition(" ")
        if keyword in KEYWORDS:
            found[keyword] = (*found.get(keyword, ()), value)
    return found


def _arguments(asked: Question) -> list[str]:
    own = ["-o", f"HostName={asked.address.replace('%', '%%')}"] if asked.address else []
    if asked.proxy != "config":
        own += ["-o", "ProxyCommand=none" if asked.proxy == "direct" else "ProxyJump=none"]
    own += ["-l", asked.user] if asked.user else []
    return own + (["-p", str(asked.port)] if asked.port else [])


def we_say(configuration: Configuration, asked: Question) -> Said | None:
    """Return the same from the cache of classes."""
    try:
        return counting(configuration.ask(asked))
    except Unusable:
        return None


def counting(answer: Answer) -> Said:
    """Return what counts of an answer, in the form in which ssh prints it."""
    found = {keyword: answer.values[keyword] for keyword in KEYWORDS if keyword in answer.values}
    for keyword in ("userknownhostsfile", "globalknownhostsfile"):
        found[keyword] = (" ".join(found[keyword]),)
    return found
