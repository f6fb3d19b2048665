"""Real wheels of PyPI and real addons of Debian are opened: what is in them, and what it needs."""

from __future__ import annotations

import pytest

from preflight.analyze import analyze
from preflight.model.wheel import broken_claim
from tests.conftest import skip_or_fail
from tests.hosts import artefacts, roots
from tests.hosts.needs import missing
from tests.hosts.recipes import NODE_ADDONS, WHEELS, Wheel

MEMBERS = {
    "cryptography": ("cryptography/hazmat/bindings/_rust.abi3.so", "glibc", "2.28"),
    "numpy": ("numpy/random/mtrand.cpython-311-x86_64-linux-gnu.so", "glibc", "2.14"),
    "pydantic_core": (
        "pydantic_core/_pydantic_core.cpython-311-x86_64-linux-musl.so",
        "musl",
        None,
    ),
    "pyzmq": ("zmq/backend/cython/_zmq.cpython-311-x86_64-linux-gnu.so", "glibc", "2.14"),
}


def _project(wheel: Wheel) -> str:
    return wheel.file.partition("-")[0]


@pytest.mark.parametrize(
    "wheel", [wheel for wheel in WHEELS if _project(wheel) in MEMBERS], ids=_project
)
def test_wheels_need_what_their_tags_claim(wheel):
    """The makers' own audit and ours agree; a member stands for each wheel."""
    if reason := missing():
        skip_or_fail(reason)
    needs = analyze(artefacts.fetched(wheel))
    inner, libc, floor = MEMBERS[_project(wheel)]

    assert needs.bundle is not None
    (member,) = (one for one in needs.bundle.members if one.inner == inner)
    assert (libc, floor) == (member.libc, member.glibc_floor and member.glibc_floor.version)
    assert wheel.sha256 == needs.sha256
    assert broken_claim(wheel.file, needs.bundle.members) is None


def test_addons_of_node_are_opened_by_it():
    """Debian's node opens every .node file of its packages."""
    if reason := missing():
        skip_or_fail(reason)

    bundle = analyze(roots.made_by(NODE_ADDONS) / "usr").bundle

    assert bundle is not None
    addons = [member for member in bundle.members if member.name.endswith(".node")]
    assert {"iconv.node", "node_sqlite3.node"} <= {member.name for member in addons}
    assert {"bin/node"} == {member.opened_by for member in addons}
