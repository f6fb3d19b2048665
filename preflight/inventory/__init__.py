"""
Which hosts to ask, and how the program will start on each.

    load(sources)       every source read, merged and resolved   → Inventory
    discover(environ)   the sources to read when none is named
    Inventory.select    the hosts that patterns name
    resolve_start       the command line's start over the host's

A source is a YAML file (`yaml_file`), ``-`` for one on standard input, or a
list with a comma in it (`host_list`).  To add a format, write a file with
``read(…) -> Declared`` and have `sources.declare` choose it; merging
(`resolve`) and patterns need not know.
"""

from preflight.inventory.selection import Inventory
from preflight.inventory.sources import discover, load
from preflight.inventory.start import resolve_start, with_default

__all__ = ["Inventory", "discover", "load", "resolve_start", "with_default"]
