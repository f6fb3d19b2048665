"""Which package managers a host has."""

from __future__ import annotations

from preflight.probe.facts.outputs import Outputs, Unknown, lines_of

_NAMES = {"apt-get": "apt", "nix-env": "nix"}
_DATABASES = ("dpkg", "rpm")
_OF_DATABASE = {"dpkg": {"apt"}, "rpm": {"dnf", "yum", "zypper", "rpm-ostree"}}


def parse_package_managers(outputs: Outputs) -> tuple[str, ...] | Unknown:
    """
    Return the package managers at their usual places, what resolves dependencies first.

    dpkg and rpm are named where nothing stands above them.
    """
    if "packages" not in outputs:
        return Unknown("the host did not look for package managers")
    found = [path.rpartition("/")[2] for path in lines_of(outputs, "packages")]
    names = dict.fromkeys(_NAMES.get(name, name) for name in found)
    alone = (n for n in names if not (n in _DATABASES and names.keys() & _OF_DATABASE[n]))
    return tuple(alone)
