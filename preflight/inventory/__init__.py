"""
Which hosts to ask, and how the program will start on each.

    load(sources)       every source read, merged and resolved   → Inventory
    discover(environ)   the sources to read when none is named
    Inventory.select    the hosts that patterns name
    resolve_start       the command line's start over the host's

    file_of(source)     the file that a source names

A source is a YAML file (`yaml_file`), a file or a directory of Ansible's
(`ansible`), ``-`` for a file on standard input, or a list with a comma in it
(`host_list`); what a file is, its content tells.  To add a format, write a file with
``read(…) -> Declared`` and have `sources.declare` choose it; merging
(`resolve`) and patterns need not know.
"""

from preflight.inventory.selection import Inventory
from preflight.inventory.sources import discover, file_of, load
from preflight.inventory.start import resolve_start, with_default

__all__ = ["Inventory", "discover", "file_of", "load", "resolve_start", "with_default"]
