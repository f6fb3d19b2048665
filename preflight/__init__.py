"""
Says before a rollout, for every host of a fleet, whether a binary will start there.

    import preflight

    app = preflight.analyze("dist/app")
    fleet = preflight.load_inventory("fleet.yaml")
    report = preflight.check([app], fleet.hosts)

The names below are the library surface; the data types live in
`preflight.model`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = [
    "Options",
    "analyze",
    "check",
    "check_offline",
    "judge",
    "load_inventory",
    "probe",
    "read_facts",
    "write_facts",
]

if TYPE_CHECKING:
    from preflight.api import Options, analyze, check, check_offline, judge, probe
    from preflight.inventory import load as load_inventory
    from preflight.model.facts import read_facts, write_facts

_HOMES = {
    "load_inventory": ("preflight.inventory", "load"),
    "read_facts": ("preflight.model.facts", "read_facts"),
    "write_facts": ("preflight.model.facts", "write_facts"),
}


def __getattr__(name: str) -> object:
    """Import the surface on first use, so that ``preflight --help`` stays quick."""
    if name not in __all__:
        raise AttributeError(f"module 'preflight' has no attribute {name!r}")
    import importlib  # noqa: PLC0415

    module, attribute = _HOMES.get(name, ("preflight.api", name))
    return getattr(importlib.import_module(module), attribute)


class _Surface(ModuleType):
    """The package: the functions of its surface win over its folders of the same names."""

    def __setattr__(self, name: str, value: object) -> None:
        # So the import system sets a folder, such as analyze/, that was imported.
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Surface
