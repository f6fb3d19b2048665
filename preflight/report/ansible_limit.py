"""
The format ``ansible-limit``: for ``ansible-playbook --limit @FILE``, deployable hosts only.

Each line is a pattern to Ansible: a name that it could read as another one's
(``*``, ``web[0]``, ``!a``, ``a:b``, ``~re``) is left out, as are those that `names` leaves
out.  Where nothing is left, the one line says so: an empty file would limit
nothing, and the playbook run everywhere.
Source: Ansible's guide, "Patterns: targeting hosts and groups".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from preflight.model.nodeset import is_ipv6
from preflight.model.report import Report
from preflight.report import names
from preflight.report.view import View

# A separator, an operator, a glob, a subscript, a regular expression, a file.
_PATTERN = re.compile(r"[:,!&*?\[\]@~#]")
_GROUPS = frozenset(("all", "ungrouped"))
NOBODY = "!all"


def render(report: Report, view: View) -> Iterator[str]:
    """Yield the names in the order of the inventory, or the pattern that names nobody."""
    found = False
    for line in names.render(report, view):
        name = line.strip()
        if name not in _GROUPS and (is_ipv6(name) or not _PATTERN.search(name)):
            found = True
            yield line
    if not found:
        yield f"{NOBODY}\n"
