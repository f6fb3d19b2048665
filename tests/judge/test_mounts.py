"""Which mount holds a path."""

from __future__ import annotations

import pytest

from preflight.model.snapshot import Facts, Mount

EXEC, NOEXEC = ("rw",), ("rw", "noexec")


def facts(*mounts: tuple[str, tuple[str, ...]]) -> Facts:
    """Return a host with these mounts, in this order."""
    return Facts(mounts=tuple(Mount(point, "dev", "ext4", options) for point, options in mounts))


HOST = facts(("/", EXEC), ("/opt", NOEXEC), ("/opt/app", EXEC), ("/srv", EXEC), ("/srv", NOEXEC))


@pytest.mark.parametrize(
    ("path", "point"),
    [
        ("/usr/bin/x", None),
        ("/opt/x", "/opt"),
        ("/opt", "/opt"),
        ("/optional/x", None),
        ("/opt/app/x", None),
        ("/opt/application/x", "/opt"),
        ("/srv/x", "/srv"),
    ],
)
def test_longest_and_latest_mount_decides(path, point):
    """The longest mount point holds the path, the later of two at one place."""
    mount = HOST.noexec_mount(path)

    assert point == (mount and mount.point)


def test_root_mounted_noexec():
    """The root holds what nothing else does."""
    assert facts(("/", NOEXEC)).noexec_mount("/bin/x") is not None
