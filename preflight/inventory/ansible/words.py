"""Ansible's words for ours: hints name the variables that its files take."""

from __future__ import annotations

import re

from preflight.inventory.values import Refusal

_VARIABLES = {
    "become_user": "ansible_become_user",
    "identity_file": "ansible_private_key_file",
    "port": "ansible_port",
    "user": "ansible_user",
}
_PAIR = re.compile(rf"\{{?\b({'|'.join(_VARIABLES)}): ([\w~/.-]+)\}}?")


def theirs(refusal: Refusal, sign: str) -> Refusal:
    """Return *refusal* with a hint for a file that has *sign* between name and value."""
    hint = _PAIR.sub(lambda pair: f"{_VARIABLES[pair[1]]}{sign}{pair[2]}", refusal.hint)
    return Refusal(refusal.problem, hint)
