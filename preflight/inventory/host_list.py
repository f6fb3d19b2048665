"""The inventory that fits on a command line: ``web1,deploy@web-[02:09]:2222,[::1]:22,``."""

from __future__ import annotations

import re

from preflight.errors import InventoryError
from preflight.inventory import values
from preflight.inventory.declared import Declared, Setting, Settings

PLACE = "host list"
COMMA = re.compile(r",(?![^\[\]]*\])")  # one in a bracket belongs to its range


def read(text: str) -> Declared:
    """Return what a comma-separated list says; raises `InventoryError`."""
    declared = Declared()
    for item in filter(None, map(str.strip, COMMA.split(text))):
        try:
            endpoint = values.endpoint(item)
            names = values.names(endpoint.host)
        except values.Refusal as refusal:
            raise refusal.at(PLACE) from None
        for name in names:
            _add(declared, name, _settings(endpoint))
    return declared


def _settings(endpoint: values.Endpoint) -> Settings:
    written = {"user": endpoint.user, "port": endpoint.port}
    return {key: Setting(value, PLACE) for key, value in written.items() if value is not None}


def _add(declared: Declared, name: str, settings: Settings) -> None:
    if declared.hosts.get(name, settings) != settings:
        raise InventoryError(
            f"{PLACE}: host {values.quoted(name)} stands there twice, with another user or port",
            "name each host once; one machine under two names needs a YAML inventory",
        )
    declared.declare(name, PLACE)
    declared.hosts[name] = settings
